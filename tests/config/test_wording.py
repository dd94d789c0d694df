"""The wording of messages about wrong values."""

import pytest

from heygem_daemon.config.wording import format_value, suggest_nearest


@pytest.mark.parametrize(
    ("value", "text"), [("a", '"a"'), (True, "true"), (3, "3"), (0.5, "0.5"), ([1], "[1]")]
)
def test_a_value_is_shown_as_it_is_written(value: object, text: str) -> None:
    assert format_value(value) == text


def test_only_a_similar_name_is_suggested() -> None:
    assert suggest_nearest("Lop", ["loop", "strip"]) == '; did you mean "loop"?'
    assert suggest_nearest("zzz", ["loop", "strip"]) == ""
