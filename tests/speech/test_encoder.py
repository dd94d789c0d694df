from pathlib import Path

import pytest
import torch

from heygem_daemon.errors import WeightsUnavailable
from heygem_daemon.speech.encoder import MIN_STATES, STATES, WEIGHTS_FILE, WhisperEncoder, sinusoids

WEIGHTS = Path(__file__).resolve().parents[2] / "weights" / "builtin"
CPU = torch.device("cpu")


def test_two_states_of_every_20_ms() -> None:
    states = WhisperEncoder.load(WEIGHTS, CPU)(torch.zeros(2, 80, 60))
    assert states.shape == (2, 30, STATES, 384)
    assert states.dtype == torch.float32
    assert bool(states.isfinite().all())


def test_a_short_window_is_encoded_like_one_with_silence_after_it() -> None:
    encoder = WhisperEncoder.load(WEIGHTS, CPU)
    torch.manual_seed(0)
    mels = torch.rand(80, 60)
    followed = torch.nn.functional.pad(mels, (0, 2 * MIN_STATES - 60), value=float(mels.min()))
    states = encoder.encode(mels)
    assert states.shape == (30, STATES, 384)
    assert torch.allclose(states, encoder(followed[None])[0, :30], atol=1e-4)


def test_sinusoids_start_with_zero_and_one() -> None:
    positions = sinusoids(3)
    assert positions[0, :192].eq(0).all()
    assert positions[0, 192:].eq(1).all()
    assert float(positions[1, 0]) == pytest.approx(0.8415, abs=1e-4)
    # The longest of the wavelengths is 2 pi x 10,000.
    assert float(positions[2, 191]) == pytest.approx(2e-4, rel=1e-4)


@pytest.mark.parametrize("content", [None, b"", b"damaged" * 100])
def test_unusable_weights_are_named(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / WEIGHTS_FILE).write_bytes(content)
    with pytest.raises(WeightsUnavailable, match=WEIGHTS_FILE):
        WhisperEncoder.load(tmp_path, CPU)
