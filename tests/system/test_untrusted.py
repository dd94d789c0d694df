"""Texts of an enemy: each is refused by the one exception, at once."""

import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from heygem_daemon.system.untrusted import (
    MAX_KEY_PARTS,
    TextLimits,
    UnreadableText,
    parse_json,
    parse_model,
    parse_toml,
    read_text,
)

LIMITS = TextLimits(1 << 20, max_depth=8)
SOON_SECONDS = 1.0


class Point(BaseModel):
    x: int
    y: float = 0.0


@pytest.mark.parametrize(
    "text",
    [
        b"[" * 200_000,
        b'{"a":' * 9 + b"1" + b"}" * 9,
        b"1" * 5000,
        b"[" + b"1" * 65 + b"]",
        b"0." + b"1" * 5000,
        b"NaN",
        b'{"x": Infinity}',
        b"-Infinity",
        b"1e999",
        b"\xff\xfe",
        b'"\\ud800',
        b" " * (LIMITS.max_bytes + 1),
        b"",
    ],
    ids=lambda text: repr(text[:12]),
)
def test_hostile_json_is_refused_at_once(text: bytes) -> None:
    begun = time.monotonic()
    with pytest.raises(UnreadableText) as caught:
        parse_json(text, LIMITS)
    assert time.monotonic() - begun < SOON_SECONDS
    assert 0 < len(str(caught.value)) < 300


def test_brackets_in_strings_are_no_nesting() -> None:
    text = b'{"a \\" [[[[[[[[[[": ["{{{{{{{{{{", [[{"b": []}]]]}'
    assert parse_json(text, LIMITS) == {'a " [[[[[[[[[[': ["{{{{{{{{{{", [[{"b": []}]]]}


def test_many_members_side_by_side_are_no_nesting() -> None:
    assert parse_json(b"[" + b"[{}]," * 1000 + b"1]", LIMITS) == [[{}]] * 1000 + [1]


def test_what_is_not_a_number_can_be_read_as_unknown() -> None:
    assert parse_json(b"[NaN, -Infinity, 1e999, 1.5]", LIMITS, is_finite=False) == [
        None, None, None, 1.5,
    ]  # fmt: skip


@pytest.mark.parametrize("text", [b"{}", b'{"x": "one"}', b"[]", b'{"x": 1e300}'])
def test_another_value_is_no_model(text: bytes) -> None:
    with pytest.raises(UnreadableText, match="not a Point"):
        parse_model(Point, text, LIMITS)


def test_a_model_that_raises_anything_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def exhaust(_value: object) -> Point:
        raise MemoryError

    monkeypatch.setattr(Point, "model_validate", exhaust)
    with pytest.raises(UnreadableText, match="MemoryError"):
        parse_model(Point, b'{"x": 1}', LIMITS)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (b"a=" + b"[" * 500, 1),
        (b"x = 1\na = " + b"{b=" * 300, 2),
        (b"priority = 1" + b"0" * 5000, 1),
        (b"\ncrf = 0x" + b"f" * 3700, 2),
        (b"a." * 32_000 + b"a = 1", 1),
        (b"[" + b"a." * 32_000 + b"a]", 1),
        (b"x = 'a'\nloop == 3", 2),
        (b"x = 'a'\ny = '\xff'", 2),
        (b"#" * (LIMITS.max_bytes + 1), None),
    ],
    ids=lambda value: repr(value)[:14],
)
def test_hostile_toml_is_refused_at_once_with_its_line(text: bytes, line: int | None) -> None:
    begun = time.monotonic()
    with pytest.raises(UnreadableText) as caught:
        parse_toml(text, LIMITS)
    assert time.monotonic() - begun < SOON_SECONDS
    assert caught.value.line == line


def test_dots_in_values_and_comments_are_no_key() -> None:
    dots = "a." * (MAX_KEY_PARTS + 1)
    text = f'x = "{dots} = 1"  # {dots} = 2\n# {dots} = 3\n'.encode()
    assert parse_toml(text, LIMITS) == {"x": f"{dots} = 1"}


@given(st.binary(max_size=300))
def test_any_bytes_give_a_value_or_the_one_exception(text: bytes) -> None:
    for parse in (parse_json, parse_toml):
        try:
            parse(text, LIMITS)
        except UnreadableText:
            continue


def test_neither_a_link_nor_a_pipe_nor_a_folder_is_read(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"{}")
    (tmp_path / "link").symlink_to(tmp_path / "secret")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    assert read_text(tmp_path / "secret") == b"{}"
    for name in ("link", "pipe", "folder"):
        with pytest.raises(UnreadableText):
            read_text(tmp_path / name)


def test_no_more_is_read_than_shows_that_a_file_is_too_long(tmp_path: Path) -> None:
    (tmp_path / "vast").touch()
    os.truncate(tmp_path / "vast", 1 << 40)
    text = read_text(tmp_path / "vast", LIMITS)
    assert len(text) == LIMITS.max_bytes + 1
