"""The honest user: drops small pairs, and measures how long each takes to be published."""

import json
import os
import pwd
import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from demo.samba import Client
from tests.fuzz import media

Drop = Callable[[str, bytes], None]
"""Puts a file of this name and content into the inbox."""

LOOK_SECONDS = 0.05


@dataclass
class Honest:
    """Drops pairs by ``drop``, and looks for the daemon's own records of them: a hostile user may
    delete a result as soon as it is published."""

    spool: Path
    drop: Drop
    _seen: set[str] = field(default_factory=set)

    def drop_and_wait(self, name: str, patience: float) -> float:
        """Drop a pair and return the seconds until its result is published; infinity if there is
        none after ``patience`` seconds."""
        # A box that players skip makes each video a different file.
        number = random.Random(name).randbytes(24)
        video = media.clips()["mp4"] + (32).to_bytes(4, "big") + b"free" + number
        started = time.monotonic()
        self.drop(f"{name}.wav", media.clips()["wav"])
        self.drop(f"{name}.mp4", video)
        while not self._is_published(f"{name}.wav"):
            if time.monotonic() - started > patience:
                return float("inf")
            time.sleep(LOOK_SECONDS)
        return time.monotonic() - started

    def _is_published(self, audio_name: str) -> bool:
        with suppress(FileNotFoundError), os.scandir(self.spool / ".state/finished") as entries:
            for entry in entries:
                if entry.name.endswith(".published.json") and entry.name not in self._seen:
                    self._seen.add(entry.name)
                    record = json.loads(Path(entry.path).read_bytes())
                    if record["journal"]["audio_name"] == audio_name:
                        return True
        return False


def drop_locally(spool: Path, user: str, group: int, name: str, content: bytes) -> None:
    """Drop a file as a user of this machine does."""
    path = spool / "inbox" / name
    path.write_bytes(content)
    os.chown(path, pwd.getpwnam(user).pw_uid, group)
    path.chmod(0o644)


def drop_over_samba(client: Client, name: str, content: bytes) -> None:
    """Drop a file over the share."""
    local = client.folder / "honest"
    local.write_bytes(content)
    client.run("inbox", f'put "{local}" "{name}"')
