"""The pairing of the audio files, videos and sidecars of one folder. Pure."""

import sys
from collections import defaultdict, deque
from collections.abc import Collection, Container, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from heygem_daemon.spool.formats import is_photograph
from heygem_daemon.spool.inbox import FileEntry
from heygem_daemon.spool.job import Pair
from heygem_daemon.spool.names import fold, pair_key, safe_name, split_extension
from heygem_daemon.spool.ownership import ROOT_ALONE, may_decide
from heygem_daemon.spool.roles import FindContent, nothing_known, with_roles

MAX_OF_NAME = 100
"""How many files of one name an owner may have in an inbox for these to be paired."""

_PairEntries = tuple[FileEntry, FileEntry, FileEntry | None]
"""Audio, video, sidecar."""


@dataclass(frozen=True, slots=True)
class Pairing:
    """The result of pairing. Each entry of a scan is in exactly one of the fields."""

    pairs: tuple[Pair, ...]
    """In order of arrival (of the file that arrived last), then by name."""
    lone_files: tuple[FileEntry, ...]
    """Audio files and videos without a partner so far."""
    ambiguous_groups: tuple[tuple[FileEntry, ...], ...]
    """Groups of files with the same key that fit together in more than one way: two audios, two
    videos, or two sidecars for the same pair."""
    lone_sidecars: tuple[FileEntry, ...] = ()
    """Sidecars without a pair so far."""
    thumbnails: tuple[FileEntry, ...] = ()
    """Photographs beside a video of the same name, as cameras and catalogues put them there."""
    unexamined: tuple[FileEntry, ...] = ()
    """Files whose names decide nothing, and of which it is not known yet what they hold."""
    faulty: tuple[FileEntry, ...] = ()
    """Files at which the pairing itself failed."""
    mixed_groups: tuple[tuple[FileEntry, ...], ...] = ()
    """Files of one name that would be a pair if one person had dropped them."""
    foreign_sidecars: tuple[tuple[FileEntry, int], ...] = ()
    """Sidecars whose owner dropped none of the files of that name, each with the user id of one who
    did."""
    crowds: tuple[tuple[FileEntry, ...], ...] = ()
    """Files of one name and owner, media and sidecars, that are too many to be paired."""


def pair_files(
    entries: Iterable[FileEntry],
    sidecars: Iterable[FileEntry] = (),
    find_content: FindContent = nothing_known,
    own_sound: Container[Path] = (),
    trusted: Collection[int] = ROOT_ALONE,
    most_of_name: int = sys.maxsize,
) -> Pairing:
    """Match audio, video and sidecar of one owner by ``pair_key``. Where names differ only in case,
    exactly equal stems are matched first.

    ``find_content``: what a file holds decides before its name. ``own_sound``: the sidecars that
    make a video speak with its own sound; then the video is a pair alone. ``trusted``: the user ids
    whose sidecars count for everybody's files. ``most_of_name``: how many files of one name an
    owner may have.
    """
    groups: defaultdict[str, list[FileEntry]] = defaultdict(list)
    for entry in entries:
        groups[_key(entry)].append(entry)
    sidecar_groups: defaultdict[str, list[FileEntry]] = defaultdict(list)
    for sidecar in sidecars:
        sidecar_groups[_key(sidecar)].append(sidecar)
    found = _FoundPairs(find_content, own_sound, trusted, most_of_name)
    for key, files in groups.items():
        found.add_name(files, sidecar_groups.pop(key, []))
    for group in sidecar_groups.values():
        found.add_name([], group)
    return found.pairing()


