"""Writes the table of metrics into docs/monitoring/README.md. ``--write`` updates the file."""

import argparse
import sys
from pathlib import Path

from heygem_daemon.report.metrics import ALL_METRICS

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "monitoring" / "README.md"
BEGIN, END = "<!-- metrics: tools/metric_table.py --write -->\n", "<!-- end of metrics -->\n"


def table() -> str:
    """Return the table as Markdown."""
    rows = ["| metric | kind | labels | what it says |", "|---|---|---|---|"]
    for metric in ALL_METRICS:
        labels = ", ".join(f"`{each}`" for each in metric.labels) or "-"
        rows.append(f"| `{metric.full_name}` | {metric.kind} | {labels} | {metric.text} |")
    return "\n".join(rows) + "\n"


def with_table(text: str) -> str:
    """Return the document with the present table. Raises ValueError if it has no place for it."""
    before, _, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"{DOCUMENT.name} has no lines {BEGIN!r} and {END!r}")
    return before + BEGIN + "\n" + table() + "\n" + END + after


def main() -> int:
    """Check the document, or write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    text = DOCUMENT.read_text(encoding="utf-8")
    new = with_table(text)
    if parser.parse_args().write:
        DOCUMENT.write_text(new, encoding="utf-8")
        return 0
    return int(new != text)


if __name__ == "__main__":
    sys.exit(main())
