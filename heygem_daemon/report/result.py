"""The report beside a result: what the worker measured, with the job's history around it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path


@dataclass(frozen=True, slots=True)
class History:
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


def with_history(report: Mapping[str, object], history: History) -> dict[str, object]:
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


def _named(name: str, facts: object) -> dict[str, object]:
    # A name that is no UTF-8 cannot stand in a JSON file as it is.
    shown = name.encode("utf-8", "backslashreplace").decode("utf-8")
    return {"name": shown, **(facts if isinstance(facts, Mapping) else {})}


def _moment(unix: float) -> str:
    return datetime.fromtimestamp(unix, UTC).isoformat(timespec="milliseconds")
