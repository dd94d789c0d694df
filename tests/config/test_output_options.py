"""Options of a result that cannot be met together are refused with what to write instead."""

from pathlib import Path

import pytest

from heygem_daemon.config.job_options import JobOptions
from heygem_daemon.config.loading import load_settings
from heygem_daemon.config.output_options import OutputOptions, find_contradiction
from heygem_daemon.config.settings import Settings
from heygem_daemon.config.sidecar import parse_sidecar
from heygem_daemon.errors import BadInput, ConfigurationError
from heygem_daemon.protocol import RenderOptions
from heygem_daemon.service.running_jobs import render_options


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('codec = "prores"\ncrf = 20', 'Remove crf, or write codec = "h264"'),
        ('codec = "prores"\nquality = "high"', "Remove quality"),
        ('codec = "prores"\npreset = "slow"', "Remove preset"),
        ('codec = "prores"\naudio_bitrate = 96', "Remove audio_bitrate, or write codec"),
        ('audio = "copy"\nloudness = -23', 'Write audio = "compatible", or loudness = "off".'),
        ('audio = "copy"\naudio_bitrate = 96', 'Write audio = "compatible", or audio_bitrate = 0.'),
        ('codec = "h264"\nhdr = "keep"', 'Write codec = "hevc" or codec = "prores"'),
        ("loudness = -20", "loudness = -20: must be 'off', -23 or -16"),
        ('codec = "h265"', "codec = \"h265\": must be 'h264', 'hevc' or 'prores'"),
        ("max_height = -2", "max_height = -2"),
        ("audio_bitrate = 2000", "audio_bitrate = 2000"),
    ],
)
def test_a_sidecar_that_cannot_be_met_is_refused_with_what_to_write(
    text: str, expected: str
) -> None:
    with pytest.raises(BadInput) as refused:
        parse_sidecar(text.encode(), "talk.toml")
    assert refused.value.reason.startswith("talk.toml")
    assert expected in refused.value.reason


@pytest.mark.parametrize(
    "text",
    [
        'codec = "prores"',
        'codec = "hevc"\ncrf = 20\nhdr = "keep"',
        'hdr = "keep"',
        "loudness = -16",
    ],
)
def test_what_can_be_met_is_taken(text: str) -> None:
    parse_sidecar(text.encode(), "talk.toml")


def test_a_contradiction_with_the_settings_is_found_when_both_are_known() -> None:
    settings = Settings(codec="prores", audio="copy")
    options = render_options(JobOptions(crf=20), settings)
    assert "crf has no effect" in str(find_contradiction(options, options.given))
    options = render_options(JobOptions(loudness=-23), settings)
    assert "loudness = -23" in str(find_contradiction(options, options.given))
    assert find_contradiction(render_options(JobOptions(), settings)) is None


def test_the_settings_contradict_themselves_with_a_line_that_says_so(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('audio = "copy"\nloudness = -23\n')
    with pytest.raises(ConfigurationError, match='audio = "compatible"'):
        load_settings(file)


def test_a_job_overrides_each_option_alone() -> None:
    settings = Settings(codec="hevc", crf=20, loudness=-16, max_height=720)
    options = render_options(JobOptions(loudness="off", max_height=1080), settings)
    assert isinstance(options, RenderOptions)
    assert (options.codec, options.crf, options.loudness, options.max_height) == (
        "hevc", 20, "off", 1080,
    )  # fmt: skip
    assert options.given == ("loudness", "max_height")


def test_the_defaults_are_those_of_the_settings() -> None:
    assert Settings().output == OutputOptions()
