"""The pairing of the audio files, videos and sidecars of one folder. Pure."""

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from heygem_daemon.spool.formats import is_photograph
from heygem_daemon.spool.inbox import FileEntry
from heygem_daemon.spool.job import Pair
from heygem_daemon.spool.names import fold, pair_key, safe_name, split_extension
from heygem_daemon.spool.roles import FindContent, nothing_known, with_roles

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


def pair_files(
    entries: Iterable[FileEntry],
    sidecars: Iterable[FileEntry] = (),
    find_content: FindContent = nothing_known,
    own_sound: Container[Path] = (),
) -> Pairing:
    """Match audio, video and sidecar by ``pair_key``. Where names differ only in case, exactly
    equal stems are matched first.

    ``find_content``: what a file holds decides before its name. ``own_sound``: the sidecars that
    make a video speak with its own sound; then the video is a pair alone.
    """
    groups: defaultdict[str, list[FileEntry]] = defaultdict(list)
    for entry in entries:
        groups[_key(entry)].append(entry)
    sidecar_groups: defaultdict[str, list[FileEntry]] = defaultdict(list)
    for sidecar in sidecars:
        sidecar_groups[_key(sidecar)].append(sidecar)
    pairs: list[_PairEntries] = []
    lone: list[FileEntry] = []
    ambiguous: list[tuple[FileEntry, ...]] = []
    lone_sidecars: list[FileEntry] = []
    thumbnails: list[FileEntry] = []
    unexamined: list[FileEntry] = []
    for key, files in groups.items():
        group, beside = _split_thumbnails(_with_roles(files, find_content))
        thumbnails.extend(beside)
        found, rest = _pair_media(group)
        if len(rest) + len(beside) > 1:
            unexamined.extend(each for each in (*rest, *beside) if find_content(each) is None)
        if _speaks_for_itself(rest, sidecar_groups.get(key, []), own_sound):
            found, rest = [*found, (rest[0], rest[0], None)], []
        if len(rest) > 1:
            ambiguous.append(_by_name(rest))
        else:
            lone.extend(rest)
        complete, unclear, left = _attach_sidecars(found, sidecar_groups.pop(key, []))
        pairs.extend(complete)
        ambiguous.extend([_by_name(unclear)] if unclear else [])
        lone_sidecars.extend(left)
    lone_sidecars.extend(sidecar for group in sidecar_groups.values() for sidecar in group)
    pairs.sort(key=lambda pair: (max(entry.ctime_ns for entry in pair[:2]), pair[0].path.name))
    return Pairing(
        tuple(map(_pair, pairs)),
        tuple(lone),
        tuple(ambiguous),
        tuple(lone_sidecars),
        tuple(thumbnails),
        tuple(unexamined),
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
    left = list(sidecars)
    for audio, video, _ in pairs:
        stems = {_stem(audio), _stem(video)}
        own = next((sidecar for sidecar in left if _stem(sidecar) in stems), None)
        (complete if own else bare).append((audio, video, own))
        left = [sidecar for sidecar in left if sidecar is not own]
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


def _pair(group: _PairEntries) -> Pair:
    audio, video, sidecar = group
    name = safe_name(_stem(audio))
    return Pair(name, audio.path, video.path, sidecar.path if sidecar else None)


def _by_name(entries: Iterable[FileEntry]) -> tuple[FileEntry, ...]:
    return tuple(sorted(entries, key=lambda entry: entry.path.name))


def _key(entry: FileEntry) -> str:
    return pair_key(entry.path.name)


def _stem(entry: FileEntry) -> str:
    return split_extension(entry.path.name)[0]
