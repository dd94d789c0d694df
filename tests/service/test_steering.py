"""Requests in the inbox: cancel and hurry jobs, whatever state they are in."""

import os
import time
from collections.abc import Container
from pathlib import Path

import pytest

from heygem_daemon.language.translator import translator
from heygem_daemon.protocol import Paused
from heygem_daemon.service.contents import ContentProbe
from heygem_daemon.service.loop import Service
from heygem_daemon.service.notices import REQUESTS_OFF
from heygem_daemon.service.unused_files import MISPLACED
from heygem_daemon.spool.command_requests import leave_request
from heygem_daemon.spool.ownership import user_name
from heygem_daemon.spool.request_names import Verb
from tests.fakes.executor import FakeExecutor, keep_running, rendered
from tests.fakes.service import ServiceHarness


def ask(harness: ServiceHarness, *names: str) -> None:
    for name in names:
        (harness.spool.inbox / name).touch()


def requests(harness: ServiceHarness) -> dict[str, str]:
    return {each.name: each.text for each in harness.status().requests}


def inbox(harness: ServiceHarness) -> list[str]:
    return sorted(path.name for path in harness.spool.inbox.iterdir())


class SlowToStop(FakeExecutor):
    """Workers that are asked to stop, and do so when the test says it."""

    def pause(self, job_id: str) -> None:
        self.paused.append(job_id)


@pytest.fixture(autouse=True)
def jobs_run_until_the_test_ends_them(harness: ServiceHarness) -> None:
    harness.executor = SlowToStop(keep_running, now=harness.clock.monotonic)


def end_running(harness: ServiceHarness) -> None:
    job_id = harness.executor.submitted[-1].job_id
    harness.executor.emit_for_job(job_id, Paused(job_id=job_id))


def start(harness: ServiceHarness, *stems: str, seconds: float = 8.0) -> Service:
    for stem in stems:
        harness.drop(f"{stem}.wav", f"{stem}.mp4")
        harness.clock.now += 0.01
    service = harness.service()
    harness.run_rounds(service, seconds)
    return service


def running_names(harness: ServiceHarness) -> list[str]:
    return [each.name for each in harness.status().jobs if each.state == "running"]


def reason(harness: ServiceHarness, name: str) -> str:
    return (harness.spool.failed / name / "reason.txt").read_text()


def test_the_answer_to_a_cancel_names_what_has_its_files(harness: ServiceHarness) -> None:
    service = start(harness, "a", "b", "c")
    for _ in range(2):
        harness.drop("d.wav", "d.mp4")
        harness.run_rounds(service, 8.0)
        ask(harness, "d.cancel")
        harness.run_rounds(service, 4.0)
    assert harness.failed() == ["d", "d (2)"]
    said = [each.text for each in harness.status().requests]
    assert "d is cancelled; its files are in failed; its name is d (2) now" in said
    # So that nobody deletes one and believes that it was the other.
    ask(harness, "d.remove")
    harness.run_rounds(service, 4.0)
    assert harness.failed() == ["d (2)"]
    assert requests(harness)["d.remove"].endswith(
        "; the one that was dropped under the same name later is called d (2)"
    )


def test_what_waits_in_the_inbox_is_cancelled(harness: ServiceHarness) -> None:
    service = start(harness, "a", "b", "c", "d")
    assert "d.mp4" in inbox(harness)
    ask(harness, "d.cancel")
    harness.run_rounds(service, 4.0)
    assert harness.failed() == ["d"]
    files = sorted(path.name for path in (harness.spool.failed / "d").iterdir())
    assert files == ["d.mp4", "d.wav", "job.json", "reason.txt"]
    assert "Reason:     cancelled by" in reason(harness, "d")
    assert "d.cancel" not in inbox(harness)
    assert requests(harness)["d.cancel"] == "d is cancelled; its files are in failed"
    assert harness.logged("INFO cancelled by") == 1
    assert harness.status().counts.failures == {"cancelled": 1}


def test_the_reason_of_a_cancelled_job_says_who_did_it_and_how_and_fits(
    harness: ServiceHarness,
) -> None:
    service = start(harness, "a", "b")
    ask(harness, "b.cancel")
    harness.run_rounds(service, 4.0)
    text = reason(harness, "b")
    assert text.startswith('"b" was cancelled.')
    assert f"cancelled by {user_name(os.geteuid())} (b.cancel)." in text
    assert "“b”已取消。" in text
    assert "（b.cancel）" in text
    assert "could not be rendered" not in text
    assert "corrected pair" not in text
    assert "drop an empty file into the inbox: b.retry\n" in text
    assert "heygem-daemon retry b\n" in text
    shown = text.partition("-----")[2]
    assert not [word for word in ("cancelled", "render", "inbox", "command") if word in shown]


def test_a_claimed_job_is_cancelled_before_it_starts(harness: ServiceHarness) -> None:
    service = start(harness, "a", "b")
    assert harness.processing() == 2
    ask(harness, "b.CANCEL")
    harness.run_rounds(service, 4.0)
    assert (harness.failed(), running_names(harness), harness.processing()) == (["b"], ["a"], 1)


def test_a_running_job_is_stopped_and_fails_as_cancelled(harness: ServiceHarness) -> None:
    service = start(harness, "a", "b")
    ask(harness, "a.cancel")
    harness.run_rounds(service, 4.0)
    job_id = harness.executor.submitted[0].job_id
    assert harness.executor.paused == [job_id]
    assert requests(harness)["a.cancel"] == "a is being stopped"
    harness.executor.emit_for_job(job_id, Paused(job_id=job_id))
    harness.run_rounds(service, 4.0)
    assert harness.failed() == ["a"]
    assert running_names(harness) == ["b"]
    assert (requests(harness)["a.cancel"], inbox(harness)) == (
        "a is cancelled; its files are in failed",
        [],
    )


