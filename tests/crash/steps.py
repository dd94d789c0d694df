"""The steps that a process makes on a file system, each told apart by what and for whom it is.

Python's audit events (PEP 578) show every one of them from outside, so that a process can be
killed at each without a word of it in the program itself.
"""

import os
import re
import signal
import sys
import threading
from collections.abc import Set
from pathlib import Path
from types import FrameType
from typing import Any

_EVENTS = frozenset({"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link"})
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_CALLERS = 4
_NAMES = (
    (re.compile(r"\d{8}-\d{6}-[0-9a-f]{6}( \(\d+\))*"), "<id>"),
    (re.compile(r"take-\d+( \(\d+\))*"), "<name>"),
    (re.compile(r"(?<=/)\d+(?=[./]|$)"), "<number>"),
    (re.compile(r"\.submit-[0-9a-f-]+"), "<copy>"),
)


class KillSwitch:
    """Kills its own process with SIGKILL at the first step below ``root`` that is not ``known``.

    A step is an event, the path that it is about, and the program's functions that called for it;
    ids and users' names are left out. A file that is opened for writing makes two: before it is
    there, and when it is there by half. The step's name goes to the descriptor ``tell`` first.
    """

    def __init__(self, root: Path, known: Set[str], tell: int) -> None:
        self._root = f"{root}/"
        self._known = known
        self._tell = tell
        self._thread = threading.get_ident()
        self._busy = False

    def arm(self) -> None:
        """From now on; there is no way back."""
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._busy or threading.get_ident() != self._thread:
            return
        self._busy = True
        try:
            path = _changed(event, arguments, sys._getframe(1))
            if path is not None and (path.startswith(self._root) or not path.startswith("/")):
                self._at(event, path)
        finally:
            self._busy = False

    def _at(self, event: str, path: str) -> None:
        what = event.removeprefix("ctypes.dlsym").removeprefix("os.") or "rename"
        step = f"{what} {_plain(path.removeprefix(self._root))} in {_callers(sys._getframe(2))}"
        if step not in self._known:
            self._die(step)
        if what == "open" and (torn := f"torn {step}") not in self._known:
            Path(path).write_bytes(b"{")
            self._die(torn)

    def _die(self, step: str) -> None:
        os.write(self._tell, step.encode())
        os.kill(os.getpid(), signal.SIGKILL)


def _changed(event: str, arguments: tuple[Any, ...], frame: FrameType) -> str | None:
    """The path that an event is about to change; None if it changes nothing on disk."""
    if event == "ctypes.dlsym" and arguments[1] == "renameat2":
        # The rename itself raises no event, but the look-up of the function just before it does.
        while (caller := frame.f_back) is not None and "target" not in frame.f_locals:
            frame = caller
        return os.fsdecode(frame.f_locals["target"])
    if event == "open":
        writes = isinstance(arguments[2], int) and arguments[2] & _WRITING
        return os.fsdecode(arguments[0]) if writes and not isinstance(arguments[0], int) else None
    if event not in _EVENTS or isinstance(arguments[0], int):
        return None
    return os.fsdecode(arguments[1] if event == "os.rename" else arguments[0])


def _plain(path: str) -> str:
    for pattern, word in _NAMES:
        path = pattern.sub(word, path)
    return path


def _callers(frame: FrameType | None) -> str:
    """The innermost functions of the program, outermost last."""
    names: list[str] = []
    while frame is not None and len(names) < _CALLERS:
        path = frame.f_code.co_filename
        # Every file is written through system/: its functions would not tell the steps apart.
        if "/heygem_daemon/" in path and "/heygem_daemon/system/" not in path:
            names.append(frame.f_code.co_qualname)
        frame = frame.f_back
    return " < ".join(names)
