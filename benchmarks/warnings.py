"""How many jobs had each warning: read from reports, of an outbox or of another benchmark.

``.venv/bin/python -m benchmarks.warnings FOLDER …`` reads every report below the folders, such as a
spool's ``outbox``, or ``build/lipsync`` after ``benchmarks.lipsync``, and prints a table. A warning
that comes on one job in twenty with good inputs says nothing: the exit status is 1 where one does.
"""

import argparse
import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

MOST = 0.05
"""The largest share of jobs with good inputs that may have a warning."""
_FIGURE = re.compile(r"-?\d+(\.\d+)?")


def read_warnings(folders: Iterable[Path]) -> Iterator[list[str]]:
    """Yield the warnings of each report in or below ``folders``; other JSON files are left out."""
    for folder in folders:
        for path in sorted(folder.rglob("*.json")):
            report = json.loads(path.read_text(encoding="utf-8"))
            if isinstance(report, dict) and isinstance(report.get("warnings"), list):
                yield report["warnings"]


def kind_of(warning: str) -> str:
    """Return a warning without its figures, which differ from job to job."""
    return _FIGURE.sub("#", warning)


def count_kinds(jobs: Iterable[list[str]]) -> tuple[int, Counter[str]]:
    """Return the number of jobs, and how many of them had each kind of warning."""
    total, kinds = 0, Counter[str]()
    for warnings in jobs:
        total += 1
        kinds.update({kind_of(warning) for warning in warnings})
    return total, kinds


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folders", nargs="+", type=Path)
    total, kinds = count_kinds(read_warnings(parser.parse_args().folders))
    if not total:
        sys.exit("there is no report in these folders")
    table = Table(title=f"warnings of {total} jobs; at most {MOST:.0%} each with good inputs")
    table.add_column("warning")
    table.add_column("jobs", justify="right")
    table.add_column("share", justify="right")
    for kind, count in kinds.most_common():
        table.add_row(kind, str(count), f"{count / total:.1%}")
    Console().print(table)
    sys.exit(any(count > MOST * total for count in kinds.values()))


if __name__ == "__main__":
    main()
