"""A worker that a file has taken over cannot choose what is published."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from heygem_daemon.protocol import Render, Rendered
from tests.fakes.executor import Messages, rendered
from tests.fakes.service import ServiceHarness

SECRET = b"private"
Forge = Callable[[Path, Path], dict[str, str]]
"""Gets the job's workspace and a file outside; returns the forged fields of the message."""


def name_it(_workspace: Path, secret: Path) -> dict[str, str]:
    return {"result": str(secret)}


def name_it_as_the_strip(_workspace: Path, secret: Path) -> dict[str, str]:
    return {"strip": str(secret)}


def name_it_as_the_report(_workspace: Path, secret: Path) -> dict[str, str]:
    return {"report": str(secret)}


def climb_to_it(workspace: Path, secret: Path) -> dict[str, str]:
    return {"result": str(workspace / os.path.relpath(secret, workspace))}


def name_it_relatively(workspace: Path, _secret: Path) -> dict[str, str]:
    return {"result": str(workspace.relative_to(workspace.parents[2]) / "result.mp4")}


def name_an_input(workspace: Path, _secret: Path) -> dict[str, str]:
    return {"result": str(workspace.parent / "audio.wav")}


def link_to_it(workspace: Path, secret: Path) -> dict[str, str]:
    (workspace / "result.mp4").unlink()
    (workspace / "result.mp4").symlink_to(secret)
    return {}


def give_it_a_second_name(workspace: Path, secret: Path) -> dict[str, str]:
    (workspace / "strip.png").unlink()
    (workspace / "strip.png").hardlink_to(secret)
    return {}


def name_a_folder(workspace: Path, _secret: Path) -> dict[str, str]:
    (workspace / "folder").mkdir()
    return {"result": str(workspace / "folder")}


def name_a_pipe(workspace: Path, _secret: Path) -> dict[str, str]:
    os.mkfifo(workspace / "pipe")
    return {"report": str(workspace / "pipe")}


FORGERIES: list[Forge] = [
    name_it,
    name_it_as_the_strip,
    name_it_as_the_report,
    climb_to_it,
    name_it_relatively,
    name_an_input,
    link_to_it,
    give_it_a_second_name,
    name_a_folder,
    name_a_pipe,
]


@pytest.mark.parametrize("forge", FORGERIES)
def test_only_files_of_the_jobs_own_workspace_are_published(
    harness: ServiceHarness, tmp_path: Path, forge: Forge
) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(SECRET)

    def forged(render: Render) -> Messages:
        honest = rendered(render)
        if Path(render.audio).read_bytes() != b"evil.wav":
            return honest
        *before, last = honest
        assert isinstance(last, Rendered)
        return [*before, last.model_copy(update=forge(Path(render.workspace), secret))]

    def forged_once_more(render: Render) -> Messages:
        for name in ("folder", "pipe"):
            path = Path(render.workspace) / name
            if path.is_dir():
                path.rmdir()
            path.unlink(missing_ok=True)
        for name in ("result.mp4", "strip.png"):
            (Path(render.workspace) / name).unlink(missing_ok=True)
        return forged(render)

    harness.executor.answer = forged_once_more
    harness.drop("evil.wav", "evil.mp4", "talk.wav", "talk.mp4")
    harness.run_rounds(harness.service(), 60)
    assert harness.outbox() == ["talk.json", "talk.mp4", "talk.png"]
    assert harness.failed() == ["evil"]
    assert "cannot be trusted" in (harness.spool.failed / "evil" / "reason.txt").read_text()
    assert (harness.spool.failed / "evil" / "evil.wav").read_bytes() == b"evil.wav"
    assert secret.read_bytes() == SECRET
    copies = [path for path in harness.spool.root.rglob("*") if path.is_file()]
    assert all(path.read_bytes() != SECRET for path in copies)
