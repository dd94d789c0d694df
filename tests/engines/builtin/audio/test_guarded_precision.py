"""The speech encoder in half precision: used only if accurate enough, and given up if it drifts."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from heygem_daemon.device.precision import half_precision_dtypes
from heygem_daemon.device.weights import load_weights
from heygem_daemon.engines.base import Device, Template
from heygem_daemon.engines.builtin.audio.guarded_precision import (
    CHECK_EVERY,
    GuardedEncoder,
    build_guarded_encoder,
)
from heygem_daemon.engines.builtin.audio.heads import HeadEnsemble
from heygem_daemon.engines.builtin.engine import BuiltinEngine
from heygem_daemon.face.networks.detector import FaceDetector
from heygem_daemon.face.networks.mesh import INPUT_SIDE, FaceMesh
from heygem_daemon.face.reading.crop import crop_around_landmarks
from heygem_daemon.face.reading.sampling import sample_crop
from heygem_daemon.face.tracking.tracker import MESH_FILE
from heygem_daemon.media.video_reader import VideoReader
from heygem_daemon.speech.encoder import WhisperEncoder

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def encoder(weights: Path) -> WhisperEncoder:
    return WhisperEncoder.load(weights / "builtin", CPU)


@pytest.fixture(scope="module")
def heads(weights: Path) -> HeadEnsemble:
    return HeadEnsemble.load(weights / "builtin", CPU)


@pytest.fixture(scope="module")
def mels() -> Tensor:
    torch.manual_seed(3)
    return torch.rand(80, 600) * 2 - 1


def test_on_the_cpu_nothing_but_float32_is_used(
    encoder: WhisperEncoder, heads: HeadEnsemble, mels: Tensor
) -> None:
    plain = build_guarded_encoder(encoder, heads, CPU)
    assert plain.network is encoder
    assert torch.equal(plain.encode(mels), encoder.encode(mels))
    assert "the same numbers on every machine" in plain.reason


def test_a_type_that_makes_other_scores_is_refused_with_the_figure(
    encoder: WhisperEncoder, heads: HeadEnsemble
) -> None:
    refused = build_guarded_encoder(encoder, heads, CPU, (torch.bfloat16,))
    assert refused.precision == torch.float32
    assert refused.reason.startswith("bfloat16 is off by 0.0")


def test_float16_is_exact_enough_to_listen(
    encoder: WhisperEncoder, heads: HeadEnsemble, mels: Tensor
) -> None:
    taken = build_guarded_encoder(encoder, heads, CPU, (torch.float16, torch.bfloat16))
    assert taken.precision == torch.float16
    assert taken.reason.startswith("hearing within 0.00")
    states = taken.encode(mels)
    assert states.dtype == torch.float32
    assert (states - encoder.encode(mels)).norm() < 0.01 * states.norm()


class Failing(WhisperEncoder):
    """A bfloat16 encoder that fails after ``good`` windows."""

    good = 0
    wrong = torch.nan

    def encode(self, mels: Tensor) -> Tensor:
        self.good -= 1
        states = super().encode(mels)
        return states if self.good >= 0 else states * self.wrong


def failing(encoder: WhisperEncoder, good: int, wrong: float) -> tuple[GuardedEncoder, list[str]]:
    half = Failing()
    half.load_state_dict(encoder.state_dict())
    half.good, half.wrong = good, wrong
    messages: list[str] = []
    half = copy.deepcopy(half).to(torch.bfloat16).requires_grad_(False)
    return GuardedEncoder(encoder, half, "", messages.append), messages


def test_a_value_that_is_no_number_leads_to_float32_at_once(
    encoder: WhisperEncoder, mels: Tensor
) -> None:
    guarded, messages = failing(encoder, 2, torch.nan)
    short = mels[:, :20]
    for _ in range(2):
        assert not torch.equal(guarded.encode(short), encoder.encode(short))
    assert torch.equal(guarded.encode(short), encoder.encode(short))
    assert messages == [
        "Listening in bfloat16 gave values that are not numbers; it goes on in float32."
    ]
    assert guarded.precision == torch.float32


def test_drift_is_found_at_the_next_comparison(encoder: WhisperEncoder, mels: Tensor) -> None:
    guarded, messages = failing(encoder, 1, 1.2)
    short = mels[:, :20]
    for _ in range(CHECK_EVERY):
        guarded.encode(short)
    assert messages == []
    assert torch.equal(guarded.encode(short), encoder.encode(short))
    assert messages == ["Listening in bfloat16 was off by 20%; it goes on in float32."]


def test_half_precision_would_move_landmarks_by_more_than_a_tenth_of_a_pixel(
    weights: Path, presenter: Template
) -> None:
    mesh = load_weights(FaceMesh(), weights / "builtin" / MESH_FILE, CPU)
    with VideoReader(presenter.video) as reader:
        crop = crop_around_landmarks(np.asarray(presenter.track.landmarks[0]))
        picture = sample_crop(list(reader.read_range(0, 1)), crop, INPUT_SIDE, CPU)
    with torch.inference_mode():
        full, _ = mesh(picture)
        half, _ = mesh.to(torch.bfloat16)(picture.bfloat16())
    assert not (half.float() - full).abs()[..., :2].mean() <= 0.1


def test_the_engine_reports_its_precision_and_a_fallback(weights: Path) -> None:
    engine = BuiltinEngine.load(weights, Device())
    assert engine.precision == "float32"
    assert engine.precision_reason == engine.listener.encoder.reason
    engine.listener.encoder.on_fallback("Listening went wrong.")
    assert engine.warnings == ("Listening went wrong.",)
    assert [type(network) for network in engine.networks] == [
        WhisperEncoder, HeadEnsemble, FaceDetector, FaceMesh,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("capability", "types"),
    [
        ((6, 1), ()),
        ((7, 5), (torch.float16,)),
        ((9, 0), (torch.float16, torch.bfloat16)),
    ],
)
def test_candidate_types_depend_on_the_gpu(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], types: tuple[torch.dtype, ...]
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert half_precision_dtypes(torch.device("cuda:0")) == types
    assert half_precision_dtypes(CPU) == ()
