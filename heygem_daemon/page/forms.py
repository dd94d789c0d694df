"""How times and addresses are written on the page. Pure."""

from datetime import datetime
from urllib.parse import quote


def local_time(seconds: float) -> str:
    """Return a UNIX time as local time with its zone, to the minute."""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M %Z")


def address_of(path: str) -> str:
    """Return the address of a file relative to the page, which lies in the root of the spool. It
    can only lead into a folder below: no name is taken for a scheme, a host or a parent."""
    steps = [step for step in path.split("/") if step not in ("", ".", "..")]
    return "/".join(["."] + [quote(step, safe="", errors="surrogateescape") for step in steps])
