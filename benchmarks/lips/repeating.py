"""How sharp a mouth remains that repeats what it did half a second earlier.

The sharpness of a pair compares different things: a mouth that the audio closes has fewer edges
than one full of teeth, and one that it opens has more. A mouth that repeats its own movements is
open and closed as often as in its video, and the difference is due to the renderer.
"""

from dataclasses import dataclass

import numpy as np
import torch

from benchmarks.lips.material import ROOT, Face
from benchmarks.lips.studio import Studio
from heygem_daemon.engines.builtin.engine import FOLDER
from heygem_daemon.engines.builtin.interior.shipped_interior import load_interior
from heygem_daemon.engines.builtin.planner import build_performance, fill_gaps
from heygem_daemon.engines.builtin.warp.aim import load_shape
from heygem_daemon.engines.builtin.warp.person import measure_person
from heygem_daemon.face.reading.landmarks import OUTER_LOWER_LIP, OUTER_UPPER_LIP
from heygem_daemon.media.timeline import Timeline
from heygem_daemon.media.video_reader import VideoReader
from heygem_daemon.protocol import RenderOptions
from heygem_daemon.render.draw import RenderContext, paint
from heygem_daemon.render.measures import sharpness
from heygem_daemon.render.review import crop_lips
from heygem_daemon.render.template import prepare_template
from heygem_daemon.system.checksum import sha256_of

LATER_SECONDS = 0.5
"""Delay of the repeated movement."""
DRAWN_EVERY = 4
"""One picture in this many is drawn."""
_LIPS = list(OUTER_LOWER_LIP + OUTER_UPPER_LIP)


@dataclass(frozen=True, slots=True)
class Repeated:
    """Laplacian energy around the mouth before encoding, divided by the source pictures'."""

    name: str
    sharpness: float


def repeated(face: Face, studio: Studio) -> Repeated:
    """Draw a face with its own mouth parameters of half a second before."""
    engine = studio.engine
    with VideoReader(face.video) as reader:
        template = prepare_template(
            reader,
            sha256_of(face.video),
            reader.frame_count,
            engine.tracker,
            studio.cache,
            _ignore_progress,
        )
        person = measure_person(template.track, engine.reference_face)
        parameters = fill_gaps(person.parameters)
        sources = np.arange(len(parameters), dtype=np.int32)
        later = np.roll(parameters, round(LATER_SECONDS * float(reader.info.fps)), axis=0)
        weights = ROOT / "weights" / FOLDER
        shape, interior = load_shape(weights), load_interior(weights)
        device = torch.device(engine.device.torch_device)
        performance = build_performance(template, person, sources, later, shape, interior, device)
        timeline = Timeline(reader.info.fps, sources)
        context = RenderContext(reader, timeline, engine, performance, RenderOptions())
        frames = [k for k in sources[::DRAWN_EVERY].tolist() if performance.region(k) is not None]
        before = after = 0.0
        for picture in reader.read_indices(frames):
            lips = template.track.landmarks[picture.index][_LIPS]
            (drawn,) = paint(context, [(picture.index, picture)])
            before += sharpness(crop_lips(lips, picture.y))
            after += sharpness(crop_lips(lips, drawn.y))
    return Repeated(face.name, after / before if before else 1.0)


def repeating_table(rows: list[Repeated]) -> str:
    """Return a table with a row per face."""
    lines = [f"| {row.name} | {row.sharpness:.2f} |" for row in rows]
    return "\n".join(["| face | sharpness |", "|---|---:|", *lines])


def _ignore_progress(_done: int, _total: int) -> None:
    """Accept progress without reporting it."""
