"""Train the mouth heads that the built-in engine ships, from a folder of talking-face clips.

    python -m training.train CLIPS weights/builtin

CLIPS: videos of one speaker with the sound in sync (ours: GRID s1). Everything else is made on
the way: synthetic sentences (needs the program ``flite`` and the library of ``espeak-ng``), noise,
music. Tracks of the clips are kept in ``--cache``, so that a second run begins where the first
has got to. The same arguments and the same machine give the same weights.
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
from training.corpus import Corpus
from training.espeak import Espeak
from training.examples import Example, Listening, from_clips, from_nonspeech, from_synthesis
from training.fit import Recipe, fit
from training.read import fit_reading
from training.synthesis import sentences


@dataclass(frozen=True, slots=True)
class Material:
    """How much to learn from, and in which shares: real, synthesized, no speech.

    ``shares``: one triple for each head; heads that lean on different material err differently.
    """

    clips: int = 600
    copies: int = 3
    english: int = 200
    languages: int = 250
    nonspeech: int = 160
    shares: tuple[tuple[float, float, float], ...] = (
        (0.75, 0.15, 0.10),
        (0.70, 0.20, 0.10),
        (0.65, 0.25, 0.10),
        (0.55, 0.35, 0.10),
    )


def gather(
    folder: Path, corpus: Corpus, listening: Listening, material: Material
) -> list[list[Example]]:
    """Real, synthesized and speechless examples."""
    rng = np.random.default_rng(0)
    clips = list(corpus.clips(folder, material.clips))
    say(f"{len(clips)} clips tracked")
    clean = list(from_clips(clips, None))
    copies = [piece for _ in range(material.copies - 1) for piece in from_clips(clips, rng)]
    made = list(from_synthesis(sentences(material.english, rng), rng))
    made += from_synthesis(Espeak().sentences(material.languages, rng), rng)
    other = list(from_nonspeech(material.nonspeech, rng))
    say(f"{len(clean)} clean, {len(copies)} degraded, {len(made)} synthesized, {len(other)} others")
    heard = iter(listening.examples([*copies, *made, *other], rng))
    kinds = [list(islice(heard, len(kind))) for kind in (copies, made, other)]
    # In each other's company alone: a noise beside a clean clip would be heard in it.
    kinds[0] = listening.examples(clean, rng) + kinds[0]
    say(f"heard {', '.join(f'{minutes(kind):.0f}' for kind in kinds)} minutes")
    return kinds


def minutes(examples: list[Example]) -> float:
    """Length of examples at 50 states a second."""
    return sum(len(example.states) for example in examples) / 3000


def together(
    heads: list[MouthHead], reading: LinearReadout, kinds: list[list[Example]]
) -> HeadEnsemble:
    """Heads and reading as one network, with the principal components of the hidden states."""
    united = HeadEnsemble(len(heads)).eval()
    for place, head in zip(united.heads, heads, strict=True):
        place.load_state_dict(head.state_dict())
    united.reading.load_state_dict(reading.state_dict())
    spoken = [example for kind in kinds[:2] for example in kind[::10]]
    with torch.inference_mode():
        hidden = torch.cat([united.run_heads(each.states[None].float())[1][0] for each in spoken])
    united.centre.copy_(hidden.mean(0))
    _, _, directions = torch.linalg.svd(hidden - united.centre, full_matrices=False)
    united.basis.copy_(directions[: united.basis.shape[1]].T)
    return united


def save(heads: HeadEnsemble, target: Path, note: dict[str, object]) -> None:
    """Write the heads as the engine reads them; ``note`` goes into the file's metadata."""
    with atomic_weights_file(target / HEADS_FILE) as draft:
        save_file(heads.state_dict(), draft, {"training": json.dumps(note)})
    say(f"wrote {target / HEADS_FILE}")


def say(text: str) -> None:
    """A line of progress, with the time."""
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description="Train the mouth heads.")
    parser.add_argument("clips", type=Path, help="folder of clips, sound in sync")
    parser.add_argument("target", type=Path, help="folder that gets the weights file")
    parser.add_argument("--weights", type=Path, default=Path("weights/builtin"))
    parser.add_argument("--cache", type=Path, default=Path("build/training/tracks"))
    parser.add_argument("--limit", type=int, default=Material().clips, help="clips at most")
    parser.add_argument("--steps", type=int, default=Recipe().steps)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    started = time.monotonic()
    material, recipe = Material(clips=arguments.limit), Recipe(steps=arguments.steps)
    corpus = Corpus(arguments.weights, arguments.cache)
    kinds = gather(arguments.clips, corpus, Listening(arguments.weights), material)
    heads = []
    for seed, shares in enumerate(material.shares):
        heads.append(fit(kinds, shares, recipe, seed))
        say(f"head {seed} fitted, states mixed by {heads[-1].mix.softmax(0).tolist()}")
    # The clips as they are come first.
    clean = kinds[0][: len(kinds[0]) // material.copies]
    reading = fit_reading(clean, [*kinds[0], *kinds[1]], heads)
    say("reading solved")
    note = {
        "minutes": [round(minutes(kind)) for kind in kinds],
        "shares": material.shares,
        "steps": recipe.steps,
        "seconds": round(time.monotonic() - started),
    }
    save(together(heads, reading, kinds), arguments.target, note)


if __name__ == "__main__":
    main()
