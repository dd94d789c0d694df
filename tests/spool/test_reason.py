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


def test_a_cancelled_member_names_no_folder_that_may_not_be_there(spool: Spool, take: Take) -> None:
    """Whether its batch leaves its name in done/ depends on what the others come to."""
    member = Membership(batch_id="b", batch="launch", number=1, of=2, audio="a", video="v")
    journal = take(spool).journal.model_copy(update={"member": member, "language": "en"})
    assert "lies in done/launch/inputs when all" in reason_text(journal, "launch/1")
    cancelled = journal.model_copy(update={"cancelled": True})
    assert "lies in done when all have ended." in reason_text(cancelled, "launch/1")
