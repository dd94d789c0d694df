"""Finds the members of a batch from the files in its folder. Pure."""

import sys
from collections import defaultdict
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count

from heygem_daemon.counts import counted
from heygem_daemon.spool.batch.journal import (
    BATCH_FILE,
    COMMON_SIDECAR,
    BatchMember,
    is_common_sidecar,
)
from heygem_daemon.spool.formats import is_photograph
from heygem_daemon.spool.inbox import MAX_ENTRIES, FileEntry, FolderSnapshot
from heygem_daemon.spool.names import (
    fold,
    natural_key,
    pair_key,
    printable,
    safe_name,
    split_extension,
)
from heygem_daemon.spool.ownership import describe_mixture, find_mixture
from heygem_daemon.spool.pairing import Pairing, pair_files
from heygem_daemon.spool.roles import FindContent, with_batch_roles

MAX_SHOWN_NAMES = 3
"""Number of names that a message shows of a longer list."""


@dataclass(frozen=True, slots=True)
class Roster:
    """The files of a batch's folder and their roles."""

    members: tuple[BatchMember, ...]
    """In the order of rendering."""
    common: str | None
    """Name of the sidecar for all members; None: there is none."""
    others: tuple[str, ...]
    """Names of the files that are not used."""


@dataclass(frozen=True, slots=True)
class RosterProblem:
    """Why a folder is not a batch."""

    reason: str
    """The rest of a sentence that begins with the folder's name."""
    is_incomplete: bool = False
    """Whether a file is missing, which may still arrive."""


FILES_A_MEMBER = 6
"""How many files a folder may have for each member that a batch may have: media, a sidecar and
markers, and what a camera or an editor adds."""

FEW_FILES = 1000
"""So many are allowed for any batch."""


def find_excess(snapshot: FolderSnapshot, max_members: int) -> RosterProblem | None:
    """Return why a folder is too big for a batch, as soon as the number of its files shows it.

    A member needs two files at most, so that twice as many have more than ``max_members``. Whatever
    else is in the folder is moved and named one by one, too. Of hidden files there may be as many
    again: a Mac adds one to each file."""
    count, others = len(snapshot.entries), snapshot.entry_count
    allowed = max(FEW_FILES, FILES_A_MEMBER * max_members)
    if count > 2 * max_members:
        return _too_many(f"{count} audio and video files", max_members)
    if others - snapshot.ignored > allowed or snapshot.ignored > allowed:
        media = counted(count, "1 is audio or video", "{count} are audio and video")
        return RosterProblem(
            f"is a folder with {others} files, of which {media}: remove the others"
        )
    return None


def scan_limit(max_members: int | None) -> int:
    """Return how many names a scan of a batch's folder takes in at most; None: the number of its
    members has no limit."""
    return sys.maxsize if max_members is None else max(MAX_ENTRIES, FILES_A_MEMBER * max_members)


def with_contents(snapshot: FolderSnapshot, find: FindContent) -> FolderSnapshot:
    """Return a scan whose media have the kinds that what they hold gives them in a batch."""
    return replace(snapshot, entries=with_batch_roles(snapshot.entries, find))


def with_seconds(roster: Roster, seconds: Mapping[str, float]) -> Roster:
    """Return a roster whose members know how long their results will be. ``seconds``: how long
    each file is, by its name, as far as that is known."""
    members = tuple(
        each.model_copy(update={"seconds": seconds.get(each.audio, 0.0)}) for each in roster.members
    )
    return replace(roster, members=members)


def find_mixture_problem(
    snapshot: FolderSnapshot, trusted: Collection[int]
) -> RosterProblem | None:
    """Return why the folder and its media are not one person's; None if they are."""
    owners = find_mixture(snapshot, trusted)
    if not owners:
        return None
    return RosterProblem(f"is a folder; it and the files in it {describe_mixture(owners)}")


