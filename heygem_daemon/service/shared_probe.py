"""Lets several inboxes share one media probe."""

from collections.abc import Container
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from heygem_daemon.config.media_content import MediaContent
from heygem_daemon.service.contents import ContentProbe, Version


@dataclass(frozen=True, slots=True)
class _AnyOf:
    """The files that any of several inboxes wants first."""

    wanted: tuple[Container[Path], ...]

    def __contains__(self, path: object) -> bool:
        return any(path in each for each in self.wanted)


class SharedProbe:
    """Gives each inbox what was found in its own files, and the probe the wishes of all."""

    def __init__(self, probe: ContentProbe, plain: Path) -> None:
        """``plain``: the plain inbox, which holds the others."""
        self._probe = probe
        self._plain = plain
        self._found: dict[Path, dict[Version, MediaContent]] = {}
        self._wanted: dict[Path, Container[Path]] = {}

    def add(self, inbox: Path) -> ContentProbe:
        """Return the probe for ``inbox``."""
        self._found[inbox] = {}
        return replace(
            self._probe,
            take_contents=partial(self._take, inbox),
            prefer=partial(self._prefer, inbox),
        )

    def remove(self, inbox: Path) -> None:
        """Forget an inbox."""
        self._found.pop(inbox, None)
        self._wanted.pop(inbox, None)

    def _take(self, inbox: Path) -> dict[Version, MediaContent]:
        for version, content in self._probe.take_contents().items():
            if (found := self._inbox_of(version[0])) is not None:
                self._found[found][version] = content
        taken = self._found.get(inbox, {})
        self._found[inbox] = {}
        return taken

    def _inbox_of(self, path: Path) -> Path | None:
        """Return the inbox in which a file is, or the batch of which it is a file."""
        near = (path.parent, path.parent.parent)
        hot = (each for each in near if each != self._plain and each in self._found)
        return next(hot, self._plain if self._plain in self._found else None)

    def _prefer(self, inbox: Path, files: Container[Path]) -> None:
        self._wanted[inbox] = files
        self._probe.prefer(_AnyOf(tuple(self._wanted.values())))
