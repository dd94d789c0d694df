"""Which worker draws which chunk, where several draw the chunks of one job.

Each chunk has a lock file in the workspace, and whoever draws it holds the lock. The kernel drops
it when the process ends, however it ends, so the chunk of a dead worker is free at once.
"""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from heygem_daemon.render.chunks import Chunk

UNSUPPORTED = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}
"""What file systems without locks answer to flock(2)."""
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


@contextmanager
def take_chunk(chunk: Chunk, workspace: Path) -> Iterator[bool | None]:
    """Yield whether this process may draw ``chunk`` inside the block: False while another draws
    it, None where the file system has no locks. Never waits. Raises OSError."""
    handle = os.open(chunk.lock_path(workspace), _FLAGS, 0o600)
    try:
        yield _try_lock(handle)
    finally:
        os.close(handle)


def _try_lock(handle: int) -> bool | None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno in UNSUPPORTED:
            return None
        raise
    return True
