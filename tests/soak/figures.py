"""What a soak measures of the daemon and its workers, and whether it stays flat."""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

MEMORY_GROWTH = 0.03
"""By how much resident memory may grow from the first third of a run to its last."""

LOG_GROWTH = 0.5
"""By how much the log may be written faster in the last third."""

LEAST_SAMPLES = 30
"""A process that was seen less often says nothing of growth."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One process at one moment."""

    rss_bytes: int
    descriptors: int
    threads: int

    children: int = 0
    """Each child costs the daemon descriptors and threads: only equal moments can be compared."""

    has_work: bool = True
    """Whether a job is claimed: each stage of a job has threads and descriptors of its own, which
    are gone when it ends. What is left is a leak."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table: a figure in the first and in the last third."""

    name: str
    first: float
    last: float
    bar: str
    holds: bool


@dataclass
class Series:
    """The samples of a run."""

    supervisor: list[Sample] = field(default_factory=list)
    """Of the present daemon: a new one begins anew."""

    workers: dict[int, list[Sample]] = field(default_factory=dict)
    """By process id."""

    log_bytes: list[int] = field(default_factory=list)
    """Bytes of log written so far, at each sample of the supervisor."""


def read_sample(pid: int, *, has_work: bool = True) -> Sample | None:
    """Return the figures of a process, while a job is claimed or not; None: it has ended."""
    folder = Path("/proc") / str(pid)
    with suppress(OSError, KeyError, ValueError):
        lines = (folder / "status").read_text().splitlines()
        facts = dict(line.split(":", 1) for line in lines if ":" in line)
        rss = int(facts["VmRSS"].split()[0]) * 1024
        descriptors = len(list((folder / "fd").iterdir()))
        return Sample(rss, descriptors, int(facts["Threads"]), len(children_of(pid)), has_work)
    return None


def children_of(pid: int) -> list[int]:
    """Return the process ids of the children of all threads of a process."""
    found: list[int] = []
    for file in Path("/proc", str(pid), "task").glob("*/children"):
        with suppress(OSError):
            found += map(int, file.read_text().split())
    return found


def is_worker(pid: int) -> bool:
    """Return whether a process is one of the daemon's workers."""
    with suppress(OSError):
        return b"worker" in Path("/proc", str(pid), "cmdline").read_bytes()
    return False


def judge(series: Series) -> list[Row]:
    """Return the rows of the table. A series that is too short has none."""
    rows = _process_rows("daemon", _alike(series.supervisor))
    grown = [each for each in series.workers.values() if len(each) >= LEAST_SAMPLES]
    # Of each figure the worker whose grew most.
    of_workers = zip(*(_process_rows("worker that grew most", each) for each in grown), strict=True)
    rows += [max(figure, key=lambda row: row.last / row.first) for figure in of_workers]
    if len(series.log_bytes) >= LEAST_SAMPLES:
        third = len(series.log_bytes) // 3
        first = series.log_bytes[third] - series.log_bytes[0]
        last = series.log_bytes[-1] - series.log_bytes[-1 - third]
        holds = last <= (1 + LOG_GROWTH) * first + 10_000
        rows.append(Row("log, KB a third", first / 1e3, last / 1e3, f"+{LOG_GROWTH:.0%}", holds))
    return rows


def _alike(samples: Sequence[Sample]) -> list[Sample]:
    """Return the samples with the most frequent number of children."""
    if not samples:
        return []
    counts = Counter(each.children for each in samples)
    ((usual, _),) = counts.most_common(1)
    return [each for each in samples if each.children == usual]


def _between_jobs(samples: Sequence[Sample]) -> Sequence[Sample]:
    """Return the samples from moments without a job, or all where these are too few."""
    still = [each for each in samples if not each.has_work]
    return still if len(still) >= LEAST_SAMPLES else samples


def _process_rows(name: str, samples: Sequence[Sample]) -> list[Row]:
    if len(samples) < LEAST_SAMPLES:
        return []
    memory = [each.rss_bytes for each in samples]
    first, last = _thirds(memory)
    rows = [
        Row(
            f"{name}: memory, MiB",
            first / 2**20,
            last / 2**20,
            f"+{MEMORY_GROWTH:.0%}",
            _growth(memory) <= MEMORY_GROWTH,
        )
    ]
    equal = _between_jobs(samples)
    counts: Mapping[str, list[int]] = {
        "descriptors": [each.descriptors for each in equal],
        "threads": [each.threads for each in equal],
    }
    for what, values in counts.items():
        first, last = _thirds(values)
        rows.append(Row(f"{name}: {what}", first, last, "+0", last <= first))
    return rows


def _growth(values: Sequence[int]) -> float:
    first, last = _thirds(values)
    return last / first - 1


def _thirds(values: Sequence[int]) -> tuple[float, float]:
    """Return the medians of the first and the last third."""
    third = max(1, len(values) // 3)
    return median(values[:third]), median(values[-third:])


def table(rows: Sequence[Row]) -> str:
    """Return the rows as Markdown."""
    lines = ["| figure | first third | last third | bar | holds |", "|---|---:|---:|---|---|"]
    lines += [
        f"| {row.name} | {row.first:.1f} | {row.last:.1f} | {row.bar} |"
        f" {'yes' if row.holds else '**no**'} |"
        for row in rows
    ]
    return "\n".join(lines) + "\n"
