import pytest
from pydantic import TypeAdapter, ValidationError

from heygem_daemon.config.choices import FACE_CHOICE_RULE, MAX_FACES, FaceChoice, parse_face_choice
from heygem_daemon.protocol import RenderOptions

CHOICE: TypeAdapter[str | int] = TypeAdapter(FaceChoice)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("largest", "largest"),
        (" Left ", "left"),
        ("RIGHT", "right"),
        (1, 1),
        ("2", 2),
        (MAX_FACES, MAX_FACES),
    ],
)
def test_sides_and_numbers_are_taken_also_as_text(given: object, meant: object) -> None:
    assert CHOICE.validate_python(given) == meant


@pytest.mark.parametrize("given", ["", "both", "0", 0, -1, MAX_FACES + 1, True, 1.0, "²", None])
def test_anything_else_is_refused_in_words(given: object) -> None:
    with pytest.raises(ValueError, match="must be 'largest', 'left', 'right' or a number"):
        parse_face_choice(given)
    with pytest.raises(ValidationError, match="leftmost"):
        CHOICE.validate_python(given)
    assert "1 (leftmost)" in FACE_CHOICE_RULE


@pytest.mark.parametrize("choice", ["left", 3])
def test_a_choice_survives_the_wire(choice: FaceChoice) -> None:
    options = RenderOptions(face=choice)
    assert RenderOptions.model_validate_json(options.model_dump_json()) == options
