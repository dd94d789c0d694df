"""The inboxes that the daemon scans: the plain one, and that of each hot folder."""

from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path

from heygem_daemon.config.folders import PLAIN, HotFolder, PriorityCaps, hot_folders
from heygem_daemon.config.settings import Settings
from heygem_daemon.config.sidecar import FileVersion
from heygem_daemon.errors import SpoolUnavailable
from heygem_daemon.service.candidates import Candidate, hurry_candidates, in_order
from heygem_daemon.service.inbox_view import InboxView, in_arrival
from heygem_daemon.service.intake import Intake
from heygem_daemon.service.lone_sidecars import LoneSidecar
from heygem_daemon.service.notice_log import NoticeLog
from heygem_daemon.service.notices import InboxNotice
from heygem_daemon.service.runtime import Dependencies
from heygem_daemon.service.shared_probe import SharedProbe
from heygem_daemon.spool.inbox import FolderSnapshot
from heygem_daemon.spool.layout import names_in
from heygem_daemon.spool.names import fold, pair_key, printable
from heygem_daemon.spool.requests import full_name
from heygem_daemon.spool.spool import Spool
from heygem_daemon.system.os_errors import FILE_ERRNOS, describe_cause

FORMER = (
    "is the inbox of a hot folder that is not in the configuration any more; what is in it is left"
    " alone"
)
"""What the status says of a folder that was removed from the configuration."""


