"""The report beside a result: what the worker measured, with the job's history around it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path


@dataclass(frozen=True, slots=True)
class JobHistory:
    """A job as the daemon saw it. Times are UNIX seconds; ``audio`` and ``video`` the users' own
    file names; ``notice`` what had to be said loudly of the device, as 'no GPU here'."""

    job_id: str
    name: str
    audio: str
    video: str
    attempts: int
    claimed: float
    started: float
    finished: float
    notice: str | None = None


def read_report(file: Path) -> dict[str, object]:
    """The worker's part. Raises ValueError where it is no JSON object, OSError where unreadable."""
    report = json.loads(file.read_text(encoding="utf-8"))
    if not isinstance(report, dict):
        raise ValueError(f"{file.name} holds no JSON object")
    return report


def with_history(report: Mapping[str, object], history: JobHistory) -> dict[str, object]:
    """The report of a result, the job's history first; seconds are rounded to milliseconds."""
    inputs = report.get("inputs")
    known = inputs if isinstance(inputs, Mapping) else {}
    return {
        "name": history.name,
        "job_id": history.job_id,
        "claimed": _moment(history.claimed),
        "started": _moment(history.started),
        "finished": _moment(history.finished),
        "seconds": round(history.finished - history.started, 3),
        "attempts": history.attempts,
        "device_notice": history.notice,
        **report,
        "inputs": {
            "audio": _named(history.audio, known.get("audio")),
            "video": _named(history.video, known.get("video")),
        },
    }


def with_evidence(
    report: Mapping[str, object], evidence: Mapping[str, object], warnings: Sequence[str]
) -> dict[str, object]:
    """The report with what the daemon saw of the job's GPU, what that warns of, and beside it what
    the worker took of the machine itself."""
    all_warnings = [*warnings_of(report), *warnings]
    return {**report, "warnings": all_warnings, "evidence": {**evidence, "host": _host(report)}}


def _host(report: Mapping[str, object]) -> dict[str, object]:
    """Processor time in seconds, how many cores were busy on the mean, peak of memory; None where
    the worker did not tell."""
    spent = sum(_seconds(report, "stage_seconds").values())
    computed = sum(_seconds(report, "stage_cpu_seconds").values())
    known = bool(_at(report, "stage_cpu_seconds")) and spent > 0
    return {
        "cpu_seconds": round(computed, 3) if known else None,
        "cores_busy": round(computed / spent, 2) if known else None,
        "peak_rss_bytes": _at(report, "peak_rss_bytes"),
    }


def warnings_of(report: Mapping[str, object]) -> list[str]:
    """What the worker's report warns of, for the operator's log."""
    warnings = report.get("warnings")
    return [str(warning) for warning in warnings] if isinstance(warnings, list) else []


def speed_of(report: Mapping[str, object], seconds: float) -> dict[str, float]:
    """Seconds of work, and as ``ratio`` those per second of result, where its length is known."""
    length = _at(report, "output", "seconds")
    speed = {"seconds": round(seconds, 1)}
    if isinstance(length, int | float) and length > 0:
        speed["ratio"] = round(seconds / length, 2)
    return speed


@dataclass(frozen=True, slots=True)
class JobStatistics:
    """What the status tells of a finished job: output ``frames``, mean ``utilisation`` of its GPU
    while the engine worked, in per cent, and the seconds of each stage."""

    frames: int | None
    utilisation: float | None
    stage_seconds: dict[str, float]


def job_statistics(report: Mapping[str, object]) -> JobStatistics:
    """The figures of a report, as far as it has them."""
    frames = _at(report, "output", "frames")
    mean = _at(report, "evidence", "inference", "utilisation_percent", "mean")
    return JobStatistics(
        frames=frames if isinstance(frames, int) else None,
        utilisation=float(mean) if isinstance(mean, int | float) else None,
        stage_seconds=_seconds(report, "stage_seconds"),
    )


def _seconds(report: Mapping[str, object], key: str) -> dict[str, float]:
    """The seconds of each stage, as far as they are there."""
    stages = _at(report, key)
    return {
        str(stage): float(seconds)
        for stage, seconds in (stages.items() if isinstance(stages, Mapping) else ())
        if isinstance(seconds, int | float)
    }


def _at(report: object, *keys: str) -> object:
    """The value at a path of keys; None where there is none."""
    for key in keys:
        report = report.get(key) if isinstance(report, Mapping) else None
    return report


def _named(name: str, facts: object) -> dict[str, object]:
    # A name that is no UTF-8 cannot stand in a JSON file as it is.
    shown = name.encode("utf-8", "backslashreplace").decode("utf-8")
    return {"name": shown, **(facts if isinstance(facts, Mapping) else {})}


def _moment(unix: float) -> str:
    return datetime.fromtimestamp(unix, UTC).isoformat(timespec="milliseconds")