def test_a_worker_that_does_not_stop_is_killed(harness: ServiceHarness) -> None:
    service = start(harness, "a")
    ask(harness, "a.cancel")
    harness.run_rounds(service, 50.0)
    assert harness.executor.killed == []
    harness.run_rounds(service, 20.0)
    assert len(harness.executor.killed) == 1
    assert (harness.failed(), inbox(harness)) == (["a"], [])
    assert "cancelled by" in reason(harness, "a")


def test_a_cancelled_job_stays_cancelled_after_a_restart(harness: ServiceHarness) -> None:
    service = start(harness, "a")
    ask(harness, "a.cancel")
    harness.run_rounds(service, 3.0)
    harness.kill(service)
    harness.run_rounds(harness.service(), 4.0)
    assert (harness.failed(), len(harness.executor.submitted)) == (["a"], 1)


def test_a_whole_batch_is_cancelled(harness: ServiceHarness) -> None:
    names = [f"{number}{suffix}" for number in range(30) for suffix in (".wav", ".mp4")]
    harness.drop_batch("Talks", *names)
    service = harness.service()
    harness.run_rounds(service, 8.0)
    assert len(running_names(harness)) == 1
    ask(harness, "talks.cancel")
    harness.run_rounds(service, 4.0)
    end_running(harness)
    harness.run_rounds(service, 4.0)
    assert harness.failed() == ["Talks"]
    assert len(list((harness.spool.failed / "Talks").iterdir())) == 30
    assert (harness.processing(), len(harness.executor.submitted)) == (0, 1)


def test_a_batch_that_waits_is_cancelled(harness: ServiceHarness) -> None:
    service = start(harness, "a", "b")
    harness.drop_batch("talks", "1.wav", "1.mp4", "2.mp4")
    harness.run_rounds(service, 8.0)
    ask(harness, "talks.cancel")
    harness.run_rounds(service, 4.0)
    assert harness.failed() == ["talks"]
    assert inbox(harness) == []


def test_a_request_for_one_member_of_a_batch_names_the_batch(harness: ServiceHarness) -> None:
    """It said that no such job waits, and went."""
    harness.drop_batch("talks", "1.wav", "1.mp4", "2.wav", "2.mp4")
    service = harness.service()
    harness.run_rounds(service, 8.0)
    assert len(running_names(harness)) == 1
    ask(harness, "2.cancel", "1.hurry", "3.cancel")
    harness.run_rounds(service, 3.0)
    said = requests(harness)
    assert said["2.cancel"] == (
        "2 is a part of talks, which is cancelled as a whole: ask with talks.cancel"
    )
    assert said["1.hurry"] == (
        "1 is a part of talks, which goes first as a whole: ask with talks.hurry"
    )
    assert said["3.cancel"] == "no job 3 of yours waits or is rendered"
    assert inbox(harness) == []
    assert len(running_names(harness)) == 1


def test_a_request_waits_until_its_pair_is_complete(harness: ServiceHarness) -> None:
    service = start(harness, seconds=1.0)
    harness.drop("a.wav", "a.mp4")
    ask(harness, "a.cancel")
    harness.run_rounds(service, 3.0)
    assert requests(harness)["a.cancel"] == "a is cancelled as soon as its files are complete"
    harness.run_rounds(service, 8.0)
    assert (harness.failed(), harness.executor.submitted) == (["a"], [])


def test_a_hurried_pair_is_the_next(harness: ServiceHarness) -> None:
    service = start(harness, "a", "b", "c", "d", "e")
    ask(harness, "e.hurry")
    harness.run_rounds(service, 6.0)
    assert requests(harness)["e.hurry"].startswith("e was put first among")
    for name in "aebcd":
        assert running_names(harness) == [name]
        ask(harness, f"{name}.cancel")
        harness.run_rounds(service, 2.0)
        end_running(harness)
        harness.run_rounds(service, 2.0)
    assert "e.hurry" not in inbox(harness)


def test_a_claimed_job_is_hurried_also_after_a_restart(harness: ServiceHarness) -> None:
    service = start(harness, "a", "b", "c")
    harness.drop("p.toml")
    (harness.spool.inbox / "p.toml").write_text("priority = 10")
    harness.drop("p.wav", "p.mp4")
    harness.run_rounds(service, 8.0)
    ask(harness, "b.hurry")
    harness.run_rounds(service, 4.0)
    assert "b.hurry" not in inbox(harness)
    harness.kill(service)
    harness.executor.submitted.clear()
    service = harness.service()
    harness.run_rounds(service, 2.0)
    assert running_names(harness) == ["b"]


def test_a_request_in_a_folder_says_what_to_type(harness: ServiceHarness) -> None:
    """inbox/talks/2.cancel was a folder without audio and video, of no known format."""
    harness.drop_batch("talks", "1.wav", "1.mp4", "2.wav", "2.mp4")
    service = harness.service()
    harness.run_rounds(service, 8.0)
    for name in ("2.cancel", "2.重试"):
        harness.drop_batch("talks", name)
        (harness.spool.inbox / "talks" / name).write_text("")
    harness.run_rounds(service, 8.0)
    told = {each.name: each for each in harness.status().inbox}
    for name, right in (("2.cancel", "talks.cancel"), ("2.重试", "talks.retry")):
        notice = told[f"talks/{name}"]
        assert (notice.waits_for, notice.reason) == ("attention", MISPLACED)
        assert notice.remedy.endswith(f"put an empty file {right} into the inbox.")
    assert (
        told["talks"].reason == "is a folder that holds neither audio nor video; it waits for both"
    )
    harness.configure(share_requests=False)
    harness.kill(service)
    harness.run_rounds(harness.service(), 8.0)
    assert [each.name for each in harness.status().inbox] == ["talks"]


