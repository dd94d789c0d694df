"""Lists and brackets within texts."""

import pytest

from heygem_daemon.language.listing import count_stray_brackets, split_outside_brackets


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a, b", ["a", "b"]),
        ("GPU 0 (X, MIG-1), GPU 1 (X, MIG-2)", ["GPU 0 (X, MIG-1)", "GPU 1 (X, MIG-2)"]),
        ("a (b (c, d), e), f", ["a (b (c, d), e)", "f"]),
        ("a(1.wav, b", ["a(1.wav", "b"]),
        ("a).wav, b (c, d)", ["a).wav", "b (c, d)"]),
        ("", [""]),
    ],
)
def test_a_text_is_split_outside_its_brackets(text: str, parts: list[str]) -> None:
    assert split_outside_brackets(text, ", ") == parts


@pytest.mark.parametrize(
    ("text", "count"),
    [("", 0), ("a (b) c（d）", 0), ("（a), b (c）", 2), ("（X)", 2), (")(", 2), ("a)", 1)],
)
def test_torn_brackets_are_counted(text: str, count: int) -> None:
    assert count_stray_brackets(text) == count
