from pathlib import Path

import pytest
import torch

from heygem_daemon.engines.wav2lip import dtype_choice
from heygem_daemon.engines.wav2lip.dtype_choice import (
    ERROR_LIMIT,
    MeasuredMode,
    choose_mode,
    fastest_exact_mode,
    measure_modes,
)
from heygem_daemon.engines.wav2lip.network import Generator
from tests.engines.wav2lip.conftest import TINY, random_generator

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def tiny() -> Generator:
    return random_generator(TINY)


def mode(precision: str, speed: float, error: float = 0.0, batch: int = 4) -> MeasuredMode:
    return MeasuredMode(precision=precision, batch=batch, pictures_per_second=speed, error=error)


@pytest.mark.parametrize(
    ("modes", "chosen"),
    [
        ([mode("float32", 5)], 0),
        ([mode("float32", 5), mode("float32", 7, batch=8)], 1),
        ([mode("float32", 5), mode("bfloat16", 12, 1e-3)], 1),
        ([mode("float32", 5), mode("bfloat16", 5.2, 1e-3)], 0),
        ([mode("float32", 5), mode("float16", 50, 2 * ERROR_LIMIT), mode("bfloat16", 20, 1e-3)], 2),
        ([mode("float32", 5), mode("float16", 50, float("nan"))], 0),
    ],
    ids=["alone", "batch", "faster", "not clearly faster", "too coarse", "no numbers"],
)
def test_the_fastest_mode_that_is_exact_enough(modes: list[MeasuredMode], chosen: int) -> None:
    assert fastest_exact_mode(modes) is modes[chosen]


def test_every_mode_of_this_processor_is_measured(tiny: Generator) -> None:
    tried = list(measure_modes(tiny, CPU))
    assert {each.precision for each in tried} == {"float32", "bfloat16"}
    assert all(each.pictures_per_second > 0 for each in tried)
    (exact,) = (each for each in tried if each.precision == "float32")
    assert exact.error < 1e-5
    assert exact.mode.precision == torch.float32


@pytest.mark.slow
def test_what_was_measured_is_kept_and_used_again(tiny: Generator, tmp_path: Path) -> None:
    first = choose_mode(tiny, "aa", CPU, tmp_path)
    (file,) = (tmp_path / "pace").iterdir()
    planted = mode("float32", 123.0, batch=7)
    file.write_text(planted.model_dump_json())
    assert choose_mode(tiny, "aa", CPU, tmp_path) == planted
    assert choose_mode(tiny, "bb", CPU, tmp_path) != planted
    file.write_text("{}")
    assert choose_mode(tiny, "aa", CPU, tmp_path).batch == first.batch


def test_another_processor_is_measured_anew(
    tiny: Generator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for model in ("one", "one", "two"):
        monkeypatch.setattr(dtype_choice, "describe_processor", lambda model=model: model)
        choose_mode(tiny, "aa", CPU, tmp_path)
    assert len(list((tmp_path / "pace").iterdir())) == 2


def test_a_cache_that_cannot_be_written_is_no_error(tiny: Generator, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    assert choose_mode(tiny, "aa", CPU, blocked).batch > 0