def test_a_request_for_nothing_says_so_and_is_cleared_away(harness: ServiceHarness) -> None:
    service = start(harness)
    ask(harness, "nobody.cancel", "nothing.hurry")
    harness.run_rounds(service, 16.0)
    assert requests(harness) == {
        "nobody.cancel": "no job nobody of yours waits or is rendered",
        "nothing.hurry": "no job nothing of yours waits",
    }
    assert inbox(harness) == []
    assert harness.logged("no job nobody") == 1
    harness.run_rounds(service, 700.0)
    assert requests(harness) == {}


def test_a_request_may_come_before_its_pair(harness: ServiceHarness) -> None:
    service = start(harness, "a", "b", "c")
    ask(harness, "d.hurry")
    harness.run_rounds(service, 4.0)
    harness.drop("d.wav", "d.mp4")
    harness.run_rounds(service, 12.0)
    assert requests(harness)["d.hurry"].startswith("d was put first among")


def test_the_switch_turns_requests_off(harness: ServiceHarness) -> None:
    harness.configure(share_requests=False)
    service = start(harness, "a", "b")
    ask(harness, "b.cancel")
    harness.run_rounds(service, 8.0)
    assert (harness.failed(), inbox(harness)) == ([], ["b.cancel"])


def test_what_is_no_plain_small_file_is_no_request(harness: ServiceHarness, tmp_path: Path) -> None:
    service = start(harness, "a", "b")
    victim = tmp_path / "victim"
    victim.touch()
    (harness.spool.inbox / "a.cancel").symlink_to(victim)
    os.link(victim, harness.spool.inbox / "b.cancel")
    (harness.spool.inbox / "a.hurry").write_bytes(b"x" * 5000)
    os.mkfifo(harness.spool.inbox / "b.hurry")
    harness.run_rounds(service, 8.0)
    assert (harness.failed(), requests(harness), victim.exists()) == ([], {}, True)
    assert len(inbox(harness)) == 4


def test_windows_adds_a_suffix_that_nobody_sees(harness: ServiceHarness) -> None:
    service = start(harness, "a", "b")
    ask(harness, "b.cancel.txt")
    harness.run_rounds(service, 4.0)
    assert harness.failed() == ["b"]


