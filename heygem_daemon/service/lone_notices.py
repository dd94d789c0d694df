"""What a file without its partner lacks: names that would do, and those that nearly do. Pure."""

import difflib
import string
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path

from heygem_daemon.config.sidecar import SidecarAnswer
from heygem_daemon.service.notices import InboxNotice, no_request_reason
from heygem_daemon.service.unused_files import say_why_unused
from heygem_daemon.spool.formats import MediaKind, media_kind
from heygem_daemon.spool.inbox import FileEntry, FolderSnapshot
from heygem_daemon.spool.job import Pair
from heygem_daemon.spool.names import fold, pair_key, printable, split_extension
from heygem_daemon.spool.pairing import Pairing, pair_files
from heygem_daemon.spool.request_names import is_request, request_meant
from heygem_daemon.spool.settle import SettleResult

MAX_COMPARED = 50
"""So many names are compared letter by letter with so many others. Among more, only what programs
and people add to a name may differ."""

MAX_LETTERS = 40
"""How much of a name is compared letter by letter: the time goes with the square of it."""

SIMILAR = 0.75
"""How similar two names are that are probably meant to be equal (difflib's ratio)."""

_SIGNS = string.punctuation + string.whitespace + "（）—·、。，"
_COPIES = ("copy", "副本", "复制", "复件")
"""What systems add to the name of a copy."""
_WITHOUT_SIGNS = str.maketrans("", "", _SIGNS)


class LoneNotices:
    """Finds what the files of one inbox lack. What has not changed is not computed again: thousands
    of files may wait for days."""

    def __init__(self) -> None:
        self._names = _LoneNames(FolderSnapshot(()), pair_files(()))

    def find(
        self,
        snapshot: FolderSnapshot,
        settling: SettleResult,
        pairing: Pairing,
        answers: Mapping[Path, SidecarAnswer],
        lone_seconds: float,
    ) -> Iterator[InboxNotice]:
        """Yield a notice for each settled audio or video without the other, and for each settled
        sidecar without a pair."""
        if not self._names.are_of(snapshot, pairing):
            self._names = _LoneNames(snapshot, pairing)
        names = self._names
        for entry in pairing.lone_files:
            if entry.path in settling.settled:
                yield _notice(entry, names, settling, lone_seconds)
        for entry in pairing.lone_sidecars:
            if entry.path in settling.settled:
                yield _sidecar_notice(entry, answers.get(entry.path), names, settling, lone_seconds)


def _sidecar_notice(
    entry: FileEntry,
    answer: SidecarAnswer | None,
    names: "_LoneNames",
    settling: SettleResult,
    lone_seconds: float,
) -> InboxNotice:
    """A mistake in a sidecar may be why its job is not there. Where no file has its name, what it
    waits for comes first."""
    if (meant := request_meant(entry.path.name)) is not None:
        return InboxNotice(printable(entry.path.name), no_request_reason(meant), True)
    if answer is not None and answer.refusal:
        if names.has_media(entry.path.name):
            name = printable(entry.path.name)
            return InboxNotice(name, answer.refusal, True, remedy=answer.remedy)
        return InboxNotice(*names.tell(entry), True, remedy=answer.refusal)
    return _notice(entry, names, settling, lone_seconds)


class _LoneNames:
    """The names in one inbox, among which the partner of a lone file may be."""

    def __init__(self, snapshot: FolderSnapshot, pairing: Pairing) -> None:
        self._pairing, self._unsupported = pairing, snapshot.unsupported_files
        self._empty = snapshot.empty_files
        self._told: dict[Path, tuple[str, str]] = {}
        self._unknown = {
            pair_key(name): name
            for name in snapshot.unsupported_files
            if pairing.lone_files and not is_request(name) and request_meant(name) is None
        }
        self._lone: dict[str, list[FileEntry]] = {}
        for each in pairing.lone_files:
            self._lone.setdefault(pair_key(each.path.name), []).append(each)
        self._pairs = {pair_key(each.video.name): each for each in pairing.pairs}
        audios = [each for each in pairing.lone_files if each.kind == "audio"]
        videos = [each for each in pairing.lone_files if each.kind == "video"]
        sidecars = pairing.lone_sidecars
        self._others: Mapping[MediaKind | None, _NearNames] = {
            "audio": _NearNames(videos, len(audios)),
            "video": _NearNames(audios, len(videos)),
            None: _NearNames(snapshot.entries if sidecars else (), len(sidecars)),
        }
        self._same: Mapping[MediaKind | None, _NearNames] = {
            "audio": self._others["video"],
            "video": self._others["audio"],
            None: _NearNames(snapshot.sidecars if sidecars else (), len(snapshot.entries)),
        }
        """The files of its own kind, to one of which a near name may be nearer."""

    def are_of(self, snapshot: FolderSnapshot, pairing: Pairing) -> bool:
        """Return whether these are the names in a scan. ``pairing``: what was made of the scan; the
        same object as long as its files are the same."""
        unsupported = snapshot.unsupported_files, snapshot.empty_files
        return pairing is self._pairing and unsupported == (self._unsupported, self._empty)

    def has_media(self, name: str) -> bool:
        """Return whether there is a sound or a video of a sidecar's name."""
        return pair_key(name) in self._lone or pair_key(name) in self._pairs

    def tell(self, entry: FileEntry) -> tuple[str, str]:
        """Return the printable name of a file, and what it waits for."""
        found = self._told.get(entry.path)
        if found is None:
            found = self._told[entry.path] = printable(entry.path.name), self._reason(entry)
        return found

    def _reason(self, entry: FileEntry) -> str:
        pair = self._pairs.get(pair_key(entry.path.name))
        if pair is not None and entry.kind is not None:
            return _beside_a_pair(entry.kind, pair)
        same = self._lone.get(pair_key(entry.path.name), ()) if entry.kind else ()
        alike = sorted(each.path.name for each in same if each.path != entry.path)
        parts = [*_what_lacks(entry.kind, entry.path.name, alike)]
        unknown = self._unknown.get(pair_key(entry.path.name))
        near = self._others[entry.kind].find(entry.path.name)
        if near and self._same[entry.kind].find(near) != entry.path.name:
            near = None  # Another file is meant by it.
        misnamed = next((each for each in alike if media_kind(each) != entry.kind), None)
        if misnamed:
            parts.append(_holds_the_same(entry.kind, misnamed))
        elif unknown:
            parts.append(say_why_unused(unknown, is_empty=unknown in self._empty))
        elif near:
            parts.append(f"{printable(near)} lies here too: the names must be equal")
        return "; ".join(parts)


