"""Help, manual page, shell completion and configuration reference say what the program has."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from heygem_daemon.cli.app import app
from heygem_daemon.config.loading import option_of
from heygem_daemon.config.reference import GROUPS, describe_settings, settings_of
from heygem_daemon.config.settings import Settings
from tools import completion, config_reference, man_page
from tools.commands import all_commands

GENERATED: list[tuple[Path, Callable[[], str]]] = [
    (man_page.DOCUMENT, man_page.man_page),
    *completion.SCRIPTS.items(),
    (config_reference.DOCUMENT, config_reference.reference),
]


@pytest.mark.parametrize(("file", "make"), GENERATED, ids=[file.name for file, _ in GENERATED])
def test_what_is_generated_is_up_to_date(file: Path, make: Callable[[], str]) -> None:
    module = "tools.completion" if file in completion.SCRIPTS else make.__module__
    assert file.read_text(encoding="utf-8") == make(), f"run: python -m {module} --write"


def test_every_setting_is_in_the_group_in_which_config_toml_has_it() -> None:
    written: dict[str, list[str]] = {}
    group = ""
    for line in config_reference.TEMPLATE.read_text(encoding="utf-8").splitlines():
        if title := re.match(r"# ---- (.*?) -+$", line):
            group = title[1]
        elif key := re.match(r"\[?(\w+)(?: =|\]$)", line):
            written.setdefault(group, []).append(key[1])
    assert written == {title: list(keys) for title, keys in GROUPS.items()}
    assert {each.key for each in describe_settings()} == set(Settings.model_fields)


def test_a_setting_is_described_with_kind_bounds_and_default() -> None:
    described = {each.key: each for each in describe_settings()}
    for key, kind, bounds, default in (
        ("chunk_seconds", "NUMBER", "from 1 to 3600", "30.0"),
        ("scan_seconds", "NUMBER", "above 0, at most 60", "1.0"),
        ("stall_join_seconds", "NUMBER", "at least 10", "900.0"),
        ("engine", "auto|builtin|wav2lip", "", '"auto"'),
        ("c2pa_key", "PATH", "", '""'),
        ("log_folder", "PATH", "", "logs in the spool"),
        ("strip", "true|false", "", "true"),
    ):
        found = described[key]
        assert (found.kind, found.bounds, found.default) == (kind, bounds, default)
    assert described["device"].choices == ("auto", "cuda", "cpu")
    assert described["log_level"].choices == ("DEBUG", "INFO", "WARNING", "ERROR")


def test_the_help_has_groups_kinds_and_defaults() -> None:
    shown = CliRunner().invoke(app, ["run", "--help"], env={"COLUMNS": "200"}).output
    for title in GROUPS:
        assert f"Settings: {title} " in shown
    (line,) = (each for each in shown.splitlines() if "--chunk-seconds" in each)
    assert re.search(r"--chunk-seconds +NUMBER +.*\(from 1 to 3600; default: 30\.0\)", line)
    (line,) = (each for each in shown.splitlines() if "--codec" in each)
    assert re.search(r"h264\|hevc\|prores .*default: \"h264\"", line)


def test_the_reference_has_every_setting_with_its_option_and_variable() -> None:
    text = config_reference.DOCUMENT.read_text(encoding="utf-8")
    for setting in describe_settings():
        part = text.split(f"### `{setting.key}`\n")[1].split("\n### ")[0]
        assert f"`{option_of(setting.key)}`, `HEYGEM_{setting.key.upper()}`" in part
        assert f"Default: `{setting.default}`" in part
        assert len(part.split("\n\n")[1]) > 10  # what config.toml says of it


def test_the_manual_page_has_every_command_and_setting() -> None:
    page = man_page.DOCUMENT.read_text(encoding="utf-8").replace("\\-", "-")
    for command in all_commands():
        assert f"\n.SS {' '.join(command.words)}" in page
        for option in command.options:
            assert ", ".join(option.names) in page
    for group in GROUPS:
        for setting in settings_of(group):
            assert f"\n.B {option_of(setting.key)} {setting.kind}\n" in page


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed here")
def test_groff_finds_nothing_wrong_with_the_manual_page() -> None:
    done = subprocess.run(
        ["groff", "-man", "-ww", "-z", "-Tutf8", man_page.DOCUMENT],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
