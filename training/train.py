"""Train the mouth heads that the built-in engine ships, from a folder of talking-face clips.

    python -m training.train CLIPS weights/builtin

CLIPS: videos of one speaker with the audio in sync (the shipped heads: GRID s1). Everything else is
made in the process: synthetic sentences (needs the program ``flite`` and the library of
``espeak-ng``), noise, music. Tracks of the clips are stored in ``--cache``, so that a second run
continues where the first stopped. The same arguments on the same machine give the same weights.
"""

import argparse
import json
import time
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from heygem_daemon.device.weights import atomic_weights_file
from heygem_daemon.engines.builtin.audio.heads import (
    HEADS_FILE,
    HeadEnsemble,
    LinearReadout,
    MouthHead,
)
from training.closures import fit_readout_of
from training.corpus import Corpus
from training.espeak import Espeak
from training.examples import Example, ExampleEncoder, from_clips, from_nonspeech, from_synthesis
from training.fit import Recipe, fit
from training.readout import fit_readout
from training.synthesis import sentences


@dataclass(frozen=True, slots=True)
class Material:
    """How much the heads learn from."""

    clips: int = 600
    """Clips of real speakers."""
    copies: int = 3
    """How often each clip is used: once unchanged, else degraded."""
    english: int = 200
    """English sentences by flite."""
    languages: int = 250
    """Sentences in all languages by espeak-ng."""
    nonspeech: int = 160
    """Recordings of noise and music."""
    shares: tuple[tuple[float, float, float], ...] = (
        (0.75, 0.15, 0.10),
        (0.70, 0.20, 0.10),
        (0.65, 0.25, 0.10),
        (0.55, 0.35, 0.10),
    )
    """For each head, the shares of real speech, synthesized speech and no speech: heads with
    different shares make different errors."""


def gather(
    folder: Path, corpus: Corpus, encoder: ExampleEncoder, material: Material
) -> list[list[Example]]:
    """Return real, synthesized and speechless examples."""
    rng = np.random.default_rng(0)
    clips = list(corpus.clips(folder, material.clips))
    log(f"{len(clips)} clips tracked")
    clean = list(from_clips(clips, None))
    copies = [piece for _ in range(material.copies - 1) for piece in from_clips(clips, rng)]
    made = list(from_synthesis(sentences(material.english, rng), rng))
    made += from_synthesis(Espeak().sentences(material.languages, rng), rng)
    other = list(from_nonspeech(material.nonspeech, rng))
    log(f"{len(clean)} clean, {len(copies)} degraded, {len(made)} synthesized, {len(other)} others")
    encoded = iter(encoder.examples([*copies, *made, *other], rng))
    kinds = [list(islice(encoded, len(kind))) for kind in (copies, made, other)]
    # Clean clips share windows only with each other: noise beside a clip affects its states.
    kinds[0] = encoder.examples(clean, rng) + kinds[0]
    log(f"encoded {', '.join(f'{minutes(kind):.0f}' for kind in kinds)} minutes")
    return kinds


def minutes(examples: list[Example]) -> float:
    """Return the length of examples in minutes, at 50 states per second."""
    return sum(len(example.states) for example in examples) / 3000


def combine(
    heads: list[MouthHead], readout: LinearReadout, kinds: list[list[Example]]
) -> HeadEnsemble:
    """Return heads and readout as one network, with the hidden states' principal components."""
    ensemble = HeadEnsemble(len(heads)).eval()
    for target, head in zip(ensemble.heads, heads, strict=True):
        target.load_state_dict(head.state_dict())
    ensemble.reading.load_state_dict(readout.state_dict())
    spoken = [example for kind in kinds[:2] for example in kind[::10]]
    with torch.inference_mode():
        hidden = torch.cat([ensemble.run_heads(each.states[None].float())[1][0] for each in spoken])
    ensemble.centre.copy_(hidden.mean(0))
    _, _, directions = torch.linalg.svd(hidden - ensemble.centre, full_matrices=False)
    ensemble.basis.copy_(directions[: ensemble.basis.shape[1]].T)
    return ensemble


def save(heads: HeadEnsemble, target: Path, note: dict[str, object]) -> None:
    """Write the heads as the engine reads them; ``note`` becomes the file's metadata."""
    with atomic_weights_file(target / HEADS_FILE) as draft:
        save_file(heads.state_dict(), draft, {"training": json.dumps(note)})
    log(f"wrote {target / HEADS_FILE}")


def log(text: str) -> None:
    """Print a line of progress with the time."""
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description="Train the mouth heads.")
    parser.add_argument("clips", type=Path, help="folder of clips, audio in sync")
    parser.add_argument("target", type=Path, help="folder for the weights file")
    parser.add_argument("--weights", type=Path, default=Path("weights/builtin"))
    parser.add_argument("--cache", type=Path, default=Path("build/training/tracks"))
    parser.add_argument(
        "--limit", type=int, default=Material().clips, help="maximum number of clips"
    )
    parser.add_argument("--steps", type=int, default=Recipe().steps)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    started = time.monotonic()
    material, recipe = Material(clips=arguments.limit), Recipe(steps=arguments.steps)
    corpus = Corpus(arguments.weights, arguments.cache)
    kinds = gather(arguments.clips, corpus, ExampleEncoder(arguments.weights), material)
    heads = []
    for seed, shares in enumerate(material.shares):
        heads.append(fit(kinds, shares, recipe, seed))
        log(f"head {seed} fitted, states mixed by {heads[-1].mix.softmax(0).tolist()}")
    # The unchanged clips come first.
    clean = kinds[0][: len(kinds[0]) // material.copies]
    readout = fit_readout(clean, [*kinds[0], *kinds[1]], heads)
    log("readout solved")
    note = {
        "minutes": [round(minutes(kind)) for kind in kinds],
        "shares": material.shares,
        "steps": recipe.steps,
        "seconds": round(time.monotonic() - started),
    }
    ensemble = combine(heads, readout, kinds)
    ensemble.closure = fit_readout_of(ensemble, arguments.weights)
    log("readout of closed lips fitted")
    save(ensemble, arguments.target, note)


if __name__ == "__main__":
    main()
