"""Kill the daemon again and again, and count what became of its jobs.

``.venv/bin/python -m tests.crash`` kills at every step of the state machine and at random moments,
and prints a table; exit status 1 if a job was lost, doubled or seen unfinished. ``--kills 300
--json`` is the slice that the tests run.
"""

import argparse
import json
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from tests.crash.campaign import Campaign, Tally


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=1000, help="at least so many")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--slice", action="store_true", help="end when the kills are done")
    parser.add_argument("--reach", action="append", default=[], help="not before such a step")
    parser.add_argument("--steps", action="store_true", help="list the steps that were killed at")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--folder", type=Path, help="work here and leave all in place")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="heygem-crash-") as temporary:
        campaign = Campaign(arguments.folder or Path(temporary), arguments.seed)
        # Ctrl-C ends a long run early, with what it has come to.
        with suppress(KeyboardInterrupt):
            campaign.run(arguments.kills, not arguments.slice, arguments.reach)
        tally = campaign.tally
    if arguments.json:
        sys.stdout.write(json.dumps(vars(tally), default=sorted) + "\n")
    else:
        sys.stdout.write(table(tally, arguments.steps))
    sys.exit(1 if tally.wrong else 0)


def table(tally: Tally, with_steps: bool) -> str:
    """The tally in Markdown."""
    rows = {
        "kills survived": tally.total,
        "of the daemon": tally.kills["daemon"],
        "of the worker alone": tally.kills["worker"],
        "of both at once": tally.kills["both"],
        "different steps killed at": len(tally.steps),
        "spools": tally.spools,
        "jobs": tally.jobs,
        "published": tally.published,
        "failed": tally.failed,
        "files seen to appear in outboxes": tally.seen,
        "jobs lost, doubled or seen unfinished, files left over": len(tally.wrong),
    }
    lines = ["| | |", "|---|---:|", *(f"| {name} | {count} |" for name, count in rows.items())]
    details = [*tally.wrong, *(sorted(tally.steps) if with_steps else ())]
    return "\n".join([*lines, "", *details]) + "\n"


if __name__ == "__main__":
    main()
