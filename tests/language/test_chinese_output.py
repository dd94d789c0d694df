"""What commands print in Chinese holds no English, whatever is wrong with the command line."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from heygem_daemon.cli.output import speaking
from heygem_daemon.cli.status_tables import print_tables
from heygem_daemon.cli.usage_errors import find_language
from heygem_daemon.config.hours import DAYS, parse_hours
from heygem_daemon.language.translator import translator
from heygem_daemon.report.status import DeviceStatus, JobStatus, Status
from tests.cli.conftest import Program
from tests.language.test_chinese_words import CODE, NAMES, WORD

LICENCES = {"MIT", "attribution", "of", "GRID", "in"}
OTHERS = {"builtin", "KiB", "UTC", "cpu", "vda", "overlay"} | LICENCES
"""Names of engines, zones, file systems and licences."""

FAKE_REASON = {"There", "is", "no", "face"}
"""Of the tests' worker."""


def english_left(text: str) -> dict[str, set[str]]:
    """Return each line that holds English, with its words."""
    lines = {
        line: set(WORD.findall(CODE.sub(" ", line))) - NAMES - OTHERS for line in text.split("\n")
    }
    return {line: words for line, words in lines.items() if words - FAKE_REASON}


@pytest.fixture
def program(tmp_path: Path) -> Program:
    environment = {"HEYGEM_LANGUAGE": "zh", "HEYGEM_DEVICE": "cpu", "HEYGEM_CONFINE": "off"}
    return Program(tmp_path / "spool", environment)


def test_commands_hold_no_english(program: Program, tmp_path: Path) -> None:
    program.drop("甲")
    program.drop("乙", "refuse")
    (program.spool / "inbox" / "丙.wav").write_text("x")
    shown = [replace(program("once"), stderr="")]  # the log, which is English
    program.drop("丁")
    text = tmp_path / "text.bin"
    text.write_text("no media")
    lines = (
        "status", "history", "history --since then", "history --failed", "purge --dry-run",
        "purge --retention-days 0.0000001 --dry-run", "cancel 甲", "hurry 丁", "cancel 丁",
        "retry 午", "retry 乙 --face left", "retry 甲", "remove 午", "remove 甲", "submit 子 丑",
        "hurry 丁 --codec h264", "config check", "config show", "config check --codec x",
        "config check --chunk-seconds x", "config check --no-such-thing", "status --last x",
        "status --spool", "status --watch=3", "cancel", "cancel 甲 乙", "nothing", "statu",
        "weights list", "weights verify", "weights add 子", "weights add 子.pth", "logs 午",
        f"verify {text}", f"verify {tmp_path / 'gone'}", "notify --test x", "status --config 子",
        "retry 甲 --face x", "submit", "doctor --quick",
    )  # fmt: skip
    shown += [program(*line.split()) for line in lines]
    for done in shown:
        printed = done.stdout + done.stderr
        assert re.search(r"[\u3400-\u9fff]", printed), printed
        assert english_left(printed) == {}


def test_the_tables_of_a_status_hold_no_english(capsys: pytest.CaptureFixture[str]) -> None:
    status = Status.model_validate(
        {
            "version": "0.1.0", "pid": 1, "state": "working", "started": 0.0, "written": 0.0,
            "spool": "/spool", "engine": "auto", "device": "auto",
        }
    ).model_copy(
        update={
            "jobs": (
                JobStatus(
                    id="1", name="甲", state="running", stage="render", chunk=2, chunks=4,
                    frames=5, total_frames=10, left_seconds=9, fps=9.1, device="CPU",
                ),
                JobStatus(
                    id="3", name="丙", state="running", stage="review", device="CPU, worker 1"
                ),
                JobStatus(
                    id="4", name="丁", state="running", stage="review", device="CPU, workers 1, 2"
                ),
                JobStatus(
                    id="2", name="乙", state="deferred", reason="The disk is full.", retry_at=1.0
                ),
            ),
            "devices": (
                DeviceStatus(name="CPU", resident=True),
                DeviceStatus(name="CPU", label="CPU, worker 1", resident=True),
            ),
        }
    )  # fmt: skip
    with speaking("zh"):
        print_tables(status)
    printed = capsys.readouterr().out
    assert "正在绘制口型，剩余 9 秒，每秒 9.1 帧，使用 CPU" in printed
    assert "使用 CPU，工作进程 1 " in printed
    assert "使用 CPU，工作进程 1、2" in printed
    assert english_left(printed) == {}


@pytest.mark.parametrize("zone", ["", "Asia/Shanghai"])
def test_the_end_of_a_rest_is_told_with_weekday_and_zone(zone: str) -> None:
    hours = parse_hours(("Mon-Sun 02:00-03:00",), zone)
    for number, day in enumerate(DAYS):
        moment = datetime(2026, 12, 7 + number, 12, tzinfo=UTC)
        english = hours.describe(moment.timestamp())
        assert english.startswith(day)
        place = zone or moment.astimezone().tzname()
        assert english.endswith(f"({place})")
        own = translator("zh")(f"waits for the active hours, until {english}")
        assert own.endswith(f"（{place}）")
        assert f"周{'一二三四五六日'[number]} " in own


@pytest.mark.parametrize(
    ("arguments", "variable", "written", "language"),
    [
        ((), "", "", "both"),
        ((), "", "zh", "zh"),
        ((), "zh", "en", "zh"),
        (("--language", "en"), "zh", "zh", "en"),
        (("status", "--language=zh", "--nothing"), "en", "", "zh"),
        (("status", "--language"), "zh", "", "zh"),
        (("status", "--", "--language=zh"), "en", "", "en"),
        ((), "chinese", "", "both"),
    ],
)
def test_a_wrong_command_line_is_told_in_the_language_that_is_set(
    arguments: tuple[str, ...],
    variable: str,
    written: str,
    language: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = tmp_path / "config.toml"
    file.write_text(f'language = "{written}"\nwrong = 1\n' if written else "wrong = \n")
    monkeypatch.setenv("HEYGEM_CONFIG", str(file))
    monkeypatch.setenv("HEYGEM_LANGUAGE", variable)
    assert find_language(arguments) == language
