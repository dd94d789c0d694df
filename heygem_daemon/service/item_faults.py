"""What single items raise: logged once, and turned into a reason for people.

One file, one job or one message must not stop the others, whatever handling it raises. Every loop
over items catches ``Exception`` for each item. After a fault of the environment the item is tried
again. It is set aside where a person keeps the daemon from its files, and after anything else: that
is a bug, or the item exhausts memory or stack.
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from heygem_daemon.errors import EnvironmentFault, NameContested
from heygem_daemon.events.daemon import ItemLinesLeftOut, ItemSetAside, ItemWithheld
from heygem_daemon.report.failure_kind import FailureKind
from heygem_daemon.service.line_budget import LimitedLines
from heygem_daemon.spool.names import printable

T = TypeVar("T")
R = TypeVar("R")

MAX_REMEMBERED = 1000
"""How many faults are remembered, so that each is logged once. Beyond that the oldest are
forgotten."""

BURST_LINES = 50
"""How many bugs are logged at once, each with its traceback, and how many items that are kept from
the daemon."""

SECONDS_A_LINE = 30.0
"""How long it takes until one more may be logged."""

MAX_SHOWN_CHARACTERS = 200

BUG_REMEDY = (
    "This is a fault of the program, not of the files: see the log and report it."
    " The command at the end of reason.txt tries again."
)
RIGHTS_REMEDY = "Drop copies of the files that the daemon's user may read and move."
NAMES_REMEDY = (
    "Give the files another name. If it happens again, ask the operator who takes the names."
)


@dataclass(frozen=True, slots=True)
class WithheldItem:
    """What a person has done to an item's files, so that the daemon could not go on with them."""

    reason: str
    """A complete sentence."""

    remedy: str
    """What the owner of the files can do; complete sentences."""


def find_withheld(error: BaseException | None) -> WithheldItem | None:
    """Return what a person has done where that made something raise ``error``; None: it is a bug.

    ``error`` may be one that another error caused.
    """
    if isinstance(error, NameContested):
        return WithheldItem(str(error), NAMES_REMEDY)
    while error is not None and not isinstance(error, PermissionError):
        error = error.__cause__
    if error is None:
        return None
    name = printable(Path(os.fsdecode(error.filename)).name) if error.filename else "a file"
    return WithheldItem(f"The daemon has no permission for {name}.", RIGHTS_REMEDY)


def failure_kind(error: Exception) -> FailureKind:
    """Return as what a job counts that ``error`` has ended."""
    return "withheld" if find_withheld(error) else "bug"


def remedy_for(error: Exception) -> str:
    """Return what a person can do about an item that raised ``error``."""
    withheld = find_withheld(error)
    return withheld.remedy if withheld else BUG_REMEDY


def is_environment_fault(error: Exception) -> bool:
    """Return whether the disk, share or machine is at fault, so that a later try may succeed."""
    return isinstance(error, EnvironmentFault | OSError)


class ItemFaults:
    """Logs what items raise, each item's fault once; a bug with its traceback."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        """``monotonic`` returns monotonic seconds."""
        self._logged: dict[tuple[str, str], None] = {}
        self._monotonic = monotonic
        self._withheld = LimitedLines(BURST_LINES, SECONDS_A_LINE)
        self._bugs = LimitedLines(BURST_LINES, SECONDS_A_LINE)

    def log(self, item: str, error: Exception) -> str:
        """Log ``error`` unless the item raised the same before. Return the reason as a sentence."""
        withheld = find_withheld(error)
        what = withheld.reason if withheld else _describe(error)
        if (item, what) not in self._logged:
            self._logged[item, what] = None
            while len(self._logged) > MAX_REMEMBERED:
                del self._logged[next(iter(self._logged))]
            now = self._monotonic()
            if withheld and self._withheld.take(1, now):
                ItemWithheld(item, what).log()
            elif not withheld and self._bugs.take(1, now):
                ItemSetAside(item, what).log(error=error)
        return what if withheld else f"The daemon could not handle it ({what})."

    def summarise(self) -> None:
        """Say how many items were set aside without a line of their own."""
        now = self._monotonic()
        if left_out := self._withheld.summarise(now) + self._bugs.summarise(now):
            ItemLinesLeftOut(left_out).log()

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
