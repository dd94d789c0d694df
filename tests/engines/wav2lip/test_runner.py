from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from heygem_daemon.engines.wav2lip.layout import LAYOUTS, GeneratorLayout
from heygem_daemon.engines.wav2lip.network import Generator
from heygem_daemon.engines.wav2lip.runner import (
    GeneratorInput,
    GeneratorMode,
    GeneratorRunner,
    fold_batch_norms,
)
from heygem_daemon.engines.wav2lip.streams import MAX_STREAMS
from heygem_daemon.errors import WeightsUnavailable
from tests.engines.wav2lip.conftest import random_generator

pytestmark = pytest.mark.slow

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def given() -> tuple[Tensor, Tensor]:
    torch.manual_seed(5)
    return torch.rand(9, 1, 80, 16) * 8 - 4, torch.rand(9, 6, 96, 96)


@pytest.fixture(scope="module")
def runner(generator: Generator) -> GeneratorRunner:
    return GeneratorRunner(generator, GeneratorMode(torch.float32, 4), CPU)


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_folding_the_batch_norm_changes_nothing(layout: GeneratorLayout) -> None:
    generator = random_generator(layout)
    mel, picture = torch.rand(1, 1, 80, 16), torch.rand(1, 6, layout.size, layout.size)
    plain = fold_batch_norms(generator)
    # The largest one carries far larger numbers than trained weights would make.
    limit = 1e-5 if layout.size == 96 else 1e-4
    assert not any("running_mean" in name for name in plain.state_dict())
    assert (plain(mel, picture) - generator(mel, picture)).abs().max() < limit


def test_the_runner_draws_what_the_generator_draws(
    runner: GeneratorRunner, generator: Generator, given: tuple[Tensor, Tensor]
) -> None:
    assert (runner(*given) - generator(*given)).abs().max() < 1e-5


def test_a_frame_is_the_same_whatever_it_is_drawn_with(
    runner: GeneratorRunner, given: tuple[Tensor, Tensor]
) -> None:
    mels, pictures = given
    together = runner(mels, pictures)
    alone = torch.cat([runner(mels[k : k + 1], pictures[k : k + 1]) for k in range(len(mels))])
    assert torch.equal(together, alone)
    assert torch.equal(runner(mels[3:8], pictures[3:8]), together[3:8])


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
def test_two_streams_share_the_batch_and_change_nothing(
    runner: GeneratorRunner, generator: Generator, given: tuple[Tensor, Tensor]
) -> None:
    shared = GeneratorRunner(generator, GeneratorMode(torch.float32, 8), CPU)
    assert shared.pictures_per_stream == 4
    drawn = shared(*given)
    assert torch.equal(
        drawn, torch.cat([shared(given[0][k : k + 1], given[1][k : k + 1]) for k in range(9)])
    )
    assert (drawn - runner(*given)).abs().max() < 1e-5


@pytest.mark.parametrize("batch", [4, 8])
def test_the_number_of_cores_changes_no_bit(
    generator: Generator, given: tuple[Tensor, Tensor], batch: int
) -> None:
    runner = GeneratorRunner(generator, GeneratorMode(torch.float32, batch), CPU)
    runner.use_cores(1)
    alone = runner(*given)
    for cores in (2, 4, 32):
        runner.use_cores(cores)
        assert runner.streams.count == min(cores, MAX_STREAMS)
        assert torch.equal(runner(*given), alone)


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_the_lowest_rows_are_drawn_as_in_whole_pictures(
    generator: Generator, given: tuple[Tensor, Tensor], precision: torch.dtype
) -> None:
    runner = GeneratorRunner(generator, GeneratorMode(precision, 4), CPU)
    whole = runner(*given)
    runner.begin_job(4)
    drawn = runner(*given, rows=61)
    assert drawn.shape == (9, 3, 61, 96)
    assert (drawn - whole[:, :, 96 - 61 :]).abs().max() < 1e-5
    assert runner.precision == precision


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_rows_are_the_same_to_the_last_bit_however_many_are_drawn(
    generator: Generator, given: tuple[Tensor, Tensor], precision: torch.dtype
) -> None:
    runner = GeneratorRunner(generator, GeneratorMode(precision, 4), CPU)
    if not runner.has_stable_rows:
        pytest.skip("this processor may compute other sizes in other ways")
    mels, pictures = given
    whole = runner(mels[:4], pictures[:4])
    for rows in (7, 48, 57, 60, 61, 62, 63, 72):
        assert torch.equal(runner(mels[:4], pictures[:4], rows), whole[:, :, 96 - rows :])


