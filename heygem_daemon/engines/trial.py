"""Put an engine through the work of a job on made-up sound and pictures.

What that takes in memory is what a job will take, and what a device needs to set up when it does
something for the first time is behind it before the first job comes.
"""

from collections.abc import Callable
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from heygem_daemon.engines.base import SAMPLE_RATE, Box, Engine, SpeechT, Template
from heygem_daemon.engines.patch import Patch
from heygem_daemon.face.tracking.track import Track
from heygem_daemon.media.picture import ColourTags
from heygem_daemon.media.timeline import Timeline

WIDTH, HEIGHT = 1920, 1080
FACE_PIXELS = 200.0
"""Distance of the outer eye corners: a head that fills half of the picture's height."""
SOUND_SECONDS = 30
"""As much as is listened to at once."""
TRACKED_PICTURES = 64
"""More pictures than a tracker reads at once."""
SEED = 7


def run_trial(engine: Engine[Any], frames: int) -> None:
    """Track, listen, and draw ``frames`` frames at once. Raises what the device raises."""
    engine.begin_job(frames)
    engine.tracker.read_blank_pictures(TRACKED_PICTURES)
    prepare_drawing(engine, extract_noise_features(engine), frames)()


def extract_noise_features(engine: Engine[SpeechT]) -> SpeechT:
    """Listen to ``SOUND_SECONDS`` of noise."""
    return engine.extract_features([_sound()])


def prepare_drawing(engine: Engine[SpeechT], speech: SpeechT, frames: int) -> Callable[[], object]:
    """Prepare to draw ``frames`` frames at once; each call of the answer draws them."""
    timeline = Timeline(Fraction(25), np.zeros(frames, np.int32))
    performance = engine.plan_synthetic_performance(synthetic_template(engine), speech, timeline)
    regions = [performance.region(frame) for frame in range(frames)]
    drawn = [(frame, box) for frame, box in enumerate(regions) if box is not None]
    patches = [_patch(box, engine.device.torch_device) for _, box in drawn]
    return partial(performance.paint, [frame for frame, _ in drawn], patches)


def synthetic_template(engine: Engine[Any]) -> Template:
    """One picture with the engine's reference face in its middle; there is no file behind it."""
    middle = np.array([WIDTH / 2, HEIGHT / 2, 0], np.float32)
    landmarks = engine.reference_face[None] * np.float32(FACE_PIXELS) + middle
    present = np.ones(1, np.bool_)
    track = Track(landmarks.astype(np.float32), present, np.ones(1, np.float32))
    nowhere = Path("made-up")
    return Template(nowhere, "made-up", nowhere, WIDTH, HEIGHT, ColourTags(), track)


def _sound() -> "np.typing.NDArray[np.float32]":
    random = np.random.default_rng(SEED)
    return random.normal(scale=0.1, size=SOUND_SECONDS * SAMPLE_RATE).astype(np.float32)


def _patch(box: Box, device: str) -> Patch:
    height, width = box.height, box.width
    grey = torch.full((2, height, width), 128, dtype=torch.uint8, device=device)
    return Patch(grey[0], grey[:, : height // 2, : width // 2])
