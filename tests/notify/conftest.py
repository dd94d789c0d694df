"""Occasions and files of targets for the tests of notifications."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from loguru import logger

from heygem_daemon.notify.occasion import Occasion, OccasionKind

SECRET = "0123456789abcdef-of-the-webhook"


def occasion(kind: OccasionKind = "failed", **fields: object) -> Occasion:
    common = {
        "kind": kind,
        "id": "a1",
        "at": round(time.time(), 3),
        "host": "render1",
        "spool": "/srv/heygem",
        "job": "talk",
        "job_id": "20261121-031522-7f3a91",
        "reason": "No face was found.",
        "seconds": 190.0,
    }
    return Occasion.model_validate({**common, **fields})


@pytest.fixture
def log() -> Iterator[list[str]]:
    lines: list[str] = []
    sink = logger.add(lambda line: lines.append(str(line)), level="DEBUG", format="{message}")
    yield lines
    logger.remove(sink)


@pytest.fixture
def targets_file(tmp_path: Path) -> Callable[[str], Path]:
    """Return a function that writes a file of targets with the right mode."""

    def write(text: str) -> Path:
        file = tmp_path / "notifications.toml"
        file.write_text(text, encoding="utf-8")
        file.chmod(0o600)
        return file

    return write


def wait_until(condition: Callable[[], object], seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition never became true"
        time.sleep(0.02)
