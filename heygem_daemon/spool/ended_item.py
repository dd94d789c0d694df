"""Jobs and batches that have ended, by the names that requests give them, and which of several is
meant: what ended last. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from heygem_daemon.spool.batch.last_made import media_identities, published_ends
from heygem_daemon.spool.finished import input_identities
from heygem_daemon.spool.names import fold
from heygem_daemon.spool.records import (
    AnyRecord,
    BatchRecord,
    JobRecord,
    RecordKind,
    file_identity,
)
from heygem_daemon.spool.requests import MAX_REQUEST_BYTES, full_name


@dataclass(frozen=True, slots=True)
class EndedItem:
    """A job or a batch that has ended, as far as requests need to know it."""

    record_name: str
    """Name of its record in .state/finished/."""

    kind: RecordKind
    folder: str
    """The hot folder in whose inbox it was dropped; empty: the plain inbox."""

    owner: int | None
    """User id of who dropped it; None: an earlier version claimed it."""

    keys: frozenset[str]
    """Its folded names as commands use them; for a failed member of a batch that of the batch too,
    and for a batch those of its members that have a result."""

    whole: str
    """The id of the job, or of the batch that it is, or is a member of."""

    ended_at: float
    """Seconds since the epoch."""

    title: str = ""
    """Its name as commands use it."""

    first_key: str = ""
    """The folded name under which it was dropped, before it got a number; empty: a member."""

    is_member: bool = False
    """Whether it is a failed member of a batch."""

    inputs: Mapping[str, frozenset[int]] = field(default_factory=dict)
    """What distinguishes its sound and its video, which a retry moves and does not change, by its
    key; of a batch those of each published member, of a failed member none."""

    short: frozenset[int] = frozenset()
    """What distinguishes those of its files that could be requests by their length."""


def describe_ended(name: str, record: AnyRecord) -> EndedItem:
    """Return what requests need to know of a record. ``name``: its name in .state/finished/."""
    keys = {fold(record.title)}
    journal, whole = record.journal, record.id
    member = record.journal.member if isinstance(record, JobRecord) else None
    if member is not None:
        keys.add(fold("/".join(record.location[1:-1])))
        whole = member.batch_id
    if isinstance(record, BatchRecord):
        present = published_ends(record, record.title)
        keys |= {fold(f"{record.title}/{each.name}") for each in present}
        inputs = media_identities(record)
        first = record.journal.dropped_as
    else:
        own = input_identities(record)
        inputs = {fold(record.title): own} if own else {}
        own_name = record.journal.first_name or record.journal.name
        first = full_name(journal.folder, own_name) if member is None else ""
    found = (file for file in record.files if file.size <= MAX_REQUEST_BYTES)
    return EndedItem(
        name,
        record.kind,
        journal.folder,
        journal.owner,
        frozenset(keys),
        whole,
        record.completed_at,
        record.title,
        fold(first),
        member is not None,
        inputs,
        frozenset(map(file_identity, found)),
    )


def choose_to_retry(found: Sequence[EndedItem]) -> list[EndedItem]:
    """Return what a retry takes back of the items of a name: what ended last; of a batch its failed
    members, or if there is none, all of it."""
    last = _last_whole(found)
    return [each for each in last if each.is_member] or last


def choose_to_remove(found: Sequence[EndedItem]) -> list[EndedItem]:
    """Return what is deleted of the items of a name: what ended last; of a batch all that has its
    name, with what failed of it, also when it was tried again."""
    last = _last_whole(found)
    if not any(each.is_member or each.kind == "batch" for each in last):
        return last
    batches = [each for each in found if each.kind == "batch"]
    return [*batches[-1:], *(each for each in found if each.is_member)]


def count_wholes(found: Sequence[EndedItem]) -> int:
    """Return how many jobs and batches the items are of."""
    return len({each.whole for each in found})


def _last_whole(found: Sequence[EndedItem]) -> list[EndedItem]:
    """Return the items of the job or batch that ended last, in their order."""
    if not found:
        return []
    last = max(found, key=lambda each: (each.ended_at, each.record_name))
    return [each for each in found if each.whole == last.whole]