class _FoundPairs:
    """What belongs together in the groups that were added, and what does not."""

    def __init__(
        self,
        find_content: FindContent,
        own_sound: Container[Path],
        trusted: Collection[int],
        most_of_name: int,
    ) -> None:
        self._find_content = find_content
        self._own_sound = own_sound
        self._trusted = trusted
        self._most_of_name = most_of_name
        self._pairs: list[_PairEntries] = []
        self._lone: list[FileEntry] = []
        self._ambiguous: list[tuple[FileEntry, ...]] = []
        self._mixed: list[tuple[FileEntry, ...]] = []
        self._thumbnails: list[FileEntry] = []
        self._unexamined: list[FileEntry] = []
        self._foreign: list[tuple[FileEntry, int]] = []
        self._crowds: list[tuple[FileEntry, ...]] = []
        self._lone_sidecars: list[FileEntry] = []

    def add_name(self, files: list[FileEntry], sidecars: list[FileEntry]) -> None:
        """Add the files of one name, those of each owner apart from the others'."""
        if len(files) == 1 and not sidecars:  # as most files that wait are
            self._lone.extend(with_roles(files, self._find_content))
            return
        if len(files) + len(sidecars) > self._most_of_name:
            crowd = self._add_crowds([*files, *sidecars])
            files = [each for each in files if each.path not in crowd]
            sidecars = [each for each in sidecars if each.path not in crowd]
        if not files:
            self._lone_sidecars.extend(sidecars)
            return
        by_owner: defaultdict[int, list[FileEntry]] = defaultdict(list)
        for entry in files:
            by_owner[entry.owner].append(entry)
        lone: list[FileEntry] = []
        left = sidecars
        for owner, own in by_owner.items():
            usable = [each for each in left if may_decide(each.owner, owner, self._trusted)]
            unused = self._add_group(own, usable, lone)
            used = {each.path for each in usable} - {each.path for each in unused}
            left = [each for each in left if each.path not in used]
        if len(lone) > 1 and {"audio", "video"} <= {entry.kind for entry in lone}:
            self._mixed.append(_by_name(lone))
        else:
            self._lone.extend(lone)
        for sidecar in left:
            if any(may_decide(sidecar.owner, owner, self._trusted) for owner in by_owner):
                self._lone_sidecars.append(sidecar)
            else:
                self._foreign.append((sidecar, files[0].owner))

    def _add_crowds(self, files: list[FileEntry]) -> set[Path]:
        """Add those owners' files of one name that are too many, and return them."""
        by_owner: defaultdict[int, list[FileEntry]] = defaultdict(list)
        for entry in files:
            by_owner[entry.owner].append(entry)
        crowds = [own for own in by_owner.values() if len(own) > self._most_of_name]
        self._crowds.extend(map(_by_name, crowds))
        return {entry.path for own in crowds for entry in own}

    def _add_group(
        self, files: list[FileEntry], sidecars: list[FileEntry], lone: list[FileEntry]
    ) -> list[FileEntry]:
        """Add the files of one name and owner, a file without a partner to ``lone``. Return the
        sidecars that are left."""
        group, beside = _split_thumbnails(_with_roles(files, self._find_content))
        self._thumbnails.extend(beside)
        found, rest = _pair_media(group)
        if len(rest) + len(beside) > 1:
            together = (*rest, *beside)
            self._unexamined.extend(each for each in together if self._find_content(each) is None)
        if _speaks_for_itself(rest, sidecars, self._own_sound):
            found, rest = [*found, (rest[0], rest[0], None)], []
        if len(rest) > 1:
            self._ambiguous.append(_by_name(rest))
        else:
            lone.extend(rest)
        complete, unclear, left = _attach_sidecars(found, sidecars)
        self._pairs.extend(complete)
        self._ambiguous.extend([_by_name(unclear)] if unclear else [])
        return left

    def pairing(self) -> Pairing:
        """Return all of it."""
        by_arrival = sorted(
            self._pairs,
            key=lambda pair: (max(entry.ctime_ns for entry in pair[:2]), pair[0].path.name),
        )
        return Pairing(
            pairs=tuple(_pair(each, self._find_content) for each in by_arrival),
            lone_files=tuple(self._lone),
            ambiguous_groups=tuple(self._ambiguous),
            lone_sidecars=tuple(self._lone_sidecars),
            thumbnails=tuple(self._thumbnails),
            unexamined=tuple(self._unexamined),
            mixed_groups=tuple(self._mixed),
            foreign_sidecars=tuple(self._foreign),
            crowds=tuple(self._crowds),
        )


def _with_roles(group: list[FileEntry], find_content: FindContent) -> list[FileEntry]:
    """Return the files of one name with their kinds; those of equal stems, if there are more."""
    if len(group) < 3:
        return with_roles(group, find_content)
    stems: defaultdict[str, list[FileEntry]] = defaultdict(list)
    for entry in group:
        stems[_stem(entry)].append(entry)
    return [each for same in stems.values() for each in with_roles(same, find_content)]


