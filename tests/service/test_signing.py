"""Results wait for their signature, and are not published without one that is configured."""

import json
import sys
import time
from pathlib import Path

import pytest

from heygem_daemon.config.settings import Settings
from heygem_daemon.protocol import Render, Rendered
from heygem_daemon.service import signing
from heygem_daemon.service.loop import Service
from tests.fakes.executor import Messages, rendered
from tests.fakes.service import ServiceHarness
from tests.service.test_backlog import metrics

HOLDER = """
import json, sys
from pathlib import Path
order = json.load(sys.stdin)
folder = Path(__file__).parent
(folder / "orders").open("a").write(json.dumps(order) + "\\n")
if (folder / "fails").exists():
    print("others can read the key: chmod 600")
    sys.exit(1)
if (folder / "hangs").exists():
    import time
    time.sleep(600)
result = Path(order["result"])
result.write_bytes(result.read_bytes() + b" signed")
"""


@pytest.fixture
def holder(tmp_path: Path, harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a key holder that appends to results; certificate and key are configured."""
    folder = tmp_path / "holder"
    folder.mkdir()
    (folder / "holder.py").write_text(HOLDER)
    command = (sys.executable, str(folder / "holder.py"))
    defaults = (lambda: None, command, (folder / "missing").exists)
    monkeypatch.setattr(signing.ResultSigner.__init__, "__defaults__", defaults)
    harness.configure(
        c2pa_certificate=folder / "chain.pem",
        c2pa_key=folder / "key.pem",
        c2pa_timestamp_url="http://stamp.example/tsa",
    )
    return folder


def run_until(harness: ServiceHarness, service: Service, done: object) -> None:
    """Run rounds, with pauses of the real clock for the child, until ``done()``."""
    assert callable(done)
    for _ in range(400):
        service.run_round()
        harness.clock.now += 0.25
        if done():
            return
        time.sleep(0.02)
    pytest.fail("it did not happen")


def published(harness: ServiceHarness) -> bool:
    return harness.spool.outbox.exists() and "talk.mp4" in harness.outbox()


def test_a_result_is_published_when_it_is_signed(harness: ServiceHarness, holder: Path) -> None:
    harness.drop("talk.wav", "talk.mp4")
    run_until(harness, harness.service(), lambda: published(harness))
    assert (harness.spool.outbox / "talk.mp4").read_bytes().endswith(b" signed")
    (order,) = map(json.loads, (holder / "orders").read_text().splitlines())
    assert Path(order["source"]).name == "video.mp4"
    assert order["certificate"] == str(holder / "chain.pem")
    assert order["timestamp_url"] == "http://stamp.example/tsa"
    assert harness.logged("chain.pem") == harness.logged("key.pem") == 0


def test_a_file_outside_the_jobs_workspace_is_never_given_to_a_signing_process(
    harness: ServiceHarness, holder: Path
) -> None:
    foreign = harness.spool.outbox / "another.mp4"
    foreign.parent.mkdir(parents=True, exist_ok=True)
    foreign.write_bytes(b"somebody else's")

    def forged(render: Render) -> Messages:
        *before, last = rendered(render)
        assert isinstance(last, Rendered)
        return [*before, last.model_copy(update={"result": str(foreign)})]

    harness.executor.answer = forged
    harness.drop("talk.wav", "talk.mp4")
    harness.run_rounds(harness.service(), 60)
    assert not (holder / "orders").exists()
    assert foreign.read_bytes() == b"somebody else's"


def test_without_a_certificate_no_process_is_started(harness: ServiceHarness, holder: Path) -> None:
    harness.configure(c2pa_certificate=None, c2pa_key=None)
    harness.drop("talk.wav", "talk.mp4")
    assert harness.service().run_once().published == 1
    assert not (holder / "orders").exists()


def test_a_result_that_cannot_be_signed_waits_and_the_log_says_why_once(
    harness: ServiceHarness, holder: Path
) -> None:
    (holder / "fails").touch()
    harness.drop("talk.wav", "talk.mp4")
    service = harness.service()
    tries = holder / "orders"
    run_until(harness, service, lambda: tries.exists() and len(tries.read_text().splitlines()) >= 3)
    assert not published(harness)
    assert len(harness.executor.submitted) == 1  # it is not rendered again
    assert harness.logged("the result could not be signed: others can read the key") == 1
    (holder / "fails").unlink()
    run_until(harness, service, lambda: published(harness))


def test_results_that_cannot_be_signed_hold_the_daemon_and_are_told_of(
    harness: ServiceHarness, holder: Path
) -> None:
    (holder / "fails").touch()
    for name in ("talk", "next"):
        harness.drop(f"{name}.wav", f"{name}.mp4")
    service = harness.service()
    reason = "the result could not be signed: others can read the key: chmod 600"
    pending = service._dispatcher.snapshot
    run_until(harness, service, lambda: sum(each.faults > 1 for each in pending().pending) == 2)
    harness.run_rounds(service, 5)
    status = harness.status()
    assert (status.state, status.hold) == ("holding", reason)
    assert status.summary() == f"holding: {reason}; 2 pairs wait"
    assert status.backlog.pairs == {"publication": 2}
    assert status.backlog.oldest is not None
    assert 5 < status.written - status.backlog.oldest < 600
    assert metrics(harness)["heygem_on_hold"] == 1
    assert service._summary().hold == reason
    assert harness.logged("the spool cannot take") == 0
    assert harness.logged(f"ERROR {reason}; the result waits until it can be") == 2
    (holder / "fails").unlink()
    run_until(harness, service, lambda: not pending().pending)
    harness.run_rounds(service, 2)
    assert harness.status().hold is None


def test_without_the_package_the_result_waits_and_the_log_says_how_to_install_it(
    harness: ServiceHarness, holder: Path
) -> None:
    (holder / "missing").touch()
    harness.drop("talk.wav", "talk.mp4")
    service = harness.service()
    run_until(
        harness,
        service,
        lambda: harness.logged("c2pa-python is not installed; run 'make venv'") == 1,
    )
    assert not published(harness)
    (holder / "missing").unlink()
    run_until(harness, service, lambda: published(harness))


def test_a_process_that_hangs_is_killed_and_another_tries(
    harness: ServiceHarness, holder: Path
) -> None:
    (holder / "hangs").touch()
    harness.drop("talk.wav", "talk.mp4")
    service = harness.service()
    run_until(harness, service, (holder / "orders").exists)
    (holder / "hangs").unlink()
    harness.clock.now += signing.MAX_SECONDS
    run_until(harness, service, lambda: harness.logged("it took too long") == 1)
    run_until(harness, service, lambda: published(harness))


@pytest.mark.parametrize("given", ["c2pa_certificate", "c2pa_key"])
def test_a_certificate_needs_its_key(given: str) -> None:
    with pytest.raises(ValueError, match="needed together"):
        Settings.model_validate({given: "/x.pem"})
