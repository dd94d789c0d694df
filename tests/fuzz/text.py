"""Attacks with text: hostile sidecars beside pairs and in folders."""

import random

from tests.fuzz.ground import Ground
from tests.fuzz.values import sidecar

BATCH_SHARE = 0.2
"""Share of the attacks that are a folder with a common sidecar."""


def attack(ground: Ground, chance: random.Random, numbers: range) -> None:
    """Drop a pair or a folder for each of ``numbers``, with a hostile sidecar."""
    for number in numbers:
        content = sidecar(chance)
        if chance.random() < BATCH_SHARE:
            _drop_batch(ground, chance, number, content)
            continue
        name = f"text-{number}"
        ground.put(f"inbox/{name}{chance.choice(('.toml', '.toml', '.TOML'))}", content)
        ground.pair(name, chance.randbytes(50), chance.randbytes(50))
        ground.jobs.append(f"inbox/{name}.wav")


def _drop_batch(ground: Ground, chance: random.Random, number: int, content: bytes) -> None:
    folder = f"inbox/batch-{number}"
    ground.put(f"{folder}/{chance.choice(('job.toml', 'a.toml'))}", content)
    ground.put(f"{folder}/a.wav", chance.randbytes(50))
    for name in ("a", "b"):
        ground.put(f"{folder}/{name}.mp4", chance.randbytes(50))
    ground.mark_ready(folder.encode() + b"/")
    ground.jobs.append(folder)
