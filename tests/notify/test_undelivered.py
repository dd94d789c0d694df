"""What targets have not taken yet: kept over a restart, within limits."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from loguru import logger

from heygem_daemon.notify import undelivered as module
from heygem_daemon.notify.occasion import Delivery, Errand, Taken
from heygem_daemon.notify.undelivered import (
    FILE,
    MAX_AGE_SECONDS,
    MAX_KEPT,
    MAX_PROCESSES,
    UNREADABLE,
    Undelivered,
)
from heygem_daemon.system.untrusted import TextLimits
from tests.notify.conftest import occasion

NOW = 1_800_000_000.0


@pytest.fixture
def said() -> Iterator[list[str]]:
    lines: list[str] = []
    sink = logger.add(lambda line: lines.append(line.record["message"]), level="INFO")
    yield lines
    logger.remove(sink)


def errand(number: object, **fields: object) -> Errand:
    made = occasion(id=str(number)).model_copy(update={"at": NOW, **fields})
    return Errand(occasion=made)


def opened(folder: Path, now: float = NOW) -> Undelivered:
    made = Undelivered(lambda: now)
    made.open(folder)
    return made


def ids(waiting: Undelivered) -> list[str]:
    return [each.occasion.id for each in waiting.errands()]


def done(number: object, target: str) -> Delivery:
    return Delivery(id=str(number), target=target, kind="failed", outcome="delivered")


def test_what_waits_is_taken_up_in_its_order_and_for_the_targets_that_are_left(
    tmp_path: Path, said: list[str]
) -> None:
    before = opened(tmp_path)
    for number in (1, 2, 3):
        before.add(errand(number))
        before.take(Taken(id=str(number), targets=("a", "b")))
    before.settle(done(1, "a"))
    for target in ("a", "b"):
        before.settle(done(2, target))
    before.close()
    assert len(before) == 0
    assert said == ["notifications still to be sent: 2; the next start does it"]
    file = tmp_path / FILE
    assert file.stat().st_mode & 0o777 == 0o600
    found = opened(tmp_path).errands()
    assert [(each.occasion.id, each.targets) for each in found] == [
        ("1", ("b",)),
        ("3", ("a", "b")),
    ]
    assert found[0].occasion == errand(1).occasion


def test_without_anything_that_waits_there_is_no_file(tmp_path: Path, said: list[str]) -> None:
    waiting = opened(tmp_path)
    waiting.add(errand(1))
    waiting.save()
    assert (tmp_path / FILE).exists()
    waiting.take(Taken(id="1", targets=()))
    waiting.close()
    assert list(tmp_path.iterdir()) == []
    assert said == []


def test_what_was_added_before_the_folder_was_there_is_kept_too(tmp_path: Path) -> None:
    earlier = opened(tmp_path)
    earlier.add(errand(1))
    earlier.close()
    waiting = Undelivered(lambda: NOW)
    waiting.add(errand(2))
    waiting.open(tmp_path)
    assert ids(waiting) == ["1", "2"]
    waiting.settle(done(1, "a"))
    waiting.take(Taken(id="1", targets=()))
    waiting.open(tmp_path)
    assert ids(waiting) == ["2"], "an open folder is not read again"


def test_what_is_a_day_old_is_given_up(tmp_path: Path, said: list[str]) -> None:
    before = opened(tmp_path)
    before.add(errand(1, at=NOW - 10))
    before.add(errand(2))
    before.add(errand(3, at=NOW + 2 * MAX_AGE_SECONDS))
    before.save()
    assert ids(opened(tmp_path, NOW + MAX_AGE_SECONDS - 1)) == ["2"]
    assert sum("notifications given up: 2;" in line for line in said) == 1


def test_what_ends_process_after_process_is_given_up(tmp_path: Path) -> None:
    waiting = opened(tmp_path)
    waiting.add(errand(1))
    for _ in range(MAX_PROCESSES):
        assert ids(waiting) == ["1"]
        waiting.save()
        waiting = opened(tmp_path)
    assert ids(waiting) == []


def test_only_the_newest_are_kept(tmp_path: Path, said: list[str]) -> None:
    waiting = opened(tmp_path)
    for number in range(MAX_KEPT + 5):
        waiting.add(errand(number))
    assert len(waiting) == MAX_KEPT
    assert ids(waiting)[0] == "5"
    assert sum("notifications are dropped" in line for line in said) == 1


def test_refused_jobs_push_out_no_results(tmp_path: Path) -> None:
    waiting = opened(tmp_path)
    waiting.add(errand("result", kind="published"))
    for number in range(MAX_KEPT + 5):
        waiting.add(errand(number, kind="failed"))
    assert len(waiting) == MAX_KEPT
    assert ids(waiting)[:2] == ["result", "6"]


def test_the_file_is_bounded_and_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LIMITS", TextLimits(20_000))
    waiting = opened(tmp_path)
    for number in range(20):
        waiting.add(errand(number, reason="嘴" * 1000))
    waiting.save()
    assert (tmp_path / FILE).stat().st_size <= 20_000
    kept = ids(opened(tmp_path))
    assert kept == [str(number) for number in range(20)][-len(kept) :]
    assert len(kept) >= 5


@pytest.mark.parametrize(
    "text", [b"", b"{}", b"[1]", b"[" * 5000, b"x" * (1 << 20) + b"x", b'[{"occasion": {}}]']
)
def test_a_file_that_cannot_be_read_is_set_aside(
    tmp_path: Path, text: bytes, said: list[str]
) -> None:
    (tmp_path / FILE).write_bytes(text)
    waiting = opened(tmp_path)
    assert ids(waiting) == []
    assert (tmp_path / UNREADABLE).read_bytes() == text
    assert UNREADABLE in said[0]
    waiting.add(errand(1))
    waiting.close()
    assert ids(opened(tmp_path)) == ["1"]


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("[]")
    folder = tmp_path / "state"
    folder.mkdir()
    (folder / FILE).symlink_to(elsewhere)
    waiting = opened(folder)
    waiting.add(errand(1))
    waiting.save()
    assert elsewhere.read_text() == "[]"
    assert not (folder / FILE).is_symlink()


def test_a_folder_that_cannot_be_written_is_told_of_once(tmp_path: Path, said: list[str]) -> None:
    gone = tmp_path / "gone"
    waiting = opened(gone)
    for number in (1, 2):
        waiting.add(errand(number))
        waiting.save()
    assert len(said) == 1
    gone.mkdir()
    waiting.save()
    assert len(json.loads((gone / FILE).read_text())) == 2


def test_the_jobs_of_one_owner_push_out_none_of_another(tmp_path: Path) -> None:
    waiting = opened(tmp_path)
    waiting.add(errand("hold", kind="on_hold"))
    for kind in ("failed", "published"):
        waiting.add(errand(f"anna {kind}", kind=kind, owner="anna"))
    for number in range(MAX_KEPT):
        waiting.add(errand(number, kind=("failed", "published")[number % 2], owner="mallory"))
    waiting.save()
    assert ids(opened(tmp_path))[:3] == ["hold", "anna failed", "anna published"]
