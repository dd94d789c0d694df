"""The sidecars in an inbox without a file of their name beside them. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from heygem_daemon.config.folders import HotFolder
from heygem_daemon.config.sidecar import SidecarAnswer
from heygem_daemon.spool.inbox import FileEntry, FolderSnapshot
from heygem_daemon.spool.names import pair_key
from heygem_daemon.spool.pairing import Pairing
from heygem_daemon.spool.settle import SettleResult


@dataclass(frozen=True, slots=True)
class LoneSidecar:
    """A settled sidecar without a file of its name beside it."""

    hot_folder: HotFolder
    """In whose inbox it is."""

    entry: FileEntry
    answer: SidecarAnswer
    """What it holds."""

    key: str
    """The folded name of the job that it may belong to, with that of its hot folder."""


def without_media(
    snapshot: FolderSnapshot,
    settling: SettleResult,
    pairing: Pairing,
    answers: Mapping[Path, SidecarAnswer],
) -> tuple[tuple[FileEntry, SidecarAnswer], ...]:
    """Return the settled sidecars, with what they hold, that have no file of their name beside
    them."""
    found = [each for each in pairing.lone_sidecars if each.path in settling.settled]
    media = {pair_key(each.path.name) for each in snapshot.entries} if found else set()
    return tuple(
        (each, answers[each.path])
        for each in found
        if each.path in answers and pair_key(each.path.name) not in media
    )
