"""Templates, and the values that are found again in finished texts."""

import time

import pytest

from heygem_daemon.language.template import fill_in, names_in, parse_template


@pytest.mark.parametrize(
    ("template", "text", "values"),
    [
        ("nothing here", "nothing here", {}),
        ("nothing here", "nothing there", None),
        ("{name} is empty", "a b.mp4 is empty", {"name": "a b.mp4"}),
        ("{a} of {b} done", "3 of 12 done", {"a": "3", "b": "12"}),
        ("{a} of {b} done", "3 of 12 ended", None),
        ("busy with {a}{b} here", "busy with one job here", {"a": "one job", "b": ""}),
        ("{minutes} min", "12 min", {"minutes": "12"}),
        ("{minutes} min", "some min", None),
    ],
)
def test_values_are_found_by_what_stands_between_them(
    template: str, text: str, values: dict[str, str] | None
) -> None:
    assert parse_template(template).find_values(text) == values


def test_braces_within_values_are_text() -> None:
    assert fill_in("{a} and {b}", {"a": "{b}", "b": "{0.__class__}"}) == "{b} and {0.__class__}"
    assert fill_in("{a} {unknown}", {"a": "1"}) == "1 {unknown}"
    assert names_in("{b} {a} {b}") == ("a", "b", "b")


def test_the_work_grows_with_the_length_of_the_text_alone() -> None:
    template = parse_template("{a} is {b} is {c} is {d} is {e} is {f}, really")
    before = time.thread_time()
    for _ in range(100):
        assert template.find_values(" is " * 1000) is None
    assert time.thread_time() - before < 2
