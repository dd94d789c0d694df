"""Build the worker's part of a report: inputs, engine, device, output, quality and times."""

import json
import platform
import resource
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from importlib import metadata
from pathlib import Path
from typing import Any

from heygem_daemon import __version__
from heygem_daemon.device.memory import device_memory
from heygem_daemon.engines.base import Engine
from heygem_daemon.media.image_signature import ImageInfo
from heygem_daemon.media.probe import AudioInfo, VideoInfo
from heygem_daemon.media.timeline import TOGETHER, Alignment
from heygem_daemon.render.appraisal import Appraisal
from heygem_daemon.render.draw import RenderContext

Json = dict[str, object]


@dataclass(slots=True)
class RenderStats:
    """What happened to the chunks of a job, and how long its stages took."""

    drawn: int = 0
    """Chunks and pieces drawn in this attempt."""
    resumed: int = 0
    """Chunks and pieces of earlier attempts."""
    shared: int = 0
    """Chunks that other workers drew in this attempt."""
    retried: int = 0
    """Chunks and pieces drawn again after an error."""
    warnings: list[str] = field(default_factory=list)
    """Sentences on problems that were overcome: chunks drawn again, memory that ran out."""
    stage_seconds: dict[str, float] = field(default_factory=dict)
    """Wall-clock time by stage."""
    stage_cpu_seconds: dict[str, float] = field(default_factory=dict)
    """Processor time of all threads by stage."""

    def add_warning(self, warning: str) -> None:
        """Add a warning, unless it is there already."""
        if warning not in self.warnings:
            self.warnings.append(warning)


@dataclass(frozen=True, slots=True)
class Inputs:
    """The two files of a job, and the SHA-256 of their content in hex."""

    audio: AudioInfo
    video: VideoInfo
    audio_sha256: str
    video_sha256: str
    alignment: Alignment = TOGETHER
    """When sound and video begin in the result."""
    image: ImageInfo | None = None
    """The image file from which ``video`` was made; None: it came as a video."""

    @property
    def seconds(self) -> Fraction:
        """Length of the result: the sound's, and what precedes it."""
        return self.alignment.delay + self.audio.duration


def build_report(
    engine: Engine[Any],
    inputs: Inputs,
    context: RenderContext,
    stats: RenderStats,
    appraisal: Appraisal,
    output: Json,
) -> Json:
    """Return the report as JSON values.

    ``output``: further entries for its section of that name. The supervisor adds the users' file
    names and the job's history.
    """
    timeline, summary = context.timeline, context.performance.summary
    return {
        "versions": _versions(),
        "engine": {
            "name": engine.name,
            "weights_sha256": engine.weights_sha256,
            "precision": engine.precision,
        },
        "device": _device(engine),
        "inputs": {
            "audio": {"sha256": inputs.audio_sha256, **_plain(asdict(inputs.audio))},
            "video": {
                "sha256": inputs.video_sha256,
                **_plain(asdict(inputs.video)),
                "image": _plain(asdict(inputs.image)) if inputs.image else None,
            },
        },
        "output": {
            "frames": len(timeline),
            "fps": str(timeline.fps),
            "seconds": round(float(timeline.duration), 3),
            **output,
        },
        "coverage": round(summary.coverage, 4),
        "passed_through": summary.passed_through,
        "quality": appraisal.quality.rounded() if appraisal.quality else None,
        "figures": summary.figures,
        "warnings": [
            *engine.warnings,
            *summary.warnings,
            *appraisal.warnings,
            *stats.warnings,
        ],
        "chunks": {
            "drawn": stats.drawn,
            "resumed": stats.resumed,
            "retried": stats.retried,
            "shared": stats.shared,
        },
        "stage_seconds": stats.stage_seconds,
        "stage_cpu_seconds": stats.stage_cpu_seconds,
        "peak_rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "options": context.options.model_dump(),
    }


def write_json(path: Path, report: Json) -> None:
    """Write a report as indented JSON in UTF-8."""
    path.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _device(engine: Engine[Any]) -> Json:
    device = engine.device
    evidence: Json = {"name": device.name, "torch": device.torch_device, "uuid": device.uuid}
    if device.torch_device != "cpu":
        evidence["peak_vram_bytes"] = device_memory(device.torch_device).peak_bytes()
    return evidence


def _versions() -> dict[str, str]:
    packages = {name: metadata.version(name) for name in ("torch", "av", "numpy")}
    return {"heygem_daemon": __version__, "python": platform.python_version(), **packages}


def _plain(values: dict[str, Any]) -> Json:
    """Return ``values`` as JSON values: fractions become strings, tuples become lists of strings,
    dicts are converted, too."""
    return {
        name: _plain(value)
        if isinstance(value, dict)
        else [str(item) for item in value]
        if isinstance(value, tuple)
        else value
        if isinstance(value, int | float | str | bool | None)
        else str(value)
        for name, value in values.items()
    }
