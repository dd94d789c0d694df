"""Which finished batch has the inputs of published members: their own, or the last one that was
made from the same files."""

from collections.abc import Mapping

from heygem_daemon.spool.batch.journal import INPUTS_FOLDER
from heygem_daemon.spool.job import Journal
from heygem_daemon.spool.layout import SpoolLayout
from heygem_daemon.spool.names import fold
from heygem_daemon.spool.record_store import batch_records
from heygem_daemon.spool.records import BatchRecord, RecordedFile, file_identity


def published_ends(record: BatchRecord, asked: str) -> list[Journal]:
    """Return the final journals of the published members that have a result: of all, or of the one
    that ``asked`` names as ``batch/member``."""
    ends = [each for each in record.journal.ended if each.outcome == "published" and each.published]
    if fold(asked) == fold(record.title):
        return ends
    return [each for each in ends if fold(each.name) == fold(asked.rpartition("/")[2])]


def media_identities(record: BatchRecord) -> Mapping[str, frozenset[int]]:
    """Return what distinguishes the sound and the video of each published member from others,
    wherever a retry has moved them, by the folded name ``batch/member``."""
    files = inputs_of(record)
    found = {}
    for end in published_ends(record, record.title):
        if end.member is not None:
            names = record.journal.members[end.member.number - 1].media_names
            own = [files[name] for name in names if name in files]
            if len(own) == len(names):
                found[fold(f"{record.title}/{end.name}")] = frozenset(map(file_identity, own))
    return found


def has_media(layout: SpoolLayout, record: BatchRecord, asked: str) -> bool:
    """Return whether the media of all published members that ``asked`` names are in done/, as they
    were rendered."""
    files = inputs_of(record)
    numbers = [end.member.number for end in published_ends(record, asked) if end.member]
    names = [name for each in numbers for name in record.journal.members[each - 1].media_names]
    return all(name in files and files[name].find(layout) is not None for name in names)


def find_last_made(layout: SpoolLayout, record: BatchRecord, asked: str) -> tuple[BatchRecord, str]:
    """Return the last batch that was made from the files of the members that ``asked`` names, and
    what they are called there. It is ``record`` itself as long as it has them."""
    if has_media(layout, record, asked):
        return record, asked
    of_all = {each.id: each for each in batch_records(layout)}
    own = (record.journal.folder, record.journal.owner)
    same = [e for e in of_all.values() if (e.journal.folder, e.journal.owner) == own]
    members = {each.id: media_identities(each) for each in [record, *same]}
    found = last_made(members, record.id, asked)
    return (record, asked) if found is None else (of_all[found[0]], found[1])


def last_made(
    batches: Mapping[str, Mapping[str, frozenset[int]]], first: str, asked: str
) -> tuple[str, str] | None:
    """Return the id of the last batch that was made from the files of the members that ``asked``
    names in the batch ``first``, and their folded name there; None: there is none. ``batches``: the
    identities of the members' files, by the ids of batches, which are in the order of their claims.
    """
    members = batches[first]
    is_whole = fold(asked) not in members
    wanted = set(members.values()) if is_whole else {members[fold(asked)]}
    for each in sorted(batches, reverse=True) if wanted else ():
        names = {identity: name for name, identity in batches[each].items()}
        if wanted <= names.keys():
            name = names[next(iter(wanted))]
            return each, name.rpartition("/")[0] if is_whole else name
    return None


def inputs_of(record: BatchRecord) -> dict[str, RecordedFile]:
    """Return the recorded input files of a batch by their names."""
    place = (*record.location, INPUTS_FOLDER)
    return {file.path[-1]: file for file in record.files if file.path[:-1] == place}
