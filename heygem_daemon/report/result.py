"""Builds the report beside a result from the worker's measurements and the job's history."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from heygem_daemon.language.translator import LanguageSetting, languages_of, translator
from heygem_daemon.system.untrusted import parse_json, read_text


@dataclass(frozen=True, slots=True)
class JobHistory:
    """What the daemon knows about a job. Times are UNIX seconds."""

    job_id: str
    name: str

    audio: str
    """The user's name of the file."""

    video: str
    """The user's name of the file."""

    attempts: int
    claimed: float

    started: float
    """When the last attempt was started."""

    finished: float

    owner: str | None = None
    """The name of the user who dropped it; None: not known."""

    owner_uid: int | None = None
    """That user's id."""

    notice: str | None = None
    """What users have to know about the device, for example that there is no GPU."""


def read_report(file: Path) -> dict[str, object]:
    """Return the worker's report, with None for what is not a number. Raises ValueError if it is no
    JSON object, OSError if it cannot be read."""
    report = parse_json(read_text(file), is_finite=False)
    if not isinstance(report, dict):
        raise ValueError(f"{file.name} holds no JSON object")
    return report


def with_history(report: Mapping[str, object], history: JobHistory) -> dict[str, object]:
    """Return the report with the job's history in front. Seconds are rounded to milliseconds."""
    inputs = report.get("inputs")
    facts = inputs if isinstance(inputs, Mapping) else {}
    return {
        "name": history.name,
        "job_id": history.job_id,
        "dropped_by": {"name": history.owner, "uid": history.owner_uid},
        "claimed": _moment(history.claimed),
        "started": _moment(history.started),
        "finished": _moment(history.finished),
        "seconds": round(history.finished - history.started, 3),
        "attempts": history.attempts,
        "device_notice": history.notice,
        **report,
        "inputs": {
            "audio": _named(history.audio, facts.get("audio")),
            "video": _named(history.video, facts.get("video")),
        },
    }


def with_evidence(
    report: Mapping[str, object], evidence: Mapping[str, object], warnings: Sequence[str]
) -> dict[str, object]:
    """Return the report with the evidence of the job's GPU, its warnings, and what the worker used
    of processor and main memory."""
    all_warnings = [*warnings_of(report), *warnings]
    return {**report, "warnings": all_warnings, "evidence": {**evidence, "host": _host(report)}}


def with_translations(report: Mapping[str, object], setting: LanguageSetting) -> dict[str, object]:
    """Return the report with its sentences for people in Chinese, too, where ``setting`` has that
    language: ``warnings_zh`` and ``device_notice_zh`` behind the English fields, which programs
    read. What has no translation stays English."""
    if "zh" not in languages_of(setting):
        return {**report}
    chinese = translator("zh")
    notice = report.get("device_notice")
    own: dict[str, dict[str, object]] = {
        "device_notice": {"device_notice_zh": chinese(notice) if isinstance(notice, str) else None},
        "warnings": {"warnings_zh": [chinese(each) for each in warnings_of(report)]},
    }
    fields: dict[str, object] = {}
    for name, value in report.items():
        fields |= {name: value, **own.get(name, {})}
    return fields


def _host(report: Mapping[str, object]) -> dict[str, object]:
    """Processor time in seconds, mean number of busy cores, peak of memory in bytes; None where the
    worker did not report it."""
    seconds = sum(_seconds(report, "stage_seconds").values())
    cpu_seconds = sum(_seconds(report, "stage_cpu_seconds").values())
    is_known = bool(_at(report, "stage_cpu_seconds")) and seconds > 0
    return {
        "cpu_seconds": round(cpu_seconds, 3) if is_known else None,
        "cores_busy": round(cpu_seconds / seconds, 2) if is_known else None,
        "peak_rss_bytes": _at(report, "peak_rss_bytes"),
    }


def warnings_of(report: Mapping[str, object]) -> list[str]:
    """Return the warnings of a report."""
    warnings = report.get("warnings")
    return [str(warning) for warning in warnings] if isinstance(warnings, list) else []


def speed_of(report: Mapping[str, object], seconds: float) -> dict[str, float]:
    """Return the seconds of work, and as ``ratio`` the seconds of work per second of result, where
    its length is known."""
    length = _at(report, "output", "seconds")
    speed = {"seconds": round(seconds, 1)}
    if isinstance(length, int | float) and length > 0:
        speed["ratio"] = round(seconds / length, 2)
    return speed


@dataclass(frozen=True, slots=True)
class JobStatistics:
    """What the status shows of a finished job."""

    frames: int | None
    """Output frames."""

    length: float
    """Seconds of the result; 0: not known."""

    utilisation: float | None
    """Mean use of its GPU while the engine worked, in per cent."""

    stage_seconds: dict[str, float]
    """The seconds of each stage."""


def job_statistics(report: Mapping[str, object]) -> JobStatistics:
    """Return the statistics of a report; None for what it does not contain."""
    frames, length = _at(report, "output", "frames"), _at(report, "output", "seconds")
    mean = _at(report, "evidence", "inference", "utilisation_percent", "mean")
    return JobStatistics(
        frames=frames if isinstance(frames, int) else None,
        length=float(length) if isinstance(length, int | float) else 0.0,
        utilisation=float(mean) if isinstance(mean, int | float) else None,
        stage_seconds=_seconds(report, "stage_seconds"),
    )


def _seconds(report: Mapping[str, object], key: str) -> dict[str, float]:
    """Return the seconds of each stage, as far as the report has them."""
    stages = _at(report, key)
    return {
        str(stage): float(seconds)
        for stage, seconds in (stages.items() if isinstance(stages, Mapping) else ())
        if isinstance(seconds, int | float)
    }


def _at(report: object, *keys: str) -> object:
    """Return the value at a path of keys; None where there is none."""
    for key in keys:
        report = report.get(key) if isinstance(report, Mapping) else None
    return report


def _named(name: str, facts: object) -> dict[str, object]:
    # JSON cannot hold a name that is not UTF-8.
    shown = name.encode("utf-8", "backslashreplace").decode("utf-8")
    return {"name": shown, **(facts if isinstance(facts, Mapping) else {})}


def _moment(unix: float) -> str:
    return datetime.fromtimestamp(unix, UTC).isoformat(timespec="milliseconds")
