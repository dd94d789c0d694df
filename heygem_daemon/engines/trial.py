"""A trial run of an engine: the work of a job on synthetic sound and pictures.

It shows how much memory a job takes. It also makes the device do its one-time set-up before the
first job.
"""

from collections.abc import Callable
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from heygem_daemon.device.arrays import Floats
from heygem_daemon.engines.base import SAMPLE_RATE, Box, Engine, SpeechT, Template
from heygem_daemon.engines.patch import Patch
from heygem_daemon.face.tracking.track import Track
from heygem_daemon.media.picture import ColourTags
from heygem_daemon.media.timeline import Timeline

WIDTH, HEIGHT = 1920, 1080
FACE_PIXELS = 200.0
"""Distance of the outer eye corners of a head that fills half of the picture's height."""
SOUND_SECONDS = 10
"""As much as an engine processes at once: a window of the speech encoder (``WindowPlan``)."""
SEED = 7


class Trial:
    """The work of a job with one engine: it tracks and listens once, and draws as often as it is
    called."""

    def __init__(self, engine: Engine[Any]) -> None:
        self._engine = engine
        self._speech: Any = None

    def __call__(self, frames: int) -> None:
        """Draw ``frames`` frames at once; the first call tracks and listens before. Raises torch's
        errors."""
        engine = self._engine
        engine.begin_job(frames)
        if self._speech is None:
            engine.tracker.read_blank_pictures(engine.tracker.batch_size)
            self._speech = extract_noise_features(engine)
        prepare_drawing(engine, self._speech, frames)()


def extract_noise_features(engine: Engine[SpeechT]) -> SpeechT:
    """Return the features of ``SOUND_SECONDS`` of noise."""
    return engine.extract_features([_noise()])


def prepare_drawing(engine: Engine[SpeechT], speech: SpeechT, frames: int) -> Callable[[], object]:
    """Return a function that draws ``frames`` frames at once each time it is called."""
    timeline = Timeline(Fraction(25), np.zeros(frames, np.int32))
    performance = engine.plan_synthetic_performance(synthetic_template(engine), speech, timeline)
    regions = [performance.region(frame) for frame in range(frames)]
    drawn = [(frame, box) for frame, box in enumerate(regions) if box is not None]
    patches = [_patch(box, engine.device.torch_device) for _, box in drawn]
    return partial(performance.paint, [frame for frame, _ in drawn], patches)


def synthetic_template(engine: Engine[Any]) -> Template:
    """Return a template of one picture, without a file, with the reference face in its middle."""
    middle = np.array([WIDTH / 2, HEIGHT / 2, 0], np.float32)
    landmarks = engine.reference_face[None] * np.float32(FACE_PIXELS) + middle
    present = np.ones(1, np.bool_)
    track = Track(landmarks.astype(np.float32), present, np.ones(1, np.float32))
    nowhere = Path("made-up")
    return Template(nowhere, "made-up", nowhere, WIDTH, HEIGHT, ColourTags(), track)


def _noise() -> Floats:
    random = np.random.default_rng(SEED)
    return random.normal(scale=0.1, size=SOUND_SECONDS * SAMPLE_RATE).astype(np.float32)


def _patch(box: Box, device: str) -> Patch:
    height, width = box.height, box.width
    grey = torch.full((2, height, width), 128, dtype=torch.uint8, device=device)
    return Patch(grey[0], grey[:, : height // 2, : width // 2])
