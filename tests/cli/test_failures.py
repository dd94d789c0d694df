"""What failed last, as ``status`` lists it."""

from collections.abc import Sequence

from heygem_daemon.cli.failures import MAX_READ, FailedGroup, find_failures, group_failures
from heygem_daemon.language.translator import translator
from heygem_daemon.spool.job import Journal, Membership


def journal(name: str, reason: str, batch: str = "", of: int = 4) -> Journal:
    member = (
        Membership(batch="show", batch_id=batch, number=1, of=of, audio="1.wav", video="1.mp4")
        if batch
        else None
    )
    return Journal.model_validate(
        {
            "id": name.replace("/", "-"),
            "name": "talk",
            "audio_name": "a.wav",
            "video_name": "a.mp4",
            "claimed_at": 0.0,
            "completed_at": 1.0,
            "outcome": "failed",
            "reason": reason,
            "member": member,
        }
    ).model_copy(update={"name": name})


def shown(failures: list[FailedGroup]) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(each.name, each.id, each.reasons) for each in failures]


def test_the_failed_members_of_a_batch_are_one_entry() -> None:
    found = group_failures(
        [
            journal("show/4", "It is dark.", "b"),
            journal("show/3", "It is silent.", "b"),
            journal("talk", "There is no face."),
            journal("show/2", "It is dark.", "b"),
            journal("show/1", "It is dark.", "b"),
        ]
    )
    lines = ("4 of its jobs failed", "1: It is dark.", "2: It is dark.", "3: It is silent.")
    assert shown(found) == [
        ("show/", "b", (*lines, "and 1 more")),
        ("talk", "talk", ("There is no face.",)),
    ]


def test_a_reason_that_all_members_have_is_said_once() -> None:
    reason = "cancelled by anna (talk.cancel)."
    found = group_failures([journal(f"show/{n}", reason, "b") for n in (2, 1)])
    (line,) = found[0].reasons
    assert line == "2 of its jobs failed: cancelled by anna (talk.cancel)."
    assert translator("zh")(line) == "其中 2 个任务失败：已由 anna 取消（talk.cancel）。"


class Failed:
    """Stands for a spool with failed jobs, the latest first."""

    def __init__(self, journals: Sequence[Journal]) -> None:
        self._journals = journals
        self.most_read = 0

    def read(self, limit: int) -> Sequence[Journal]:
        self.most_read = max(self.most_read, limit)
        return self._journals[:limit]

    def find(self, last: int) -> list[FailedGroup]:
        return find_failures(self.read, lambda journals: journals, last)


def members(count: int, of: int) -> list[Journal]:
    return [journal(f"show/{number}", "It is dark.", "b", of) for number in range(count)]


def test_a_large_batch_hides_no_other_failure_and_is_counted_whole() -> None:
    failed = Failed([*members(300, 400), journal("talk", "There is no face.")])
    assert shown(failed.find(10)) == [
        ("show/", "b", ("300 of its jobs failed: It is dark.",)),
        ("talk", "talk", ("There is no face.",)),
    ]


def test_no_more_is_read_than_is_listed() -> None:
    singles = [journal(f"talk {number}", "It is dark.") for number in range(500)]
    failed = Failed(singles)
    assert len(failed.find(10)) == 10
    assert failed.most_read < 100
    failed = Failed([*members(20, 20), *singles])
    assert shown(failed.find(10))[0][2] == ("20 of its jobs failed: It is dark.",)
    assert failed.most_read < 100


def test_where_not_all_was_read_no_number_is_given_as_all() -> None:
    failed = Failed(members(MAX_READ + 1, 5000))
    ((_, _, lines),) = shown(failed.find(10))
    assert lines == (f"at least {MAX_READ} of its jobs failed: It is dark.",)
    assert translator("zh")(lines[0]) == f"其中至少 {MAX_READ} 个任务失败：It is dark。"
    failed = Failed([journal("show/x", "It is silent.", "b", 5000), *members(MAX_READ, 5000)])
    ((_, _, lines),) = shown(failed.find(10))
    assert (lines[0], lines[-1]) == (
        f"at least {MAX_READ} of its jobs failed",
        f"and at least {MAX_READ - 3} more",
    )
