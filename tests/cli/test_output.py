"""Durations, sizes and other output for people."""

import os
import subprocess
import sys

import pytest

from heygem_daemon.cli.output import duration, print_json, print_table, say, size, speaking


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.6, "1 min 0 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")],
)
def test_durations_are_short(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(None, "?"), (12, "12 B"), (2048, "2 KiB"), (5 << 20, "5 MiB"), (3 << 29, "1.5 GiB")],
)
def test_sizes_have_a_unit(count: int | None, text: str) -> None:
    assert size(count) == text


def test_json_is_ascii_whatever_names_hold(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"name": "王\udcff"})
    assert capsys.readouterr().out == '{\n  "name": "\\u738b\\udcff"\n}\n'


def test_cells_are_text_and_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("Jobs", ("name",), [("[red]a[/red]",)])
    print_table("Nothing", ("name",), [])
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines == ["Jobs", "name", "[red]a[/red]"]


def test_long_paths_stay_whole_in_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("Deleted", ("path",), [("/x" * 100,)])
    assert "/x" * 100 in capsys.readouterr().out


def test_letters_that_the_terminal_does_not_have_end_no_command() -> None:
    program = (
        "import sys; from heygem_daemon.cli import main; sys.argv = ['heygem-daemon', 'version']\n"
        "try: main()\n"
        "except SystemExit: print('41 \\u00b0C')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.endswith("41 \\xb0C\n")


def test_a_command_speaks_the_language_of_its_settings_or_of_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LC_ALL", raising=False)
    monkeypatch.delenv("LC_MESSAGES", raising=False)
    monkeypatch.setenv("LANG", "C.UTF-8")
    with speaking("zh"):
        say("talk is back in the inbox as talk.")
        print_table("Being made now", ("name", "state"), [("idle", "it looks incomplete")])
    said = capsys.readouterr().out
    assert "talk 已作为 talk 放回收件夹。" in said
    assert "正在生成" in said
    assert "名称" in said
    assert "idle" in said
    assert "看起来还不完整" in said
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    with speaking("both"):
        say("it looks incomplete")
    with speaking("en"):
        say("it looks incomplete")
    assert capsys.readouterr().out == "看起来还不完整\nit looks incomplete\n"
