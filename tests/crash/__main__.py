"""Kill the daemon many times, and check what became of its jobs.

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

from tests.crash.campaign import Campaign, CampaignResult


def main() -> None:
    """Parse the arguments, run the campaign and print its result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=1000, help="kill at least this many times")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--slice", action="store_true", help="stop after these kills")
    parser.add_argument("--reach", action="append", default=[], help="continue until such a step")
    parser.add_argument("--steps", action="store_true", help="list the steps that were killed at")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--folder", type=Path, help="work here and keep all files")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="heygem-crash-") as temporary:
        campaign = Campaign(arguments.folder or Path(temporary), arguments.seed)
        # Ctrl-C ends a long run early, with the result so far.
        with suppress(KeyboardInterrupt):
            campaign.run(arguments.kills, not arguments.slice, arguments.reach)
        result = campaign.result
    if arguments.json:
        sys.stdout.write(json.dumps(vars(result), default=sorted) + "\n")
    else:
        sys.stdout.write(table(result, arguments.steps))
    sys.exit(1 if result.wrong else 0)


def table(result: CampaignResult, with_steps: bool) -> str:
    """Return the result as a table in Markdown."""
    rows = {
        "kills survived": result.total,
        "of the daemon": result.kills["daemon"],
        "of the worker alone": result.kills["worker"],
        "of both at once": result.kills["both"],
        "different steps killed at": len(result.steps),
        "spools": result.spools,
        "jobs": result.jobs,
        "published": result.published,
        "failed": result.failed,
        "files seen to appear in outboxes": result.seen,
        "jobs lost, doubled or seen unfinished, files left over": len(result.wrong),
    }
    lines = ["| | |", "|---|---:|", *(f"| {name} | {count} |" for name, count in rows.items())]
    details = [*result.wrong, *(sorted(result.steps) if with_steps else ())]
    return "\n".join([*lines, "", *details]) + "\n"


if __name__ == "__main__":
    main()
