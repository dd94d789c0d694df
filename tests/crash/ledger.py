"""The record of what was dropped, and the check of where every byte of it is in the end."""

import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from tests.crash.drops import Drop
from tests.crash.witness import PAGES, find_faults
from tests.crash.worker import CHUNKS, chunk_of, result_of, segment_name

HOT_FOLDER = "anna"
OWN_FILES = ("job.json", "batch.json", "reason.txt")
OTHER_FILES = {"deferred", "result.mp4", "report.json", "strip.png", "used"}
"""What may lie beside the chunks of a failed job: what its worker left, and the time of the last
use."""


@dataclass
class Ledger:
    """Records what is dropped into the spool at ``root``, and audits the spool at the end."""

    root: Path
    drops: list[Drop] = field(default_factory=list)

    def drop(self, make: Callable[[], Drop]) -> None:
        """Drop what ``make`` returns, and record it."""
        drop = make()
        # Every other drop, as soon as the daemon has made the hot folder.
        if len(self.drops) % 2 and (self.root / "inbox" / HOT_FOLDER).is_dir():
            drop = replace(drop, folder=HOT_FOLDER)
        self.drops.append(drop)
        drop.into(self.root / "inbox" / drop.folder)

    def jobs(self) -> int:
        """Return how many jobs were dropped."""
        return sum(len(drop.members) for drop in self.drops)

    def results(self) -> list[bytes]:
        """Return all videos in the outbox."""
        return [path.read_bytes() for path in (self.root / "outbox").rglob("*.mp4")]

    def failed(self) -> list[str]:
        """Return the paths of the failed jobs' folders, relative to failed/."""
        failed = self.root / "failed"
        return sorted(str(path.parent.relative_to(failed)) for path in failed.rglob("reason.txt"))

    def remains(self) -> list[Path]:
        """Return everything of jobs that is in the spool, in any state."""
        parts = ("inbox", "processing", "outbox", "done", "failed", ".state/finished")
        found = [path for part in parts for path in (self.root / part).iterdir()]
        hot = [path for path in found if path.name == HOT_FOLDER]
        empty = [path for path in hot if {each.name for each in path.iterdir()} <= {*PAGES}]
        return [path for path in found if path not in empty]

    def audit(self) -> list[str]:
        """Return the faults: none if no job was lost, doubled, mixed up or left over."""
        return [
            *self._jobs(),
            *self._folders(),
            *self._inputs(),
            *self._zips(),
            *self._unrecorded_files(),
            *self._records(),
            *self._kept_chunks(),
            *self._leftovers(),
            *find_faults(self.root / "outbox", set()),
        ]

    def _jobs(self) -> Iterator[str]:
        """Check that every job has one end: its own result, or its inputs with a reason."""
        results = self.results()
        failures = [set(_contents(self.root / "failed" / name)) for name in self.failed()]
        for drop in self.drops:
            for number, job in enumerate(drop.members):
                made = results.count(result_of(job.audio, job.video))
                failed = sum({job.audio, job.video} <= inputs for inputs in failures)
                if (made, failed) not in ((1, 0), (0, 1)):
                    yield f"{drop.name}, {number}: {made} results, {failed} times failed"
        if len(results) + len(failures) != self.jobs():
            yield f"{self.jobs()} jobs, {len(results)} results, {len(failures)} failures"

    def _folders(self) -> Iterator[str]:
        """Check that what was dropped in a hot folder ended in its folders, and nothing else."""
        dropped = {c: drop.folder for drop in self.drops for c in drop.files.values()}
        results = {
            result_of(job.audio, job.video): drop.folder
            for drop in self.drops
            for job in drop.members
        }
        for part, folders in (("outbox", results), ("done", dropped), ("failed", dropped)):
            place = self.root / part
            for path in (each for each in place.rglob("*") if each.is_file()):
                folder = folders.get(path.read_bytes())
                here = HOT_FOLDER if path.is_relative_to(place / HOT_FOLDER) else ""
                if folder is not None and folder != here:
                    yield f"{path} was dropped in the folder {folder!r}"

    def _inputs(self) -> Iterator[str]:
        """Check that every input file is unchanged in done/ or failed/. Files that members of a
        batch share may be in both."""
        kept = [*_contents(self.root / "done"), *_contents(self.root / "failed")]
        for drop in self.drops:
            for path, content in drop.files.items():
                copies = kept.count(content)
                if copies == 0 or (copies > 1 and not drop.is_batch):
                    yield f"the input {path} is there {copies} times"
        dropped = {content for drop in self.drops for content in drop.files.values()}
        yield from ("an input has changed" for content in kept if content not in dropped)

    def _zips(self) -> Iterator[str]:
        """Check that every batch with a result has one ZIP, with all its results."""
        for journal in self._closed_batches():
            if not _has_result(journal):  # It leaves no folder, and another one may have its name.
                continue
            folder = self.root / "outbox" / journal.get("folder", "") / journal["name"]
            results = {path.name: path.read_bytes() for path in folder.iterdir()}
            results.pop("batch.json", None)
            zips = [name for name in results if name.endswith(".zip")]
            expected = {name: results[name] for name in results if name not in zips}
            packed = [_unpacked(folder / name) for name in zips]
            if packed != ([expected] if expected else []):
                yield f"the batch {journal['name']} has {len(zips)} ZIPs, or an incomplete one"

    def _unrecorded_files(self) -> Iterator[str]:
        """Check that the files in the outbox are exactly those that journals list."""
        outbox = self.root / "outbox"
        journals = [
            json.loads(each.read_bytes()) for each in (self.root / "done").rglob("job.json")
        ]
        owned = {
            str(Path(journal.get("folder", ""), file["name"]))
            for journal in journals
            for file in journal["published"]
        }
        for journal in filter(_has_result, self._closed_batches()):
            files = [file for end in journal["ended"] for file in end["published"]]
            names = ["batch.json", *(file["name"] for file in [*files, *journal["published"]])]
            owned |= {str(Path(journal.get("folder", ""), journal["name"], name)) for name in names}
        present = {str(path.relative_to(outbox)) for path in _files(outbox)}
        for name in owned ^ present:
            yield f"{name} is in the outbox or in a journal, but not in both"

    def _records(self) -> Iterator[str]:
        """Check that .state/finished/ names every file in outbox/, done/ and failed/, unchanged,
        and no other."""
        recorded: set[str] = set()
        for path in (self.root / ".state" / "finished").iterdir():
            for file in json.loads(path.read_bytes())["files"]:
                name = "/".join(file["path"])
                recorded.add(name)
                if not (self.root / name).is_file():
                    yield f"{path.name} names {name}, which is not there"
                    continue
                status = (self.root / name).stat()
                found = (status.st_size, status.st_ino, status.st_mtime_ns)
                if found != (file["size"], file["inode"], file["mtime_ns"]):
                    yield f"{path.name} describes another file than {name}"
        parts = [self.root / part for part in ("outbox", "done", "failed")]
        files = (path for part in parts for path in _files(part))
        names = {str(path.relative_to(self.root)) for path in files}
        yield from (f"{name} is in no record" for name in names - recorded)

    def _kept_chunks(self) -> Iterator[str]:
        """Check that exactly the failed jobs with finished chunks have them kept for a retry, each
        chunk whole and none missing before it."""
        places = {path.name: path for path in self._kept.glob("*")}
        for name in self.failed():
            folder = self.root / "failed" / name
            (audio,), (video,) = folder.glob("*.wav"), folder.glob("*.mp4")
            path = places.pop(place_of(audio, video), None)
            chunks = _chunks_in(path, audio.read_bytes()) if path else 0
            if path and not chunks:
                yield f"kept for {name}: not its chunks"
            if chunks < _chunks_at_last_start(folder):
                yield f"of {name} {chunks} chunks are kept, and there were more"
        yield from (f"kept for no failed job: {path}" for path in places.values())

    @property
    def _kept(self) -> Path:
        return self.root / ".cache" / "chunks"

    def _leftovers(self) -> Iterator[str]:
        """Check that no claimed jobs, files in the inbox or temporary files are left."""
        places = [self.root / part for part in ("inbox", "processing", ".cache")]
        every = [path for place in places for path in place.rglob("*")]
        kept = self._kept  # checked by _kept_chunks
        found = [path for path in every if path != kept and kept not in path.parents]
        found = [path for path in found if path != self.root / "inbox" / HOT_FOLDER]
        found += (self.root / ".state" / "progress").glob("*")
        found += [path for path in self.root.rglob(".*") if path.name not in (".state", ".cache")]
        found += (self.root / ".state").glob("*.tmp")
        found += (self.root / ".state").glob("*.summary")
        yield from (f"left over: {path}" for path in found)

    def _closed_batches(self) -> list[dict[str, Any]]:
        found = (self.root / "done").rglob("batch.json")
        return [json.loads(path.read_bytes()) for path in found]


