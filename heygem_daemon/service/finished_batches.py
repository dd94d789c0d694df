"""The batches that have ended, for the status. No I/O."""

from collections.abc import Iterable, Iterator

from heygem_daemon.report.finished import FinishedBatch
from heygem_daemon.service.turns import owner_name
from heygem_daemon.spool.batch.close import outbox_location
from heygem_daemon.spool.batch.journal import BatchJournal
from heygem_daemon.spool.job import Journal
from heygem_daemon.spool.names import printable
from heygem_daemon.spool.ownership import person_name
from heygem_daemon.spool.records import record_place

MAX_FINISHED_BATCHES = 50
"""How many ended batches the status lists; of those of one hot folder, its page."""


def describe_batch(journal: BatchJournal) -> FinishedBatch:
    """Return what the status says of a batch, from its final journal."""
    place = outbox_location(journal)
    zips = [file.name for file in journal.published]
    failed = ("failed", *filter(None, (journal.folder, journal.failed_name)))
    published = sum(each.outcome == "published" for each in journal.ended)
    return FinishedBatch(
        id=journal.id,
        name=printable(journal.name),
        dropped_as=printable(journal.folder_name),
        folder=printable(journal.folder),
        members=len(journal.members),
        published=published,
        failed=len(journal.ended) - published,
        cancelled=sum(each.cancelled for each in journal.ended),
        path="" if journal.leaves_nothing else "/".join(place),
        zip="/".join((*place, zips[0])) if zips else "",
        failures="/".join(failed) if journal.failed_name else "",
        finished=journal.completed_at or journal.claimed_at,
        dropped_by=person_name(journal.owner),
        owner=batch_owner(journal),
        records=(record_place(journal.id, "batch"),),
    )


def batch_owner(journal: BatchJournal) -> str:
    """Return whose turn a batch takes."""
    return owner_name(journal.owner, journal.folder)


def published_members(journals: Iterable[Journal]) -> Iterator[Journal]:
    """Yield of the final journals of a batch's members those whose results are there."""
    return (each for each in journals if each.outcome == "published" and each.published)
