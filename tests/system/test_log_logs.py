"""The lines of the log."""

import io
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from loguru import logger

from heygem_daemon.config.settings import Settings
from heygem_daemon.system import log


@pytest.fixture(autouse=True)
def _no_sinks_left() -> Iterator[None]:
    yield
    logger.remove()


def settings(tmp_path: Path, **changes: object) -> Settings:
    return Settings.model_validate({"spool": str(tmp_path), **changes})


def log_to_memory(configuration: Settings) -> io.StringIO:
    stream = io.StringIO()
    log.log_to_console(configuration, stream)
    return stream


def test_a_line_names_level_event_and_job(tmp_path: Path) -> None:
    stream = log_to_memory(settings(tmp_path))
    logger.bind(job="Anna 1", id="j7").info("job claimed")
    assert stream.getvalue().endswith(' INFO    job claimed job="Anna 1" id=j7\n')


def test_levels_below_the_configured_one_are_left_out(tmp_path: Path) -> None:
    stream = log_to_memory(settings(tmp_path, log_level="WARNING"))
    logger.info("small")
    assert stream.getvalue() == ""


def test_names_cannot_break_or_forge_a_line(tmp_path: Path) -> None:
    stream = log_to_memory(settings(tmp_path))
    name = os.fsdecode(b"a\nERROR forged\x1b[2J\xff{job} <red>\xe2\x80\xa8")
    logger.bind(job=name).info("claimed {}", name)
    text = stream.getvalue()
    assert text.count("\n") == 1
    assert r"a\nERROR forged\x1b[2J\xff{job} <red>\u2028" in text


def test_other_scripts_stay_readable(tmp_path: Path) -> None:
    stream = log_to_memory(settings(tmp_path))
    logger.bind(job="王小明").info("claimed")
    assert "job=王小明" in stream.getvalue()


def test_json_lines_carry_the_fields(tmp_path: Path) -> None:
    stream = log_to_memory(settings(tmp_path, log_json=True))
    logger.bind(job="a\nb", chunk=3, fps=2.5).warning("slow")
    line = json.loads(stream.getvalue())
    assert (line["level"], line["message"]) == ("WARNING", "slow")
    assert (line["job"], line["chunk"], line["fps"]) == (r"a\nb", 3, 2.5)
    assert stream.getvalue().count("\n") == 1


def test_a_bug_is_logged_with_its_traceback(tmp_path: Path) -> None:
    stream = log_to_memory(settings(tmp_path))
    try:
        _ = 1 // 0
    except ZeroDivisionError:
        logger.exception("bug")
    lines = stream.getvalue().splitlines()
    assert lines[1] == "    Traceback (most recent call last):"
    assert lines[-1] in (
        "    ZeroDivisionError: integer division or modulo by zero",
        "    ZeroDivisionError: division by zero",  # from Python 3.14 on
    )


def test_a_workers_traceback_follows_its_line(tmp_path: Path) -> None:
    stream = log_to_memory(settings(tmp_path))
    logger.bind(traceback="Traceback:\n  x").error("crashed")
    assert stream.getvalue().endswith("crashed\n    Traceback:\n      x\n")


def test_the_journal_gets_priorities_instead_of_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "journal"
    with file.open("w", encoding="utf-8") as stream:
        status = os.fstat(stream.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
        log.log_to_console(settings(tmp_path), stream)
        logger.warning("full")
        logger.bind(traceback="a\nb").error("bug")
    assert file.read_text() == "<4>full\n<3>bug\n<3>    a\n<3>    b\n"


def test_another_stream_than_the_journals_gets_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", "1:2")
    stream = log_to_memory(settings(tmp_path))
    logger.info("x")
    assert not stream.getvalue().startswith("<")


def test_the_log_file_is_in_the_spool_and_holds_any_name(tmp_path: Path) -> None:
    log_to_memory(settings(tmp_path))
    log.log_to_file(settings(tmp_path))
    file = tmp_path / "logs" / "heygem-daemon.log"
    logger.bind(job=os.fsdecode(b"\xff")).info("claimed")
    logger.remove()
    assert file.read_text(encoding="utf-8").endswith('claimed job="\\xff"\n')
