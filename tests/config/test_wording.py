"""What was probably meant."""

import pytest

from heygem_daemon.config.wording import nearest, shown


@pytest.mark.parametrize(
    ("value", "text"), [("a", '"a"'), (True, "true"), (3, "3"), (0.5, "0.5"), ([1], "[1]")]
)
def test_a_value_is_shown_as_it_is_written(value: object, text: str) -> None:
    assert shown(value) == text


def test_the_nearest_name_is_offered_and_no_far_one() -> None:
    assert nearest("Lop", ["loop", "strip"]) == '; did you mean "loop"?'
    assert nearest("zzz", ["loop", "strip"]) == ""
