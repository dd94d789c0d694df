"""What the spool costs: with many files waiting, over a thousand jobs, and when much is purged.

``.venv/bin/python -m benchmarks.spool`` prints three tables in Markdown; ``--quick`` does so with
a tenth of everything. Nothing is rendered: jobs are those of the crash tests.
"""

import argparse
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from loguru import logger

from benchmarks.daemon import MEBIBYTE
from benchmarks.throughput import Purged, Sample, many_jobs, purge
from benchmarks.waiting import Waiting, waiting

FILES = (10, 100, 1000, 10_000)
JOBS = 1000
PURGED_FILES = (1000, 10_000, 100_000)
DAEMON_FILES = 1000
"""As many as the daemon itself is let purge here: it does so a little in each round."""


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--quick", action="store_true")
    share = 10 if parser.parse_args().quick else 1
    logger.remove()
    with tempfile.TemporaryDirectory(prefix="heygem-benchmark-") as temporary:
        folder = Path(temporary)
        crowds = [waiting(count // share, folder / f"waiting-{count}") for count in FILES]
        print(table(WAITING, map(waiting_row, crowds)))
        samples, wrong, seconds = many_jobs(JOBS // share, folder / "jobs")
        print(table(SAMPLE, map(sample_row, samples)))
        print(f"{JOBS // share} jobs in {seconds:.0f} s; wrong: {wrong or 'nothing'}\n")
        purges = [
            purge(count // share, folder / f"purge-{count}", by_daemon=count <= DAEMON_FILES)
            for count in PURGED_FILES
        ]
        print(table(PURGED, map(purged_row, purges)))
    raise SystemExit(1 if wrong else 0)


WAITING = (
    "files waiting",
    "CPU of a look at the inbox, ms",
    "per file, us",
    "CPU of the daemon at rest, % of a core",
    "memory, MiB",
    "status.json, KiB",
    "drop to claim beyond the settle time, s",
)
SAMPLE = ("jobs done", "CPU of a round, ms", "memory, MiB")
PURGED = ("files to purge", "`purge`, s", "files a second", "longest round of the daemon, ms")


def waiting_row(found: Waiting) -> Sequence[object]:
    """Under WAITING."""
    return (
        found.files,
        f"{1e3 * found.look:.1f}",
        f"{1e6 * found.look / found.files:.0f}",
        f"{100 * found.share:.1f}",
        f"{found.memory / MEBIBYTE:.0f}",
        f"{found.status / 1024:.0f}",
        ", ".join(f"{seconds:.1f}" for seconds in found.latencies),
    )


def sample_row(sample: Sample) -> Sequence[object]:
    """Under SAMPLE."""
    return (sample.jobs, f"{1e3 * sample.turn:.1f}", f"{sample.memory / MEBIBYTE:.1f}")


def purged_row(found: Purged) -> Sequence[object]:
    """Under PURGED."""
    rate = f"{found.files / found.seconds:.0f}"
    longest = "" if found.round is None else f"{1e3 * found.round:.0f}"
    return (found.files, f"{found.seconds:.1f}", rate, longest)


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """In Markdown."""
    lines = [head, ["---:"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines) + "\n"


if __name__ == "__main__":
    main()
