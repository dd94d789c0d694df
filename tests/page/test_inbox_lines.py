"""The lines about what lies in the inbox."""

from heygem_daemon.page.inbox_lines import InboxLine, inbox_lines
from heygem_daemon.report.backlog import WaitFor
from heygem_daemon.report.status import InboxStatus

COPIED = "Nothing to do: it starts as soon as it is copied completely."


def entry(name: str, reason: str, waits_for: WaitFor, remedy: str = "") -> InboxStatus:
    return InboxStatus(name=name, reason=reason, waits_for=waits_for, remedy=remedy, folder="anna")


def test_a_line_names_everybody_who_dropped_its_files_once() -> None:
    people = {"a.wav": "anna", "a.mp4": "ben", "a.toml": "anna", "a.jpg": ""}
    files = [
        entry(name, "it is new", "upload").model_copy(update={"dropped_by": by})
        for name, by in people.items()
    ]
    assert [each.by for each in inbox_lines(files)] == ["anna, ben"]


def test_files_of_a_pair_are_one_line_in_their_order() -> None:
    found = inbox_lines(
        [
            entry("anna/b.wav", "it has changed lately", "upload", COPIED),
            entry("anna/a.wav", "has no video", "partner"),
            entry("anna/B.MP4", "it has changed lately", "upload", COPIED),
            entry("anna/c.wav", "it is empty", "upload", COPIED),
            entry("anna/c.mp4", "what it holds is being examined", "upload"),
        ]
    )
    assert found == (
        InboxLine("anna/b.wav, anna/B.MP4", ("it has changed lately",), (COPIED,)),
        InboxLine("anna/a.wav", ("has no video",), ()),
        InboxLine(
            "anna/c.wav, anna/c.mp4", ("it is empty", "what it holds is being examined"), (COPIED,)
        ),
    )


def test_files_that_need_somebody_share_a_line_only_for_the_same_reason() -> None:
    found = inbox_lines(
        [
            entry("s.wav", "waits: the files of this name were dropped by two", "attention"),
            entry("s.mp4", "waits: the files of this name were dropped by two", "attention"),
            entry("s.toml", "s.toml: unknown key", "attention", "Remove it."),
        ]
    )
    assert [(each.name, each.remedies) for each in found] == [
        ("s.wav, s.mp4", ()),
        ("s.toml", ("Remove it.",)),
    ]