class Inboxes:
    """Scans every inbox. What is wrong with one hot folder concerns that folder alone."""

    def __init__(self, spool: Spool, settings: Settings, dependencies: Dependencies) -> None:
        self._spool = spool
        self._settings = settings
        self._dependencies = dependencies
        self._probe = SharedProbe(dependencies.content_probe, spool.inbox)
        self._notice_log = NoticeLog()
        self.plain = self._new_intake(PLAIN)
        """The intake of the plain inbox."""
        self._hot: dict[str, Intake] = {}
        """The intakes of the hot folders whose folders are there, by name."""

    def apply(self, settings: Settings) -> None:
        """Follow changed settings. A hot folder that is gone from them is not scanned any more; the
        next scan makes the folders of a new one."""
        self._settings = settings
        self.plain.apply(settings)
        for name in self._hot.keys() - settings.folders.keys():
            self._probe.remove(self._spool.in_folder(name).inbox)
            del self._hot[name]
        for each in hot_folders(settings.folders):
            if each.name in self._hot:
                self._hot[each.name].apply(settings, each)

    def scan(self, now: float) -> InboxView:
        """Scan at monotonic time ``now``. Raises SpoolUnavailable."""
        made = self._spool.hot_folders.inboxes()
        folders = hot_folders(self._settings.folders)
        views = [self.plain.scan(now, made | self._settings.folders.keys())]
        watched = tuple(self._hot)
        views += [self._scan_folder(each, now) for each in folders]
        if watched != tuple(self._hot):
            self._dependencies.watch(self._spool.in_folder(name).inbox for name in self._hot)
        notices = list(self._former(made - self._settings.folders.keys()))
        broken = [notice for view in views[1:] if view.is_broken for notice in view.waiting]
        self._notice_log.log([*notices, *broken], now)
        arrivals = {name: at for view in views for name, at in view.arrivals.items()}
        waiting = chain(notices, *(view.waiting for view in views))
        return InboxView(
            ready=tuple(in_order(chain.from_iterable(view.ready for view in views))),
            waiting=tuple(in_arrival(waiting, arrivals)),
            arrivals=arrivals,
            settling=any(view.settling for view in views),
            faulty_items=sum(view.faulty_items for view in views),
            of_folders=dict(zip((each.name for each in folders), views[1:], strict=True)),
            stuck_folders=frozenset().union(*(view.stuck_folders for view in views)),
            lone_sidecars=tuple(self._find_lone_sidecars()),
        )

    def look_again(self, candidate: Candidate, now: float) -> Candidate | None:
        """Return a candidate of the last scan as it is now; None: it has changed since. Raises
        SpoolUnavailable."""
        intake = self._intake_of(candidate)
        return intake.look_again(candidate, now) if intake is not None else None

    def find_incomplete(self, names: Collection[str]) -> list[Candidate]:
        """Return what the last scan found under these names that cannot start unless somebody acts,
        but can be cancelled."""
        intakes = (self.plain, *self._hot.values())
        return [each for intake in intakes for each in intake.find_incomplete(names)]

    def set_aside(
        self, candidate: Candidate, versions: frozenset[FileVersion], reason: str
    ) -> None:
        """Leave ``candidate`` alone as long as it is in its inbox in these ``versions``."""
        if (intake := self._intake_of(candidate)) is not None:
            intake.set_aside(candidate, versions, reason)

    def record_claim_failure(self, candidate: Candidate, reason: str, now: float) -> None:
        """Record that a claim of ``candidate`` failed at monotonic time ``now``."""
        if (intake := self._intake_of(candidate)) is not None:
            intake.record_claim_failure(candidate, reason, now)

    def hurry(self, names: Mapping[str, int], files: Container[Path] = ()) -> None:
        """Let the candidates with these titles go first from the next scan on, and no others; and
        examine these files, and those in these folders, before others."""
        self._dependencies.content_probe.hurry(files)
        for intake in (self.plain, *self._hot.values()):
            intake.hurry(names, files)

    def hurry_at_once(
        self, ready: Sequence[Candidate], names: Mapping[str, int]
    ) -> tuple[Candidate, ...]:
        """Return what the last scan found in its order now that these titles go first."""
        caps = PriorityCaps.of(self._settings.max_priority, self._settings.folders)
        return tuple(hurry_candidates(ready, caps, names))

    @property
    def snapshots(self) -> Mapping[str, FolderSnapshot]:
        """What the last scan found in each inbox, by its hot folder; empty: the plain inbox."""
        intakes = (self.plain, *self._hot.values())
        return {each.hot_folder.name: each.snapshot for each in intakes}

    def _find_lone_sidecars(self) -> Iterator[LoneSidecar]:
        for intake in (self.plain, *self._hot.values()):
            folder = fold(intake.hot_folder.name)
            for entry, answer in intake.lone_sidecars:
                key = full_name(folder, pair_key(entry.path.name))
                yield LoneSidecar(intake.hot_folder, entry, answer, key)

    def _intake_of(self, candidate: Candidate) -> Intake | None:
        """Return the intake of a candidate's inbox; None if that is not scanned any more."""
        name = candidate.hot_folder.name
        return self._hot.get(name) if name else self.plain

    def _scan_folder(self, hot_folder: HotFolder, now: float) -> InboxView:
        name = hot_folder.name
        try:
            self._spool.open_folder(name)
            if name not in self._hot:
                self._hot[name] = self._new_intake(hot_folder)
            return self._hot[name].scan(now)
        except (SpoolUnavailable, OSError) as fault:
            if not self._spool.is_mounted():
                raise
            self._hot.pop(name, None)
            why = f"cannot be used: {_describe(fault, self._spool.root)}"
            notice = InboxNotice(name, why, is_warning=True, folder=name)
            return InboxView(waiting=(notice,), faulty_items=1, is_broken=True)

    def _former(self, names: frozenset[str]) -> Iterator[InboxNotice]:
        """Yield a notice for each hot folder of an earlier configuration in whose inbox something
        lies."""
        for name in sorted(names):
            if _may_hold_anything(self._spool.in_folder(name).inbox):
                yield InboxNotice(printable(name), FORMER, is_warning=True)

    def _new_intake(self, hot_folder: HotFolder) -> Intake:
        return Intake.from_settings(
            self._spool,
            self._settings,
            self._dependencies.looks_complete,
            self._dependencies.read_sidecar,
            self._dependencies.faults,
            self._probe.add(self._spool.in_folder(hot_folder.name).inbox),
            hot_folder,
        )


def _describe(fault: Exception, root: Path) -> str:
    """Return why a hot folder cannot be used, for people to whom the server's paths say nothing.
    ``root``: the spool's."""
    cause = fault if isinstance(fault, OSError) else fault.__cause__
    is_of_disk = isinstance(cause, OSError) and cause.errno in FILE_ERRNOS
    return describe_cause(cause, root) if is_of_disk else str(fault)


def _may_hold_anything(inbox: Path) -> bool:
    """Return whether there is anything in a folder, or it cannot be read."""
    try:
        return bool(names_in(inbox))
    except OSError:
        return True