def build_roster(
    snapshot: FolderSnapshot,
    max_members: int | None = None,
    own_sound: Container[str] = (),
) -> Roster | RosterProblem:
    """Return the members of the batch in a folder, or why the folder is not a batch.

    One audio and several videos: each video with that audio. One video and several audios: each
    audio with that video. Otherwise pairs of the same name. Members are in natural order of their
    names. More than ``max_members`` are no batch; None: no limit. ``own_sound``: names of the
    sidecars that make videos speak with their own sound; such a video is a member alone.
    """
    if snapshot.folders:
        named = format_names(snapshot.folders)
        return RosterProblem(
            f"holds a folder ({named}) that is not one sound and one video with their options:"
            " drop it alone"
        )
    entries = without_strays(snapshot.entries)
    media = _choose_members(entries, snapshot.sidecars, own_sound)
    if isinstance(media, RosterProblem):
        return media
    if max_members is not None and len(media) > max_members:
        return _too_many(f"{len(media)} members", max_members)
    common = [each for each in snapshot.sidecars if is_common_sidecar(each.path.name)]
    if len(common) > 1:
        return RosterProblem(
            f"holds several sidecars for all ({format_names(_names(common))}); keep one"
        )
    members = _assign_sidecars(media, [each for each in snapshot.sidecars if each not in common])
    if isinstance(members, RosterProblem):
        return members
    strays = _names(set(snapshot.entries) - set(entries))
    others = tuple(sorted((*snapshot.unsupported_files, *strays)))
    return Roster(members, common[0].path.name if common else None, others)


def without_strays(entries: Sequence[FileEntry]) -> list[FileEntry]:
    """Return the files that may belong to members. In a folder of videos, a photograph is a face
    only beside a sound of its name: others are thumbnails, a logo, the cover of an album."""
    photographs = {entry for entry in entries if is_photograph(entry.path.name)}
    if all(entry in photographs for entry in entries if entry.kind == "video"):
        return list(entries)
    others = [entry for entry in entries if entry not in photographs]
    sounds = {pair_key(each.path.name) for each in others if each.kind == "audio"}
    moving = {pair_key(each.path.name) for each in others if each.kind == "video"}
    faces = {each for each in photographs if pair_key(each.path.name) in sounds - moving}
    return [entry for entry in entries if entry not in photographs or entry in faces]


def _too_many(found: str, max_members: int) -> RosterProblem:
    most = counted(max_members, "1 member", "{count} members")
    return RosterProblem(
        f"is a folder with {found}; a batch has {most} at most (the setting"
        " max_batch_members): drop it as several folders"
    )


@dataclass(frozen=True, slots=True)
class _MemberMedia:
    """The audio and the video of a member."""

    stem: str
    """Stem of the result and of the member's own sidecar."""
    audio: FileEntry
    video: FileEntry


def _choose_members(
    entries: Sequence[FileEntry], sidecars: Sequence[FileEntry], own_sound: Container[str]
) -> list[_MemberMedia] | RosterProblem:
    alone = _find_members_alone(entries, sidecars, own_sound)
    used = {member.video for member in alone}
    rest = [entry for entry in entries if entry not in used]
    media = _find_members(rest) if rest or not alone else []
    if isinstance(media, RosterProblem) and alone:
        return RosterProblem(
            f'is a folder with audio = "own" in which {format_names(_names(rest))} belongs to no'
            " video; remove it, or that line"
        )
    if isinstance(media, RosterProblem):
        return media
    return sorted((*alone, *media), key=lambda member: natural_key(member.stem))


def _find_members_alone(
    entries: Sequence[FileEntry], sidecars: Sequence[FileEntry], own_sound: Container[str]
) -> list[_MemberMedia]:
    """Return the videos that speak with their own sound: those that the sidecar for all, or one of
    their own, says so of, and that have no sound of their name beside them."""
    named = {pair_key(each.path.name) for each in sidecars if each.path.name in own_sound}
    is_for_all = pair_key(COMMON_SIDECAR) in named
    sounds = {pair_key(each.path.name) for each in entries if each.kind == "audio"}
    return [
        _MemberMedia(_stem(entry), entry, entry)
        for entry in entries
        if _is_moving(entry)
        and (is_for_all or pair_key(entry.path.name) in named)
        and pair_key(entry.path.name) not in sounds
    ]


def _is_moving(entry: FileEntry) -> bool:
    return entry.kind == "video" and not is_photograph(entry.path.name)


def _lack(*, has_audio: bool, has_video: bool) -> str:
    """Return what a folder lacks to be a batch."""
    if has_video:
        return "is a folder that holds no audio; it waits for that"
    if has_audio:
        return "is a folder that holds no video; it waits for that"
    return "is a folder that holds neither audio nor video; it waits for both"


