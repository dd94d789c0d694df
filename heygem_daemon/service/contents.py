"""Keeps what the media probe found in the files of the inbox."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from heygem_daemon.config.media_content import MediaContent
from heygem_daemon.spool.inbox import FileEntry

Version = tuple[Path, int, int]
"""Path, mtime in nanoseconds, size in bytes."""

SPARE = 100
"""How many contents of files that are gone are kept before they are dropped."""


def _nothing_new() -> dict[Version, MediaContent]:
    return {}


@dataclass(frozen=True, slots=True)
class ContentProbe:
    """The media probe, as far as contents go. The default answers at once that nothing is known."""

    examine: Callable[[Version], None] | None = None
    """Has a file examined, without waiting."""
    take_contents: Callable[[], dict[Version, MediaContent]] = _nothing_new
    """Returns what was found since the last call, also of files examined for another reason."""


NOTHING_FOUND = ContentProbe()


class Contents:
    """What the files of one folder hold, as far as it is known."""

    def __init__(self, probe: ContentProbe) -> None:
        self._probe = probe
        self._known: dict[Version, MediaContent] = {}

    def update(self, entries: Collection[FileEntry]) -> bool:
        """Take what was found since the last call; return whether there was anything. Forget the
        files that are not among ``entries``, now and then."""
        new = self._probe.take_contents()
        self._known |= new
        if len(self._known) > len(entries) + SPARE:
            versions = {_version(entry) for entry in entries}
            self._known = {each: self._known[each] for each in versions & self._known.keys()}
        return bool(new)

    def find(self, entry: FileEntry) -> MediaContent | None:
        """Return what a file holds; None: not known yet."""
        if self._probe.examine is None:
            return MediaContent()
        return self._known.get(_version(entry))

    def examine(self, entry: FileEntry) -> None:
        """Have a file examined if its content is not known."""
        if self._probe.examine is not None:
            self._probe.examine(_version(entry))


def _version(entry: FileEntry) -> Version:
    return entry.path, entry.mtime_ns, entry.size
