"""Sidecars are read by child processes, and an answer is used for its version alone."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from heygem_daemon.config.sidecar import SidecarAnswer
from heygem_daemon.service.probe_queue import MAX_KEPT, KeptAnswers
from heygem_daemon.service.prober import Prober
from heygem_daemon.service.runtime import Dependencies
from heygem_daemon.service.sidecar_prober import (
    MAX_FILES,
    MAX_IDLE_SECONDS,
    MAX_SECONDS,
    SidecarProber,
)
from heygem_daemon.spool.sidecars import ATTEMPTS
from tests.fakes.clock import FakeClock
from tests.fakes.service import ServiceHarness

HOSTILE_USER = 65533


@pytest.fixture
def probers() -> Iterator[list[SidecarProber]]:
    made: list[SidecarProber] = []
    yield made
    for prober in made:
        prober.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "talk.toml"
    path.write_text("crf = 30\n")
    return path


def child(code: str) -> tuple[str, ...]:
    """A child that runs ``code`` for each request: the file's ``path``, and its ``name``."""
    program = f"""
import json, os, sys, time
from heygem_daemon.config.sidecar import serve
for line in sys.stdin.buffer:
    path, name = json.loads(line)
    {code}
    serve([line], sys.stdout.buffer)
"""
    return (sys.executable, "-c", program)


def answer(prober: SidecarProber, path: Path) -> SidecarAnswer:
    """Ask until there is an answer."""
    deadline = time.monotonic() + 60
    while (found := prober(path)) is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return found


def test_the_options_of_a_sidecar(file: Path) -> None:
    assert answer(SidecarProber(), file).options.crf == 30


def test_the_reason_of_a_wrong_sidecar_names_file_and_line(tmp_path: Path) -> None:
    odd = tmp_path / "-rf $(touch escaped) 'a\nb\udcff.toml"
    odd.write_text("\nfcae = 1")
    found = answer(SidecarProber(), odd)
    assert found.refusal.endswith(', line 2: unknown key "fcae"; did you mean "face"?')
    assert "priority" in found.remedy
    assert list(tmp_path.iterdir()) == [odd]


def test_rule_19_one_that_hangs_is_ended_and_refused(
    file: Path, probers: list[SidecarProber]
) -> None:
    clock = FakeClock()
    prober = SidecarProber(child("time.sleep(600)"), clock)
    probers.append(prober)
    for _ in range(ATTEMPTS):
        assert prober(file) is None
        clock.now += MAX_SECONDS + 1
    found = prober(file)
    assert found is not None
    assert found.refusal.startswith("talk.toml is no sidecar: reading it crashed or did not end")


def test_one_whose_reader_had_no_time_is_read_again_alone_by_another(
    tmp_path: Path, file: Path, probers: list[SidecarProber]
) -> None:
    clock, tries = FakeClock(), tmp_path / "tries"
    slow_at_first = (
        f"open({str(tries)!r}, 'a').write(f'{{os.getpid()}} {{name}}\\n');"
        f" time.sleep(600 * (name == 'talk.toml' and"
        f" open({str(tries)!r}).read().count('talk.toml') < {ATTEMPTS}))"
    )
    prober = SidecarProber(child(slow_at_first), clock)
    probers.append(prober)
    other = tmp_path / "other.toml"
    other.write_text("crf = 31\n")

    def times() -> int:
        return tries.read_text().count("talk.toml") if tries.exists() else 0

    for attempt in range(1, ATTEMPTS):
        assert prober(file) is None
        deadline = time.monotonic() + 60
        while times() < attempt:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        clock.now += MAX_SECONDS + 1
    assert answer(prober, file).options.crf == 30
    assert answer(prober, other).options.crf == 31
    readers = [line.split()[0] for line in tries.read_text().splitlines() if "talk" in line]
    assert len(set(readers)) == ATTEMPTS


def test_one_child_reads_one_sidecar_after_the_other_and_ends_when_idle(
    tmp_path: Path, probers: list[SidecarProber]
) -> None:
    clock, seen = FakeClock(), tmp_path / "seen"
    prober = SidecarProber(child(f"open({str(seen)!r}, 'a').write(f'{{os.getpid()}}\\n')"), clock)
    probers.append(prober)

    def read(number: int) -> int:
        path = tmp_path / f"{number}.toml"
        path.write_text(f"crf = {number}")
        assert answer(prober, path).options.crf == number
        return int(seen.read_text().split()[-1])

    first = read(20)
    assert read(21) == first
    clock.now += MAX_IDLE_SECONDS + 1
    prober.advance()
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)
    second = read(22)
    assert second != first
    os.kill(second, signal.SIGKILL)
    os.waitid(os.P_PID, second, os.WEXITED | os.WNOWAIT)
    assert read(23) != second, "a child that was killed while it was idle blames no file"


def test_rule_19_a_crash_refuses_the_file_at_which_it_happened_alone(tmp_path: Path) -> None:
    prober = SidecarProber(child("if name == '7.toml': os.abort()"))
    files = [tmp_path / f"{number}.toml" for number in range(MAX_FILES + 10)]
    for each in files:
        each.write_text("strip = false")
        prober(each)
    refused = [each.name for each in files if answer(prober, each).refusal]
    assert refused == ["7.toml"]
    prober.close()