def _find_members(entries: Sequence[FileEntry]) -> list[_MemberMedia] | RosterProblem:
    audios = [entry for entry in entries if entry.kind == "audio"]
    videos = [entry for entry in entries if entry.kind == "video"]
    if not (audios and videos):
        return RosterProblem(
            _lack(has_audio=bool(audios), has_video=bool(videos)), is_incomplete=True
        )
    if len(audios) == 1 and len(videos) > 1:
        found = [_MemberMedia(_stem(video), audios[0], video) for video in videos]
    elif len(videos) == 1:
        found = [_MemberMedia(_stem(audio), audio, videos[0]) for audio in audios]
    else:
        # The folder is one person's, though the daemon owns the files that it copied for a retry.
        pairing = pair_files(replace(entry, owner=0) for entry in entries)
        odd = set(entries) - _paired(entries, pairing)
        if odd:
            return RosterProblem(
                "is a folder in which some have no partner of the same name"
                f" ({format_names(_names(odd))}); a batch is one audio and videos,"
                " one video and audios, or pairs of the same name"
            )
        by_path = {entry.path: entry for entry in entries}
        found = [
            _MemberMedia(_stem(by_path[pair.audio]), by_path[pair.audio], by_path[pair.video])
            for pair in pairing.pairs
        ]
    return found


def _paired(entries: Iterable[FileEntry], pairing: Pairing) -> set[FileEntry]:
    used = {path for pair in pairing.pairs for path in pair.files}
    return {entry for entry in entries if entry.path in used}


def _assign_sidecars(
    members: list[_MemberMedia], sidecars: Iterable[FileEntry]
) -> tuple[BatchMember, ...] | RosterProblem:
    """Return the members with their own sidecars and with names that are all different."""
    own: dict[int, FileEntry] = {}
    exact = _numbers_by(members, lambda stem: stem)
    alike = _numbers_by(members, fold)
    for sidecar in sidecars:
        stem = _stem(sidecar)
        # Members with exactly this stem take precedence over those that differ in case.
        found = exact.get(stem) or alike.get(fold(stem), [])
        if len(found) != 1 or found[0] in own:
            return RosterProblem(
                f"is a folder in which {printable(sidecar.path.name)} is named after no member, or"
                f" not after one alone; options for all of them go into {COMMON_SIDECAR}"
            )
        own[found[0]] = sidecar
    names = _different_names(members)
    return tuple(
        BatchMember(
            name=name,
            audio=member.audio.path.name,
            video=member.video.path.name,
            sidecar=own[number].path.name if number in own else None,
        )
        for number, (name, member) in enumerate(zip(names, members, strict=True))
    )


def _numbers_by(
    members: Iterable[_MemberMedia], key: Callable[[str], str]
) -> Mapping[str, Sequence[int]]:
    """Return the indices of the members with each key of their stems."""
    found: defaultdict[str, list[int]] = defaultdict(list)
    for number, member in enumerate(members):
        found[key(member.stem)].append(number)
    return found


def _different_names(members: Iterable[_MemberMedia]) -> Iterator[str]:
    """Yield the members' names: those of equal stems, also in another case, get numbers. Each
    number is tried once, however many members have one name."""
    # The report of a member with this name would have the path of the batch's summary.
    used = {split_extension(BATCH_FILE)[0]}
    left: dict[str, Iterator[int]] = {}
    for member in members:
        base = name = safe_name(member.stem)
        while fold(name) in used:
            name = f"{base} ({next(left.setdefault(fold(base), count(2)))})"
        used.add(fold(name))
        yield name


def format_names(names: Iterable[str]) -> str:
    """Return the first few names as a list for a sentence."""
    ordered = sorted(map(printable, names), key=natural_key)
    rest = len(ordered) - MAX_SHOWN_NAMES
    return ", ".join(ordered[:MAX_SHOWN_NAMES]) + (f" and {rest} more" if rest > 0 else "")


def _names(entries: Iterable[FileEntry]) -> list[str]:
    return [entry.path.name for entry in entries]


def _stem(entry: FileEntry) -> str:
    return split_extension(entry.path.name)[0]
