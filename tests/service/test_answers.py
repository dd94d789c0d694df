"""What became of requests is listed fairly: nobody's answers push out those of another."""

import pytest

from heygem_daemon.report.request_status import RequestStatus
from heygem_daemon.service.answers import MAX_SHOWN, SHOWN_SECONDS, Answers
from heygem_daemon.service.decisions import Answer
from heygem_daemon.spool.requests import Request
from tests.fakes.service import ServiceHarness

ANNA, MALLORY, SHARED = 70_002, 70_003, 70_004


def request(name: str, owner: int, folder: str = "") -> Request:
    return Request("cancel", name, f"{name}.cancel", owner, asked_ns=0, folder=folder)


def names(answers: Answers, *waiting: tuple[int, RequestStatus]) -> list[str]:
    return [each.name for each in answers.shown(waiting)]


def test_a_crowd_of_owners_and_floods_push_out_nobodys_answer() -> None:
    answers = Answers()
    answers.give(request("mine", ANNA), Answer("done"), 0.0, 0.0)
    for number in range(600):
        owner = MALLORY + number % 12
        answers.give(request(f"flood{number}", owner), Answer("no", is_refusal=True), 1.0, 1.0)
    assert "mine.cancel" in names(answers)
    assert len(names(answers)) == MAX_SHOWN


def test_folders_whose_files_have_one_owner_are_kept_apart() -> None:
    """Samba's ``force user`` makes one owner of all people."""
    answers = Answers()
    answers.give(request("mine", SHARED, "anna"), Answer("done"), 0.0, 0.0)
    for number in range(100):
        answers.give(request(f"flood{number}", SHARED, "bob"), Answer("done"), 1.0, 1.0)
    assert "mine.cancel" in names(answers)


def test_requests_that_wait_push_out_nobodys_answer() -> None:
    answers = Answers()
    answers.give(request("mine", ANNA), Answer("done"), 0.0, 0.0)
    waiting = [
        (MALLORY, RequestStatus(name=f"wait{number}", text="waits", at=5.0))
        for number in range(200)
    ]
    listed = names(answers, *waiting)
    assert (len(listed), listed[-1]) == (MAX_SHOWN, "mine.cancel")


def test_what_a_request_waits_for_is_listed_once() -> None:
    """A batch on its way back to the inbox is listed as such, and that was the answer, too."""
    answers = Answers()
    answers.give(asked := request("show", ANNA), Answer("goes back"), 0.0, 0.0)
    under_way = RequestStatus(name=asked.shown, text="goes back", at=0.0)
    assert names(answers, (ANNA, under_way)) == ["show.cancel"]
    answers.give(asked, Answer("is back"), 1.0, 1.0)
    assert [each.text for each in answers.shown([])] == ["is back"]


def test_a_person_sees_the_last_fifty_answers_the_newest_first() -> None:
    answers = Answers()
    for number in range(60):
        answers.give(request(f"a{number}", ANNA), Answer("done"), number, number)
    assert names(answers) == [f"a{number}.cancel" for number in range(59, 9, -1)]
    answers.forget_old(SHOWN_SECONDS + 58.5)
    assert names(answers) == ["a59.cancel"]


@pytest.mark.parametrize("folder", ["", "anna"])
def test_nothing_is_kept_for_ever(folder: str) -> None:
    answers = Answers()
    answers.give(request("a", ANNA, folder), Answer("done"), 0.0, 0.0)
    answers.forget_old(SHOWN_SECONDS)
    assert answers.shown(()) == ()


def test_the_next_run_shows_them_for_as_long_as_is_left() -> None:
    before = Answers()
    before.give(request("old", ANNA), Answer("done"), 0.0, 1000.0)
    before.give(request("new", SHARED, "anna"), Answer("no", is_refusal=True), 500.0, 1500.0)
    kept = before.kept()
    assert [(each.line, each.name) for each in kept] == [
        ("anna", "new.cancel"),
        (ANNA, "old.cancel"),
    ]
    after = Answers()
    after.recall(kept, now=7.0, wall=1550.0)
    assert after.shown(()) == before.shown(())
    after.recall(kept, now=7.0, wall=1550.0)
    assert after.shown(()) == before.shown(()), "a spool that is opened again"
    after.forget_old(7.0 + SHOWN_SECONDS - 550 + 1)
    assert names(after) == ["new.cancel"]
    late = Answers()
    late.recall(kept, now=7.0, wall=1000.0 + 10 * SHOWN_SECONDS)
    assert names(late) == []


def test_a_flood_leaves_others_their_place_over_a_restart() -> None:
    answers = Answers()
    answers.give(request("mine", ANNA), Answer("done"), 0.0, 0.0)
    for number in range(600):
        owner = MALLORY + number % 12
        answers.give(request(f"flood{number}", owner), Answer("no", is_refusal=True), 1.0, 1.0)
    kept = answers.kept()
    assert len(kept) == MAX_SHOWN
    assert "mine.cancel" in {each.name for each in kept}


def test_a_restart_of_the_daemon_forgets_no_answer(harness: ServiceHarness) -> None:
    service = harness.service()
    harness.run_rounds(service, 3)
    (harness.spool.inbox / "ghost.cancel").touch()
    harness.run_rounds(service, 60)
    before = harness.status().requests
    assert [each.name for each in before] == ["ghost.cancel"]
    harness.kill(service)
    harness.clock.now += 5
    again = harness.service()
    harness.run_rounds(again, 2)
    assert harness.status().requests == before
    harness.kill(again)
    (harness.spool.state / "answers.json").write_text("{")
    third = harness.service()
    harness.run_rounds(third, 2)
    assert harness.status().requests == ()
    assert (harness.spool.state / "answers.unreadable.json").read_text() == "{"
