"""Rules 13 to 16: after hundreds of SIGKILLs, every job is in exactly one place, the right one."""

import json
import subprocess
import sys
from typing import Any

import pytest

pytestmark = pytest.mark.crash

KILLS = 600
STEPS = (
    "rename processing/<id>/audio.wav in",  # a pair half claimed
    "rename processing/<id>/video.mp4 in",
    "rename processing/<id>/job.json in FileOperations.write < save_journal < Spool._save_changes",
    "rename processing/<id>/publish/result.mp4 in",
    "rename outbox/<name>.json in",  # one of three results published, then two
    "rename outbox/<name>.mp4 in",
    "torn open .state/finished/.<id>.published.json.part in",  # recorded, but not moved
    "rename .state/finished/<id>.published.json in",
    "rename .state/finished/<id>-<number>.failed.json in",
    "rename .state/finished/<id>.batch.json in",
    "remove .state/finished/<id>.published.json in",  # a job purged but for its record
    "remove .state/finished/<id>.failed.json in",  # a retry whose record is gone
    "rename done/<name> in",
    "rename failed/<name> in",
    "rename inbox/<name>.mp4 in",  # a pair half returned
    "torn open processing/<id>/.job.json.part in",
    "remove outbox/<name>.mp4 in",  # a job half purged
    "rename processing/<id>/inputs in",  # a batch half claimed
    "rename processing/<id>/ended/<number> in",  # some members ended
    "rename outbox/<name>/<name>.zip in",  # the ZIP made but not published
    "rename failed/<name>/<number> in",
)


@pytest.fixture(scope="module")
def result() -> dict[str, Any]:
    """The result of a campaign. It runs in a process of its own because it forks."""
    command = [sys.executable, "-m", "tests.crash", "--json", "--slice", "--kills", str(KILLS)]
    # Which runs are killed at random, and when, depends on the machine: two spools may miss a step.
    command += [f"--reach={step}" for step in STEPS]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.stdout, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.timeout(900)
def test_rule_13_state_is_the_directory_and_no_kill_loses_a_job(result: dict[str, Any]) -> None:
    assert result["wrong"] == []
    assert sum(result["kills"].values()) >= KILLS
    assert min(result["kills"][victim] for victim in ("daemon", "worker", "both")) > 10
    assert result["published"] + result["failed"] == result["jobs"]
    assert result["published"] > 10
    assert result["failed"] > 5
    assert result["seen"] >= 3 * result["published"]


@pytest.mark.parametrize("step", STEPS)
def test_the_daemon_was_killed_at(result: dict[str, Any], step: str) -> None:
    assert any(found.startswith(step) for found in result["steps"])


@pytest.mark.timeout(300)
def test_a_daemon_that_shows_results_before_their_reports_is_caught() -> None:
    program = (
        "from heygem_daemon.spool import publish; publish.PUBLISHED_SUFFIXES = ('.mp4', '.json');"
        "from tests.crash.__main__ import main; main()"
    )
    reports = "rename outbox/<name>.json in"
    command = [sys.executable, "-c", program, "--slice", "--kills", "1", "--reach", reports]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert "was seen before its report" in done.stdout
