"""Nobody keeps the others waiting: turns between owners, batches and single jobs."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from heygem_daemon.protocol import Render
from heygem_daemon.service import candidates, dispatch
from heygem_daemon.service.candidates import Candidate, fairness_key, find_frontrunners
from heygem_daemon.service.turns import FairnessKey, owner_name
from heygem_daemon.spool.job import Job, Pair
from heygem_daemon.spool.ownership import user_name
from heygem_daemon.spool.requests import Request
from heygem_daemon.system import subordinate_ids
from heygem_daemon.system.subordinate_ids import holder_of
from tests.fakes.executor import Messages, keep_running, rendered
from tests.fakes.gpu import driver, gpu
from tests.fakes.service import ServiceHarness


@pytest.fixture
def owners(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, str]], None]:
    """Give files to owners by the first letter of their name: only root can change an owner."""

    def give(names: dict[str, str]) -> None:
        def key(candidate: Candidate) -> FairnessKey:
            own = fairness_key(candidate)
            return FairnessKey(names[candidate.name[0]], own.batch)

        def owner_of(job: Job) -> str:
            return names[job.title[0]]

        monkeypatch.setattr(candidates, "fairness_key", key)
        monkeypatch.setattr(dispatch, "owner_of", owner_of)

    return give


@pytest.fixture
def two_gpus(harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch) -> ServiceHarness:
    """A harness with two GPUs, whose jobs run until a test ends them."""
    monkeypatch.setattr("heygem_daemon.service.devices.is_cuda_usable", lambda: True)
    harness.readings = driver(gpu(0), gpu(1))
    harness.executor.answer = keep_running
    return harness


def drop_pairs(harness: ServiceHarness, *names: str, priority: int | None = None) -> None:
    for name in names:
        harness.drop(f"{name}.wav", f"{name}.mp4")
        if priority is not None:
            (harness.spool.inbox / f"{name}.toml").write_text(f"priority = {priority}\n")


def drop_big_batch(harness: ServiceHarness, name: str = "show", members: int = 100) -> None:
    harness.drop_batch(name, "voice.wav", *(f"{number:03d}.mp4" for number in range(members)))


def finish_next(harness: ServiceHarness) -> None:
    """Finish the job that was started first of those that run."""
    running = {each.job_id for each in harness.executor.workers.values()}
    order = next(each for each in harness.executor.submitted if each.job_id in running)
    for message in rendered(order):
        harness.executor.emit_for_job(order.job_id, message)


def started(harness: ServiceHarness) -> list[str]:
    """The videos of the jobs in the order in which they were started."""
    return [Path(order.video).read_bytes().decode() for order in harness.executor.submitted]


def run_all(harness: ServiceHarness) -> list[str]:
    """Run until nothing is left; return the videos in the order of their starts."""
    videos: list[str] = []

    def answer(order: Render) -> Messages:
        videos.append(Path(order.video).read_bytes().decode())
        return rendered(order)

    harness.executor.answer = answer
    harness.service().run_once()
    return videos


def test_a_pair_that_comes_after_a_big_batch_is_next(harness: ServiceHarness) -> None:
    drop_big_batch(harness)
    service = harness.service()
    harness.executor.answer = keep_running
    harness.run_rounds(service, 10)
    assert started(harness) == ["000.mp4"]
    drop_pairs(harness, "talk")
    harness.run_rounds(service, 10)
    assert "talk" in [job.name for job in harness.status().jobs], "it is claimed"
    finish_next(harness)
    harness.run_rounds(service, 2)
    assert Path(harness.executor.submitted[-1].video).read_bytes() == b"talk.mp4"


def test_a_pair_gets_a_device_beside_a_batch_that_could_use_all(two_gpus: ServiceHarness) -> None:
    drop_big_batch(two_gpus)
    service = two_gpus.service()
    two_gpus.run_rounds(service, 10)
    assert started(two_gpus) == ["000.mp4", "001.mp4"]
    drop_pairs(two_gpus, "a", "b", "c")
    two_gpus.run_rounds(service, 10)
    for name in ("a", "b", "c"):
        finish_next(two_gpus)
        two_gpus.run_rounds(service, 4)
        running = [job.name for job in two_gpus.status().jobs if job.state == "running"]
        assert any(each in ("a", "b", "c") for each in running), name


def test_owners_take_turns_at_the_inbox_and_in_the_queue(
    harness: ServiceHarness, owners: Callable[[dict[str, str]], None]
) -> None:
    owners({"a": "ann", "b": "bob"})
    drop_pairs(harness, *(f"a{number}" for number in range(6)))
    time.sleep(0.02)
    drop_pairs(harness, "b0", "b1")
    assert [name[0] for name in run_all(harness)] == ["a", "b", "a", "b", "a", "a", "a", "a"]


def test_a_person_with_the_highest_priority_does_not_keep_the_others_waiting(
    harness: ServiceHarness, owners: Callable[[dict[str, str]], None]
) -> None:
    owners({"a": "ann", "b": "bob"})
    drop_pairs(harness, *(f"a{number}" for number in range(8)), priority=100)
    drop_pairs(harness, "b0", "b1", "b2")
    order = [name[0] for name in run_all(harness)]
    assert [number for number, owner in enumerate(order) if owner == "b"][-1] <= 7


def test_max_priority_limits_what_sidecars_say(harness: ServiceHarness) -> None:
    harness.configure(max_priority=0)
    drop_pairs(harness, "first")
    time.sleep(0.02)
    drop_pairs(harness, "second", priority=50)
    time.sleep(0.02)
    drop_pairs(harness, "third", priority=-1)
    time.sleep(0.02)
    drop_pairs(harness, "fourth")
    assert run_all(harness) == ["first.mp4", "second.mp4", "fourth.mp4", "third.mp4"]


def test_a_batch_with_too_many_members_stays_in_the_inbox_with_its_reason(
    harness: ServiceHarness,
) -> None:
    harness.configure(max_batch_members=3)
    drop_big_batch(harness, "four", 4)
    drop_big_batch(harness, "many", 20)
    drop_big_batch(harness, "three", 3)
    service = harness.service()
    harness.run_rounds(service, 15)
    reasons = {entry.name: entry.reason for entry in harness.status().inbox}
    assert reasons == {
        "four": "is a folder with 4 members; a batch has 3 members at most (the setting"
        " max_batch_members): drop it as several folders",
        "many": "is a folder with 21 audio and video files; a batch has 3 members at most (the"
        " setting max_batch_members): drop it as several folders",
    }
    assert len(harness.executor.submitted) == 3


def test_only_the_first_of_each_line_can_be_next() -> None:
    pairs = [
        Candidate(f"{n:02d}", Pair(f"{n:02d}", Path("a"), Path("v")), 0, n, n % 2)
        for n in range(10)
    ]
    batches = [Candidate(f"b{n}", Path(f"/inbox/b{n}"), 0, n, 1) for n in range(10)]
    found = [each.name for each in find_frontrunners([*pairs, *batches], 2)]
    assert found == ["00", "01", "02", "03", "b0", "b1"]


def test_who_has_many_user_ids_is_one_owner_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A local user can give files to each id of his own user namespace."""
    monkeypatch.setattr(subordinate_ids, "SUBUID", tmp_path / "subuid")
    (tmp_path / "subuid").write_text("root:3000000000:65536\n")
    holder_of.cache_clear()
    try:
        ids = range(3_000_000_000, 3_000_000_200)
        assert {owner_name(uid) for uid in ids} == {owner_name(0)}, "turns"
        assert {user_name(uid) for uid in ids} == {"root"}, "lines of the log"
        asked = {Request("cancel", "talk", "talk.cancel", uid, 0).line for uid in ids}
        assert asked == {0}, "turns of requests"
    finally:
        holder_of.cache_clear()
