"""What single items raise: logged once, and turned into a reason for people.

One file, one job or one message must not stop the others, whatever handling it raises. Every loop
over items catches ``Exception`` for each item. Two kinds are told apart: a fault of the environment
is tried again, anything else is a bug (or memory or stack that the item exhausts) and sets the item
aside.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from heygem_daemon.errors import EnvironmentFault
from heygem_daemon.events.daemon import ItemSetAside

T = TypeVar("T")
R = TypeVar("R")

MAX_REMEMBERED = 1000
"""How many faults are remembered, so that each is logged once. Beyond that the oldest are
forgotten."""

MAX_SHOWN_CHARACTERS = 200

BUG_REMEDY = (
    "This is a fault of the program, not of the files: see the log and report it."
    " `heygem-daemon retry` with this folder's name tries again."
)


def is_environment_fault(error: Exception) -> bool:
    """Return whether the disk, share or machine is at fault, so that a later try may succeed."""
    return isinstance(error, EnvironmentFault | OSError)


class ItemFaults:
    """Logs what items raise with its traceback, each item's fault once."""

    def __init__(self) -> None:
        self._logged: dict[tuple[str, str], None] = {}

    def log(self, item: str, error: Exception) -> str:
        """Log ``error`` unless the item raised the same before. Return the reason as a sentence."""
        what = _describe(error)
        if (item, what) not in self._logged:
            self._logged[item, what] = None
            while len(self._logged) > MAX_REMEMBERED:
                del self._logged[next(iter(self._logged))]
            ItemSetAside(item, what).log(error=error)
        return f"The daemon could not handle it ({what})."

    def collect(
        self, items: Iterable[T], step: Callable[[T], R], name: Callable[[T], str]
    ) -> Iterator[R]:
        """Yield what ``step`` returns for each item. An item for which it raises is logged by its
        ``name``, and left out."""
        for item in items:
            try:
                result = step(item)
            except Exception as error:  # noqa: BLE001 - concerns this item alone
                self.log(name(item), error)
            else:
                yield result


def _describe(error: Exception) -> str:
    """Return the type and the first line of an exception, even if its text cannot be made."""
    try:
        text = str(error).partition("\n")[0][:MAX_SHOWN_CHARACTERS]
    except Exception:  # noqa: BLE001 - the type says enough
        text = ""
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
