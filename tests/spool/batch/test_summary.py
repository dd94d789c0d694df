"""``batch.json`` for people and scripts."""

import json
import os

import pytest

from heygem_daemon.language.translator import LanguageSetting
from heygem_daemon.spool.batch.journal import BatchJournal, BatchMember
from heygem_daemon.spool.batch.summary import summary_text
from heygem_daemon.spool.job import Journal

NAME = os.fsdecode("讲话".encode() + b"\xff")


def text_of(language: LanguageSetting, *, cancelled: bool = False) -> bytes:
    journal = Journal(
        id="j1",
        name="一",
        audio_name="一.wav",
        video_name="一.mp4",
        claimed_at=1.0,
        outcome="failed",
        reason='job.toml, line 1: unknown key "fce"; did you mean "face"?',
        remedy='Write: face = "left". Correct or remove this file.',
        language=language,
        cancelled=cancelled,
    )
    members = (BatchMember(name="一", audio="一.wav", video="一.mp4"),)
    batch = BatchJournal(
        id="b1",
        name="讲话",
        folder_name=NAME,
        claimed_at=1.0,
        members=members,
        others=("logo.png", "launch.ready"),
        outcome="finished",
    )
    return summary_text(batch, {1: journal})


@pytest.mark.parametrize("language", ["zh", "both"])
def test_a_person_reads_the_reason_in_chinese_too(language: LanguageSetting) -> None:
    (job,) = json.loads(text_of(language))["jobs"]
    assert job["reason"] == 'job.toml, line 1: unknown key "fce"; did you mean "face"?'
    assert job["reason_zh"] == "job.toml 第 1 行：未知的键“fce”；您是指“face”吗？"
    assert job["remedy_zh"] == '请写：face = "left"。请更正或删除此文件。'
    assert list(job)[-1] == "folder"


def test_in_english_alone_there_is_no_other_field() -> None:
    (job,) = json.loads(text_of("en"))["jobs"]
    assert not [key for key in job if key.endswith("_zh")]


def test_what_no_video_was_made_of_is_named() -> None:
    """A photograph beside a video is taken for its thumbnail, and went to done/ without a word."""
    assert json.loads(text_of("en"))["not_used"] == ["logo.png"]


def test_a_cancelled_member_has_not_failed() -> None:
    batch = json.loads(text_of("en", cancelled=True))
    assert (batch["failed"], batch["cancelled"]) == (0, 1)
    assert batch["jobs"][0]["state"] == "cancelled"
    assert batch["missing_in_zip"] == ["一"]


def test_names_are_readable_in_an_editor() -> None:
    text = text_of("en").decode("utf-8")
    assert '"batch": "讲话"' in text
    assert json.loads(text)["dropped_as"] == "讲话\\xff"
