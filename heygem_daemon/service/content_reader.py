"""Reads in a confined child process what one media file holds, and waits for the answer."""

import subprocess
import threading
from pathlib import Path

from heygem_daemon.config.media_content import MediaContent
from heygem_daemon.config.media_limits import MediaLimits
from heygem_daemon.service.prober import CONFINE, MAX_LINE_BYTES, probe_command
from heygem_daemon.spool.formats import media_kind

MAX_SECONDS = 20.0
"""How long the child may take to read the headers of a file."""


def read_content(path: Path, limits: MediaLimits, *, confine: bool) -> MediaContent:
    """Return what ``path`` holds; the default where its reader crashes or hangs.

    ``confine``: the child gives up everything but its file first.
    """
    options = [CONFINE] if confine else []
    kind = media_kind(path.name) or "video"
    with subprocess.Popen(
        [*probe_command(limits), *options, str(path.absolute()), kind],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as child:
        assert child.stdout is not None
        timer = threading.Timer(MAX_SECONDS, child.kill)
        timer.start()
        try:
            # Its first line is the answer; whether the file is complete is not asked here.
            return MediaContent.from_json(child.stdout.readline(MAX_LINE_BYTES))
        finally:
            timer.cancel()
            child.kill()
