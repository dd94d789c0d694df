"""The shipped engine, and rendered pairs, each rendered once per session."""

import wave
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from heygem_daemon.engines.base import Device, Engine
from heygem_daemon.engines.registry import load_engine
from heygem_daemon.face.reading.pose import fit_pose, load_reference_face
from heygem_daemon.face.tracking.mouth import APERTURE, measure_mouth
from heygem_daemon.media.video_reader import VideoReader
from heygem_daemon.media.waveform import read_waveform
from heygem_daemon.protocol import Render, RenderOptions
from heygem_daemon.render.pipeline import render_job

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "demo"
WEIGHTS = ROOT / "weights"
FPS = Fraction(25)
"""Frame rate of the demo video."""
SHARED = ROOT.parent / "shared" / "media"


@dataclass(frozen=True)
class Result:
    """A rendered pair."""

    audio: Path
    video: Path
    result: Path
    report: Path
    strip: Path


RenderPair = Callable[[Path, Path], Result]
Apertures = Callable[[Path], NDArray[np.float32]]


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine[Any]:
    return load_engine("builtin", WEIGHTS, Device(), tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def render_pair(engine: Engine[Any], tmp_path_factory: pytest.TempPathFactory) -> RenderPair:
    folder = tmp_path_factory.mktemp("renders")
    done: dict[tuple[Path, Path], Result] = {}

    def render(audio: Path, video: Path) -> Result:
        if (audio, video) not in done:
            workspace = folder / str(len(done))
            order = Render(
                job_id=str(len(done)),
                audio=str(audio),
                video=str(video),
                workspace=str(workspace),
                options=RenderOptions(chunk_seconds=2.0),
            )
            rendered = render_job(engine, order, folder / "cache", lambda _: None, lambda: False)
            assert rendered.strip is not None
            done[audio, video] = Result(
                audio, video, Path(rendered.result), Path(rendered.report), Path(rendered.strip)
            )
        return done[audio, video]

    return render


@pytest.fixture(scope="session")
def apertures(engine: Engine[Any]) -> Apertures:
    """Return a function that measures the opening of the mouth in every frame of a video, with the
    engine's tracker."""
    reference = load_reference_face(WEIGHTS / "builtin")

    def aperture_of(video: Path) -> NDArray[np.float32]:
        with VideoReader(video) as reader:
            track = engine.tracker.track(reader.read_range())
        canonical = fit_pose(track.landmarks, reference).to_canonical(track.landmarks)
        return np.asarray(measure_mouth(canonical)[:, APERTURE])

    return aperture_of


@pytest.fixture(scope="session")
def demo_sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five seconds of the demo's speech, then one and a half of silence."""
    return cut_sound(tmp_path_factory.mktemp("sound") / "speech.wav", 5, 1.5)


def cut_sound(target: Path, seconds: float, silence: float = 0.0) -> Path:
    """Write the beginning of the demo's speech, followed by silence. Lengths are in seconds."""
    with wave.open(str(DEMO / "speech.wav")) as source, wave.open(str(target), "wb") as file:
        file.setparams(source.getparams())
        rate = source.getframerate()
        speech = source.readframes(round(seconds * rate))
        file.writeframes(speech + bytes(source.getsampwidth() * round(silence * rate)))
    return target


def predicted_opening(
    engine: Engine[Any], audio: Path, frames: int, fps: Fraction
) -> NDArray[np.float32]:
    """Return the opening of the mouth that the audio model predicts for every output frame, in the
    model's units; shape (frames,)."""
    speech = engine.extract_features(read_waveform(audio))
    times = np.arange(frames) * 50 / float(fps)
    states = np.arange(len(speech))
    score = np.interp(times, states, speech.scores[:, APERTURE])
    active = np.interp(times, states, speech.activity)
    closed = float(speech.scores[:, APERTURE].min())
    opening: NDArray[np.float32] = (closed + active * (score - closed)).astype(np.float32)
    return opening
