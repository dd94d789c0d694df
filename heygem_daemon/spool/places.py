"""Where files are, in the words of those who look for them. Pure."""

import re
from pathlib import Path

from heygem_daemon.spool.names import printable


def place_for_people(path: str, folder: str) -> str:
    """Return ``path``, from the spool's root and without the hot folder, as people of ``folder``
    find it: in the share of all, and in brackets in a share of their own, named as the example
    configuration does. Which of the two they have, the daemon does not know. ``folder``: empty for
    the plain folders, which everybody sees as they are."""
    if not folder:
        return path
    share, _, rest = path.partition("/")
    own = "/".join(filter(None, (share, rest)))
    return f"{place_in_shares(path, folder)} (my-{own})"


def place_in_shares(path: str, folder: str) -> str:
    """Return ``path``, as ``place_for_people`` takes it, as it is in the shares of all."""
    share, _, rest = path.partition("/")
    return "/".join(filter(None, (share, folder, rest)))


def name_own_shares(text: str, folder: str) -> str:
    """Return a text for the people of ``folder``: the folders of that name in the shares of all are
    followed by what shares of their own are called. No name of a user's file holds a slash."""
    place = rf"(?<!\S)(inbox|outbox|done|failed)/{re.escape(folder)}(?=;|$)"
    return re.sub(place, lambda found: place_for_people(found[1], folder), text)


def place_from(root: Path, path: Path, folder: str) -> str:
    """Return the place of a path below the spool's ``root``, in the same words."""
    kind, *rest = path.relative_to(root).parts
    if folder and rest[:1] == [folder]:
        rest = rest[1:]
    return place_for_people(printable("/".join([kind, *rest])), folder)
