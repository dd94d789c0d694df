from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from heygem_daemon.engines.wav2lip.layout import (
    LAYOUTS,
    WAV2LIP_96,
    WAV2LIP_256,
    WAV2LIP_288,
    GeneratorLayout,
)
from heygem_daemon.engines.wav2lip.network import Generator
from tests.engines.wav2lip import larger, transcription
from tests.engines.wav2lip.conftest import narrowed, random_generator

EXACT = 1e-5


@pytest.fixture
def given() -> tuple[Tensor, Tensor]:
    torch.manual_seed(3)
    return torch.rand(3, 1, 80, 16) * 8 - 4, torch.rand(3, 6, 96, 96)


def test_equals_a_straight_transcription_of_the_published_definition(
    generator: Generator, state: dict[str, Tensor], given: tuple[Tensor, Tensor]
) -> None:
    expected = transcription.generate(state, *given)
    assert expected.std() > 0.01
    assert (generator(*given) - expected).abs().max() < EXACT


@pytest.mark.parametrize(
    ("layout", "generate"),
    [(WAV2LIP_288, larger.generate_288), (WAV2LIP_256, larger.generate_256)],
    ids=["288", "256"],
)
def test_the_larger_ones_equal_straight_transcriptions_too(
    layout: GeneratorLayout, generate: Callable[[dict[str, Tensor], Tensor, Tensor], Tensor]
) -> None:
    theirs = random_generator(narrowed(layout))
    mel, pictures = torch.rand(1, 1, 80, 16) * 8 - 4, torch.rand(1, 6, layout.size, layout.size)
    with torch.inference_mode():
        drawn = theirs(mel, pictures)
        expected = generate(theirs.state_dict(), mel, pictures)
    assert expected.std() > 0.01
    assert (drawn - expected).abs().max() < EXACT


def test_the_sound_and_the_picture_both_matter(
    generator: Generator, given: tuple[Tensor, Tensor]
) -> None:
    mel, pictures = given
    drawn = generator(mel, pictures)
    assert not torch.allclose(generator(-mel, pictures), drawn, atol=1e-4)
    assert not torch.allclose(generator(mel, 1 - pictures), drawn, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_every_layout_draws_pictures_of_its_size(layout: GeneratorLayout) -> None:
    drawn = random_generator(layout)(
        torch.zeros(1, 1, 80, 16), torch.rand(1, 6, layout.size, layout.size)
    )
    assert drawn.shape == (1, 3, layout.size, layout.size)
    assert 0 <= drawn.min() < drawn.max() <= 1


def test_learned_slopes_are_weights_of_the_layout_that_has_them() -> None:
    slope = "face_encoder_blocks.0.0.act.weight"
    with torch.device("meta"):
        assert slope in Generator(WAV2LIP_288).state_dict()
        assert slope not in Generator(WAV2LIP_96).state_dict()
