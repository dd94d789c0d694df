"""The folder, device, media and weights that all parts of the GPU benchmark use."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.clips import DEMO, LINES, looped_sound, resized
from benchmarks.job import plain_transcode
from heygem_daemon.engines.checkpoints import BUILTIN_FOLDER
from heygem_daemon.media.picture import Picture, Plane
from heygem_daemon.media.timeline import build_timeline
from heygem_daemon.media.video_encoder import SegmentWriter
from heygem_daemon.media.video_reader import VideoReader

ROOT = Path(__file__).resolve().parents[2]
WIDTH = 1920
BRIEF_SECONDS = 20.0

Rows = Iterator[tuple[str, str]]
"""Names and values of a table's rows."""


@dataclass(frozen=True)
class Pair:
    """A sound and a video that speaks it."""

    title: str
    audio: Path
    video: Path
    plain: float
    """Seconds of the plain transcode."""


@dataclass(frozen=True)
class Bench:
    """The settings of a run."""

    folder: Path
    """Where all files are made."""
    device: str
    """'cuda' or 'cpu'."""
    seconds: float
    """Length of the large clip."""

    @property
    def quick(self) -> bool:
        """Whether the benchmark itself is only tried out."""
        return self.seconds < BRIEF_SECONDS

    @property
    def torch_device(self) -> str:
        return "cpu" if self.device == "cpu" else "cuda:0"

    @property
    def weights(self) -> Path:
        """The shipped weights and a Wav2Lip checkpoint with random weights, which cost the same."""
        return self.folder / "weights"

    @cached_property
    def demo(self) -> Pair:
        """The demo's pair; the large pair if the run is quick."""
        if self.quick:
            return self.large
        return self._pair("demo, 400x300", DEMO / "speech.wav", DEMO / "presenter.mp4", "demo")

    @cached_property
    def large(self) -> Pair:
        title = f"{self.seconds:g} s, {WIDTH}x{LINES}"
        return self._pair(title, self._sound(self.seconds), self.folder / "large.mp4", "large")

    @cached_property
    def brief(self) -> Pair:
        """The large clip with a shorter sound."""
        seconds = min(self.seconds, BRIEF_SECONDS)
        title = f"{seconds:g} s, {WIDTH}x{LINES}"
        return Pair(title, self._sound(seconds), self.large.video, self.large.plain)

    def environment(self, spool: Path, **settings: object) -> dict[str, str]:
        """Return the environment of the program on ``spool``; ``settings`` by their keys."""
        chosen = {
            "spool": spool,
            "device": self.device,
            "weights": self.weights,
            "settle_seconds": 0.3,
            "scan_seconds": 0.2,
            **settings,
        }
        variables = {f"HEYGEM_{key.upper()}": str(value) for key, value in chosen.items()}
        paths = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        return os.environ | variables | {"PYTHONPATH": paths}

    def _sound(self, seconds: float) -> Path:
        """Return the demo's speech, repeated for ``seconds``."""
        path = self.folder / f"{seconds:g}.wav"
        return path if path.exists() else looped_sound(DEMO / "speech.wav", path, seconds)

    def _pair(self, title: str, audio: Path, video: Path, name: str) -> Pair:
        """Return a pair with the seconds of its transcode; the first call measures them."""
        kept = self.folder / f"{name}.json"
        if not kept.exists():
            target = self.folder / "plain.mp4"
            kept.write_text(json.dumps(plain_transcode(audio, video, target)[0]))
        return Pair(title, audio, video, float(json.loads(kept.read_text())))


def make(bench: Bench) -> None:
    """Make weights and media."""
    import torch  # noqa: PLC0415 - the parent process does not need it

    from heygem_daemon.engines.wav2lip.layout import WAV2LIP_96  # noqa: PLC0415
    from heygem_daemon.engines.wav2lip.network import Generator  # noqa: PLC0415

    bench.weights.mkdir(parents=True, exist_ok=True)
    (bench.weights / BUILTIN_FOLDER).symlink_to(ROOT / "weights" / BUILTIN_FOLDER)
    torch.manual_seed(1)
    torch.save(Generator(WAV2LIP_96).state_dict(), bench.weights / "random.pth")
    larger_clip(DEMO / "presenter.mp4", bench.folder / "large.mp4", bench.seconds)


def larger_clip(source: Path, target: Path, seconds: float) -> None:
    """Write ``source`` in 1920x1080, forward and backward for ``seconds``.

    The sides are filled with the mirror image, so that they cost as much to encode as a picture.
    """
    with VideoReader(source) as reader:
        info = reader.info
        frames = round(seconds * info.fps)
        timeline = build_timeline(reader.timestamps, info.fps, frames, "pingpong")
        middle = round(info.width * LINES / info.height / 4) * 4
        with SegmentWriter(target, WIDTH, LINES, info.fps, info.colour) as writer:
            for picture in reader.read_indices(timeline.source_indices.tolist()):
                writer.write(widened(resized(picture, middle, LINES), middle))


def widened(picture: Picture, width: int) -> Picture:
    """Return ``picture`` of ``width``, continued at the sides to WIDTH with its mirror image."""
    return Picture(
        index=picture.index,
        y=_mirrored(picture.y, (WIDTH - width) // 2),
        u=_mirrored(picture.u, (WIDTH - width) // 4),
        v=_mirrored(picture.v, (WIDTH - width) // 4),
        colour=picture.colour,
    )


def _mirrored(plane: Plane, columns: int) -> Plane:
    return np.ascontiguousarray(np.pad(plane, ((0, 0), (columns, columns)), mode="reflect"))


def at(report: dict[str, Any], *keys: str) -> Any:
    """Return the value at a path of keys of a report; None if there is none."""
    value: Any = report
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value