class _NearNames:
    """Finds among files one whose name is probably meant to be equal to another."""

    def __init__(self, entries: Iterable[FileEntry], asking: int) -> None:
        """``asking``: for how many names one is to be found."""
        self._equal: dict[str, str] = {}
        self._names: dict[str, str] = {}
        """The first name of each core."""
        for name in sorted(each.path.name for each in entries):
            self._equal.setdefault(_essence(name), name)
            self._names.setdefault(_core(name), name)
        is_few = max(len(self._names), asking) <= MAX_COMPARED
        self._cores = tuple(self._names) if is_few else ()

    def find(self, name: str) -> str | None:
        """Return the name that is nearest to ``name``; None if none is near."""
        core = _core(name)
        if equal := self._equal.get(_essence(name)):
            return equal
        near = core if core in self._names else _most_similar(core, self._cores)
        return self._names[near] if near else None


def _most_similar(core: str, cores: Iterable[str]) -> str | None:
    near = max(cores, key=lambda each: _similarity(core, each), default=None)
    return near if near is not None and _similarity(core, near) >= SIMILAR else None


@lru_cache(4 * MAX_COMPARED**2)
def _similarity(one: str, other: str) -> float:
    """Kept, since each change of the inbox asks again, and letters are slow to compare."""
    matcher = difflib.SequenceMatcher(None, other[:MAX_LETTERS], one[:MAX_LETTERS])
    return matcher.ratio() if matcher.quick_ratio() >= SIMILAR else 0.0


def _essence(name: str) -> str:
    """Return the letters and digits of a name, without words that systems add to that of a copy."""
    stem = fold(split_extension(name)[0])
    return _without_copy_words(stem.rstrip(_SIGNS)).translate(_WITHOUT_SIGNS) or stem


def _core(name: str) -> str:
    """Return a name without what programs and people add to it: ``talk (2)``, ``talk - Copy``."""
    stem = fold(split_extension(name)[0])
    short = _without_copy_words(stem.rstrip(string.digits + _SIGNS))
    return (short.rstrip(string.digits + _SIGNS) or stem).translate(_WITHOUT_SIGNS)


def _without_copy_words(stem: str) -> str:
    for word in _COPIES:
        stem = stem.removesuffix(word)
    return stem


def _holds_the_same(kind: MediaKind | None, name: str) -> str:
    """Return what is said of another lone file ``name`` that is no partner, whatever it is called.
    ``kind``: what both are by what they hold."""
    if kind == "audio":
        return f"{printable(name)}, which lies here too, is no video: it holds sound alone"
    return f"{printable(name)}, which lies here too, is no audio: it holds pictures without sound"


def _what_lacks(kind: MediaKind | None, name: str, taken: Collection[str] = ()) -> Iterator[str]:
    """Yield what a file lacks, and which names would do. ``kind``: what it is by what it holds;
    ``taken``: the names of files of the same kind, which would not."""
    stem = printable(split_extension(name)[0])
    if kind is None:
        yield "has no audio and video of the same name beside it"
        yield f"it waits for them, such as {stem}.wav and {stem}.mp4"
        return
    if kind == "audio":
        if media_kind(name) != kind:
            yield "holds sound alone, whatever its name says"
        yield "has no video of the same name beside it"
        names = [f"{stem}{end}" for end in (".mp4", ".mov", ".jpg", ".mkv", ".webm")]
    else:
        if media_kind(name) != kind:
            yield "holds pictures without sound, whatever its name says"
        yield "has no audio of the same name beside it"
        names = [f"{stem}{end}" for end in (".wav", ".mp3", ".m4a", ".flac", ".ogg")]
    used = {fold(each) for each in (name, *taken)}
    one, two, three, *_ = (*(each for each in names if fold(each) not in used), *names[:3])
    yield f"it waits for one, such as {one}, {two} or {three}"


def _beside_a_pair(kind: MediaKind, pair: Pair) -> str:
    """Return what is said of a file beside a pair of its name, most often of another person."""
    audio, video = printable(pair.audio.name), printable(pair.video.name)
    if pair.is_alone:
        return (
            f"has the name of {video}, which speaks with its own sound: give it another name, and"
            " put what it lacks beside it"
        )
    if kind == "audio":
        return (
            f"has the name of {video}, which goes with {audio}: give it another name, and put a"
            " video of that name beside it"
        )
    return (
        f"has the name of {audio}, which goes with {video}: give it another name, and put an audio"
        " of that name beside it"
    )


def _notice(
    entry: FileEntry, names: _LoneNames, settling: SettleResult, lone_seconds: float
) -> InboxNotice:
    name, reason = names.tell(entry)
    is_late = settling.age_seconds[entry.path] >= lone_seconds
    return InboxNotice(name, reason, is_late, "partner")
