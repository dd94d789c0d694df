"""Choices of faces."""

import pytest
from pydantic import TypeAdapter, ValidationError

from heygem_daemon.config.choices import FACE_CHOICE_RULE, MAX_FACES, FaceChoice, parse_face_choice
from heygem_daemon.protocol import RenderOptions

CHOICE: TypeAdapter[str | int] = TypeAdapter(FaceChoice)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("largest", "largest"),
        (" Left ", "left"),
        ("RIGHT", "right"),
        (1, 1),
        ("2", 2),
        (MAX_FACES, MAX_FACES),
    ],
)
def test_sides_and_numbers_are_accepted_also_as_text(value: object, expected: object) -> None:
    assert CHOICE.validate_python(value) == expected


@pytest.mark.parametrize("value", ["", "both", "0", 0, -1, MAX_FACES + 1, True, 1.0, "²", None])
def test_other_values_are_refused_with_the_rule(value: object) -> None:
    with pytest.raises(ValueError, match="must be 'largest', 'left', 'right' or a number"):
        parse_face_choice(value)
    with pytest.raises(ValidationError, match="leftmost"):
        CHOICE.validate_python(value)
    assert "1 (leftmost)" in FACE_CHOICE_RULE


@pytest.mark.parametrize("choice", ["left", 3])
def test_a_choice_survives_the_worker_protocol(choice: FaceChoice) -> None:
    options = RenderOptions(face=choice)
    assert RenderOptions.model_validate_json(options.model_dump_json()) == options