def test_an_answer_is_for_the_version_that_was_read(file: Path) -> None:
    prober = SidecarProber()
    assert prober(file) is None
    file.write_text("crf = 31 # another\n")
    assert answer(prober, file).options.crf == 31
    prober.close()


def test_a_file_that_is_gone_has_no_answer_and_blocks_no_other(tmp_path: Path, file: Path) -> None:
    prober = SidecarProber()
    gone = tmp_path / "gone.toml"
    gone.write_text("")
    assert prober(gone) is None
    gone.unlink()
    assert prober(gone) is None
    assert answer(prober, file).options.crf == 30
    prober.close()


def test_whoever_waits_is_woken_when_an_answer_is_there(file: Path) -> None:
    woken = threading.Event()
    prober = SidecarProber(on_answer=woken.set)
    assert prober(file) is None
    assert woken.wait(60)
    assert prober(file) is not None


def test_where_no_process_can_be_started_the_answer_is_not_known_yet_and_the_log_says_so(
    harness: ServiceHarness, file: Path
) -> None:
    for prober in (SidecarProber(("/no/such/program",)), Prober(("/no/such/program",))):
        assert prober(file) is None
        assert prober(file) is None
    assert harness.logged("no process could be started that looks at files") == 2


def test_the_daemon_parses_no_sidecar_itself(
    harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object) -> None:
        raise AssertionError("parsed in the daemon")

    monkeypatch.setattr("tomllib.loads", refuse)
    monkeypatch.setattr("heygem_daemon.config.sidecar.parse_sidecar", refuse)
    harness.read_sidecar = Dependencies().read_sidecar
    harness.drop("talk.wav", "talk.mp4")
    (harness.spool.inbox / "talk.toml").write_text("crf = 31")
    folder = harness.drop_batch("show", "a.wav", "a.mp4", "b.mp4")
    (folder / "job.toml").write_text("crf = 32\npriority = 3")
    (folder / "b.toml").write_text("crf = 33")
    service = harness.service()
    harness.run_rounds(service, 60)
    crfs = [render.options.crf for render in harness.executor.submitted]
    assert sorted(crfs) == [31, 32, 33]
    assert harness.failed() == []


def test_a_sidecar_that_is_still_being_read_holds_its_pair_alone(harness: ServiceHarness) -> None:
    answers: dict[str, SidecarAnswer] = {}
    harness.read_sidecar = lambda path: answers.get(path.name)
    harness.drop("slow.wav", "slow.mp4", "talk.wav", "talk.mp4")
    sidecar = harness.spool.inbox / "slow.toml"
    sidecar.write_text("crf = 31")
    service = harness.service()
    harness.run_rounds(service, 30)
    assert harness.outbox() == ["talk.json", "talk.mp4", "talk.png"]
    reasons = {each.name: each.reason for each in harness.status().inbox}
    rest = "is complete; the job starts in its turn when the rest is: slow.toml"
    assert reasons == {
        "slow.toml": "its options are being read",
        "slow.wav": rest,
        "slow.mp4": rest,
    }
    answers["slow.toml"] = answer(SidecarProber(), sidecar)
    harness.run_rounds(service, 30)
    assert harness.executor.submitted[-1].options.crf == 31


@pytest.mark.parametrize("of_batch", [False, True])
def test_a_sidecar_exchanged_before_the_claim_is_read_anew(
    harness: ServiceHarness, of_batch: bool
) -> None:
    if of_batch:
        sidecar = harness.drop_batch("show", "a.wav", "a.mp4") / "job.toml"
    else:
        harness.drop("talk.wav", "talk.mp4")
        sidecar = harness.spool.inbox / "talk.toml"
    sidecar.write_text("crf = 31")
    rename = harness.spool.files.rename
    exchanged: list[Path] = []

    def exchange(source: Path, target: Path) -> None:
        if not exchanged and source in {sidecar, sidecar.parent}:
            exchanged.append(source)
            sidecar.write_text("crf = 32")
            os.utime(sidecar, ns=(1, 1))
        rename(source, target)

    harness.spool.files.rename = exchange  # type: ignore[method-assign]
    service = harness.service()
    harness.run_rounds(service, 60)
    assert exchanged
    assert [render.options.crf for render in harness.executor.submitted] == [32]
    assert harness.failed() == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to others")
def test_hanging_sidecars_of_one_owner_do_not_block_another_owners(
    tmp_path: Path, file: Path, probers: list[SidecarProber]
) -> None:
    prober = SidecarProber(child("time.sleep(600 * ('bad' in name))"), FakeClock())
    probers.append(prober)
    hostile = [tmp_path / f"bad-{number}.toml" for number in range(2000)]
    for path in hostile:
        path.touch()
        os.chown(path, HOSTILE_USER, -1)
        assert prober(path) is None
    for number in range(3):
        file.write_text(f"crf = {30 + number}\n" + "\n" * number)
        assert answer(prober, file).options.crf == 30 + number
        for path in hostile:
            assert prober(path) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to others")
def test_answers_for_one_owner_do_not_push_out_another_owners(tmp_path: Path, file: Path) -> None:
    answers: KeptAnswers[Path, str] = KeptAnswers()
    answers.put(file, "uid 1", "the honest one's")
    for number in range(3 * MAX_KEPT):
        answers.put(tmp_path / str(number), "uid 2", "a hostile one's")
    assert answers.pop(file, "uid 1") == "the honest one's"
    assert answers.pop(tmp_path / "0", "uid 2") is None