def _speaks_for_itself(
    rest: list[FileEntry], sidecars: list[FileEntry], own_sound: Container[Path]
) -> bool:
    """Return whether a video without a partner is to be rendered with its own sound."""
    if len(rest) != 1 or len(sidecars) != 1 or sidecars[0].path not in own_sound:
        return False
    return rest[0].kind == "video" and not is_photograph(rest[0].path.name)


def _split_thumbnails(group: list[FileEntry]) -> tuple[list[FileEntry], list[FileEntry]]:
    """Return the files of one name without its thumbnails, and these: the photographs, if there is
    a video with moving pictures."""
    photographs = [entry for entry in group if is_photograph(entry.path.name)]
    others = [entry for entry in group if not is_photograph(entry.path.name)]
    has_video = any(entry.kind == "video" for entry in others)
    return (others, photographs) if has_video else (group, [])


def _pair_media(group: list[FileEntry]) -> tuple[list[_PairEntries], list[FileEntry]]:
    """Return the pairs of one group, and the files that are left."""
    rest = group
    pairs: list[_PairEntries] = []
    if len(group) > 2:
        pairs = list(_exact_pairs(group))
        taken = {entry.path for pair in pairs for entry in pair[:2]}
        rest = [entry for entry in group if entry.path not in taken]
    if _is_pair(rest):
        return [*pairs, _audio_first(rest)], []
    return pairs, rest


def _attach_sidecars(
    pairs: list[_PairEntries], sidecars: list[FileEntry]
) -> tuple[list[_PairEntries], list[FileEntry], list[FileEntry]]:
    """Return the pairs of one group with their sidecars, the ambiguous files, and the sidecars
    that no pair needs."""
    complete: list[_PairEntries] = []
    bare: list[_PairEntries] = []
    waiting: defaultdict[str, deque[FileEntry]] = defaultdict(deque)
    for sidecar in sidecars:
        waiting[_stem(sidecar)].append(sidecar)
    for audio, video, _ in pairs:
        named = waiting[_stem(audio)] or waiting[_stem(video)]
        own = named.popleft() if named else None
        (complete if own else bare).append((audio, video, own))
    taken = {own.path for _, _, own in complete if own}
    left = [sidecar for sidecar in sidecars if sidecar.path not in taken]
    if not (bare and left):
        return [*complete, *bare], [], left
    if len(bare) == len(left) == 1:
        return [*complete, (*bare[0][:2], left[0])], [], []
    return complete, [entry for pair in bare for entry in pair[:2]] + left, []


def _exact_pairs(group: list[FileEntry]) -> Iterator[_PairEntries]:
    """Yield the pairs of one group whose stems are exactly equal."""
    stems: defaultdict[str, list[FileEntry]] = defaultdict(list)
    for entry in group:
        stems[_stem(entry)].append(entry)
    for same in stems.values():
        if _is_pair(same):
            yield _audio_first(same)


def _is_pair(entries: list[FileEntry]) -> bool:
    """Return whether these are an audio and a video. Names that differ in case alone would be one
    name for the clients of a share."""
    kinds = sorted(str(entry.kind) for entry in entries)
    names = {fold(entry.path.name) for entry in entries}
    return kinds == ["audio", "video"] and len(names) == 2


def _audio_first(two: list[FileEntry]) -> _PairEntries:
    first, second = two
    return (first, second, None) if first.kind == "audio" else (second, first, None)


def _pair(group: _PairEntries, find_content: FindContent) -> Pair:
    audio, video, sidecar = group
    name, content = safe_name(_stem(audio)), find_content(audio)
    own = sidecar.path if sidecar else None
    return Pair(name, audio.path, video.path, own, content.seconds if content else 0.0)


def _by_name(entries: Iterable[FileEntry]) -> tuple[FileEntry, ...]:
    return tuple(sorted(entries, key=lambda entry: entry.path.name))


def _key(entry: FileEntry) -> str:
    return pair_key(entry.path.name)


def _stem(entry: FileEntry) -> str:
    return split_extension(entry.path.name)[0]
