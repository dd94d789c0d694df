"""Rules 13 to 16: hundreds of SIGKILLs, and every job is exactly once where it belongs."""

import json
import subprocess
import sys
from typing import Any

import pytest

pytestmark = pytest.mark.crash

KILLS = 370
STEPS = (
    "rename processing/<id>/audio.wav in",  # claimed by half
    "rename processing/<id>/video.mp4 in",
    "rename processing/<id>/job.json in FileOperations.write < save_journal < Spool._save_changes",
    "rename processing/<id>/publish/result.mp4 in",
    "rename outbox/<name>.json in",  # published by a third, by two thirds
    "rename outbox/<name>.mp4 in",
    "rename done/<name> in",
    "rename failed/<name> in",
    "rename inbox/<name>.mp4 in",  # given back by half
    "torn open processing/<id>/.job.json.part in",
    "remove outbox/<name>.mp4 in",  # purged by half
    "rename processing/<id>/inputs in",  # a batch claimed by half
    "rename processing/<id>/ended/<number> in",  # some of its members ended
    "rename outbox/<name>/<name>.zip in",  # its ZIP made and not published
    "rename failed/<name>/<number> in",
)


@pytest.fixture(scope="module")
def tally() -> dict[str, Any]:
    """What the harness prints; it runs in a process of its own because it forks."""
    command = [sys.executable, "-m", "tests.crash", "--json", "--slice", "--kills", str(KILLS)]
    # Which lives end by chance, and how soon, is the machine's: two spools may miss a step.
    command += [f"--reach={step}" for step in STEPS]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.stdout, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.timeout(900)
def test_rule_13_state_is_the_directory_and_no_kill_loses_a_job(tally: dict[str, Any]) -> None:
    assert tally["wrong"] == []
    assert sum(tally["kills"].values()) >= KILLS
    assert min(tally["kills"][victim] for victim in ("daemon", "worker", "both")) > 10
    assert tally["published"] + tally["failed"] == tally["jobs"]
    assert tally["published"] > 10
    assert tally["failed"] > 5
    assert tally["seen"] >= 3 * tally["published"]


@pytest.mark.parametrize("step", STEPS)
def test_the_daemon_was_killed_at(tally: dict[str, Any], step: str) -> None:
    assert any(found.startswith(step) for found in tally["steps"])


@pytest.mark.timeout(300)
def test_a_daemon_that_shows_results_before_their_reports_is_caught() -> None:
    spoiled = (
        "from heygem_daemon.spool import publish; publish._PUBLISHED_SUFFIXES = ('.mp4', '.json');"
        "from tests.crash.__main__ import main; main()"
    )
    reports = "rename outbox/<name>.json in"
    command = [sys.executable, "-c", spoiled, "--slice", "--kills", "1", "--reach", reports]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert "was seen before its report" in done.stdout
