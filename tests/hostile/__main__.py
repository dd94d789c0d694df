"""Run an honest user's jobs beside a hostile user, who may write to all folders of the users.

``.venv/bin/python -m tests.hostile --minutes 5 --local`` with a user of this machine, and with
``--samba`` over a real share; by default first one, then the other. Needs root, to be several
users, and smbd. The daemon runs without root's rights. Exit status 1 if an honest job is not
published, or takes more than three times as long as alone.
"""

import argparse
import os
import sys

from demo.samba import missing
from tests.hostile.campaign import JOBS, HostileResult, run


def main() -> None:
    """Parse the arguments, run the campaign and print its figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=5.0, help="how long each attack lasts")
    parser.add_argument("--jobs", type=int, default=JOBS, help="how many honest jobs")
    parser.add_argument("--seed", type=int, default=1)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--local", action="store_true")
    which.add_argument("--samba", action="store_true")
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        parser.error("only root can be several users")
    ways = [False] if arguments.local else [True] if arguments.samba else [False, True]
    if True in ways and (lack := missing()):
        parser.error(lack)
    wrong = []
    for over_samba in ways:
        sys.stdout.write("over Samba\n" if over_samba else "as a local user\n")
        result = run(
            arguments.minutes * 60,
            seed=arguments.seed,
            over_samba=over_samba,
            jobs=arguments.jobs,
            report=lambda result: sys.stdout.write(describe(result)),
        )
        sys.stdout.flush()
        wrong += result.wrong
    sys.exit(1 if wrong else 0)


def describe(result: HostileResult) -> str:
    """Return the figures as a table, and what is wrong."""
    lines = ["| job | alone, s | beside, s | ratio |", "|---|---:|---:|---:|"]
    rows = zip(result.alone, result.beside, result.ratios, strict=True)
    for number, (alone, beside, ratio) in enumerate(rows, 1):
        lines.append(f"| {number} | {alone:.1f} | {beside:.1f} | {ratio:.2f} |")
    verdict = result.wrong or ["the bar holds"]
    lines += [f"entries in the inbox at the end: {result.entries}", *verdict]
    return "\n".join(lines) + "\n\n"


if __name__ == "__main__":
    main()
