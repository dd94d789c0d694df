"""The jobs of a soak, of all kinds: good ones, batches, bad files, wrong sidecars, lone files."""

import random
import shutil
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Ledger:
    """What must become of what was dropped and not collected yet."""

    published: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)

    collected: int = 0
    """How many jobs have ended as they must, and were taken away."""


class Dropper:
    """Drops jobs of changing kinds into an inbox, as a user does: complete files by rename."""

    def __init__(self, spool: Path, seed: int, sound: Path | None, video: Path | None) -> None:
        """``sound``, ``video``: media for real workers; None: text for fake ones."""
        self._inbox = spool / "inbox"
        self._random = random.Random(seed)
        self._sound, self._video = sound, video
        self._number = 0
        self.ledger = Ledger()

    @property
    def dropped(self) -> int:
        """How many jobs were dropped."""
        ledger = self.ledger
        return ledger.collected + len(ledger.published) + len(ledger.failed)

    def drop(self) -> None:
        """Drop the next one. Raises OSError: the disk is full or the share is away."""
        self._number += 1
        name = f"job{self._number:06d}"
        kind = self._random.choices(
            ("pair", "batch", "refused", "sidecar", "options", "lone"), (10, 2, 2, 1, 2, 1)
        )[0]
        getattr(self, f"_drop_{kind}")(name)

    def _drop_pair(self, name: str) -> None:
        self._put(self._inbox, name)
        self.ledger.published.add(name)

    def _drop_options(self, name: str) -> None:
        self._write(self._inbox / f"{name}.toml", "priority = 5\nstrip = false\n")
        self._drop_pair(name)

    def _drop_sidecar(self, name: str) -> None:
        self._write(self._inbox / f"{name}.toml", 'crf = "no"\n')
        self._put(self._inbox, name)
        self.ledger.failed.add(name)

    def _drop_refused(self, name: str) -> None:
        if self._sound is None:
            self._put(self._inbox, name, order="refuse")
            self.ledger.failed.add(name)
        else:
            self._drop_sidecar(name)

    def _drop_batch(self, name: str) -> None:
        hidden = self._inbox / f".{name}"
        hidden.mkdir()
        for member in ("a", "b"):
            self._put(hidden, member)
        hidden.rename(self._inbox / name)
        self.ledger.published.update(f"{name}/{member}" for member in ("a", "b"))

    def _drop_lone(self, name: str) -> None:
        for old in self._inbox.glob("lone*.wav"):
            old.unlink()
        self._write(self._inbox / f"lone{name}.wav", "render")

    def _put(self, folder: Path, name: str, order: str = "render") -> None:
        if self._sound is None or self._video is None:
            self._write(folder / f"{name}.wav", order)
            self._write(folder / f"{name}.mp4", "video" * 1000)
            return
        for source in (self._sound, self._video):
            partial = folder / f"{name}{source.suffix}.part"
            shutil.copyfile(source, partial)
            partial.rename(folder / f"{name}{source.suffix}")

    @staticmethod
    def _write(path: Path, text: str) -> None:
        partial = path.with_name(f"{path.name}.part")
        partial.write_text(text)
        partial.rename(path)


def missing(spool: Path, ledger: Ledger) -> list[str]:
    """Return the jobs that have not ended as they must."""
    outbox, failed = spool / "outbox", spool / "failed"
    return [
        *(name for name in sorted(ledger.published) if not (outbox / f"{name}.mp4").exists()),
        *(name for name in sorted(ledger.failed) if not (failed / name).is_dir()),
    ]


def collect(spool: Path, ledger: Ledger) -> None:
    """Take away what has ended as it must, as people do: an hour's results would fill the disk.
    Raises OSError."""
    for name in sorted(ledger.published | ledger.failed):
        top = name.partition("/")[0]
        folder = spool / ("done" if name in ledger.published else "failed") / top
        results = spool / "outbox" / top
        wanted = results / f"{top}.zip" if top != name else results.with_name(f"{top}.mp4")
        if folder.is_dir() and (name in ledger.failed or wanted.exists()):
            members = {each for each in ledger.published if each.startswith(f"{top}/")} or {name}
            ledger.published -= members
            ledger.failed -= members
            ledger.collected += len(members)
            shutil.rmtree(folder)
            shutil.rmtree(results, ignore_errors=True)
            for suffix in (".mp4", ".json", ".png"):
                results.with_name(top + suffix).unlink(missing_ok=True)
