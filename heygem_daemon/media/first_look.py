"""The media probe as a program: examines one file, and loads no more for that than it takes.

To load all that a video takes costs more than to open a file. Much of what is dropped cannot be
opened at all: it is a document, or its copy has just begun. So the file is opened first, with
FFmpeg alone, and only what can be opened is examined by ``media.probe``.
"""

import sys
from pathlib import Path

from heygem_daemon.errors import BadInput, EnvironmentFault, NoDecoder, TooLarge
from heygem_daemon.media.image_signature import is_image_file
from heygem_daemon.media.probe_order import USAGE, ProbeOrder
from heygem_daemon.media.source import open_media
from heygem_daemon.system import paths

NOTHING = "{}\n"
"""What stands for the default of ``MediaContent``."""

OPENED_OTHERWISE = (b"RIFF", b"RF64", b"OggS")
"""How files begin that may be opened with other options, or in parts."""


def find_refusal(path: Path) -> str:
    """Return why ``path`` cannot be opened as media, in whatever way; empty: it may be media."""
    try:
        if is_image_file(path) or paths.read(path, 4) in OPENED_OTHERWISE:
            return ""
        with open_media(path):
            return ""
    except (TooLarge, NoDecoder, EnvironmentFault, OSError, MemoryError):
        return ""
    except BadInput as error:
        return str(error)


def main(arguments: list[str]) -> int:
    """Do what ``media.probe.main`` does."""
    order = ProbeOrder.parse(arguments)
    if order is None:
        sys.stdout.write(f"usage: python -m heygem_daemon.media.first_look {USAGE}")
        return 2
    order.prepare()
    if reason := find_refusal(order.path):
        sys.stdout.write(f"{NOTHING}{reason}\n")
        return 1
    from heygem_daemon.media.probe import examine  # noqa: PLC0415 - loads the rest

    return examine(order)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
