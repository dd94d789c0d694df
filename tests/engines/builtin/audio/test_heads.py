from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from heygem_daemon.engines.builtin.audio.heads import (
    COMPONENTS,
    HEADS_FILE,
    PARAMETERS,
    READOUT_OFFSETS,
    HeadEnsemble,
    LinearReadout,
    MouthHead,
)
from heygem_daemon.errors import WeightsUnavailable
from heygem_daemon.speech.encoder import STATES

WEIGHTS = Path(__file__).resolve().parents[4] / "weights" / "builtin"
CPU = torch.device("cpu")


def test_scores_probabilities_and_hidden_states_for_every_state() -> None:
    output = HeadEnsemble.load(WEIGHTS, CPU)(torch.zeros(2, 30, STATES, 384))
    assert output.scores.shape == (2, 30, len(PARAMETERS))
    assert output.hidden.shape == (2, 30, COMPONENTS)
    for probability in (output.voice, output.closed):
        assert probability.shape == (2, 30)
        assert 0 <= float(probability.min()) <= float(probability.max()) <= 1


def test_the_scores_are_nearly_linear_in_the_components() -> None:
    torch.manual_seed(0)
    output = HeadEnsemble.load(WEIGHTS, CPU)(torch.randn(1, 2000, STATES, 384))
    given = torch.cat([output.hidden[0], torch.ones(2000, 1)], dim=1)
    fitted = given @ torch.linalg.lstsq(given, output.scores[0]).solution
    left = (output.scores[0] - fitted).var(0) / output.scores[0].var(0)
    assert float(left.max()) < 0.1


def test_narrowing_equals_standardizing_mixing_and_projecting() -> None:
    torch.manual_seed(0)
    head = MouthHead()
    head.mean.normal_()
    head.deviation.uniform_(0.5, 2)
    torch.nn.init.normal_(head.mix)
    states = torch.randn(1, 4, STATES, 384)
    standard = (states - head.mean) / head.deviation
    mixed = (standard * head.mix.softmax(0)[:, None]).sum(2)
    assert torch.allclose(head.project(states), head.narrow(mixed), atol=1e-4)


def test_a_head_covers_140_ms_to_either_side() -> None:
    torch.manual_seed(0)
    head = MouthHead().eval()
    states = torch.randn(1, 41, STATES, 384)
    changed = states.clone()
    changed[:, 20] += 1
    differs = (head(states)[0] != head(changed)[0]).any(-1)[0].nonzero().flatten()
    assert differs.tolist() == list(range(13, 28))


def test_a_readout_covers_160_ms_to_either_side_and_is_linear() -> None:
    torch.manual_seed(0)
    readout = LinearReadout().eval().requires_grad_(False)
    states = torch.randn(1, 41, STATES, 384)
    changed = states.clone()
    changed[:, 20] += 1
    differs = (readout(states) != readout(changed)).any(-1)[0].nonzero().flatten()
    assert differs.tolist() == sorted(20 - offset for offset in READOUT_OFFSETS)
    bent = readout(2 * states - changed) - (2 * readout(states) - readout(changed))
    assert float(bent.abs().max()) < 1e-4


def test_a_readout_repeats_the_states_at_the_ends() -> None:
    readout = LinearReadout().eval().requires_grad_(False)
    still = torch.randn(1, 1, STATES, 384).repeat(1, 30, 1, 1)
    scores = readout(still)
    assert torch.allclose(scores, scores[:, :1].expand_as(scores), atol=1e-5)


def test_the_output_is_the_mean_of_heads_and_readout(tmp_path: Path) -> None:
    torch.manual_seed(0)
    both = HeadEnsemble(2).eval()
    save_file(both.state_dict(), tmp_path / HEADS_FILE)
    states = torch.randn(1, 9, STATES, 384)
    outputs = (both.heads[0](states)[0] + both.heads[1](states)[0]) / 2
    output = HeadEnsemble.load(tmp_path, CPU)(states)
    read = both.reading(states)
    assert torch.allclose(output.scores, (outputs[..., :4] + read) / 2, atol=1e-6)
    assert torch.allclose(output.voice, outputs[..., 4].sigmoid(), atol=1e-6)
    assert torch.allclose(output.closed, outputs[..., 5].sigmoid(), atol=1e-6)
    assert torch.allclose(output.hidden[..., :4], read, atol=1e-6)


@pytest.mark.parametrize("content", [None, b"", b"damaged" * 100])
def test_unusable_weights_are_named(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / HEADS_FILE).write_bytes(content)
    with pytest.raises(WeightsUnavailable, match=HEADS_FILE):
        HeadEnsemble.load(tmp_path, CPU)
