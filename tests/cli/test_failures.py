"""What failed last, as ``status`` lists it."""

from heygem_daemon.cli.failures import FailedGroup, group_failures
from heygem_daemon.language.translator import translator
from heygem_daemon.spool.job import Journal, Membership


def journal(name: str, reason: str, batch: str = "") -> Journal:
    member = (
        Membership(batch="show", batch_id=batch, number=1, of=4, audio="1.wav", video="1.mp4")
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
