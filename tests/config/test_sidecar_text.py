"""Sidecars as people's editors write them."""

import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heygem_daemon.config.job_options import JobOptions
from heygem_daemon.config.option_advice import EXAMPLES, advise
from heygem_daemon.config.option_words import KEYS, VALUES
from heygem_daemon.config.sidecar import MAX_SIDECAR_BYTES, parse_sidecar
from heygem_daemon.config.sidecar_text import with_plain_signs
from heygem_daemon.config.wording import format_value
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
        "face＝“left”，\ncrf = 18；",
        "face = ‘left’；\ncrf = 18 ; # fine",
        "face = left;\ncrf = 18,",
        'face = "left",\ncrf = 18',
        'face = "LEFT"; # the, left; one\ncrf = 18',
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_plain_meanings_are_read(text: str, encoding: str) -> None:
    assert parse_sidecar(text.encode(encoding), "talk.toml") == LEFT


def test_quotes_of_old_windows_programs_are_read() -> None:
    assert parse_sidecar("face = “left”\ncrf = 18".encode("cp1252"), "talk.toml") == LEFT
    assert parse_sidecar("face = “left”\ncrf = 18".encode("gbk"), "talk.toml") == LEFT


@pytest.mark.parametrize("encoding", ["utf-8", "gbk", "utf-16"])
@pytest.mark.parametrize(
    "value", ['"left', 'left"', "'left", "left'", "“left", 'left" # the woman']
)
def test_one_missing_quote_is_read(value: str, encoding: str) -> None:
    for end in ("", "\n", "\r\nstrip = true\r\n"):
        text = f"# 注释\nface = {value}{end}"
        assert parse_sidecar(text.encode(encoding), "talk.toml").face == "left"


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
        ('face = "rigth"', 'Write for example: face = "right".'),
        ("loop = pingpng", 'Write for example: loop = "pingpong".'),
        ("crf = 99", "Write for example: crf = 18."),
        ("质量 = 高", 'Write: quality = "high". Keys are English words. '),
        ('质量 = "high"', 'Write: quality = "high". Keys are English words. '),
        ('"质量" = "high"', 'Write: quality = "high". Keys are English words. '),
        ("视频质量：高质量", 'Write: quality = "high". Keys are English words. '),
        ("优先级 = 10", "Write: priority = 10. Keys are English words. "),
        ("音频码率 ＝ １９２", "Write: audio_bitrate = 192. Keys are English words. "),
        ("对比图 = 否", "Write: strip = false. Keys are English words. "),
        ("人脸：第二个", 'Write for example: face = "left". Keys are English words. '),
        ("颜色 = 红", 'Write for example: face = "left". Keys are English words. '),
        ("face = 左", 'Write: face = "left".'),
        ('face = "右边"', 'Write: face = "right".'),
        ("please use the left face", "Write each option on a line of its own, for example: "),
    ],
)  # fmt: skip
def test_what_is_not_plain_is_answered_with_what_to_type(text: str, advice: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse_sidecar(text.encode(), "talk.toml")
    assert caught.value.reason.startswith("talk.toml, line 1: ")
    assert caught.value.remedy.startswith(advice)
    assert "priority" in caught.value.remedy


@pytest.mark.parametrize("value", ['"Small"', "SMALL", "Small，"])
def test_a_choice_is_read_in_any_case(value: str) -> None:
    assert parse_sidecar(f"quality = {value}".encode(), "w.toml") == JobOptions(quality="small")


def test_of_a_key_that_is_like_none_no_other_is_advised() -> None:
    with pytest.raises(BadInput) as caught:
        parse_sidecar(b"face = left\nfce = left\ncolour = 3", "talk.toml")
    assert caught.value.remedy.startswith('Write: face = "left". Correct or remove this file.')


def test_that_keys_are_english_is_said_once() -> None:
    with pytest.raises(BadInput) as caught:
        parse_sidecar("颜色 = 红\n质量 = 高".encode(), "talk.toml")
    assert caught.value.remedy.count("Keys are English words.") == 1


def test_the_right_line_is_blamed_in_every_encoding() -> None:
    for encoding in ("utf-8-sig", "gbk", "utf-16"):
        with pytest.raises(BadInput, match=r"talk.toml, line 3: crf = 99"):
            parse_sidecar("# 注释\nface = “left”\ncrf = 99\n".encode(encoding), "talk.toml")


ENCODINGS = ("utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16", "utf-16-le", "utf-16-be")
BEFORE = ("# 晚间使用的参数，请勿删除", "", "face = “left”")
WRONG_LINES = {
    "crf == 99": "not valid TOML: Invalid value.",
    "crf = 99": "crf = 99: must be less than or equal to 51.",
    '质量 = "high"': 'unknown key "质量"; did you mean "quality"?',
    '"人脸" = "left"': 'unknown key "人脸"; did you mean "face"?',
    "颜色 = 红": 'unknown key "颜色".',
    "ｃｒｆ = ９９": "crf = 99: must be less than or equal to 51.",
    'loop = "frze': 'loop = "frze": must be',
    'face = "right': "not valid TOML: Cannot overwrite a value",
    'quality = "very high': "a quote is missing.",
    "crf = '18": "a quote is missing.",
    "loop = [": "not valid TOML: Invalid value.",
    "请用左边的脸": "not valid TOML: ",
}


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_the_line_is_the_one_in_the_editor(encoding: str, line_end: str) -> None:
    for wrong, problem in WRONG_LINES.items():
        text = "\n".join([*BEFORE, wrong, "", ""]).replace("\n", line_end)
        with pytest.raises(BadInput) as caught:
            parse_sidecar(text.encode(encoding), "talk.toml")
        assert caught.value.reason.startswith(f"talk.toml, line 4: {problem}"), (wrong, text)


@pytest.mark.parametrize(
    ("encoding", "broken"),
    [("utf-8", b"\xff\xff"), ("utf-8", "\xe9".encode("latin-1")), ("gbk", b"\xff\xff")],
)
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("comment", ["# 注释", "# 联通", "# 中文说明"])
def test_bytes_of_no_encoding_are_on_their_own_line(
    encoding: str, broken: bytes, line_end: str, comment: str
) -> None:
    before = line_end.join([comment, "face = left", ""]).encode(encoding)
    with pytest.raises(BadInput, match=r"^talk.toml, line 3: not UTF-8 text\.$"):
        parse_sidecar(before + b"crf = 18 # " + broken, "talk.toml")


def test_half_a_character_of_utf_16_is_on_the_last_line() -> None:
    with pytest.raises(BadInput, match=r"^talk.toml, line 2: not UTF-16 text\.$"):
        parse_sidecar('face = "left"\r\n'.encode("utf-16") + b"\0", "talk.toml")


def test_no_chinese_word_leads_to_what_is_no_option() -> None:
    assert set(KEYS.values()) <= set(JobOptions.model_fields)
    for word, value in VALUES.items():
        advice = [advise(f"{key} = {word}") for key in JobOptions.model_fields]
        assert any(each.endswith(f"= {format_value(value)}. ") for each in advice), word


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
