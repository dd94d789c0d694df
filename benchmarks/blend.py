"""A picture of what blending does: source, the original's hard paste, ours, side by side.

``.venv/bin/python -m benchmarks.blend docs/images/wav2lip-blend.png`` draws it from the demo's
presenter. No checkpoint may be shipped, so a stand-in takes the generator's place: the same face
some pictures later, at the generator's 96 pixels and with its colours shifted, which is what a
generator's picture differs by. With ``--checkpoint`` the real generator draws.
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.memory import DEMO
from heygem_daemon.engines.base import Box, Device
from heygem_daemon.engines.patch import Patch, to_code_values
from heygem_daemon.engines.wav2lip.checkpoint import load_generator
from heygem_daemon.engines.wav2lip.engine import LoadedWav2Lip, Wav2LipEngine
from heygem_daemon.engines.wav2lip.layout import WAV2LIP_96
from heygem_daemon.engines.wav2lip.mel import MelSpectrogram
from heygem_daemon.engines.wav2lip.network import Generator, lowest_rows
from heygem_daemon.engines.wav2lip.performance import (
    GeneratedPerformance,
    YuvRgbConverter,
    resize_patch,
)
from heygem_daemon.engines.wav2lip.resize import resize_planes
from heygem_daemon.engines.wav2lip.runner import GeneratorMode, GeneratorRunner
from heygem_daemon.face.reading.pose import load_reference_face
from heygem_daemon.face.tracking.tracker import FaceTracker
from heygem_daemon.media.image_files import Rgb, rgb_from_picture, write_png
from heygem_daemon.media.picture import Picture
from heygem_daemon.media.timeline import build_timeline
from heygem_daemon.media.video_reader import VideoReader
from heygem_daemon.media.waveform import read_waveform
from heygem_daemon.render.draw import composite_patch, extract_patch
from heygem_daemon.render.template import prepare_template
from heygem_daemon.system.checksum import sha256_of

WEIGHTS = Path(__file__).resolve().parent.parent / "weights" / "builtin"
MARGIN = 40
LATER = 6
TINT = (0.05, 0.02, -0.03)
SHADE = 0.92
PACE = GeneratorMode(torch.float32, 1)


class StandIn(GeneratorRunner):
    """Gives back what it is shown: the lower half of the second picture, with other colours."""

    def __init__(self) -> None:
        super().__init__(Generator(WAV2LIP_96).eval(), PACE, torch.device("cpu"))
        self.face = torch.zeros(3, WAV2LIP_96.size, WAV2LIP_96.size)

    def __call__(self, mels: Tensor, pictures: Tensor, rows: int | None = None) -> Tensor:
        del mels
        tinted = self.face * SHADE + torch.tensor(TINT)[:, None, None]
        drawn = tinted.clamp(0, 1).flip(0)[None].expand(len(pictures), -1, -1, -1)
        return lowest_rows(drawn, rows or WAV2LIP_96.size)


def engine_of(runner: GeneratorRunner, size: int) -> Wav2LipEngine:
    """The engine around ``runner``."""
    tracker = FaceTracker.load(WEIGHTS)
    resident = LoadedWav2Lip(runner, size, MelSpectrogram(), tracker, load_reference_face(WEIGHTS))
    return Wav2LipEngine(resident, Device(), "")


def sheet(
    engine: Wav2LipEngine, runner: GeneratorRunner, video: Path, frames: Sequence[int]
) -> Rgb:
    """One row for each of ``frames``: source, hard paste, ours."""
    count = max(frames) + LATER + 1
    with VideoReader(video) as reader, tempfile.TemporaryDirectory() as cache:
        template = prepare_template(
            reader, sha256_of(video), count, engine.tracker, Path(cache), lambda *_: None
        )
        timeline = build_timeline(reader.timestamps[:count], reader.info.fps, count, "restart")
        pictures = list(reader.read_range(0, count))
    performance = engine.plan_performance(
        template, engine.extract_features(read_waveform(DEMO / "speech.wav")), timeline
    )
    colours = YuvRgbConverter(template.colour, template.height, torch.device("cpu"))
    rows = []
    for frame in frames:
        if isinstance(runner, StandIn):
            later = performance.region(frame + LATER)
            assert later is not None
            runner.face = colours.rgb(
                resize_patch(extract_patch(pictures[frame + LATER], later), 96)
            )
        rows.append(row(performance, colours, frame, pictures[frame]))
    width = min(each.shape[1] for each in rows)
    return np.concatenate([each[:, :width] for each in rows])


def row(
    performance: GeneratedPerformance, colours: YuvRgbConverter, frame: int, picture: Picture
) -> Rgb:
    """Source, hard paste and ours of one frame, cut around the box."""
    box = performance.region(frame)
    assert box is not None
    patch = extract_patch(picture, box)
    mouth = colours.yuv(performance.generate([frame], [patch])[0].flip(0))
    hard = Patch(
        to_code_values(resize_planes(mouth[:1], box.height, box.width)[0]),
        to_code_values(resize_planes(mouth[1:], box.height // 2, box.width // 2)),
    )
    (ours,) = performance.paint([frame], [patch])
    shown = (picture, composite_patch(picture, box, hard), composite_patch(picture, box, ours))
    return np.concatenate([around(rgb_from_picture(each), box) for each in shown], axis=1)


def around(rgb: Rgb, box: Box) -> Rgb:
    """The box with some margin."""
    top, left = max(0, box.top - MARGIN), max(0, box.left - MARGIN)
    return rgb[top : box.bottom + MARGIN, left : box.right + MARGIN]


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("target", type=Path)
    parser.add_argument("--video", type=Path, default=DEMO / "presenter.mp4")
    parser.add_argument("--frames", type=int, nargs="+", default=[329, 304])
    parser.add_argument("--checkpoint", type=Path)
    given = parser.parse_args()
    if given.checkpoint:
        generator, layout = load_generator(given.checkpoint)
        runner, size = GeneratorRunner(generator, PACE, torch.device("cpu")), layout.size
    else:
        runner, size = StandIn(), WAV2LIP_96.size
    write_png(given.target, sheet(engine_of(runner, size), runner, given.video, given.frames))


if __name__ == "__main__":
    main()