def test_bfloat16_stays_within_a_code_value(
    generator: Generator, given: tuple[Tensor, Tensor]
) -> None:
    coarse = GeneratorRunner(generator, GeneratorMode(torch.bfloat16, 4), CPU)
    drawn = coarse(*given)
    assert drawn.dtype == torch.float32
    assert (drawn - generator(*given)).abs().mean() < 1 / 255


class Overflowing(GeneratorRunner):
    """A runner whose network overflows in anything coarser than float32."""

    def _forward(self, given: GeneratorInput) -> Tensor:
        drawn = super()._forward(given)
        return drawn if self.precision == torch.float32 else drawn * torch.nan


def test_values_that_are_no_numbers_lead_to_float32_and_are_reported(
    generator: Generator, given: tuple[Tensor, Tensor]
) -> None:
    runner = Overflowing(generator, GeneratorMode(torch.bfloat16, 4), CPU)
    drawn = runner(*given)
    assert (drawn - generator(*given)).abs().max() < 1e-5
    assert runner.precision == torch.float32
    assert len(runner.warnings) == 1
    assert "goes on in float32" in runner.warnings[0]


class Drifting(GeneratorRunner):
    """A runner whose network is a little too bright in anything coarser than float32."""

    def _forward(self, given: GeneratorInput) -> Tensor:
        drawn = super()._forward(given)
        return drawn if self.precision == torch.float32 else drawn + 4 / 255


def test_drift_in_the_first_picture_of_a_job_leads_to_float32_and_is_reported(
    generator: Generator, given: tuple[Tensor, Tensor]
) -> None:
    runner = Drifting(generator, GeneratorMode(torch.bfloat16, 4), CPU)
    runner.begin_job(4)
    drawn = runner(*given)
    assert (drawn - generator(*given)).abs().max() < 1e-5
    assert runner.precision == torch.float32
    (notice,) = runner.warnings
    assert notice.startswith("The network was off by")
    assert notice.endswith("code values in bfloat16; it goes on in float32.")


def test_one_picture_of_each_job_is_compared(
    generator: Generator, given: tuple[Tensor, Tensor]
) -> None:
    runner = GeneratorRunner(generator, GeneratorMode(torch.bfloat16, 4), CPU)
    runner.begin_job(2)
    assert runner.batching.size == 2
    assert (runner(*given) - generator(*given)).abs().mean() < 1 / 255
    assert runner.precision == torch.bfloat16


def test_values_that_are_no_numbers_in_float32_either_are_an_error(
    generator: Generator, given: tuple[Tensor, Tensor]
) -> None:
    mels, pictures = given
    with pytest.raises(WeightsUnavailable, match="not numbers"):
        GeneratorRunner(generator, GeneratorMode(torch.float32, 4), CPU)(mels * torch.nan, pictures)


class LowMemoryRunner(GeneratorRunner):
    """A runner on a GPU that has room for two pictures."""

    def _forward(self, given: GeneratorInput) -> Tensor:
        if self.batching.size > 2:
            raise torch.cuda.OutOfMemoryError("no room")
        return super()._forward(given)


def test_running_out_of_memory_halves_the_batch_and_is_reported(
    generator: Generator, given: tuple[Tensor, Tensor]
) -> None:
    runner = LowMemoryRunner(generator, GeneratorMode(torch.float32, 8), CPU)
    assert len(runner(*given)) == 9
    assert runner.batching.size == 2
    assert runner.warnings == [
        "Memory ran out; the batch is now 4 pictures.",
        "Memory ran out; the batch is now 2 pictures.",
    ]


def test_memory_that_runs_out_changes_no_picture(
    generator: Generator, given: tuple[Tensor, Tensor]
) -> None:
    expected = GeneratorRunner(generator, GeneratorMode(torch.float32, 8), CPU)(*given)
    assert torch.equal(
        LowMemoryRunner(generator, GeneratorMode(torch.float32, 8), CPU)(*given), expected
    )


class NoMemoryRunner(GeneratorRunner):
    """A runner on a GPU without any room."""

    def _forward(self, given: GeneratorInput) -> Tensor:
        raise torch.cuda.OutOfMemoryError("no room")


def test_no_room_for_one_picture_is_out_of_memory(
    generator: Generator, given: tuple[Tensor, Tensor]
) -> None:
    with pytest.raises(torch.cuda.OutOfMemoryError):
        NoMemoryRunner(generator, GeneratorMode(torch.float32, 8), CPU)(*given)
