"""How the doctor's findings are printed on a terminal, in a file and in the journal."""

import io
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from heygem_daemon.cli import doctor
from heygem_daemon.cli.doctor import print_sections
from heygem_daemon.doctor.check import Section, Verdict, failed, passed, warned

if TYPE_CHECKING:
    from tests.cli.conftest import Program

DISK = passed("disk", "80 GiB free")
SECTIONS = (
    Section("machine", (DISK, warned("clock", "not synchronized", "Set it."))),
    Section("weights", (failed("weights", "head.safetensors differs", "Fetch it."),)),
)
LINES = (
    "pass disk: 80 GiB free\n"
    "warn clock: not synchronized -> Set it.\n"
    "fail weights: head.safetensors differs -> Fetch it.\n"
    "Unfit: 1 failed, 1 warned, 1 passed.\n"
)


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True


def on_terminal(monkeypatch: pytest.MonkeyPatch, columns: int) -> list[str]:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    stream = Terminal()
    assert not print_sections(SECTIONS, stream)
    plain = re.sub(r"\x1b\[[?\d;]*[A-Za-z]|\r", "", stream.getvalue())
    lines = [line.rstrip() for line in plain.splitlines()]
    return [line for line in lines if line and "examining" not in line]


def test_a_file_gets_a_line_for_each_check() -> None:
    stream = io.StringIO()
    assert not print_sections(SECTIONS, stream)
    assert stream.getvalue() == LINES


def test_the_journal_gets_priorities(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "journal").open("w+") as stream:
        status = os.fstat(stream.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
        print_sections(SECTIONS, stream)
        stream.seek(0)
        assert [line[:8] for line in stream] == ["<6>pass ", "<4>warn ", "<3>fail ", "<6>Unfit"]


@pytest.mark.parametrize("columns", [80, 100, 119])
def test_a_narrow_terminal_has_the_remedy_below_the_finding(
    monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    lines = on_terminal(monkeypatch, columns)
    assert max(map(len, lines)) <= columns
    assert lines[0] == "machine"
    at = next(index for index, line in enumerate(lines) if line.startswith("warn"))
    assert lines[at].endswith("not synchronized")
    assert lines[at + 1].strip() == "→ Set it."


def test_a_wide_terminal_has_a_column_of_remedies(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = on_terminal(monkeypatch, 160)
    at = {line.split()[0]: line for line in lines if line.endswith("it.")}
    assert at["warn"].index("Set it.") == at["fail"].index("Fetch it.")
    assert at["warn"].index("not sync") == at["fail"].index("head")


def test_what_a_file_name_holds_cannot_break_the_table() -> None:
    stream = io.StringIO()
    print_sections([Section("spool", (passed("folders", "/a\x1b[31m\n<0>b"),))], stream)
    assert stream.getvalue().splitlines()[0] == r"pass folders: /a\x1b[31m\n<0>b"


def test_a_section_is_shown_as_soon_as_it_is_known() -> None:
    stream = io.StringIO()

    def sections() -> Iterator[Section]:
        yield SECTIONS[0]
        assert stream.getvalue().startswith("pass disk")
        yield SECTIONS[1]

    print_sections(sections(), stream)
    assert stream.getvalue() == LINES


@pytest.mark.slow
@pytest.mark.parametrize(
    ("verdict", "options", "status"),
    [("pass", (), 0), ("warn", (), 0), ("fail", (), 1), ("fail", ("--warn-only",), 0)],
)
def test_the_exit_status_says_whether_a_check_failed(
    program: "Program",
    monkeypatch: pytest.MonkeyPatch,
    verdict: Verdict,
    options: tuple[str, ...],
    status: int,
) -> None:
    check = {"pass": DISK, "warn": SECTIONS[0].checks[1], "fail": SECTIONS[1].checks[0]}[verdict]
    found = [Section("machine", (check,))]
    monkeypatch.setattr("heygem_daemon.cli.doctor.examine", lambda *_: iter(found))
    assert program("doctor", *options).returncode == status
    assert program("doctor", "--json", *options).returncode == status


def test_findings_are_summed_up() -> None:
    assert doctor.summary([DISK]) == "Fit: 0 failed, 0 warned, 1 passed."
