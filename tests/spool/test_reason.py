"""Tests of what ``reason.txt`` says."""

from collections.abc import Callable

from heygem_daemon.spool.job import Job, Membership
from heygem_daemon.spool.reason import reason_text
from heygem_daemon.spool.spool import Spool

Take = Callable[[Spool], Job]


def test_a_person_reads_where_to_correct_the_options(spool: Spool, take: Take) -> None:
    journal = take(spool).journal
    assert "options of" not in reason_text(journal, "talk")
    failed = journal.model_copy(update={"sidecar_name": "talk.toml", "language": "en"})
    text = reason_text(failed, "talk")
    assert "Empty, it keeps the options of talk.toml; to correct these, write them into it" in text


def test_files_that_no_name_joins_are_to_get_one(spool: Spool, take: Take) -> None:
    """Whoever dropped the sound of a member and the video that all share saw no pair of them."""
    journal = take(spool).journal.model_copy(update={"language": "en"})
    assert "Drop a corrected pair into the inbox." in reason_text(journal, "talk")
    apart = journal.model_copy(update={"video_name": "host.mp4"})
    assert "Give the corrected sound and video one name" in reason_text(apart, "talk")


def test_a_cancelled_job_did_not_fail(spool: Spool, take: Take) -> None:
    journal = take(spool).journal.model_copy(update={"cancelled": True})
    text = reason_text(journal, "talk")
    assert "\nCancelled at: " in text
    assert "\n取消时间：" in text
    assert "Failed at" not in text


def test_a_member_whose_files_are_all_there_is_said_to_share_none(spool: Spool, take: Take) -> None:
    member = Membership(batch_id="b", batch="launch", number=1, of=2, audio="a", video="v")
    journal = take(spool).journal.model_copy(update={"member": member, "language": "en"})
    assert "What is not here" not in reason_text(journal, "launch/1")
    text = reason_text(journal, "launch/1", is_whole=False)
    assert "lies in done when all have ended." in text
