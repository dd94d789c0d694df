"""Sidecars as people's editors write them."""

import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heygem_daemon.config.job_options import JobOptions
from heygem_daemon.config.option_advice import EXAMPLES, advise
from heygem_daemon.config.sidecar import MAX_SIDECAR_BYTES, parse_sidecar
from heygem_daemon.config.sidecar_text import with_plain_signs
from heygem_daemon.errors import BadInput

TEXT = '# 晚间使用\nface = "left"\ncrf = 18\n'
LEFT = JobOptions(face="left", crf=18)


@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16", "utf-16-le", "utf-16-be"],
)
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_the_encodings_of_editors_are_read(encoding: str, line_end: str) -> None:
    content = TEXT.replace("\n", line_end).encode(encoding)
    assert parse_sidecar(content, "talk.toml") == LEFT
    big = b"\xfe\xff" + TEXT.encode("utf-16-be")
    assert parse_sidecar(big, "talk.toml") == LEFT


@pytest.mark.parametrize(
    "text",
    [
        "face = “left”\ncrf = 18",
        "face = ‘left’\ncrf = 18",
        "face = „left“ # ok\ncrf = 18",
        "face = 「left」\ncrf = 18",
        "face ＝ ＂left＂\ncrf ＝ １８",
        "face = left\ncrf = 18",
        "face = left   # the one at the window\ncrf = 18",
        "face: left\ncrf: 18",
        "face：“left”\ncrf：18",
        "\u3000face\u00a0= left\ncrf = 18",
        "face = 'left\"\ncrf = 18",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_plain_meanings_are_read(text: str, encoding: str) -> None:
    assert parse_sidecar(text.encode(encoding), "talk.toml") == LEFT


def test_quotes_of_old_windows_programs_are_read() -> None:
    assert parse_sidecar("face = “left”\ncrf = 18".encode("cp1252"), "talk.toml") == LEFT
    assert parse_sidecar("face = “left”\ncrf = 18".encode("gbk"), "talk.toml") == LEFT


@pytest.mark.parametrize("word", ["True", "TRUE", "false"])
def test_a_truth_is_read_in_any_case(word: str) -> None:
    assert parse_sidecar(f"strip = {word}".encode(), "talk.toml") == JobOptions(
        strip=word.lower() == "true"
    )


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ('crf = "18"', "Write: crf = 18."),
        ("strip = yes", "Write: strip = true."),
        ("prioritty = 5", "Write: priority = 5."),
        ("face == left", 'Write: face = "left".'),
        ("max height: 720", "Write: max_height = 720."),
        ("quality = hihg", 'Write for example: quality = "high".'),
        ("crf = 99", "Write for example: crf = 18."),
        ("质量 = 高", 'Write for example: face = "left".'),
        ("please use the left face", "Write each option on a line of its own, for example: "),
    ],
)  # fmt: skip
def test_what_is_not_plain_is_answered_with_what_to_type(text: str, advice: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse_sidecar(text.encode(), "talk.toml")
    assert caught.value.reason.startswith("talk.toml, line 1: ")
    assert caught.value.remedy.startswith(advice)
    assert "priority" in caught.value.remedy


def test_the_right_line_is_blamed_in_every_encoding() -> None:
    for encoding in ("utf-8-sig", "gbk", "utf-16"):
        with pytest.raises(BadInput, match=r"talk.toml, line 3: crf = 99"):
            parse_sidecar("# 注释\nface = “left”\ncrf = 99\n".encode(encoding), "talk.toml")


def test_there_is_a_right_example_for_each_option() -> None:
    assert EXAMPLES.keys() == JobOptions.model_fields.keys()
    for key, value in EXAMPLES.items():
        assert JobOptions.model_validate({key: value}).given == (key,)
        assert advise(f"{key} = !") in (
            f"Write for example: {key} = {each}. " for each in (f'"{value}"', str(value).lower())
        )


def test_a_file_of_valid_toml_means_what_it_says() -> None:
    """Quotes within values are not touched where the parser understands them."""
    with pytest.raises(BadInput, match='face = "“left”": must be'):
        parse_sidecar('face = "“left”"'.encode(), "talk.toml")


@given(st.text(max_size=300))
def test_plain_signs_keep_the_lines(text: str) -> None:
    assert with_plain_signs(text).count("\n") == text.count("\n")


@pytest.mark.parametrize("piece", ["a", "face = ", "“", "= ", "a-", "' ", "# ", "：", "　", "\0a"])
def test_hostile_text_takes_no_time(piece: str) -> None:
    content = (piece * MAX_SIDECAR_BYTES).encode()[:MAX_SIDECAR_BYTES]
    before = time.thread_time()
    with suppress(BadInput):
        parse_sidecar(content, "talk.toml")
    assert time.thread_time() - before < 2
