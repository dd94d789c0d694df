"""Which worker draws which chunk, where several draw the chunks of one job, on several machines.
The same for the pieces in which its video is tracked.

Whoever begins a chunk makes a file for it in the workspace: only one can, over NFS and SMB too. The
file names the folder of an assistant; that of the job's own worker names none. An assistant's claim
holds as long as its folder is there. The daemon takes the folder away when the assistant has ended,
or when its machine is lost, and the job's own worker then draws what it had begun.
"""

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Protocol

NOBODY = "-"
"""What a claim of the job's own worker names."""
MAX_NAME_BYTES = 64
LOOKS = 5
LOOK_SECONDS = 0.1
"""Between looks at a claim that was made, but not written yet."""
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
_OLD = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


class Claimable(Protocol):
    """What one worker does, and no other: a chunk, or a piece of the tracking."""

    def claim_path(self, workspace: Path) -> Path:
        """Return the path of the file that says who does it."""
        ...


def claim_chunk(chunk: Claimable, workspace: Path, folder: str = NOBODY) -> bool:
    """Claim ``chunk`` for the assistant with this folder, by its name; return whether it was free.
    Raises OSError."""
    try:
        handle = os.open(chunk.claim_path(workspace), _NEW, 0o600)
    except FileExistsError:
        return False
    with os.fdopen(handle, "wb") as file:
        file.write(folder.encode())
    return True


def give_back(chunk: Claimable, workspace: Path) -> None:
    """Let others have a chunk that was claimed and is not drawn."""
    with suppress(OSError):  # without its folder, nobody counts the claim
        chunk.claim_path(workspace).unlink()


def is_with_assistant(chunk: Claimable, workspace: Path) -> bool:
    """Return whether an assistant that may go on has claimed ``chunk``."""
    name = _read_claim(chunk.claim_path(workspace))
    return name.startswith("assistant-") and "/" not in name and (workspace / name).is_dir()


def clear_claims(workspace: Path) -> None:
    """Remove the claims of earlier attempts."""
    for path in workspace.glob("claim-*"):
        path.unlink(missing_ok=True)


def _read_claim(path: Path) -> str:
    """Return what a claim names; empty where it cannot be read."""
    for look in range(LOOKS):
        if look:
            time.sleep(LOOK_SECONDS)
        try:
            with os.fdopen(os.open(path, _OLD), "rb") as file:
                name = file.read(MAX_NAME_BYTES)
        except OSError:
            return ""
        if name:
            return name.decode(errors="replace")
    return ""
