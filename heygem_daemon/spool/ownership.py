"""Whether files that belong together were dropped by one person.

All users of a share write into one inbox. So a name alone does not make files one job: whoever
drops ``talk.toml`` or ``talk.mp4.ready`` beside another user's ``talk.mp4`` would decide what
becomes of it. Pure, but for ``trusted_users`` and ``user_name``.
"""

import os
import pwd
from collections.abc import Collection, Iterable
from dataclasses import replace
from functools import lru_cache

from heygem_daemon.spool.deciders import TRUSTED
from heygem_daemon.spool.inbox import FileEntry, FolderSnapshot
from heygem_daemon.spool.names import READY_SUFFIX, printable, split_extension
from heygem_daemon.system.subordinate_ids import holder_of

ROOT_ALONE = frozenset({0})

MAX_REMEMBERED = 1000
"""How many people's names are remembered."""


def trusted_users() -> frozenset[int]:
    """Return the user ids of root and of the user that this process runs as."""
    return ROOT_ALONE | {os.geteuid()}


def find_person(owners: Collection[int]) -> int:
    """Return the user id of the one person whose files these are, given the owners of a batch's
    folder and of its files: a retry puts them into a folder of the daemon's, beside copies of its
    own. Where the trusted users own all, it is one of these."""
    return min(set(owners) - trusted_users() or owners)


def user_name(uid: int | None) -> str:
    """Return a user's name for people, also for his subordinate ids; the number where this machine
    knows no name."""
    if uid is None:
        return "an unknown user"
    if uid == TRUSTED:
        return own_name()
    try:
        return printable(pwd.getpwuid(uid).pw_name)
    except (KeyError, OverflowError):
        holder = holder_of(uid)
        return f"user {uid}" if holder == uid else user_name(holder)


@lru_cache(MAX_REMEMBERED)
def person_name(uid: int | None) -> str:
    """Return the name of who dropped something, for all who see it; empty where that is not known.
    What root or the daemon's own user owns may have come from anybody: by a command, or through a
    share that has one user for all."""
    is_known = uid is not None and uid not in trusted_users() | {TRUSTED}
    return user_name(uid) if is_known else ""


def own_name() -> str:
    """Return the name of the user that this process runs as."""
    return user_name(os.geteuid())


def user_names(uids: Iterable[int]) -> str:
    """Return the names of several users as a list for a sentence: ``anna and mallory``."""
    names = sorted(map(user_name, set(uids)))
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def may_decide(owner: int, media_owner: int | None, trusted: Collection[int]) -> bool:
    """Return whether a sidecar or marker of ``owner`` counts for media of ``media_owner``."""
    return owner == media_owner or owner in trusted


def marker_counts(
    name: str, media_owner: int | None, snapshot: FolderSnapshot, trusted: Collection[int]
) -> bool:
    """Return whether there is a marker for ``name`` that counts for media of ``media_owner``."""
    return name in snapshot.ready_names and may_decide(
        snapshot.marker_owners.get(name, 0), media_owner, trusted
    )


def find_foreign_markers(
    snapshot: FolderSnapshot, trusted: Collection[int]
) -> dict[str, tuple[int, int]]:
    """Return the markers that count for none of the files that they are named after: for the name
    of each, its owner and the owner of one of these files. A marker that is named after nothing is
    not among them."""
    if not snapshot.ready_names:
        return {}
    found: dict[str, tuple[int, int]] = {}
    counting: set[str] = set()
    for entry in (*snapshot.entries, *snapshot.sidecars):
        for name in marked_names(entry.path.name) & snapshot.ready_names:
            if marker_counts(name, entry.owner, snapshot, trusted):
                counting.add(name)
            else:
                found[name] = (snapshot.marker_owners.get(name, 0), entry.owner)
    return {name + READY_SUFFIX: both for name, both in found.items() if name not in counting}


def marked_names(name: str) -> frozenset[str]:
    """Return the names whose markers declare the file ``name`` complete."""
    return frozenset({name, split_extension(name)[0]})


def find_mixture(snapshot: FolderSnapshot, trusted: Collection[int]) -> frozenset[int]:
    """Return the owners of a batch's folder and of its media, if they are several people; else
    nothing. Trusted users may own some of them: a retry puts the files into a folder of its own."""
    owners = {entry.owner for entry in snapshot.entries} | {_folder_owner(snapshot)}
    people = owners.difference(trusted)
    return frozenset(people) if len(people) > 1 else frozenset()


def split_foreign_sidecars(
    snapshot: FolderSnapshot, trusted: Collection[int]
) -> tuple[FolderSnapshot, tuple[FileEntry, ...]]:
    """Return the scan of a batch's folder without the sidecars of those who own neither the folder
    nor its media, and these sidecars. ``snapshot`` is one whose media have one owner."""
    owners = {_folder_owner(snapshot), *(entry.owner for entry in snapshot.entries), *trusted}
    own = tuple(each for each in snapshot.sidecars if each.owner in owners)
    foreign = tuple(each for each in snapshot.sidecars if each.owner not in owners)
    return replace(snapshot, sidecars=own), foreign


def folder_marker_counts(
    marker_owner: int, snapshot: FolderSnapshot, trusted: Collection[int]
) -> bool:
    """Return whether a marker of ``marker_owner`` counts for a batch's folder, whose media have one
    owner."""
    owners = {_folder_owner(snapshot), *(entry.owner for entry in snapshot.entries)}
    return any(may_decide(marker_owner, owner, trusted) for owner in owners)


def describe_mixture(owners: Collection[int]) -> str:
    """Return why files of several owners are not rendered together: a part of a sentence."""
    return f"were dropped by {user_names(owners)}: one person must drop all of them"


def describe_foreign(owner: int, media_owner: int | None) -> str:
    """Return why a sidecar or marker does not count: the rest of a sentence after its name."""
    return (
        f"is ignored: it was dropped by {user_name(owner)}, and what it is named after by"
        f" {user_name(media_owner)}, who has to drop it"
    )


def _folder_owner(snapshot: FolderSnapshot) -> int:
    return 0 if snapshot.owner is None else snapshot.owner
