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


def test_a_member_whose_files_are_all_there_is_said_to_share_none(spool: Spool, take: Take) -> None:
    member = Membership(batch_id="b", batch="launch", number=1, of=2, audio="a", video="v")
    journal = take(spool).journal.model_copy(update={"member": member, "language": "en"})
    assert "What is not here" not in reason_text(journal, "launch/1")
    text = reason_text(journal, "launch/1", is_whole=False)
    assert "lies in done when all have ended." in text
