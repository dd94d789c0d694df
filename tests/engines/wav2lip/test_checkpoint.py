import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from heygem_daemon.engines.wav2lip.checkpoint import (
    load_generator,
    read_checkpoint,
    recognize_layout,
)
from heygem_daemon.engines.wav2lip.layout import LAYOUTS, WAV2LIP_96, GeneratorLayout
from heygem_daemon.errors import WeightsUnavailable
from tests.engines.wav2lip.conftest import random_generator

pytestmark = pytest.mark.slow

State = dict[str, Tensor]
A_WEIGHT = "face_decoder_blocks.3.1.conv_block.0.weight"


def test_the_published_form_is_read(checkpoint: Path, state: State) -> None:
    generator, layout = load_generator(checkpoint)
    assert layout is WAV2LIP_96
    loaded = generator.state_dict()
    assert loaded.keys() == state.keys()
    assert all(torch.equal(loaded[name], state[name]) for name in state)


def test_a_bare_table_is_read(tmp_path: Path, state: State) -> None:
    torch.save(state, tmp_path / "bare.pt")
    assert load_generator(tmp_path / "bare.pt")[1] is WAV2LIP_96


def test_safetensors_in_half_precision_and_without_counters_are_read(
    tmp_path: Path, state: State
) -> None:
    slim = {
        name: tensor.half()
        for name, tensor in state.items()
        if not name.endswith("batches_tracked")
    }
    save_file(slim, tmp_path / "slim.safetensors")
    generator, _ = load_generator(tmp_path / "slim.safetensors")
    assert {weight.dtype for weight in generator.parameters()} == {torch.float32}


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_the_layout_is_recognized_by_names_and_shapes(layout: GeneratorLayout) -> None:
    state = random_generator(layout).state_dict()
    assert recognize_layout(state, Path("some.pth")) is layout


class Program:
    """Makes a folder when an unrestricted unpickler loads it."""

    def __init__(self, evidence: Path) -> None:
        self.evidence = evidence

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.evidence),)


def test_a_malicious_pickle_is_refused_and_not_run(tmp_path: Path, state: State) -> None:
    path, evidence = tmp_path / "wav2lip.pth", tmp_path / "it-ran"
    torch.save({"state_dict": state, "extra": Program(evidence)}, path)
    with pytest.raises(WeightsUnavailable, match=r"wav2lip\.pth is refused") as refusal:
        load_generator(path)
    assert not evidence.exists()
    assert str(refusal.value).endswith("(it asks for posix.mkdir).")
    # Torch's own message explains how to load the file anyway, which does not belong into a log.
    assert "weights_only" not in str(refusal.value)
    # The file is what it claims to be: an unrestricted unpickler would have run it.
    torch.load(path, weights_only=False)
    assert evidence.is_dir()


def test_a_plain_pickle_is_refused_and_not_run(tmp_path: Path) -> None:
    path, evidence = tmp_path / "wav2lip.pth", tmp_path / "it-ran"
    path.write_bytes(pickle.dumps(Program(evidence), protocol=2))
    with pytest.raises(WeightsUnavailable, match="refused"):
        load_generator(path)
    assert not evidence.exists()


@pytest.mark.parametrize("name", ["broken.pth", "broken.safetensors"])
def test_what_is_no_checkpoint_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"this is not a checkpoint at all, whatever it is called")
    with pytest.raises(WeightsUnavailable, match=name):
        load_generator(tmp_path / name)


def test_a_truncated_checkpoint_is_named(tmp_path: Path, checkpoint: Path) -> None:
    half = tmp_path / "half.pth"
    half.write_bytes(checkpoint.read_bytes()[: checkpoint.stat().st_size // 2])
    with pytest.raises(WeightsUnavailable, match=r"half\.pth"):
        load_generator(half)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsUnavailable, match=r"absent\.pth cannot be read"):
        load_generator(tmp_path / "absent.pth")


@pytest.mark.parametrize("stored", [{}, [1, 2], {"state_dict": {"epoch": 3}}])
def test_a_file_without_weights_is_refused(tmp_path: Path, stored: object) -> None:
    torch.save(stored, tmp_path / "other.pth")
    with pytest.raises(WeightsUnavailable, match=r"other\.pth: expected"):
        read_checkpoint(tmp_path / "other.pth")


def test_the_first_weight_of_another_shape_is_named(state: State) -> None:
    wrong = state | {A_WEIGHT: torch.zeros(5, 5)}
    with pytest.raises(WeightsUnavailable, match=f"{A_WEIGHT} is 5x5, expected 384x384x3x3"):
        recognize_layout(wrong, Path("wrong.pth"))


def test_a_missing_and_an_unknown_weight_are_named(state: State) -> None:
    without = {name: tensor for name, tensor in state.items() if name != A_WEIGHT}
    with pytest.raises(WeightsUnavailable, match=f"{A_WEIGHT} is absent, expected 384x384x3x3"):
        recognize_layout(without, Path("wrong.pth"))
    with pytest.raises(WeightsUnavailable, match=r"extra\.weight is 3, expected absent"):
        recognize_layout(state | {"extra.weight": torch.zeros(3)}, Path("wrong.pth"))


def test_weights_of_another_network_are_no_generator() -> None:
    other = torch.nn.Linear(3, 4).state_dict()
    with pytest.raises(WeightsUnavailable, match="no Wav2Lip generator; known are wav2lip-96"):
        recognize_layout(other, Path("linear.pth"))


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused(tmp_path: Path, state: State, bad: float) -> None:
    broken = state[A_WEIGHT].clone()
    broken[3, 4, 1, 1] = bad
    torch.save(state | {A_WEIGHT: broken}, tmp_path / "nan.pth")
    with pytest.raises(WeightsUnavailable, match=f"{A_WEIGHT} holds values that are not numbers"):
        load_generator(tmp_path / "nan.pth")


@pytest.mark.parametrize(
    ("changed", "stored_as"),
    [
        (lambda weight: weight.to(torch.float8_e4m3fn), "float8_e4m3fn"),
        (lambda weight: weight.to(torch.int8), "int8"),
        (lambda weight: weight.to(torch.complex64), "complex64"),
        (lambda weight: weight.to_sparse(), "float32 and sparse"),
        (lambda weight: weight.to("meta"), "float32"),
    ],
)
def test_weights_that_are_not_made_of_plain_numbers_are_refused(
    tmp_path: Path, state: State, changed: Callable[[Tensor], Tensor], stored_as: str
) -> None:
    torch.save(state | {A_WEIGHT: changed(state[A_WEIGHT])}, tmp_path / "odd.pth")
    with pytest.raises(
        WeightsUnavailable, match=f"{A_WEIGHT} is stored as {stored_as}, expected float"
    ):
        load_generator(tmp_path / "odd.pth")


def test_weights_too_large_for_our_numbers_are_refused(tmp_path: Path, state: State) -> None:
    large = state[A_WEIGHT].double() * 1e300
    torch.save(state | {A_WEIGHT: large}, tmp_path / "large.pth")
    with pytest.raises(WeightsUnavailable, match=f"{A_WEIGHT} holds values that are not numbers"):
        load_generator(tmp_path / "large.pth")
