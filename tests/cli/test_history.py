"""``history`` lists ended jobs."""

import json
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from heygem_daemon.cli.history import parse_since
from heygem_daemon.errors import BadInput

if TYPE_CHECKING:
    from tests.cli.conftest import Program

NOW = 1_774_915_200.0


@pytest.fixture
def ended(program: "Program") -> "Program":
    """A published job whose files were removed, and a failed one."""
    program.drop("good")
    program.drop("bad", "refuse")
    program("once")
    assert program("remove", "good").returncode == 0
    return program


def test_jobs_are_listed_also_without_their_files(ended: "Program") -> None:
    done = ended("history")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert any("good" in line and "published" in line and "good.wav" in line for line in lines)
    assert any("bad" in line and "failed" in line and "There is no face." in line for line in lines)
    assert lines[-1] == "2 jobs, 1 failed."


def test_only_failed_jobs_as_json(ended: "Program") -> None:
    (entry,) = json.loads(ended("history", "--failed", "--json").stdout)
    assert (entry["name"], entry["outcome"], entry["video"]) == ("bad", "failed", "bad.mp4")
    assert entry["completed_at"] >= entry["claimed_at"]


def test_since_leaves_out_what_ended_before(ended: "Program") -> None:
    assert len(json.loads(ended("history", "--since", "1h", "--json").stdout)) == 2
    assert ended("history", "--since", "2999-01-01").stdout == "0 jobs, 0 failed.\n"
    done = ended("history", "--since", "yesterday")
    assert done.returncode == 1
    assert "--since yesterday is no time. Write a day (2026-11-01)" in done.stderr


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12h", NOW - 12 * 3600),
        ("7d", NOW - 7 * 86400),
        ("4w", NOW - 28 * 86400),
        ("2026-03-01", datetime(2026, 3, 1).timestamp()),
        ("2026-03-01T14:00", datetime(2026, 3, 1, 14).timestamp()),
        ("2026-03-01T14:00+00:00", 1_772_373_600.0),
    ],
)
def test_since_takes_ages_days_and_times(text: str, expected: float) -> None:
    assert parse_since(text, NOW) == expected


@pytest.mark.parametrize(
    "text", ["", "7", "d", "-7d", "7m", "0001-01-01T00:00", "99999999w", "\x1b"]
)
def test_other_texts_are_no_time(text: str) -> None:
    with pytest.raises(BadInput, match="is no time"):
        parse_since(text, NOW)
