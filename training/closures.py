"""Fits the readout of closed lips to synthesized speech, whose closures are known exactly.

    python -m training.closures weights/builtin

fits it anew for the heads in that folder, and writes it into their file. It is a logistic
regression: fourteen weights, found by Newton's method. Needs the library of ``espeak-ng``.
"""

import argparse
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from heygem_daemon.device.weights import atomic_weights_file
from heygem_daemon.engines.builtin.audio.closure import AROUND, ClosureReadout, closure_inputs
from heygem_daemon.engines.builtin.audio.guarded_precision import build_guarded_encoder
from heygem_daemon.engines.builtin.audio.heads import HEADS_FILE, HeadEnsemble
from heygem_daemon.engines.builtin.audio.listening import AudioModel
from heygem_daemon.face.tracking.mouth import APERTURE
from heygem_daemon.speech.encoder import WhisperEncoder
from training.espeak import Espeak
from training.examples import pad_to_states
from training.phones import Spoken, closures

CPU = torch.device("cpu")
SENTENCES = 300
"""Sentences in all languages of ``texts``: 7 minutes."""
SEED = 7
RIDGE = 1.0
"""Penalty on the weights of standardized inputs."""
STEPS = 40
"""Steps of Newton's method: it has converged after about ten."""
MOST_LOG_ODDS = 30.0
"""Log-odds are limited to this, so that no step overflows."""
SPEAKING = 0.5
"""Activity above which somebody speaks."""


@dataclass(frozen=True, slots=True)
class Moments:
    """Moments of speech in which it is known whether the lips are closed."""

    inputs: Tensor
    """float64 (n, 2 AROUND), as ``closure_inputs`` returns them."""
    closed: Tensor
    """float64 (n,), 1 where the lips are closed, else 0."""


def fit_readout_of(heads: HeadEnsemble, weights: Path) -> ClosureReadout:
    """Return the readout for ``heads``, whose encoder lies in the folder ``weights``."""
    heads.closure = ClosureReadout()
    encoder = build_guarded_encoder(WhisperEncoder.load(weights, CPU), heads, CPU)
    spoken = Espeak().sentences(SENTENCES, np.random.default_rng(SEED))
    return fit_closure(hear(AudioModel(encoder, heads, CPU), spoken))


def hear(listener: AudioModel, spoken: Iterable[Spoken]) -> Moments:
    """Return what ``listener``, whose own readout is not trained, hears in the sentences."""
    inputs, closed = zip(*_hear_each(listener, spoken), strict=True)
    return Moments(torch.cat(inputs).double(), torch.cat(closed).double())


def _hear_each(listener: AudioModel, spoken: Iterable[Spoken]) -> Iterator[tuple[Tensor, Tensor]]:
    for sentence in spoken:
        speech = listener.listen([pad_to_states(sentence.sound)])
        closed, known = closures(sentence.phones, len(speech))
        aperture = torch.from_numpy(speech.scores[:, APERTURE].copy())
        used = torch.from_numpy((known > 0) & (speech.activity > SPEAKING))
        inputs = closure_inputs(torch.from_numpy(speech.closed), aperture)
        yield inputs[used], torch.from_numpy(closed)[used]


def fit_closure(moments: Moments) -> ClosureReadout:
    """Return the readout that makes the known closures most probable."""
    mean, deviation = moments.inputs.mean(0), moments.inputs.std(0) + 1e-6
    ones = torch.ones(len(moments.inputs), 1, dtype=torch.double)
    standard = torch.cat([(moments.inputs - mean) / deviation, ones], dim=1)
    solution = torch.zeros(2 * AROUND + 1, dtype=torch.double)
    penalty = RIDGE * torch.eye(len(solution), dtype=torch.double)
    for _ in range(STEPS):
        log_odds = (standard @ solution).clamp(-MOST_LOG_ODDS, MOST_LOG_ODDS)
        probability = log_odds.sigmoid()
        slope = standard.T @ (probability - moments.closed) + penalty @ solution
        curvature = (standard.T * (probability * (1 - probability))) @ standard + penalty
        solution -= torch.linalg.solve(curvature, slope)
    readout = ClosureReadout()
    weight = solution[:-1] / deviation
    with torch.no_grad():
        readout.linear.weight.copy_(weight[None])
        readout.linear.bias.copy_(solution[-1] - weight @ mean)
    return readout


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description="Fit the readout of closed lips.")
    parser.add_argument("weights", type=Path, help="the folder of the built-in engine's weights")
    weights = parser.parse_args().weights
    torch.set_num_threads(1)
    with safe_open(weights / HEADS_FILE, "pt") as file:
        note = file.metadata()
    heads = HeadEnsemble.load(weights, CPU)
    heads.closure = fit_readout_of(heads, weights)
    with atomic_weights_file(weights / HEADS_FILE) as draft:
        save_file(heads.state_dict(), draft, note)
    print(f"wrote the readout into {weights / HEADS_FILE}")


if __name__ == "__main__":
    main()
