"""What ended last: of all, and of each hot folder."""

from heygem_daemon.report.finished import FinishedJob
from heygem_daemon.service.last_ended import LastEnded
from tests.page.conftest import published


def job(number: int, folder: str = "") -> FinishedJob:
    changes = {"folder": folder, "finished": float(number)}
    return published(f"talk ({number})", number).model_copy(update=changes)


def ids(jobs: object) -> list[str]:
    return [each.id for each in jobs]  # type: ignore[attr-defined]


def test_others_do_not_push_out_what_a_folder_has() -> None:
    kept: LastEnded[FinishedJob] = LastEnded(3, 2)
    kept.add(job(1, "anna"))
    for number in range(2, 6):
        kept.add(job(number))
    assert ids(kept) == ["5", "4", "3"]
    assert ids(kept.of_folder("anna")) == ["1"]
    assert kept.of_folder("ben") == ()


def test_what_ended_before_comes_behind_and_each_once() -> None:
    kept: LastEnded[FinishedJob] = LastEnded(3, 2)
    kept.add(job(9, "anna"))
    kept.recall([job(1, "anna"), job(9, "anna"), job(3, "anna"), job(2)])
    assert ids(kept) == ["9", "3", "2"]
    assert ids(kept.of_folder("anna")) == ["9", "3"]


def test_one_owner_does_not_push_out_what_others_have() -> None:
    kept: LastEnded[FinishedJob] = LastEnded(4, 2)
    kept.add(job(1).model_copy(update={"owner": "anna"}))
    for number in range(2, 9):
        kept.add(job(number).model_copy(update={"owner": "mallory"}))
    assert ids(kept) == ["8", "7", "6", "1"]
    for number in (9, 10):
        kept.add(job(number).model_copy(update={"owner": "anna"}))
    assert ids(kept) == ["10", "9", "8", "7"]


def test_what_is_gone_does_not_come_back_in_the_place_of_another() -> None:
    kept: LastEnded[FinishedJob] = LastEnded(4, 2)
    for number in (1, 2):
        kept.add(job(number, "anna").model_copy(update={"path": f"outbox/anna/{number}.mp4"}))
    kept.add(job(3, "anna").model_copy(update={"path": "outbox/anna/1.mp4"}))
    assert ids(kept) == ids(kept.of_folder("anna")) == ["3", "2"]
