"""Tests of what ``reason.txt`` says."""

from collections.abc import Callable

from heygem_daemon.spool.job import Job
from heygem_daemon.spool.reason import reason_text
from heygem_daemon.spool.spool import Spool

Take = Callable[[Spool], Job]


def test_a_person_reads_where_to_correct_the_options(spool: Spool, take: Take) -> None:
    journal = take(spool).journal
    assert "options of" not in reason_text(journal, "talk")
    failed = journal.model_copy(update={"sidecar_name": "talk.toml", "language": "en"})
    text = reason_text(failed, "talk")
    assert "Empty, it keeps the options of talk.toml; to correct these, write them into it" in text
