"""Names for results and failures beside a crowd of names that users have made."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from heygem_daemon.spool import free_names
from heygem_daemon.spool.free_names import NamePlace, TakenNames
from heygem_daemon.spool.job import Job
from heygem_daemon.spool.spool import Spool
from heygem_daemon.system import paths

LIMIT = 50


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names that were read from folders, with a low limit for crowds."""
    monkeypatch.setattr(free_names, "MAX_LISTED", LIMIT)
    read: list[str] = []
    listing = paths.listing

    @contextmanager
    def counted(path: Path) -> Iterator[Iterator["os.DirEntry[str]"]]:
        with listing(path) as entries:
            yield (read.append(entry.name) or entry for entry in entries)  # type: ignore[func-returns-value]

    monkeypatch.setattr(paths, "listing", counted)
    return read


def crowd(folder: Path, count: int = 20 * LIMIT) -> None:
    for number in range(count):
        (folder / f"crowd{number}").touch()


def test_few_names_are_compared_as_people_read_them(tmp_path: Path) -> None:
    for name in ("Talk", "talk (2)"):
        (tmp_path / name).touch()
    assert TakenNames.in_folder(tmp_path).free("talk") == "talk (3)"
    assert TakenNames.in_folder(tmp_path).free("new") == "new"


def test_a_crowded_folder_is_not_listed_to_its_end(tmp_path: Path, listed: list[str]) -> None:
    crowd(tmp_path)
    assert TakenNames.in_folder(tmp_path).free("talk") == "talk"
    assert len(listed) == LIMIT + 1


def test_in_a_crowd_the_same_name_counts_with_what_may_follow_it(
    tmp_path: Path, listed: list[str]
) -> None:
    crowd(tmp_path)
    (tmp_path / "talk.mov").touch()
    (tmp_path / "talk (2)").mkdir()
    taken = TakenNames((NamePlace(tmp_path, (".mp4", ".mov")),))
    assert taken.free("talk") == "talk (3)"
    assert len(listed) == LIMIT + 1


def test_who_takes_all_numbers_in_a_crowd_gets_a_suffix_that_he_cannot_foresee(
    tmp_path: Path, listed: list[str]
) -> None:
    crowd(tmp_path)
    for name in ("talk", *(f"talk ({number})" for number in range(2, 200))):
        (tmp_path / name).touch()
    found = {TakenNames.in_folder(tmp_path).free("talk") for _ in range(3)}
    assert len(found) == 3
    assert all(name.startswith("talk (") and len(name) == len("talk (01234567)") for name in found)


@pytest.mark.parametrize("place", ["outbox", "done", "failed"])
def test_a_crowd_costs_a_verdict_a_limited_number_of_names(
    spool: Spool,
    take: Callable[..., Job],
    publish: Callable[[Spool, Job], None],
    listed: list[str],
    place: str,
) -> None:
    crowd(spool.root / place)
    failed, published = take(spool, "bad.wav", "bad.mp4"), take(spool)
    listed.clear()
    assert spool.fail(failed, "It is bad.").name == "bad"
    publish(spool, published)
    assert (spool.outbox / "talk.mp4").exists()
    assert len([name for name in listed if name.startswith("crowd")]) <= LIMIT + 1
