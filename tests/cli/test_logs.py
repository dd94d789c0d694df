"""``logs NAME``: the story of one job."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from loguru import logger

from heygem_daemon.config.settings import Settings
from heygem_daemon.events.jobs import InboxWarning, JobClaimed, JobFailed, JobPublished
from heygem_daemon.system import log

if TYPE_CHECKING:
    from tests.cli.conftest import Program


HOSTILE_NAMES = ("back\\", "back\\\\", 'a \\" b', 'say "hi"', "C:\\new folder", '" id="j1')


@pytest.fixture(params=[False, True], ids=["text", "json"])
def file(request: pytest.FixtureRequest, program: "Program") -> Path:
    """A log of some jobs, whose older half was rotated."""
    settings = Settings.model_validate({"spool": program.spool, "log_json": request.param})
    file = program.spool / "logs" / "heygem-daemon.log"
    (program.spool / ".state").mkdir(parents=True)
    log.log_to_console(Settings.model_validate({"spool": program.spool, "log_level": "ERROR"}))
    log.log_to_file(settings)
    JobClaimed().log(logger.bind(job="talk", id="j1"))
    JobClaimed().log(logger.bind(job="two words", id="j2"))
    file.rename(file.with_name("heygem-daemon.log.2026-03-01"))
    for name in HOSTILE_NAMES:
        JobClaimed().log(logger.bind(job=name, id="h"))
    InboxWarning("talk.wav", "is alone").log()
    JobFailed('no face job=talk "x"').log(logger.bind(job="two words", id="j2"))
    JobFailed("crash").log(logger.bind(job="talk", id="j1"), traceback="Traceback:\nboom")
    JobPublished("talk.mp4", 1.0, None).log(logger.bind(job="show/talk", id="j3"))
    logger.remove()
    return file


@pytest.mark.usefixtures("file")
def test_all_lines_of_a_job_are_told_from_the_oldest_on(program: "Program") -> None:
    told = [json.loads(line) for line in program("logs", "talk", "--json").stdout.splitlines()]
    assert [each["event"] for each in told] == ["job_claimed", "inbox_warning", "job_failed"]
    assert "boom" in told[-1]["traceback"]
    assert "boom" in program("logs", "talk").stdout


def test_json_of_lines_that_were_logged_as_text_says_so(program: "Program", file: Path) -> None:
    is_json = file.read_text().startswith("{")
    done = program("logs", "talk", "--json")
    assert ("were written as text" in done.stderr) is not is_json
    assert "were written as text" not in done.stdout + program("logs", "talk").stderr


@pytest.mark.usefixtures("file")
def test_names_with_blanks_ids_and_batches_are_found(program: "Program") -> None:
    def told(name: str) -> list[str]:
        lines = program("logs", name, "--json").stdout.splitlines()
        return [json.loads(line)["event"] for line in lines]

    assert told("two words") == told("j2") == ["job_claimed", "job_failed"]
    for name in HOSTILE_NAMES:
        assert told(name) == ["job_claimed"], name
    assert told("show") == told("show/talk") == told("j3") == ["job_published"]


@pytest.mark.usefixtures("file")
def test_an_unknown_name_is_status_one(program: "Program") -> None:
    done = program("logs", "nobody")
    assert done.returncode == 1
    assert "say nothing of nobody" in done.stderr
