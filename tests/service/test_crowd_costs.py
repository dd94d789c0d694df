"""A scan of twice as many files takes about twice as long, whatever their names are."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from heygem_daemon.config.settings import Settings
from heygem_daemon.config.sidecar import FileVersion, SidecarAnswer
from heygem_daemon.service import intake
from heygem_daemon.service.contents import NOTHING_FOUND, ContentProbe
from heygem_daemon.service.intake import Intake
from heygem_daemon.service.item_faults import ItemFaults
from heygem_daemon.spool.formats import media_kind
from heygem_daemon.spool.inbox import FileEntry, FolderSnapshot
from heygem_daemon.spool.names import is_sidecar, pair_key
from heygem_daemon.spool.spool import Spool
from tests.fakes.service import ServiceHarness

FEW = 400
FACTOR = 3.0
"""What goes with the square takes four times as long for twice as many files."""

TRIES = 3
"""Other programs disturb even the processor time."""

HOUR_NS = 3_600_000_000_000
ANNA = 1000


def in_other_case(number: int) -> str:
    """Return one spelling of a name."""
    letters = "abcdefghijklmnop"
    return "".join(
        each.upper() if number >> place & 1 else each for place, each in enumerate(letters)
    )


def files(*names: str) -> FolderSnapshot:
    """Return a scan that found these names, the videos long after the rest."""
    found = [entry(name) for name in names if media_kind(name) or is_sidecar(name)]
    ready = [name.removesuffix(".ready") for name in names if name.endswith(".ready")]
    known = {each.path.name for each in found} | {f"{name}.ready" for name in ready}
    return FolderSnapshot(
        tuple(each for each in found if each.kind),
        frozenset(ready),
        unsupported_files=tuple(name for name in names if name not in known),
        sidecars=tuple(each for each in found if not each.kind),
        marker_owners=dict.fromkeys(ready, ANNA),
    )


def entry(name: str) -> FileEntry:
    at = HOUR_NS if name.endswith(".mp4") else 0
    return FileEntry(Path("/inbox") / name, media_kind(name), 9, at, at, hash(name), 1, ANNA)


def of_each(count: int, *patterns: str) -> FolderSnapshot:
    """Return a scan that found the names of each pattern: with ``#`` for a number, or ``@`` for one
    spelling of a name."""
    return files(
        *(
            each.replace("#", str(number)).replace("@", in_other_case(number))
            for number in range(count)
            for each in patterns
        )
    )


CROWDS: dict[str, Callable[[int], FolderSnapshot]] = {
    "sidecars of one name": lambda count: of_each(count, "@.toml", "abcdefghijklmnop.wav"),
    "pairs and sidecars of one name": lambda count: of_each(count, "@.wav", "@.mp4", "@.toml"),
    "files of one name": lambda count: of_each(count, "@.wav", "@.mov", "@.jpg"),
    "late pairs and markers": lambda count: of_each(count, "#.wav", "#.mp4", "x#.ready"),
    "late pairs with markers": lambda count: of_each(count, "#.wav", "#.mp4", "#.mp4.ready"),
    "thumbnails": lambda count: of_each(count, "#.mp4", "#.jpg"),
    "lone files and sidecars": lambda count: of_each(count, "a#.wav", "b#.mp4", "c#.toml"),
    "copies of one name": lambda count: of_each(count, "talk (#).wav", "talk #.mp4", "talk-#.toml"),
    "requests": lambda count: of_each(count, "#.cancel", "#.wav", "@.hurry", "@.stop", "#.canel"),
}


class FoundFiles:
    """What the scans of an inbox find."""

    def __init__(self, snapshot: FolderSnapshot) -> None:
        self.snapshot = snapshot

    def __call__(self, *_args: object) -> FolderSnapshot:
        return self.snapshot

    def touch(self) -> None:
        """Change one file, as who wants to have everything computed again."""
        first, *others = self.snapshot.entries
        changed = replace(first, mtime_ns=first.mtime_ns + 1)
        self.snapshot = replace(self.snapshot, entries=(changed, *others))


def read(path: Path) -> SidecarAnswer:
    return SidecarAnswer(version=FileVersion(inode=hash(path.name), size=9, mtime_ns=0))


NEVER = ContentProbe(examine=lambda _version, _owner: None)
"""Never says what a file holds."""


def seconds_of(spool: Spool, found: FoundFiles) -> float:
    """Return the processor time of several scans, and of looks for what may be cancelled: where
    nothing is known of what the files hold, and where nothing needs to be."""
    names = {pair_key(each.path.name) for each in found.snapshot.entries}
    settings = Settings(settle_seconds=1.0)
    began = time.process_time()
    for probe in (NOTHING_FOUND, NEVER):
        scans = Intake.from_settings(spool, settings, lambda _: True, read, ItemFaults(), probe)
        scans._settler.limit_looks(1_000_000)
        for now in (0.0, 10.0, 20.0):
            scans.scan(now)
        found.touch()
        scans.scan(21.0)
        scans.find_incomplete(names)
    return time.process_time() - began


def ratios(
    make: Callable[[int], FolderSnapshot], measure: Callable[[FoundFiles], float]
) -> Iterator[float]:
    """Yield how much longer twice as many files take, for one try after the other."""
    for _ in range(TRIES):
        few = measure(FoundFiles(make(FEW)))
        yield measure(FoundFiles(make(2 * FEW))) / few


@pytest.mark.parametrize("kind", CROWDS)
def test_a_scan_of_twice_as_many_files_takes_twice_as_long(
    harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(Intake, "_require_spool", lambda _self: None)

    def measure(found: FoundFiles) -> float:
        monkeypatch.setattr(intake, "scan", found)
        return seconds_of(harness.spool, found)

    found = []
    for ratio in ratios(CROWDS[kind], measure):
        found.append(round(ratio, 1))
        if ratio < FACTOR:
            return
    pytest.fail(f"twice as many files take {found} times as long")
