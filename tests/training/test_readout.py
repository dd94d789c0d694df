import torch

from heygem_daemon.engines.builtin.audio.heads import OUTPUTS, MouthHead
from heygem_daemon.speech.encoder import STATES
from training.examples import Example
from training.readout import KEPT, fit_readout, with_neighbours


def examples(count: int) -> list[Example]:
    """Return states with a few independent causes, of which the first moves the aperture 40 ms
    later.
    """
    torch.manual_seed(0)
    spread = torch.randn(KEPT, STATES * 384) / 4
    result = []
    for _ in range(count):
        causes = torch.randn(120, KEPT)
        target = torch.zeros(120, OUTPUTS)
        target[2:, 0] = causes[:-2, 0]
        target[:, 1] = -causes[:, 1]
        states = (causes @ spread).reshape(120, STATES, 384)
        result.append(Example(states.half(), target, torch.ones(120, OUTPUTS)))
    return result


def test_a_linear_relation_to_surrounding_states_is_found() -> None:
    training, new = examples(30)[:-1], examples(30)[-1]
    head = MouthHead()
    readout = fit_readout(training, training * 6, [head])
    scores = readout(new.states[None].float())[0].detach()
    for column in (0, 1):
        pair = torch.stack([scores[10:-10, column], new.target[10:-10, column]])
        assert float(torch.corrcoef(pair)[0, 1]) > 0.97
    assert float(scores[:, 2].abs().max()) < 0.05


def test_states_without_weight_do_not_count() -> None:
    clean = examples(20)
    spoiled = [
        Example(each.states, each.target + 50, torch.zeros_like(each.weight)) for each in clean
    ]
    one = fit_readout(clean, clean * 6, [MouthHead()])
    other = fit_readout([*clean, *spoiled], clean * 6, [MouthHead()])
    assert torch.allclose(one.linear.weight, other.linear.weight, atol=1e-5)


def test_neighbours_repeat_the_ends() -> None:
    line = torch.arange(20.0)[:, None]
    rows = with_neighbours(line)
    assert rows.shape == (20, 8)
    assert rows[0].tolist() == [0, 0, 0, 0, 2, 4, 8, 1]
    assert rows[19].tolist() == [11, 15, 17, 19, 19, 19, 19, 1]
