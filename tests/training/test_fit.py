import torch

from heygem_daemon.engines.builtin.audio.heads import HIDDEN
from heygem_daemon.speech.encoder import STATES
from training.fit import NoisyHead, Recipe


def test_noise_is_added_in_training_only() -> None:
    torch.manual_seed(0)
    head = NoisyHead(Recipe(dropout=0.0))
    states = torch.randn(2, 30, STATES, 384)
    first, second = head(states)[1], head(states)[1]
    assert first.shape == (2, 30, HIDDEN)
    assert not torch.equal(first, second)
    head.eval()
    assert torch.equal(head(states)[1], head(states)[1])
