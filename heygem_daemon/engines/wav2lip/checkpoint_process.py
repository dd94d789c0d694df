"""Examine a checkpoint, in a process of its own (``EngineSpec.checkpoint_program``).

    python -m heygem_daemon.engines.wav2lip.checkpoint_process FILE [--convert TARGET]

Prints one JSON object: ``layout`` and ``values`` (how many), or ``problem``. With ``--convert`` it
also writes the weights to ``TARGET`` as safetensors, in their own types: a format that is read
faster and cannot hold a program.
"""

import argparse
import json
from pathlib import Path

from safetensors.torch import save_file

from heygem_daemon.device.weights import atomic_weights_file
from heygem_daemon.engines.wav2lip.checkpoint import (
    BATCH_COUNTER_SUFFIX,
    load_generator,
    read_checkpoint,
)
from heygem_daemon.errors import WeightsUnavailable


def examine(path: Path, convert_to: Path | None = None) -> dict[str, object]:
    """Return the result as JSON values. No code in the file is run."""
    try:
        generator, layout = load_generator(path)
        if convert_to is not None:
            convert(path, convert_to)
    except WeightsUnavailable as error:
        return {"problem": str(error)}
    except OSError as error:
        return {"problem": f"{convert_to} cannot be written: {error.strerror or error}"}
    return {"layout": layout.name, "values": sum(each.numel() for each in generator.parameters())}


def convert(path: Path, target: Path) -> None:
    """Write the weights of ``path`` to ``target`` as safetensors, which appears complete or not at
    all."""
    tensors = {
        name: tensor.contiguous().clone()
        for name, tensor in read_checkpoint(path).items()
        if not name.endswith(BATCH_COUNTER_SUFFIX)
    }
    with atomic_weights_file(target) as draft:
        save_file(tensors, draft, metadata={"converted_from": path.name})


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description="Examine a checkpoint.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--convert", type=Path, metavar="TARGET")
    given = parser.parse_args()
    print(json.dumps(examine(given.file, given.convert)))  # noqa: T201 - the parent process reads it


if __name__ == "__main__":
    main()
