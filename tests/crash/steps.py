"""Kills a process at its steps: the operations by which it changes the file system.

Python's audit events (PEP 578) report each of them, so that the program itself needs no code for
the tests.
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
    (re.compile(r"(?<=box/)anna/(?=.)|(?<=done/)anna/(?=.)|(?<=failed/)anna/(?=.)"), ""),
    (re.compile(r"\d{8}-\d{6}-[0-9a-f]{6}( \(\d+\))*"), "<id>"),
    (re.compile(r"take-\d+( \(\d+\))*"), "<name>"),
    (re.compile(r"(?<=/)\d+(?=[./]|$)|(?<=<id>-)\d+(?=\.)"), "<number>"),
    (re.compile(r"\.submit-[0-9a-f-]+"), "<copy>"),
)


class KillSwitch:
    """Kills its own process with SIGKILL at the first step below ``root`` that is not in
    ``tried_steps``.

    The name of a step consists of the event, its path without ids and users' names, and the
    innermost functions of the program. Opening a file for writing makes two steps: before the file
    exists, and when a part of it is written. The name is first written to the descriptor
    ``step_pipe``.
    """

    def __init__(self, root: Path, tried_steps: Set[str], step_pipe: int) -> None:
        self._root = f"{root}/"
        self._tried_steps = tried_steps
        self._step_pipe = step_pipe
        self._thread = threading.get_ident()
        self._busy = False

    def arm(self) -> None:
        """Start to watch for steps. This cannot be undone."""
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._busy or threading.get_ident() != self._thread:
            return
        self._busy = True
        try:
            path = _changed(event, arguments, sys._getframe(1))
            if path is not None and (path.startswith(self._root) or not path.startswith("/")):
                self._handle_step(event, path)
        finally:
            self._busy = False

    def _handle_step(self, event: str, path: str) -> None:
        what = event.removeprefix("ctypes.dlsym").removeprefix("os.") or "rename"
        step = f"{what} {_plain(path.removeprefix(self._root))} in {_callers(sys._getframe(2))}"
        if step not in self._tried_steps:
            self._die(step)
        if what == "open" and (torn := f"torn {step}") not in self._tried_steps:
            Path(path).write_bytes(b"{")
            self._die(torn)

    def _die(self, step: str) -> None:
        os.write(self._step_pipe, step.encode())
        os.kill(os.getpid(), signal.SIGKILL)


def _changed(event: str, arguments: tuple[Any, ...], frame: FrameType) -> str | None:
    """Return the path that an event is about to change; None if it changes nothing on disk."""
    if event == "ctypes.dlsym" and arguments[1] == "renameat2":
        # The system call raises no event, but the lookup of the function just before it does.
        return _whole_path(frame)
    if event == "os.chmod":
        return _whole_path(frame)
    if event == "open":
        writes = isinstance(arguments[2], int) and arguments[2] & _WRITING
        path = arguments[0] if writes and not isinstance(arguments[0], int) else None
    elif event not in _EVENTS or isinstance(arguments[0], int):
        return None
    else:
        path = arguments[1] if event in {"os.rename", "os.link"} else arguments[0]
    if path is None or os.fsdecode(path).startswith("/"):
        return path if path is None else os.fsdecode(path)
    # A name in the descriptor of a folder (heygem_daemon.system.paths).
    whole = _whole_path(frame)
    return None if whole is None else str(Path(whole).with_name(os.fsdecode(path)))


def _whole_path(frame: FrameType | None) -> str | None:
    """Return the target of the innermost file operation of the program: its functions call it
    ``target``, or ``path``."""
    while frame is not None:
        for name in ("target", "path"):
            if isinstance(found := frame.f_locals.get(name), Path) and found.is_absolute():
                return str(found)
        frame = frame.f_back
    return None


def _plain(path: str) -> str:
    """Return ``path`` with placeholders for ids, names and numbers."""
    for pattern, placeholder in _NAMES:
        path = pattern.sub(placeholder, path)
    return path


def _callers(frame: FrameType | None) -> str:
    """Return the names of the innermost functions of the program, the outermost last."""
    names: list[str] = []
    while frame is not None and len(names) < _CALLERS:
        path = frame.f_code.co_filename
        # Every file is written through system/: its functions would not distinguish the steps.
        if "/heygem_daemon/" in path and "/heygem_daemon/system/" not in path:
            names.append(frame.f_code.co_qualname)
        frame = frame.f_back
    return " < ".join(names)
