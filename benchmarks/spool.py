"""What the spool costs: many files waiting, a thousand jobs, and large purges.

``.venv/bin/python -m benchmarks.spool`` prints three tables in Markdown; ``--quick`` uses a tenth
of all counts. Nothing is rendered: the workers are ``benchmarks/fake_worker.py``.
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
"""The most files that the daemon itself purges here, because it purges only a few in a round."""


def main() -> None:
    """Entry point; exits with status 1 if a job went wrong."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--quick", action="store_true")
    divisor = 10 if parser.parse_args().quick else 1
    logger.remove()
    with tempfile.TemporaryDirectory(prefix="heygem-benchmark-") as temporary:
        folder = Path(temporary)
        inboxes = [waiting(count // divisor, folder / f"waiting-{count}") for count in FILES]
        print(table(WAITING, map(waiting_row, inboxes)))
        samples, wrong, seconds = many_jobs(JOBS // divisor, folder / "jobs")
        print(table(SAMPLE, map(sample_row, samples)))
        print(f"{JOBS // divisor} jobs in {seconds:.0f} s; wrong: {wrong or 'nothing'}\n")
        purges = [
            purge(count // divisor, folder / f"purge-{count}", by_daemon=count <= DAEMON_FILES)
            for count in PURGED_FILES
        ]
        print(table(PURGED, map(purged_row, purges)))
    raise SystemExit(1 if wrong else 0)


WAITING = (
    "files waiting",
    "CPU time of each of the first 20 inbox scans, ms",
    "of a later one, ms",
    "per file, us",
    "CPU use of the idle daemon, % of a core",
    "memory, MiB",
    "status.json, KiB",
    "drop to claim beyond the settle time, s",
)
SAMPLE = (
    "jobs done",
    "CPU time of a round of the main loop, ms",
    "of the claim of a pair, ms",
    "memory, MiB",
)
PURGED = ("files to purge", "`purge`, s", "files a second", "longest round of the main loop, ms")


def waiting_row(found: Waiting) -> Sequence[object]:
    """Return the columns of WAITING."""
    return (
        found.files,
        f"{1e3 * found.first_scan_seconds:.1f}",
        f"{1e3 * found.scan_seconds:.1f}",
        f"{1e6 * found.scan_seconds / found.files:.0f}",
        f"{100 * found.cpu_share:.1f}",
        f"{found.memory / MEBIBYTE:.0f}",
        f"{found.status_bytes / 1024:.0f}",
        ", ".join(f"{seconds:.1f}" for seconds in found.latencies),
    )


def sample_row(sample: Sample) -> Sequence[object]:
    """Return the columns of SAMPLE."""
    return (
        sample.jobs,
        f"{1e3 * sample.round_seconds:.1f}",
        f"{1e3 * sample.claim_seconds:.2f}",
        f"{sample.memory / MEBIBYTE:.1f}",
    )


def purged_row(found: Purged) -> Sequence[object]:
    """Return the columns of PURGED."""
    rate = f"{found.files / found.seconds:.0f}"
    longest = "" if found.longest_round is None else f"{1e3 * found.longest_round:.0f}"
    return (found.files, f"{found.seconds:.1f}", rate, longest)


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table in Markdown."""
    lines = [head, ["---:"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines) + "\n"


if __name__ == "__main__":
    main()
