"""Folders in the inbox: when each has settled as a whole, and what the others wait for."""

from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from pathlib import Path

from heygem_daemon.errors import SpoolUnavailable
from heygem_daemon.service.candidates import Offer, Priorities, Remark
from heygem_daemon.spool.batch.roster import Unclear, roster_of, shown
from heygem_daemon.spool.files import is_folder
from heygem_daemon.spool.inbox import Entry, Snapshot, scan
from heygem_daemon.spool.names import printable
from heygem_daemon.spool.settle import Settler, Settling


@dataclass(slots=True)
class _Seen:
    """A folder over the scans. Times are monotonic: since ``since`` nothing in it has changed;
    ``announced``: since when a marker says that it is complete."""

    settler: Settler
    content: frozenset[object]
    first: float
    since: float
    announced: float | None = None


@dataclass(frozen=True, slots=True)
class FolderLook:
    """One folder at one scan: an offer, or a remark on what it waits for. ``settling``: it may be
    an offer soon, without anybody's doing."""

    offer: Offer | None = None
    remark: Remark | None = None
    settling: bool = False


class FolderIntake:
    """Watches the folders in ``inbox``. A folder is settled when each file in it is, and when
    nothing in it came, went or changed for ``quiet_seconds``; a marker that is no older than the
    last change says so at once: ``show.ready`` beside the folder, or ``.ready`` in it.
    ``lone_seconds``: how long one may lack something before it is said aloud."""

    def __init__(
        self,
        inbox: Path,
        new_settler: Callable[[], Settler],
        quiet_seconds: float,
        lone_seconds: float,
    ) -> None:
        self._inbox = inbox
        self._new_settler = new_settler
        self._quiet = quiet_seconds
        self._lone_seconds = lone_seconds
        self._seen: dict[str, _Seen] = {}
        self._priorities: dict[str, Priorities] = {}

    def look(self, names: Iterable[str], ready: Container[str], now: float) -> list[FolderLook]:
        """Look into the folders ``names`` at monotonic time ``now``; ``ready`` are the markers
        beside them. Forgets what is gone."""
        present = list(names)
        self._seen = {name: self._seen[name] for name in present if name in self._seen}
        self._priorities = {name: self._priorities.get(name, Priorities()) for name in present}
        found = (self._look_into(name, name in ready, now) for name in present)
        return [look for look in found if look is not None]

    def _look_into(self, name: str, announced: bool, now: float) -> FolderLook | None:
        folder = self._inbox / name
        try:
            snapshot = scan(folder)
        except SpoolUnavailable as fault:
            if not is_folder(folder):
                return None
            return FolderLook(remark=Remark(printable(name), f"cannot be read: {fault}", True))
        seen = self._update(name, snapshot, now)
        settling = seen.settler.observe(snapshot, now)
        if not (announced or snapshot.announced):
            seen.announced = None
        elif seen.announced is None:
            seen.announced = now
        if seen.announced is None or seen.announced < seen.since:
            reason = self._unsettled(snapshot, settling, now - seen.since)
            if reason is not None:
                return FolderLook(remark=Remark(printable(name), reason), settling=True)
        roster = roster_of(snapshot)
        if isinstance(roster, Unclear):
            loud = not roster.early or now - seen.first >= self._lone_seconds
            return FolderLook(remark=Remark(printable(name), roster.reason, loud))
        return FolderLook(offer=self._offer(folder, snapshot))

    def _update(self, name: str, snapshot: Snapshot, now: float) -> _Seen:
        content = snapshot.content
        seen = self._seen.get(name)
        if seen is None:
            seen = self._seen[name] = _Seen(self._new_settler(), content, now, now)
        elif seen.content != content:
            seen.content, seen.since = content, now
        return seen

    def _unsettled(self, snapshot: Snapshot, settling: Settling, quiet: float) -> str | None:
        if snapshot.unfinished:
            return f"an upload into it is under way: {shown(snapshot.unfinished)}"
        if settling.waiting:
            total = len(settling.waiting) + len(settling.settled)
            path, reason = next(iter(settling.waiting.items()))
            return (
                f"{len(settling.waiting)} of its {total} files are not settled;"
                f" {printable(path.name)}: {reason}"
            )
        return "it has changed lately" if quiet < self._quiet else None

    def _offer(self, folder: Path, snapshot: Snapshot) -> Offer:
        entries: tuple[Entry, ...] = (*snapshot.entries, *snapshot.sidecars)
        priorities = self._priorities[folder.name]
        priorities.keep(snapshot.sidecars)
        asked = [priorities.of(sidecar) for sidecar in snapshot.sidecars]
        arrived = max(entry.ctime_ns for entry in entries)
        return Offer(printable(folder.name), folder, max(asked, default=0), arrived)