def _has_result(batch: Mapping[str, Any]) -> bool:
    """Return whether anything was published of a batch, from its final journal."""
    return any(end["published"] for end in batch["ended"])


def _contents(folder: Path) -> list[bytes]:
    """Return the contents of all files below ``folder``, without the daemon's own."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name not in OWN_FILES)
    return [path.read_bytes() for path in files]


def place_of(audio: Path, video: Path) -> str:
    """Return the name of the folder in which the chunks of a job with these files are kept."""
    states = [path.stat() for path in (audio, video)]
    identities = [(each.st_size, each.st_ino, each.st_mtime_ns) for each in states]
    return sha256(repr(identities).encode()).hexdigest()[:32]


def _chunks_in(folder: Path, audio: bytes) -> int:
    """Return how many chunks of a job with this sound are in ``folder``; 0 where anything else is
    there, or a part of them."""
    names = {path.name for path in folder.iterdir()} - OTHER_FILES
    whole = [
        number
        for number in range(CHUNKS)
        if (path := folder / segment_name(number)).name in names
        and path.read_bytes() == chunk_of(number, audio)
    ]
    return len(whole) if whole == list(range(len(names))) else 0


def _chunks_at_last_start(folder: Path) -> int:
    """Return how many chunks a failed job had when its last attempt started."""
    return int(json.loads((folder / "job.json").read_bytes())["chunks"])


def _unpacked(file: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(file) as archive:
        return {Path(name).name: archive.read(name) for name in archive.namelist()}


def _files(folder: Path) -> list[Path]:
    """Return the files below ``folder``, without the pages of hot folders."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return [path for path in found if path.name not in PAGES]
