"""Writes the table of metrics into docs/monitoring/README.md. ``--write`` updates the file."""

import sys
from pathlib import Path

from heygem_daemon.report.metrics import ALL_METRICS
from tools.generated import check_or_write, with_table

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "monitoring" / "README.md"
BEGIN, END = "<!-- metrics: tools.metric_table --write -->\n", "<!-- end of metrics -->\n"


def table() -> str:
    """Return the table as Markdown."""
    rows = ["| metric | kind | labels | what it says |", "|---|---|---|---|"]
    for metric in ALL_METRICS:
        labels = ", ".join(f"`{each}`" for each in metric.labels) or "-"
        rows.append(f"| `{metric.full_name}` | {metric.kind} | {labels} | {metric.text} |")
    return "\n".join(rows) + "\n"


def updated(text: str) -> str:
    """Return the document with the present table."""
    return with_table(text, BEGIN, END, table())


def main() -> int:
    """Check the document, or write it."""
    return check_or_write(DOCUMENT, updated(DOCUMENT.read_text(encoding="utf-8")), __doc__)


if __name__ == "__main__":
    sys.exit(main())