def test_the_result_file_may_be_named_too(harness: ServiceHarness) -> None:
    service = start(harness, "a", "b")
    ask(harness, "b.mp4.cancel")
    harness.run_rounds(service, 4.0)
    assert harness.failed() == ["b"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to other users")
class TestOwners:
    """A request acts on jobs of the user who dropped it, or of all if that is a trusted one."""

    ANNA, MALLORY = 70_002, 70_003

    def give(self, harness: ServiceHarness, owner: int, *names: str) -> None:
        for name in names:
            os.chown(harness.spool.inbox / name, owner, -1)

    def test_a_strangers_request_does_nothing_and_says_whose_it_is_not(
        self, harness: ServiceHarness
    ) -> None:
        for stem in "abc":
            harness.drop(f"{stem}.wav", f"{stem}.mp4")
            self.give(harness, self.ANNA, f"{stem}.wav", f"{stem}.mp4")
        service = harness.service()
        harness.run_rounds(service, 8.0)
        ask(harness, "a.cancel", "b.cancel", "c.cancel", "nobody.cancel")
        names = ("a.cancel", "b.cancel", "c.cancel", "nobody.cancel")
        self.give(harness, self.MALLORY, *names)
        harness.run_rounds(service, 4.0)
        assert (harness.failed(), harness.executor.paused) == ([], [])
        told = "was dropped by somebody else, who alone can cancel it"
        assert requests(harness) == {
            **{f"{name}.cancel": f"{name} {told}" for name in "abc"},
            "nobody.cancel": "no job nobody of yours waits or is rendered",
        }
        assert translator("zh")(f"a {told}") == "a 由其他人放入，只有放入者才能取消"
        ask(harness, "b.cancel")
        self.give(harness, self.ANNA, "b.cancel")
        harness.run_rounds(service, 4.0)
        assert harness.failed() == ["b"]
        ask(harness, "c.cancel")
        (harness.spool.inbox / "c.cancel").chmod(0o600)
        harness.run_rounds(service, 4.0)
        assert harness.failed() == ["b", "c"]

    def test_a_strangers_hurry_is_refused_at_once(self, harness: ServiceHarness) -> None:
        """It does not wait for a job to come that is there, and whose it is is known."""
        harness.drop("a.wav", "a.mp4")
        self.give(harness, self.ANNA, "a.wav", "a.mp4")
        service = harness.service()
        ask(harness, "a.hurry", "b.hurry")
        self.give(harness, self.MALLORY, "a.hurry", "b.hurry")
        harness.run_rounds(service, 1.0)
        assert requests(harness) == {
            "a.hurry": "a was dropped by somebody else, who alone can hurry it",
            "b.hurry": "there is no job b yet; if it comes now, it goes first",
        }

    def test_a_strangers_request_in_another_folder_learns_nothing(
        self, harness: ServiceHarness
    ) -> None:
        harness.configure(folders={"anna": {}})
        harness.drop("a.wav", "a.mp4")
        service = harness.service()
        harness.run_rounds(service, 8.0)
        request = harness.spool.inbox / "anna" / "a.cancel"
        request.touch()
        os.chown(request, self.MALLORY, -1)
        harness.run_rounds(service, 4.0)
        (told,) = requests(harness).values()
        assert told == "no job a of yours waits or is rendered"

    def test_a_flood_hides_nobody_elses_request(self, harness: ServiceHarness) -> None:
        harness.drop("z.wav", "z.mp4")
        self.give(harness, self.ANNA, "z.wav", "z.mp4")
        service = harness.service()
        harness.run_rounds(service, 8.0)
        flood = [f"a{number}.hurry" for number in range(300)]
        ask(harness, *flood, "z.cancel")
        self.give(harness, self.MALLORY, *flood)
        self.give(harness, self.ANNA, "z.cancel")
        harness.run_rounds(service, 4.0)
        assert len(harness.executor.paused) == 1
        harness.run_rounds(service, 90.0)
        shown = [each.name for each in harness.status().requests]
        assert len([name for name in shown if name.startswith("a")]) <= 50
        assert harness.logged("no job a") <= 30
        assert (harness.failed(), inbox(harness)) == (["z"], [])


class TestLateSidecars:
    """A sidecar that comes after the claim counts as long as its job waits."""

    def test_it_is_taken_with_its_priority_and_survives_a_restart(
        self, harness: ServiceHarness
    ) -> None:
        service = start(harness, "a", "b")
        (harness.spool.inbox / "B.toml").write_text('face = "left"\npriority = 7\n')
        harness.run_rounds(service, 12.0)
        assert inbox(harness) == []
        assert harness.logged("takes the options in B.toml") == 1
        job = next(each for each in harness.status().jobs if each.name == "b")
        assert (job.state, job.priority) == ("queued", 7)
        harness.kill(service)
        service = harness.service()
        harness.run_rounds(service, 2.0)
        assert harness.executor.submitted[-1].options.face == "left"

    def test_a_second_one_replaces_it_and_a_mistake_fails_the_job(
        self, harness: ServiceHarness
    ) -> None:
        service = start(harness, "a", "b")
        for text in ('face = "left"\n', 'face = "middle"\n'):
            (harness.spool.inbox / "b.toml").write_text(text)
            harness.run_rounds(service, 12.0)
            assert inbox(harness) == []
        ask(harness, "a.cancel")
        harness.run_rounds(service, 2.0)
        end_running(harness)
        harness.run_rounds(service, 2.0)
        assert harness.failed() == ["a", "b"]
        assert 'b.toml, line 1: face = "middle"' in reason(harness, "b")

    def test_a_running_job_does_not_take_it(self, harness: ServiceHarness) -> None:
        service = start(harness, "a")
        (harness.spool.inbox / "a.toml").write_text('face = "left"\n')
        harness.run_rounds(service, 12.0)
        assert inbox(harness) == ["a.toml"]
        (told,) = harness.status().inbox
        assert told.reason == "came too late for the job a, which is being made without it"
        assert told.remedy.endswith("and then rename this file to a.retry.")
        assert told.waits_for == "attention"
        for text in (told.reason, told.remedy):
            assert translator("zh").knows(text)

    def test_after_the_end_it_says_how_the_job_is_made_again(self, harness: ServiceHarness) -> None:
        harness.executor.answer = rendered
        harness.drop("a.wav", "a.mp4")
        (harness.spool.inbox / "a.toml").write_text('face = "lft"\n')
        service = start(harness)
        assert harness.failed() == ["a"]
        late = harness.spool.inbox / "a.toml"
        late.write_text('face = "rigt"\n')
        harness.run_rounds(service, 12.0)
        (told,) = harness.status().inbox
        assert told.reason == "has no sound and no video beside it, and the job a has ended"
        assert "rename this file to a.retry; for a new job, put its sound" in told.remedy
        assert 'a.toml, line 1: face = "rigt": must be' in told.remedy
        late.write_text('face = "right"\n')
        harness.run_rounds(service, 12.0)
        (told,) = harness.status().inbox
        assert told.remedy.endswith("put its sound and its video beside this file.")
        late.rename(late.with_name("a.retry"))
        harness.run_rounds(service, 12.0)
        assert inbox(harness) == []
        assert harness.executor.submitted[-1].options.face == "right"

    def test_where_no_request_counts_none_is_proposed(self, harness: ServiceHarness) -> None:
        harness.configure(share_requests=False)
        service = start(harness, "a")
        (harness.spool.inbox / "a.toml").write_text('face = "left"\n')
        harness.run_rounds(service, 12.0)
        (told,) = harness.status().inbox
        assert told.remedy.startswith("For a job with these options, put its sound")

    def test_in_a_hot_folder_its_own_page_says_so_too(self, harness: ServiceHarness) -> None:
        harness.configure(folders={"anna": {}})
        service = start(harness, seconds=2.0)
        for name in ("anna/a.wav", "anna/a.mp4"):
            harness.drop(name)
        harness.run_rounds(service, 12.0)
        (harness.spool.inbox / "anna" / "a.toml").write_text('face = "left"\n')
        harness.run_rounds(service, 12.0)
        page = (harness.spool.outbox / "anna" / "status.txt").read_text()
        assert "a.toml: came too late for the job a, which is being made without it" in page
        assert "rename this file to a.retry." in page

    def test_beside_a_file_of_its_name_it_waits_for_that_one(self, harness: ServiceHarness) -> None:
        service = start(harness, "a", "b")
        harness.drop("b.wav")
        (harness.spool.inbox / "b.toml").write_text('face = "left"\n')
        harness.run_rounds(service, 12.0)
        assert inbox(harness) == ["b.toml", "b.wav"]

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to other users")
    def test_a_strangers_is_not_taken(self, harness: ServiceHarness) -> None:
        for name in ("a.wav", "a.mp4", "b.wav", "b.mp4"):
            harness.drop(name)
            os.chown(harness.spool.inbox / name, 70_002, -1)
        service = start(harness)
        (harness.spool.inbox / "b.toml").write_text('face = "left"\n')
        os.chown(harness.spool.inbox / "b.toml", 70_003, -1)
        harness.run_rounds(service, 12.0)
        assert inbox(harness) == ["b.toml"]
        (harness.spool.inbox / "a.toml").write_text('face = "left"\n')
        os.chown(harness.spool.inbox / "a.toml", 70_003, -1)
        harness.run_rounds(service, 12.0)
        assert not [each for each in harness.status().inbox if "too late" in each.reason]


class TestIncomplete:
    """What waits for somebody to act is cancelled too."""

    def test_half_a_pair_goes_to_failed_and_can_come_back(self, harness: ServiceHarness) -> None:
        service = start(harness, "a")
        harness.drop("x.wav")
        ask(harness, "X.取消")
        harness.run_rounds(service, 3.0)
        text = requests(harness)["X.取消"]
        assert text == "X is cancelled as soon as its files are complete"
        harness.run_rounds(service, 8.0)
        files = sorted(path.name for path in (harness.spool.failed / "x").iterdir())
        assert files == ["job.json", "reason.txt", "x.wav"]
        assert "Reason:     cancelled by" in reason(harness, "x")
        assert "File:       x.wav" in reason(harness, "x")
        assert "Video:" not in reason(harness, "x")
        assert requests(harness)["X.取消"] == "X is cancelled; its files are in failed"
        assert (inbox(harness), harness.failed()) == ([], ["x"])
        ask(harness, "x.retry")
        harness.run_rounds(service, 12.0)
        assert inbox(harness) == ["x.wav"]

    def test_a_sidecar_goes_with_its_half(self, harness: ServiceHarness) -> None:
        service = start(harness)
        harness.drop("x.mp4")
        (harness.spool.inbox / "x.toml").write_text('face = "lft"\n')
        harness.run_rounds(service, 10.0)
        ask(harness, "x.cancel")
        harness.run_rounds(service, 4.0)
        files = sorted(path.name for path in (harness.spool.failed / "x").iterdir())
        assert files == ["job.json", "reason.txt", "x.mp4", "x.toml"]
        assert (inbox(harness), len(requests(harness))) == ([], 1)

    def test_files_that_fit_in_no_clear_way_are_cancelled_all(
        self, harness: ServiceHarness
    ) -> None:
        service = start(harness)
        harness.drop("x.wav", "x.mp3", "x.mp4")
        harness.run_rounds(service, 12.0)
        told = {each.name: each.reason for each in harness.status().inbox}
        why = "cannot be paired: these files share one name (x.mp3, x.mp4, x.wav); rename them"
        assert told == dict.fromkeys(("x.mp3", "x.mp4", "x.wav"), why)
        page = (harness.spool.root / "status.txt").read_text()
        assert ": The daemon is ready. 1 cannot start\n" in page, "one mistake"
        ask(harness, "x.cancel")
        harness.run_rounds(service, 6.0)
        assert (inbox(harness), harness.failed()) == ([], ["x", "x (2)", "x (3)"])
        assert harness.status().counts.failures == {"cancelled": 3}

    @pytest.mark.parametrize("answer", [None, False])
    def test_what_waits_for_the_check_or_looks_incomplete_is_cancelled(
        self, harness: ServiceHarness, answer: bool | None
    ) -> None:
        """It waited until the check had answered, or until the patience was over."""
        harness.looks_complete = lambda _path: answer
        service = start(harness)
        harness.drop("pair.wav", "pair.mp4", "half.mp4", "other.wav", "other.mp4")
        harness.run_rounds(service, 8.0)
        ask(harness, "pair.cancel", "half.cancel", "other.hurry")
        harness.run_rounds(service, 2.0)
        told = requests(harness)
        assert told["pair.cancel"] == "pair is cancelled; its files are in failed"
        assert told["half.cancel"] == "half is cancelled; its files are in failed"
        assert told["other.hurry"] == "other goes first as soon as its files are complete"
        assert harness.failed() == ["half", "pair"]
        assert inbox(harness) == ["other.hurry", "other.mp4", "other.wav"]

    def test_an_open_file_is_not_cancelled_before_its_writer_has_closed_it(
        self, harness: ServiceHarness
    ) -> None:
        harness.looks_complete = lambda _path: None
        service = start(harness)
        harness.drop("pair.wav", "pair.mp4")
        with (harness.spool.inbox / "pair.mp4").open("r+b"):
            harness.run_rounds(service, 8.0)
            ask(harness, "pair.cancel")
            harness.run_rounds(service, 8.0)
            assert harness.failed() == []
        harness.run_rounds(service, 8.0)
        assert harness.failed() == ["pair"]

    def test_what_is_hurried_is_examined_first(self, harness: ServiceHarness) -> None:
        hurried: list[Container[Path]] = []
        harness.content_probe = ContentProbe(hurry=hurried.append)
        harness.looks_complete = lambda _path: None
        service = start(harness)
        harness.drop("a.wav", "a.mp4", "b.wav", "b.mp4")
        harness.drop_batch("talks", "1.wav", "1.mp4")
        ask(harness, "B.hurry", "talks.hurry")
        harness.run_rounds(service, 3.0)
        names = ("a.wav", "b.wav", "b.mp4", "talks")
        found = [name for name in names if harness.spool.inbox / name in hurried[-1]]
        assert found == ["b.wav", "b.mp4", "talks"]
        (harness.spool.inbox / "B.hurry").unlink()
        harness.run_rounds(service, 3.0)
        assert harness.spool.inbox / "b.wav" not in hurried[-1]

    def test_halves_that_came_too_far_apart_are_one(self, harness: ServiceHarness) -> None:
        harness.clock.wall_offset = 4e9  # later than the files' own times
        harness.configure(pair_minutes=0.001)
        service = start(harness)
        harness.drop("x.wav")
        time.sleep(0.2)
        harness.drop("x.mp4")
        harness.run_rounds(service, 12.0)
        assert inbox(harness) == ["x.mp4", "x.wav"]
        ask(harness, "x.cancel")
        harness.run_rounds(service, 4.0)
        files = {path.name for path in (harness.spool.failed / "x").iterdir()}
        assert (inbox(harness), {"x.mp4", "x.wav"} <= files) == ([], True)

    def test_a_folder_that_is_no_batch_says_what_to_do(self, harness: ServiceHarness) -> None:
        service = start(harness)
        harness.drop_batch("talks", "1.wav")
        harness.run_rounds(service, 12.0)
        ask(harness, "talks.cancel")
        harness.run_rounds(service, 4.0)
        told = "talks is a folder that is no batch yet: delete it from the inbox yourself"
        assert requests(harness) == {"talks.cancel": told}
        assert inbox(harness) == ["talks"]


WRONG = {
    "a.cancle": "a.cancel",
    "a.hury": "a.hurry",
    "a.retry.toml": "a.retry",
    "取消a.txt": "a.cancel",
    ".hurry": "NAME.hurry",
    "cancel": "NAME.cancel",
}


class TestMistakes:
    """What is like a request gets a word."""

    def test_the_page_says_what_was_meant(self, harness: ServiceHarness) -> None:
        service = start(harness, "a")
        ask(harness, *WRONG)
        harness.run_rounds(service, 12.0)
        told = {each.name: each.reason for each in harness.status().inbox}
        assert told == {
            name: f"is no request; did you mean {meant}? Rename it so, or delete it"
            if not meant.startswith("NAME.")
            else f"is no request: it names no job. Put the name of the job before {meant[4:]}, or"
            " delete it"
            for name, meant in WRONG.items()
        }
        assert {each.waits_for for each in harness.status().inbox} == {"attention"}
        assert harness.logged("WARNING is no request; did you mean a.hurry?") == 1
        assert inbox(harness) == sorted(WRONG)
        assert running_names(harness) == ["a"]

    def test_after_the_end_of_its_job_it_asks_for_nothing(self, harness: ServiceHarness) -> None:
        """A misspelt cancel means nothing any more, a misspelt retry does. What was meant is said
        all the same: nobody knew why the file was listed."""
        harness.executor.answer = rendered
        service = start(harness, "a")
        ask(harness, "a.cancle", "a.retri", "b.cancle")
        harness.run_rounds(service, 12.0)
        told = {each.name: (each.reason, each.waits_for) for each in harness.status().inbox}
        ended = "is no request; did you mean a.cancel? The job a has ended: delete this file"
        assert told["a.cancle"] == (ended, None)
        assert told["b.cancle"][1] == told["a.retri"][1] == "attention"
        page = (harness.spool.root / "status.txt").read_text()
        assert f"a.cancle: {ended}" in page
        assert "不是请求；您是指 a.cancel 吗？任务 a 已结束：请删除此文件" in page

    @pytest.mark.parametrize("names", [("a.wav",), ("a.wav", "a.mp4")])
    def test_while_new_files_of_its_name_arrive_it_says_what_was_meant(
        self, harness: ServiceHarness, names: tuple[str, ...]
    ) -> None:
        harness.executor.answer = rendered
        service = start(harness, "a")
        harness.run_rounds(service, 12.0)
        harness.drop(*names)
        ask(harness, "a.cancle")
        harness.run_rounds(service, 2.0)
        told = {each.name: each.reason for each in harness.status().inbox}
        assert told["a.cancle"].endswith("did you mean a.cancel? Rename it so, or delete it")
        harness.run_rounds(service, 30.0)
        told = {each.name: each.reason for each in harness.status().inbox}
        has_ended = "The job a has ended" in told["a.cancle"]
        assert has_ended == (len(names) == 2)

    def test_a_folder_is_no_request(self, harness: ServiceHarness) -> None:
        service = start(harness, "a")
        (harness.spool.inbox / "a.cancel").mkdir()
        (harness.spool.inbox / "b").mkdir()
        harness.run_rounds(service, 12.0)
        told = {each.name: each for each in harness.status().inbox}
        assert told["a.cancel"].reason.startswith("is a folder, and no request: delete it, and put")
        assert told["a.cancel"].waits_for == "attention"
        assert "request" not in told["b"].reason

    def test_a_hurried_half_says_what_it_waits_for(self, harness: ServiceHarness) -> None:
        service = start(harness)
        harness.drop("x.wav")
        harness.run_rounds(service, 8.0)
        ask(harness, "x.wav.hurry")
        harness.run_rounds(service, 4.0)
        told = "x.wav goes first as soon as what it lacks is there"
        assert requests(harness) == {"x.wav.hurry": told}

    def test_that_requests_are_off_is_said_of_each_in_both_languages(
        self, harness: ServiceHarness
    ) -> None:
        harness.configure(share_requests=False)
        service = start(harness)
        ask(harness, "face.retry", "prs.cancle")
        harness.run_rounds(service, 20.0)
        told = {each.name: each for each in harness.status().inbox}
        assert {*told} == {"face.retry", "prs.cancle"}
        for name, each in told.items():
            assert (each.reason, each.waits_for) == (REQUESTS_OFF, "attention")
            assert sum(name in line and REQUESTS_OFF in line for line in harness.log) == 1
        assert "share_requests = false" in translator("zh")(REQUESTS_OFF)
        assert translator("zh").knows(REQUESTS_OFF)

    @pytest.mark.parametrize(
        "name", ["b.Cancel ", "b。CANCEL.txt", "b.取消", "b.取 消", "b.toml.cancel"]
    )
    def test_a_plain_meaning_is_carried_out(self, harness: ServiceHarness, name: str) -> None:
        service = start(harness, "a", "b")
        ask(harness, name)
        harness.run_rounds(service, 4.0)
        assert harness.failed() == ["b"]
        assert inbox(harness) == []

    def test_a_request_beside_a_lone_file_is_no_unknown_format(
        self, harness: ServiceHarness
    ) -> None:
        service = start(harness)
        harness.drop("x.wav", "y.wav")
        ask(harness, "x.hurry", "y.hury", "y.ogx")
        harness.run_rounds(service, 8.0)
        told = {each.name: each.reason for each in harness.status().inbox}
        assert told["x.wav"] == (
            "has no video of the same name beside it; it waits for one, such as x.mp4, x.mov or"
            " x.jpg"
        )
        assert told["y.wav"].endswith("; y.ogx lies there too, not used: empty")


class TestMistakesInSidecars:
    """A mistake is told as soon as the sidecar is read, and can be corrected until the turn."""

    def test_it_is_told_at_once_and_corrected_in_the_inbox(self, harness: ServiceHarness) -> None:
        service = start(harness, "a", "b", "c")
        sidecar = harness.spool.inbox / "d.toml"
        sidecar.write_text('strip = true\nface = "lft"\n')
        harness.drop("d.wav", "d.mp4")
        harness.run_rounds(service, 10.0)
        wrong, job = [each for each in harness.status().inbox if each.name.startswith("d")]
        assert (wrong.name, wrong.waits_for) == ("d.toml", "attention")
        assert wrong.reason.startswith('d.toml, line 2: face = "lft": must be')
        assert wrong.remedy.startswith('Write for example: face = "left". Correct or remove this')
        assert wrong.remedy.endswith("unless the file is corrected before.")
        assert (job.name, job.waits_for) == ("d", "turn")
        assert harness.logged('WARNING d.toml, line 2: face = "lft"') == 1
        assert harness.status().backlog.needs_attention == 1
        page = (harness.spool.root / "status.txt").read_text()
        assert "1 being made, 1 cannot start, 2 waiting\n" in page, "each thing is counted once"
        counts = [page.count(f"  d.toml{colon}") for colon in (": ", "：")]
        assert counts == [1, 1], "once in each language"
        assert " d: waits for its turn" not in page
        sidecar.write_text('face = "left"\n')
        harness.run_rounds(service, 2.0)
        shown = {each.name: each.reason for each in harness.status().inbox}
        rest = "is complete; the job starts in its turn when the rest is: d.toml"
        assert shown == {"d.toml": "it has changed lately", "d.wav": rest, "d.mp4": rest}
        page = (harness.spool.root / "status.txt").read_text()
        assert f"  d.wav, d.mp4: {rest}\n" in page or f"  d.mp4, d.wav: {rest}\n" in page
        harness.run_rounds(service, 10.0)
        assert [each.name for each in harness.status().inbox] == ["d"]
        for name in "abc":
            ask(harness, f"{name}.cancel")
        harness.run_rounds(service, 2.0)
        end_running(harness)
        harness.run_rounds(service, 8.0)
        assert harness.executor.submitted[-1].options.face == "left"
        assert harness.failed() == ["a", "b", "c"]

    def test_a_claimed_job_keeps_its_place_and_takes_the_correction(
        self, harness: ServiceHarness
    ) -> None:
        service = start(harness, "a", "b")
        (harness.spool.inbox / "c.toml").write_text('face = "lft"\n')
        harness.drop("c.wav", "c.mp4")
        harness.run_rounds(service, 10.0)
        assert inbox(harness) == []
        queued = next(each for each in harness.status().jobs if each.name == "c")
        assert (queued.state, harness.failed()) == ("queued", [])
        assert (queued.reason or "").startswith('c.toml, line 1: face = "lft": must be')
        assert (queued.reason or "").endswith("unless the file is corrected before.")
        page = (harness.spool.root / "status.txt").read_text()
        assert "1 being made, 1 cannot start, 1 waiting\n" in page
        attention = page.split("somebody has to do something\n")[1].split("\n\n")[0]
        assert attention.startswith("  c: c.toml, line 1: ")
        assert page.count("  c: c.toml, line 1: ") == 1, "the Chinese one is another"
        (harness.spool.inbox / "c.toml").write_text('face = "left"\n')
        harness.run_rounds(service, 10.0)
        queued = next(each for each in harness.status().jobs if each.name == "c")
        assert queued.reason == "waits for its turn"
        ask(harness, "b.cancel", "a.cancel")
        harness.run_rounds(service, 2.0)
        end_running(harness)
        harness.run_rounds(service, 2.0)
        assert harness.executor.submitted[-1].options.face == "left"

    def test_the_next_job_has_time_until_a_device_is_free(self, harness: ServiceHarness) -> None:
        service = start(harness, "a", "b")
        for text, end in (('face = "lft"\n', "corrected before."), ('face = "left"\n', None)):
            (harness.spool.inbox / "b.toml").write_text(text)
            harness.run_rounds(service, 10.0)
            (queued,) = [each for each in harness.status().jobs if each.name == "b"]
            assert (queued.state, harness.failed()) == ("queued", [])
            assert end is None or (queued.reason or "").endswith(end)
        ask(harness, "a.cancel")
        harness.run_rounds(service, 2.0)
        end_running(harness)
        harness.run_rounds(service, 2.0)
        assert harness.executor.submitted[-1].options.face == "left"
        assert harness.failed() == ["a"]

    def test_uncorrected_it_fails_when_the_device_is_free_and_holds_nobody(
        self, harness: ServiceHarness
    ) -> None:
        service = start(harness, "a", "b", "c")
        (harness.spool.inbox / "b.toml").write_text('face = "lft"\n')
        harness.run_rounds(service, 10.0)
        ask(harness, "a.cancel")
        harness.run_rounds(service, 2.0)
        end_running(harness)
        harness.run_rounds(service, 2.0)
        assert harness.failed() == ["a", "b"]
        assert Path(harness.executor.submitted[-1].audio).read_bytes() == b"c.wav"

    def test_two_sounds_are_told_too(self, harness: ServiceHarness) -> None:
        service = start(harness, "a", "b", "c")
        (harness.spool.inbox / "d.toml").write_text('audio = "own"\n')
        harness.drop("d.wav", "d.mp4")
        harness.run_rounds(service, 10.0)
        told = next(each for each in harness.status().inbox if each.name == "d.toml")
        assert told.reason == 'The sidecar says audio = "own", but d.wav is there beside d.mp4.'
        assert told.remedy.startswith("Remove that line from the sidecar, or drop it with d.mp4")


def test_what_a_command_asked_while_no_daemon_ran_counts_at_the_next_start(
    harness: ServiceHarness,
) -> None:
    harness.executor.answer = keep_running
    harness.spool.prepare()
    harness.drop("a.wav", "a.mp4", "b.wav", "b.mp4", "c.wav", "c.mp4")
    leave_request(harness.spool, harness.spool.files, "hurry", "c", harness.clock.wall())
    harness.run_rounds(harness.service(), 12.0)
    (started,) = harness.executor.submitted
    assert Path(started.audio).read_bytes() == b"c.wav"


@pytest.mark.parametrize("verb", ["cancel", "hurry", "retry", "remove"])
def test_a_command_for_nothing_is_told_of_no_owner(harness: ServiceHarness, verb: Verb) -> None:
    """A command may act on everybody's jobs."""
    service = start(harness)
    leave_request(harness.spool, harness.spool.files, verb, "currl", harness.clock.wall())
    harness.run_rounds(service, 4.0)
    (told,) = requests(harness).values()
    assert told.startswith("no job currl ")
    assert "owner" not in told


@pytest.mark.parametrize("verb", ["cancel", "hurry", "remove"])
def test_a_sidecar_that_somebody_moved_to_the_name_of_a_request_is_none(
    harness: ServiceHarness, verb: str
) -> None:
    """A move keeps the owner: it looks as if she had asked for it herself."""
    service = start(harness, "a", "b")
    (harness.spool.inbox / f"b.{verb}").write_text('face = "left"\n')
    (harness.spool.inbox / "c.cancel").write_bytes(b"\xef\xbb\xbf")
    harness.run_rounds(service, 20.0)
    assert (harness.failed(), inbox(harness)) == ([], [f"b.{verb}"])
    assert requests(harness)[f"b.{verb}"].startswith("it is no request, since it is not empty")
    assert requests(harness)["c.cancel"].startswith("no job c of yours")


@pytest.mark.parametrize(
    "text", [b"\r\n", b"\xef\xbb\xbf\r\n", b" \n" * 8, "\ufeff\r\n".encode("utf-16-le")]
)
def test_a_request_may_hold_blanks(harness: ServiceHarness, text: bytes) -> None:
    service = start(harness, "a", "b", "c", "d")
    (harness.spool.inbox / "d.cancel").write_bytes(text)
    harness.run_rounds(service, 4.0)
    assert harness.failed() == ["d"]


@pytest.mark.parametrize("text", [b"x", b" \n" * 9])
def test_one_that_holds_more_says_how_to_mend_it(harness: ServiceHarness, text: bytes) -> None:
    service = start(harness, "a", "b", "c", "d")
    (harness.spool.inbox / "d.cancel").write_bytes(text)
    harness.run_rounds(service, 4.0)
    assert harness.failed() == []
    assert requests(harness)["d.cancel"].endswith("make the file empty")


def test_a_full_width_name_cancels_the_plain_one(harness: ServiceHarness) -> None:
    service = start(harness, "a", "b", "c", "p2")
    ask(harness, "ｐ2.ｃａｎｃｅｌ")
    harness.run_rounds(service, 4.0)
    assert harness.failed() == ["p2"]


def test_a_job_of_the_full_width_name_itself_is_meant(harness: ServiceHarness) -> None:
    service = start(harness, "a", "b", "p2", "ｐ2")
    ask(harness, "ｐ2.cancel")
    harness.run_rounds(service, 4.0)
    assert harness.failed() == ["ｐ2"]
