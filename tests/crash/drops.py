"""The drops of users in the crash tests: pairs, some with a sidecar, and folders."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

INPUT_BYTES = 300
GOOD, BAD = "priority = 1\n", "priority = high\n"


@dataclass(frozen=True, slots=True)
class Member:
    """The two inputs of one job."""

    audio: bytes
    video: bytes


@dataclass(frozen=True, slots=True)
class Drop:
    """Everything that a user drops at once: a pair or a folder."""

    name: str
    files: dict[str, bytes]
    """Content by path below the inbox, in the order of arrival. No two contents are equal."""
    members: tuple[Member, ...]

    folder: str = ""
    """The hot folder in whose inbox it is dropped; empty: in the plain inbox."""

    @property
    def is_batch(self) -> bool:
        return any("/" in path for path in self.files)

    def into(self, inbox: Path) -> None:
        """Put the files into ``inbox`` as uploads do: under another name, then renamed. A folder is
        renamed as a whole."""
        for path, content in self.files.items():
            draft = inbox / (path.replace("/", ".part/") if self.is_batch else f"{path}.part")
            draft.parent.mkdir(exist_ok=True)
            draft.write_bytes(content)
            if not self.is_batch:
                draft.rename(inbox / path)
        if self.is_batch:
            (inbox / f"{self.name}.part").rename(inbox / self.name)


class Users:
    """Make drops at random. Each audio file starts with one of ``orders``, which says what the
    worker shall do with the job."""

    def __init__(self, chance: random.Random, orders: Sequence[str]) -> None:
        self._chance = chance
        self._orders = orders
        self._drops = 0

    def pair(self) -> Drop:
        """Return an audio file and a video; half of the pairs have a sidecar, some a wrong one."""
        name = self._name()
        files: dict[str, bytes] = {}
        if self._chance.random() < 0.5:
            files[f"{name}.toml"] = self._sidecar()
        member = Member(self._sound(), self._pictures())
        files |= {f"{name}.wav": member.audio, f"{name}.mp4": member.video}
        return Drop(name, files, (member,))

    def batch(self) -> Drop:
        """Return a folder: one audio file and several videos, one video and several audio files, or
        pairs."""
        name = self._name()
        sounds, videos = self._chance.choice(((1, 3), (3, 1), (2, 2)))
        audio = {f"{name}/{number}.wav": self._sound() for number in range(sounds)}
        video = {f"{name}/{number}.mp4": self._pictures() for number in range(videos)}
        several = max(sounds, videos)
        members = tuple(
            Member(list(audio.values())[number % sounds], list(video.values())[number % videos])
            for number in range(several)
        )
        common = {f"{name}/job.toml": self._comment() + GOOD.encode()}
        own = {f"{name}/{several - 1}.toml": self._sidecar()}
        return Drop(name, {**common, **own, **audio, **video}, members)

    def _name(self) -> str:
        self._drops += 1
        return f"take-{self._drops}"

    def _sound(self) -> bytes:
        order = self._chance.choice(self._orders)
        return order.encode() + b"\n" + self._chance.randbytes(INPUT_BYTES)

    def _pictures(self) -> bytes:
        return b"video" + self._chance.randbytes(INPUT_BYTES)

    def _sidecar(self) -> bytes:
        return self._comment() + self._chance.choice((GOOD, GOOD, BAD)).encode()

    def _comment(self) -> bytes:
        return f"# {self._chance.randbytes(8).hex()}\n".encode()
