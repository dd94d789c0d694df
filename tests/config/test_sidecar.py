"""Sidecars: valid ones, and the messages for wrong ones."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heygem_daemon.config.job_options import JobOptions
from heygem_daemon.config.sidecar import MAX_SIDECAR_BYTES, MAX_TOLD, parse_sidecar
from heygem_daemon.errors import BadInput
from heygem_daemon.language.translator import translator


def parse_error(text: str | bytes) -> BadInput:
    with pytest.raises(BadInput) as caught:
        parse_sidecar(text.encode() if isinstance(text, str) else text, "talk.toml")
    return caught.value


def test_every_option_can_be_set() -> None:
    text = b"""# for the evening
engine = "builtin"
face = 2
loop = "freeze"
strip = false
quality = "high"
crf = 20
preset = "fast"
min_coverage = 1
priority = -3
"""
    assert parse_sidecar(text, "talk.toml") == JobOptions(
        engine="builtin",
        face=2,
        loop="freeze",
        strip=False,
        quality="high",
        crf=20,
        preset="fast",
        min_coverage=1.0,
        priority=-3,
    )


@pytest.mark.parametrize("text", [b"", b"# nothing\n", b"\xef\xbb\xbf", b"\r\n"])
def test_an_empty_sidecar_changes_nothing(text: bytes) -> None:
    assert parse_sidecar(text, "talk.toml") == JobOptions()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('\n\nloop = "pingpng"', 'line 3: loop = "pingpng": must be \'pingpong\', '),
        ('loop = "pingpng"', 'did you mean "pingpong"?'),
        ('face = "middle"', "line 1: face = \"middle\": must be 'largest', 'left', 'right' or a"),
        ("strip = no", "line 1: strip = no: must be true or false."),
        ("face = left\npriority = high", "line 2: priority = high: must be a whole number."),
        ("strip = “no”", 'line 1: strip = "no": must be true or false, unquoted.'),
        ("loudness = minus,", "line 1: loudness = minus: must be 'off', -23 or -16."),
        ("strip = 1", "line 1: strip = 1: must be true or false, unquoted."),
        ('strip = "true"', 'strip = "true": must be true or false'),
        ('# x\r\ncrf = "18"', 'line 2: crf = "18": must be a whole number, unquoted.'),
        ("crf = true", "crf = true: must be a whole number"),
        ("crf = 52", "crf = 52: must be less than or equal to 51."),
        ("priority = 1e2", "priority = 100.0: must be a whole number"),
        ("min_coverage = nan", "must be a finite number."),
        ("loop = ['freeze']", "line 1: loop: must be a single value."),
        ("strip = true\n[loop]\nx = 1", "line 2: loop: must be a single value."),
        ("strip = true\nprioritty = 1", 'line 2: unknown key "prioritty"; did you mean "prior'),
        ('"min coverage" = 1', 'line 1: unknown key "min coverage"'),
        ("strip = true\nzzz.y = 1", 'line 2: unknown key "zzz".'),
        ("strip = true\ncrf = ", "line 2: not valid TOML: Invalid value."),
        ("strip = true\n\nloop == 3\n", "line 3: not valid TOML: Invalid value."),
        (b"strip = true\nloop = \"\xff\"", "line 2: not UTF-8 text."),
    ],
)  # fmt: skip
def test_a_mistake_is_reported_with_file_line_and_key(text: str | bytes, message: str) -> None:
    reason = parse_error(text).reason
    assert reason.startswith("talk.toml, line ")
    assert message in reason


def test_all_mistakes_are_told_in_the_order_of_the_file() -> None:
    error = parse_error('face = "middle of it"\n\nqualty = "high"\nloop = = 3\ncrf = 99')
    lines = re.findall(r"talk\.toml, line (\d): (\w+ \w+|\w+)", error.reason)
    assert lines == [("1", "face"), ("3", "unknown key"), ("4", "not valid"), ("5", "crf")]
    assert error.remedy.count("Write") == 4
    assert parse_error("nonsense = 1\ncrf = 99").reason.endswith("equal to 51.")
    translated = translator("zh")(parse_error("qualty = 1\nprioritty = 1\ncrf = 99").reason)
    assert translated == (
        "talk.toml 第 1 行：未知的键“qualty”；您是指“quality”吗？"
        "talk.toml 第 2 行：未知的键“prioritty”；您是指“priority”吗？"
        "talk.toml 第 3 行：crf = 99：必须小于或等于 51。"
    )


def test_of_many_mistakes_the_first_are_told() -> None:
    for line in ("zzz{} = 1", "a = = {}", "é{} = 1"):
        reason = parse_error("\n".join(line.format(each) for each in range(99))).reason
        assert reason.count("talk.toml") == MAX_TOLD
        assert "Mistakes that are not listed here: " in reason


def test_the_remedy_names_all_keys() -> None:
    remedy = parse_error("x = 1").remedy
    assert all(key in remedy for key in JobOptions.model_fields)


@pytest.mark.parametrize("key", ["video", "output", "spool", "weights"])
def test_no_sidecar_can_name_a_file(key: str) -> None:
    assert f'unknown key "{key}"' in parse_error(f'{key} = "../../etc/passwd"').reason


def test_the_audio_of_a_sidecar_is_a_choice_and_no_file() -> None:
    reason = parse_error('audio = "../../etc/passwd"').reason
    assert "must be 'compatible' or 'copy'" in reason


def test_a_sidecar_that_is_too_long_is_refused() -> None:
    assert "longer than" in parse_error(b"#" * (MAX_SIDECAR_BYTES + 1)).reason


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_content_gives_options_or_a_reason(text: bytes) -> None:
    try:
        found = parse_sidecar(text, "talk.toml")
    except BadInput as error:
        found = None
        reason = error.reason
    if found is None:
        assert reason.startswith("talk.toml, line ")
    else:
        assert JobOptions.model_validate(found.model_dump()) == found


@pytest.mark.parametrize("text", ['Quality = "High"', "QUALITY = high", '"Quality" = "high"'])
def test_a_key_in_capital_letters_is_understood(text: str) -> None:
    assert parse_sidecar(text.encode(), "talk.toml").quality == "high"


def test_two_keys_that_differ_in_capital_letters_alone_are_not_guessed_at() -> None:
    with pytest.raises(BadInput, match="line 1: unknown key"):
        parse_sidecar(b'Quality = "high"\nquality = "small"', "talk.toml")
    with pytest.raises(BadInput, match="line 2: face = 99: must be"):
        parse_sidecar(b'Quality = "high"\nFACE = 99', "talk.toml")
