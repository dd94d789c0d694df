"""The books: what was dropped, and where every byte of it is in the end."""

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.crash.witness import look
from tests.crash.worker import result_of

INPUT_BYTES = 300


@dataclass(frozen=True, slots=True)
class Drop:
    """A pair that a user dropped."""

    name: str
    audio: bytes
    video: bytes


@dataclass
class Ledger:
    """Drops pairs that ask for one of ``orders`` into the spool at ``root``; audits it at the
    end."""

    root: Path
    chance: random.Random
    orders: Sequence[str]
    drops: list[Drop] = field(default_factory=list)

    def drop(self) -> None:
        """Drop a pair, as an upload under another name and a rename; the sound first."""
        order = self.chance.choice(self.orders).encode()
        sound, pictures = (self.chance.randbytes(INPUT_BYTES) for _ in range(2))
        drop = Drop(f"take-{len(self.drops)}", order + b"\n" + sound, b"video" + pictures)
        for suffix, content in ((".wav", drop.audio), (".mp4", drop.video)):
            draft = self.root / "inbox" / f"{drop.name}{suffix}.part"
            draft.write_bytes(content)
            draft.rename(draft.with_suffix(""))
        self.drops.append(drop)

    def published(self) -> int:
        """How many results there are."""
        return sum(1 for _ in (self.root / "outbox").glob("*.mp4"))

    def failed(self) -> list[str]:
        """The names of the jobs that failed."""
        return sorted(path.name for path in (self.root / "failed").iterdir())

    def remains(self) -> list[Path]:
        """What there is of jobs, at any stage."""
        parts = ("inbox", "processing", "outbox", "done", "failed")
        return [path for part in parts for path in (self.root / part).iterdir()]

    def audit(self) -> list[str]:
        """What does not add up: nothing, if no job was lost, doubled, mixed up or left over."""
        return [*self._jobs(), *self._surplus(), *look(self.root / "outbox", set())]

    def _jobs(self) -> Iterator[str]:
        """Every job has ended once, with its very own inputs and result."""
        ends = list(self._ends())
        results = [path.read_bytes() for path in (self.root / "outbox").glob("*.mp4")]
        for drop in self.drops:
            mine = [kind for kind, inputs in ends if inputs == {drop.audio, drop.video}]
            made = results.count(result_of(drop.audio, drop.video))
            if (mine, made) not in ((["done"], 1), (["failed"], 0)):
                yield f"{drop.name} ended in {mine or 'nothing'} and has {made} results"
        if len(ends) != len(self.drops):
            yield f"{len(self.drops)} jobs were dropped and {len(ends)} ended"

    def _ends(self) -> Iterator[tuple[str, set[bytes]]]:
        """Of every folder in done/ and failed/: which it is, and the inputs that lie there."""
        notes = ("job.json", "reason.txt")
        for kind in ("done", "failed"):
            for folder in (self.root / kind).iterdir():
                files = {path.name: path.read_bytes() for path in folder.iterdir()}
                yield kind, {data for name, data in files.items() if name not in notes}

    def _surplus(self) -> Iterator[str]:
        """What lies about: drafts, claimed jobs, results that no job owns, missing notes."""
        for part in ("inbox", "processing", ".cache"):
            yield from (f"left over: {path}" for path in (self.root / part).rglob("*"))
        for path in self.root.rglob(".*"):
            if path.name not in (".state", ".cache"):
                yield f"left over: {path}"
        for path in (self.root / ".state").glob("*.tmp"):
            yield f"left over: {path}"
        owned = {name for folder in (self.root / "done").iterdir() for name in _results(folder)}
        there = {path.name for path in (self.root / "outbox").iterdir()}
        for name in owned ^ there:
            yield f"{name} is in the outbox or in a journal, but not in both"
        for folder in (self.root / "failed").iterdir():
            if not (folder / "reason.txt").is_file():
                yield f"{folder.name} failed without a reason"


def _results(done: Path) -> list[str]:
    journal = json.loads((done / "job.json").read_text())
    return [file["name"] for file in journal["published"]]
