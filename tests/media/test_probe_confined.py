"""The probe of a new file in a confined process, also when the file has taken it over."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.system.confined import ATTEMPT, needs_landlock_3

pytestmark = pytest.mark.slow

DEMO = Path(__file__).resolve().parents[2] / "demo"

HOSTILE = (
    ATTEMPT
    + """
from heygem_daemon.media import probe

def hostile(path, _guard):
    other = path.with_name("other.mp4")
    print(json.dumps({
        "read the file": attempt(path.read_bytes),
        "change the file": attempt(lambda: path.open("r+b")),
        "delete the file": attempt(path.unlink),
        "rename the file": attempt(lambda: path.rename(path.with_name("mine.mp4"))),
        "read another": attempt(other.read_bytes),
        "delete another": attempt(other.unlink),
        "list the inbox": attempt(lambda: list(path.parent.iterdir())),
        "make a file": attempt(path.with_name("new").touch),
        "change the program": attempt(lambda: Path(probe.__file__).open("r+b")),
        "open a socket": attempt(socket.socket),
        "start a program": attempt(lambda: subprocess.run([sys.executable, "-V"])),
        "signal the supervisor": attempt(lambda: os.kill(os.getppid(), 0)),
    }))
    sys.exit(0)

probe.require_both_ends = hostile
probe.main(sys.argv[1:])
"""
)


def run(*arguments: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, *map(str, arguments)], capture_output=True, text=True, check=False
    )


def probe(path: Path, kind: str, *options: str) -> int:
    return run("-m", "heygem_daemon.media.probe", *options, path, kind).returncode


@needs_landlock_3
def test_a_probe_that_is_taken_over_reads_its_file_and_does_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "new.mp4"
    path.write_text("video")
    (tmp_path / "other.mp4").write_text("secret")
    # The first line says what the file holds.
    _, answer = run("-c", HOSTILE, "--confine", path, "video").stdout.splitlines()
    found: dict[str, str] = json.loads(answer)
    assert {name for name, outcome in found.items() if outcome == "done"} == {"read the file"}
    assert {file.name for file in tmp_path.iterdir()} == {"new.mp4", "other.mp4"}


def test_a_confined_probe_gives_the_same_answers(tmp_path: Path) -> None:
    half = tmp_path / "half.mp4"
    video = DEMO / "presenter.mp4"
    half.write_bytes(video.read_bytes()[: video.stat().st_size // 2])
    noise = tmp_path / "noise.wav"
    noise.write_bytes(b"noise" * 100)
    files = {video: "video", half: "video", DEMO / "speech.wav": "audio", noise: "audio"}
    answers = [probe(path, kind, "--confine") for path, kind in files.items()]
    assert answers == [probe(path, kind) for path, kind in files.items()] == [0, 1, 0, 1]


@needs_landlock_3
def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "video.mp4").symlink_to(DEMO / "presenter.mp4")
    assert probe(DEMO / "presenter.mp4", "video", "--confine") == 0
    assert probe(tmp_path / "video.mp4", "video") == 1
    assert probe(tmp_path / "video.mp4", "video", "--confine") == 1
