"""Run the daemon among hostile files, and check what became of everything.

``.venv/bin/python -m tests.fuzz --minutes 20`` drops hostile sidecars, forged records, damaged
media and hostile file trees beside honest pairs, on a new spool in each round, and prints a table;
exit status 1 if a daemon died, an item was lost, a job got no verdict, an honest job was not
published or a file outside of the spool was touched. A violation names its seed and round:
``--seed S --round N`` runs that round again, ``--folder F`` keeps its spool.
"""

import argparse
import json
import sys
from pathlib import Path

from tests.fuzz.campaign import KINDS, FuzzResult, Plan, run


def main() -> None:
    """Parse the arguments, run the campaign and print its result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=24, help="hostile things in a round")
    parser.add_argument("--kind", action="append", choices=KINDS, help="only these kinds")
    parser.add_argument("--round", type=int, help="run only the round of this number")
    parser.add_argument("--jobs", type=int, default=2, help="rounds that run at the same time")
    parser.add_argument("--folder", type=Path, help="keep all files here")
    parser.add_argument("--json", action="store_true", help="print JSON after the table")
    arguments = parser.parse_args()
    kinds = tuple(arguments.kind or KINDS)
    plan = Plan(
        arguments.seed,
        arguments.minutes * 60,
        arguments.count,
        kinds,
        single_round=arguments.round,
        at_once=arguments.jobs,
        folder=arguments.folder,
    )
    result = run(plan)
    sys.stdout.write(table(result))
    if arguments.json:
        sys.stdout.write(json.dumps(vars(result)) + "\n")
    sys.exit(1 if result.wrong else 0)


def table(result: FuzzResult) -> str:
    """Return the result as a table in Markdown, the violations below it."""
    rows = {f"rounds of {kind}": result.rounds[kind] for kind in KINDS}
    rows |= {f"hostile items, {kind}": result.items[kind] for kind in KINDS}
    rows |= {
        "starts of the daemon": result.starts,
        "jobs published": result.published,
        "of them honest": result.honest,
        "jobs failed": result.failed,
        "errors that the daemon isolated and logged with a traceback": result.bugs,
        "violations": len(result.wrong),
    }
    lines = ["| | |", "|---|---:|", *(f"| {name} | {count} |" for name, count in rows.items())]
    bugs = [f"{count} times {line}" for line, count in result.tracebacks.most_common()]
    return "\n".join([*lines, "", *result.wrong, *bugs]) + "\n"


if __name__ == "__main__":
    main()
