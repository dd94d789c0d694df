"""How times and addresses are written on the page. Pure."""

from datetime import datetime
from urllib.parse import quote

from heygem_daemon.spool.names import printable


def local_time(seconds: float) -> str:
    """Return a UNIX time as local time with its zone, to the minute."""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M %Z")


def exact_time(seconds: float) -> str:
    """Do the same to the second: readers see that it goes on."""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")


def address_from(page: str, path: str) -> str:
    """Return the address of a file below the spool's root, seen from the page in the folder
    ``page`` (empty: the root). Empty where the file is not in that folder: who has only that folder
    could not follow it."""
    if not page:
        return address_of(path)
    below = path.removeprefix(f"{page}/")
    return "" if below == path else address_of(below)


def place_of(path: str, folder: str) -> str:
    """Return where something is, for people: without the hot folder, whose shares begin there."""
    part, _, rest = path.partition("/")
    return printable(f"{part}/{rest.removeprefix(f'{folder}/')}" if folder else path)


def address_of(path: str) -> str:
    """Return the address of a file relative to the page, which lies in the root of the spool. It
    can only lead into a folder below: no name is taken for a scheme, a host or a parent."""
    steps = [step for step in path.split("/") if step not in ("", ".", "..")]
    return "/".join(["."] + [quote(step, safe="", errors="surrogateescape") for step in steps])
