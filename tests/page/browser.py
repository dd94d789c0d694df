"""A real browser that stays open, steered through its DevTools protocol over a pipe."""

import base64
import itertools
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")
PATIENCE_SECONDS = 60.0


class ScriptFailed(Exception):
    """A script did not run to its end: the page may have been loaded again meanwhile."""


class Browser:
    """One page in headless Chromium."""

    def __init__(self, profile: Path) -> None:
        """``profile``: a new folder for its settings. Raises OSError."""
        assert CHROMIUM is not None
        # It reads commands from its descriptor 3, and writes answers to 4.
        start = 'exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null'
        self._process = subprocess.Popen(
            ["sh", "-c", start, CHROMIUM, *OPTIONS, "--remote-debugging-pipe",
             f"--user-data-dir={profile}", "about:blank"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._to, self._from = self._process.stdin.fileno(), self._process.stdout.fileno()
        self._numbers = itertools.count(1)
        self._rest = b""
        targets = self._call("Target.getTargets")["targetInfos"]
        page = next(each["targetId"] for each in targets if each["type"] == "page")
        attached = self._call("Target.attachToTarget", targetId=page, flatten=True)
        self._session = attached["sessionId"]

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()

    def open(self, address: str) -> None:
        """Show the page of an address when it is loaded."""
        self._call("Page.navigate", self._session, url=address)
        self.wait(f"location.href === {json.dumps(address)} && document.readyState === 'complete'")

    def run(self, script: str) -> Any:
        """Return the value of a script in the page."""
        answer = self._call(
            "Runtime.evaluate",
            self._session,
            expression=script,
            returnByValue=True,
            awaitPromise=True,
        )
        if "exceptionDetails" in answer:
            raise ScriptFailed(answer)
        return answer["result"].get("value")

    def wait(self, script: str) -> None:
        """Wait until a script in the page yields something true."""

        def holds() -> bool:
            try:
                return bool(self.run(script))
            except ScriptFailed:
                return False

        wait_until(holds, script)

    def press(self, key: str) -> None:
        """Press a key, such as Tab."""
        for kind in ("rawKeyDown", "keyUp"):
            code = {"Tab": 9, "Enter": 13}[key]
            self._call(
                "Input.dispatchKeyEvent",
                self._session,
                type=kind,
                key=key,
                code=key,
                windowsVirtualKeyCode=code,
            )

    def picture(self, width: int, height: int, file: Path) -> None:
        """Write a picture of the page as PNG."""
        self._call(
            "Emulation.setDeviceMetricsOverride",
            self._session,
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        shot = self._call("Page.captureScreenshot", self._session)
        file.write_bytes(base64.b64decode(shot["data"]))

    def _call(self, method: str, session: str | None = None, **values: object) -> dict[str, Any]:
        number = next(self._numbers)
        message: dict[str, object] = {"id": number, "method": method, "params": values}
        if session is not None:
            message["sessionId"] = session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next_message()
            if answer.get("id") == number:
                if "error" in answer:
                    raise ScriptFailed(answer["error"])
                return dict(answer["result"])

    def _next_message(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            read = os.read(self._from, 1 << 16)
            assert read, "the browser has ended"
            self._rest += read
        message, _, self._rest = self._rest.partition(b"\0")
        return dict(json.loads(message))


def wait_until(holds: Callable[[], bool], what: str) -> None:
    """Wait until something holds."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.05)
