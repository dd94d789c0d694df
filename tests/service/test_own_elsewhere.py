"""What a request is told that names somebody else's job, or one in another folder."""

import os
from pathlib import Path

import pytest

from heygem_daemon.language.translator import translator
from heygem_daemon.service.loop import Service
from heygem_daemon.spool.ownership import user_name
from tests.fakes.executor import keep_running
from tests.fakes.service import ServiceHarness

ANNA, MALLORY = 70_002, 70_003
VERBS = ("cancel", "hurry", "retry", "remove")

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to other users")


def drop(harness: ServiceHarness, owner: int, *paths: str, folder: str = "") -> None:
    for name in paths:
        path: Path = harness.spool.inbox / folder / name
        path.write_text(name)
        os.chown(path, owner, -1)


def ask(harness: ServiceHarness, service: Service, owner: int, name: str, folder: str = "") -> str:
    path = harness.spool.inbox / folder / name
    path.touch()
    os.chown(path, owner, -1)
    harness.run_rounds(service, 16.0)
    shown = f"{folder}/{name}" if folder else name
    return next(each.text for each in harness.status().requests if each.name == shown)


@pytest.fixture
def service(harness: ServiceHarness) -> Service:
    """A daemon with a hot folder for previews."""
    harness.configure(folders={"preview": {}})
    service = harness.service()
    harness.run_rounds(service, 2.0)
    return service


def test_the_status_says_who_dropped_files_and_who_asks(
    harness: ServiceHarness, service: Service
) -> None:
    drop(harness, ANNA, "lone.wav", "old.toml")
    drop(harness, MALLORY, "hers.wav", folder="preview")
    (show := harness.spool.inbox / "show").mkdir()
    drop(harness, ANNA, "only.wav", folder="show")
    os.chown(show, ANNA, -1)
    harness.run_rounds(service, 6.0)
    anna, mallory = (user_name(each) for each in (ANNA, MALLORY))
    assert {each.name: each.dropped_by for each in harness.status().inbox} == {
        "lone.wav": anna,
        "old.toml": anna,
        "preview/hers.wav": mallory,
        "show": anna,
    }
    ask(harness, service, ANNA, "lone.cancel")
    requests = harness.status().requests
    assert [(each.name, each.dropped_by) for each in requests] == [("lone.cancel", anna)]
    harness.kill(service)
    harness.run_rounds(harness.service(), 4.0)
    assert [each.dropped_by for each in harness.status().requests] == [anna]


def test_who_asks_for_another_one_s_job_is_told_what_his_own_is_called(
    harness: ServiceHarness, service: Service
) -> None:
    for owner in (MALLORY, ANNA):
        drop(harness, owner, "slow.wav", "slow.mp4")
        harness.run_rounds(service, 12.0)
    assert "slow (2).mp4" in harness.outbox()
    for verb in VERBS[:2]:
        text = ask(harness, service, ANNA, f"slow.{verb}")
        assert text.endswith("; what you dropped as slow has ended, and is called slow (2)")
        assert "您放入的 slow 已结束，现名为 slow (2)" in translator("zh")(text)
    for verb in VERBS[2:]:
        text = ask(harness, service, ANNA, f"slow.{verb}")
        assert f"is called slow (2): ask with slow (2).{verb}" in text


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("is_ended", [False, True])
def test_who_asks_in_the_wrong_folder_is_told_the_right_one(
    harness: ServiceHarness, service: Service, verb: str, is_ended: bool
) -> None:
    if not is_ended:
        harness.executor.answer = keep_running
    drop(harness, ANNA, "prev.wav", "prev.mp4", folder="preview")
    drop(harness, ANNA, "talk.wav", "talk.mp4")
    harness.run_rounds(service, 12.0)
    text = ask(harness, service, ANNA, f"prev.{verb}")
    right = f"; yours is in another folder: put prev.{verb} into inbox/preview"
    assert text.startswith("no job prev of yours ")
    assert text.endswith(right)
    assert f"您的同名任务在另一个文件夹中：请把 prev.{verb} 放入 " in translator("zh")(text)
    text = ask(harness, service, ANNA, f"talk.{verb}", "preview")
    assert text.endswith(f"; yours is in another folder: put talk.{verb} into inbox")
    assert "another folder" not in ask(harness, service, MALLORY, f"prev.{verb}")
    assert "another folder" not in ask(harness, service, 0, f"talk.{verb}", "preview"), (
        "where one user id is everybody's, others' names are not told"
    )
