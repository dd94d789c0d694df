"""Keeps what the media probe found in the files of the inbox and of its folders."""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from heygem_daemon.config.media_content import MediaContent
from heygem_daemon.spool.inbox import FileEntry
from heygem_daemon.spool.roles import FindContent

Version = tuple[Path, int, int]
"""Path, mtime in nanoseconds, size in bytes."""

SPARE = 100
"""How many contents of files that are gone are kept before they are dropped."""


def _nothing_new() -> dict[Version, MediaContent]:
    return {}


def _ignore(_files: Container[Path]) -> None:
    """Prefer none."""


@dataclass(frozen=True, slots=True)
class ContentProbe:
    """The media probe, as far as contents go. The default answers at once that nothing is known."""

    examine: Callable[[Version, int], None] | None = None
    """Has a file of the owner with this user id examined, without waiting."""
    take_contents: Callable[[], dict[Version, MediaContent]] = _nothing_new
    """Returns what was found since the last call, also of files examined for another reason."""
    prefer: Callable[[Container[Path]], None] = _ignore
    """Lets these files be examined before the others."""
    hurry: Callable[[Container[Path]], None] = _ignore
    """Lets these files, and those in these folders, be examined before even those."""


NOTHING_FOUND = ContentProbe()


class Contents:
    """What the files hold, as far as it is known."""

    def __init__(self, probe: ContentProbe) -> None:
        self._probe = probe
        self._known: dict[Version, MediaContent] = {}

    def update(self) -> bool:
        """Take what was found since the last call; return whether there was anything."""
        new = self._probe.take_contents()
        self._known |= new
        return bool(new)

    def keep_only(self, entries: Sequence[FileEntry]) -> None:
        """Forget the files that are not among ``entries``, once there are ``SPARE`` of them."""
        if len(self._known) > len(entries) + SPARE:
            versions = {_version(entry) for entry in entries}
            self._known = {each: self._known[each] for each in versions & self._known.keys()}

    def find(self, entry: FileEntry) -> MediaContent | None:
        """Return what a file holds; None: not known yet."""
        if self._probe.examine is None:
            return MediaContent()
        return self._known.get(_version(entry))

    def find_unknown(self, entries: Iterable[FileEntry]) -> list[FileEntry]:
        """Return those files whose content is not known."""
        if self._probe.examine is None:
            return []
        return [entry for entry in entries if _version(entry) not in self._known]

    def prefer(self, files: Container[Path]) -> None:
        """Let these files be examined before the others of their owners."""
        self._probe.prefer(files)

    def of(self, entries: Iterable[FileEntry], names: Mapping[Path, str]) -> FindContent:
        """Return a function that tells what these files hold, wherever they are by then, and also
        under the ``names`` that they will have, by their present paths."""
        known: dict[tuple[str, int, int], MediaContent | None] = {}
        for entry in entries:
            known[_key(entry)] = content = self.find(entry)
            known[names.get(entry.path, entry.path.name), entry.mtime_ns, entry.size] = content
        return lambda entry: known.get(_key(entry))

    def examine(self, entry: FileEntry) -> None:
        """Have a file examined if its content is not known."""
        if self._probe.examine is not None:
            self._probe.examine(_version(entry), entry.owner)


def _key(entry: FileEntry) -> tuple[str, int, int]:
    return entry.path.name, entry.mtime_ns, entry.size


def _version(entry: FileEntry) -> Version:
    return entry.path, entry.mtime_ns, entry.size
