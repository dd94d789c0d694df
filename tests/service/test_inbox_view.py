"""Which entries of a full inbox the status lists."""

from dataclasses import replace

import pytest

from heygem_daemon.config.sidecar import FileVersion, SidecarAnswer
from heygem_daemon.report.status import InboxStatus
from heygem_daemon.report.status_file import MAX_LISTED, MAX_LISTED_BYTES, shorten_inbox
from heygem_daemon.service.candidates import Candidate
from heygem_daemon.service.inbox_view import InboxView, in_arrival
from heygem_daemon.service.notices import InboxNotice
from heygem_daemon.spool.job import Pair
from tests.service.test_lone_notices import INBOX

KINDS = {"attention": "attention", "upload": "arriving", "partner": "arriving", "turn": "ready"}


def candidate(number: int) -> Candidate:
    name = f"ready-{number:03}"
    pair = Pair(name, INBOX / f"{name}.wav", INBOX / f"{name}.mp4", None)
    return Candidate(name, pair, 0, number)


def view(urgent: int, arriving: int, ready: int) -> InboxView:
    """What needs somebody came last."""
    notices = [InboxNotice(f"a-{number:03}.wav", "is new") for number in range(arriving)]
    notices += [InboxNotice(f"z-{number:03}.rm", "is RealMedia", True) for number in range(urgent)]
    return InboxView(ready=tuple(map(candidate, range(ready))), waiting=tuple(notices))


def counts(entries: tuple[InboxStatus, ...]) -> dict[str, int]:
    found = dict.fromkeys(("attention", "arriving", "ready"), 0)
    for each in entries:
        found[KINDS[each.waits_for or ""]] += 1
    return found


@pytest.mark.parametrize(
    ("there", "listed"),
    [
        ((4, 600, 0), (4, 196, 0)),
        ((4, 0, 300), (4, 0, 196)),
        ((300, 300, 300), (100, 50, 50)),
        ((300, 2, 1), (197, 2, 1)),
        ((0, 300, 300), (0, 100, 100)),
        ((3, 2, 1), (3, 2, 1)),
    ],
)
def test_each_kind_has_its_share_and_what_needs_somebody_comes_first(
    there: tuple[int, int, int], listed: tuple[int, int, int]
) -> None:
    inbox = view(*there)
    entries = inbox.list_entries(MAX_LISTED)
    assert tuple(counts(entries).values()) == listed
    kinds = [KINDS[each.waits_for or ""] for each in entries]
    assert kinds == sorted(kinds, key=["attention", "arriving", "ready"].index)
    more = inbox.unlisted(entries)
    left = (more.attention, more.arriving, more.ready)
    assert left == tuple(a - b for a, b in zip(there, listed, strict=True))
    assert more.inbox == sum(left)


def test_long_names_of_one_kind_hide_no_other() -> None:
    def entries(waits_for: str) -> list[InboxStatus]:
        entry = InboxStatus(name="王" * 200, reason="r" * 500)
        return [entry.model_copy(update={"waits_for": waits_for})] * 200

    listed = shorten_inbox(entries("attention"), entries("upload"), entries("turn"))
    assert len(listed) < MAX_LISTED
    assert sum(len(each.model_dump_json()) for each in listed) < MAX_LISTED_BYTES
    found = counts(listed)
    assert found["ready"] > 5
    assert found["attention"] > found["arriving"] > 5


def test_a_pair_with_a_wrong_sidecar_is_counted_once() -> None:
    version = FileVersion(inode=1, size=1, mtime_ns=1)
    answers = {"ready.toml": SidecarAnswer(version=version, refusal="ready.toml: unknown key")}
    wrong = replace(candidate(1), answers=answers)
    inbox = InboxView(ready=(candidate(0), wrong))
    assert [each.is_mistaken for each in inbox.list_entries(3)] == [False, False, True]
    more = inbox.unlisted(())
    assert (more.attention, more.ready, more.inbox) == (1, 1, 2)
    assert inbox.unlisted(inbox.list_entries(3)).inbox == 0


def test_files_are_listed_in_the_order_in_which_they_came() -> None:
    notices = [InboxNotice(name, "") for name in ("a", "b", "c", "inbox")]
    found = in_arrival(notices, {"a": 30, "b": 10, "c": 20})
    assert [each.name for each in found] == ["inbox", "b", "c", "a"]
