"""As whose a sidecar, a marker or a request counts.

The daemon writes files into ``done/`` and ``failed/`` for people, who may move them into the inbox:
there the daemon is their owner, but not the one who put them there. Nobody but the daemon's own
user can take the others' permissions from such a file. So this tells apart what that user put there
on purpose.
"""

import os

TRUSTED = -1
"""Stands for the user id of what only a trusted user can have put there."""

_OTHERS = 0o077
"""The permissions of the group and of everybody."""


def dropped_by(status: os.stat_result) -> int:
    """Return the user id as whose a file with the lstat ``status`` counts."""
    is_own = status.st_uid == os.geteuid()
    return TRUSTED if is_own and not status.st_mode & _OTHERS else status.st_uid


def deciders() -> frozenset[int]:
    """Return as whose a file counts for everybody's files: root, unless that is the daemon's own
    user, and what ``dropped_by`` trusts."""
    return frozenset({0, TRUSTED}) - {os.geteuid()}
