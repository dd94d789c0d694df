"""A short campaign among hostile files, and the audit itself: it finds what is planted here."""

import os
import random
from pathlib import Path

import pytest

from tests.fuzz.campaign import KINDS, Plan, last_lines, run
from tests.fuzz.ground import SECRET, Ground
from tests.fuzz.media import SOUNDS, VIDEOS, clips, damaged


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_short_campaign_finds_nothing() -> None:
    result = run(Plan(seed=1, seconds=20.0, count=10))
    assert result.wrong == []
    assert all(result.rounds[kind] > 0 for kind in KINDS)
    assert result.honest == 3 * sum(result.rounds.values())
    assert result.failed > 0


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    made = Ground(tmp_path)
    made.prepare()
    return made


@pytest.mark.parametrize("kind", KINDS)
def test_an_attack_follows_from_its_seed(tmp_path: Path, kind: str) -> None:
    grounds = [Ground(tmp_path / name / "x") for name in ("a", "b")]
    for ground in grounds:
        ground.prepare()
        KINDS[kind](ground, random.Random("7/1"), range(5))
    first, second = ([(item.path, item.size) for item in each.items] for each in grounds)
    assert first == second
    assert len(first) >= 5


def test_items_that_moved_are_not_lost(ground: Ground) -> None:
    ground.pair("talk", b"sound", b"video")
    (ground.spool / "inbox" / "talk.mp4").rename(ground.spool / "done" / "video.mp4")
    assert list(ground.lost()) == []


def test_deleted_and_changed_items_are_lost(ground: Ground) -> None:
    ground.pair("talk", b"sound", b"video")
    (ground.spool / "inbox" / "talk.mp4").unlink()
    (ground.spool / "inbox" / "talk.wav").write_bytes(b"other sound")
    assert len(list(ground.lost())) == 2


def test_a_touched_canary_is_noticed(ground: Ground) -> None:
    before = ground.canaries()
    (ground.outside / "victim.mp4").rename(ground.outside / "other.mp4")
    assert ground.canaries() != before


def test_the_content_of_a_canary_in_the_spool_is_noticed(ground: Ground) -> None:
    (ground.spool / "inbox" / "link").symlink_to(ground.secret)
    assert list(ground.leaks()) == []
    (ground.spool / "outbox" / "result.mp4").write_bytes(b"..." + SECRET)
    assert len(list(ground.leaks())) == 1


def test_there_is_a_clip_of_each_container() -> None:
    assert set(clips()) == {*VIDEOS, *SOUNDS}
    assert all(clips().values())


def test_damage_changes_a_clip() -> None:
    chance, clip = random.Random(1), clips()["mp4"]
    copies = {damaged(chance, clip, clips()) for _ in range(50)}
    assert len(copies - {clip}) > 40


def test_the_last_lines_of_tracebacks_are_found() -> None:
    log = "a\nTraceback (most recent call last):\n  File x\n    raise y\n    ValueError: no\nb\n"
    assert last_lines(log) == ["ValueError: no"]
    assert last_lines("no error" + os.linesep) == []
