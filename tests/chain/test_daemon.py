"""The real program on a spool with good pairs and one of every kind of bad pair."""

import json
import os
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from heygem_daemon.media.picture import ColourTags, Picture
from heygem_daemon.media.verify import verify_result
from heygem_daemon.media.video_encoder import SegmentWriter
from tests.chain.conftest import DEMO, FPS, cut_sound

pytestmark = pytest.mark.slow

SECONDS = 2
FRAMES = 50
MUTE = ("mute.m4a", "mute.mp4")
BAD = {
    "black": "No usable human face",
    "faceless": "No usable human face",
    "textual": "not a readable",
    "truncated": "truncated",
    "empty": "0 bytes",
}


def write_plain_video(path: Path, luma: int, grain: int) -> None:
    random = np.random.default_rng(5)
    grey = np.full((90, 120), 128, np.uint8)
    with SegmentWriter(path, 240, 180, FPS, ColourTags()) as writer:
        for index in range(FRAMES):
            noise = random.integers(-grain, grain + 1, (180, 240))
            y = np.clip(luma + noise, 0, 255).astype(np.uint8)
            writer.write(Picture(index, y, grey, grey, ColourTags()))


def drop_pairs(inbox: Path) -> None:
    """Drop two good pairs, and one of every kind of bad pair."""
    inbox.mkdir(parents=True)
    cut_sound(inbox / "good.wav", SECONDS)
    for name in ("another good", *BAD):
        shutil.copyfile(inbox / "good.wav", inbox / f"{name}.wav")
    for name in ("good", "another good", "truncated"):
        shutil.copyfile(DEMO / "presenter.mp4", inbox / f"{name}.mp4")
    write_plain_video(inbox / "black.mp4", 16, 0)
    write_plain_video(inbox / "faceless.mp4", 128, 60)
    (inbox / "textual.mp4").write_text("This is no video.\n" * 100)
    (inbox / "empty.mp4").touch()
    with (inbox / "truncated.mp4").open("r+b") as file:
        file.truncate(300_000)
    # Two videos without sound, one with the name of an audio file: no pair.
    for name in MUTE:
        shutil.copyfile(DEMO / "presenter.mp4", inbox / name)


@pytest.fixture(scope="module")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int, str]:
    """The spool after ``heygem-daemon once``, its exit status, and its log."""
    spool = tmp_path_factory.mktemp("once") / "spool"
    drop_pairs(spool / "inbox")
    program = Path(sys.executable).with_name("heygem-daemon")
    # One worker, so that the log tells whether it loads its engine once.
    own = {"HEYGEM_SETTLE_SECONDS": "1", "HEYGEM_CPU_WORKERS": "1"}
    environment = os.environ | {"HEYGEM_SPOOL": str(spool), **own}
    done = subprocess.run(
        [str(program), "once"], env=environment, check=False, capture_output=True, text=True
    )
    return spool, done.returncode, (spool / "logs" / "heygem-daemon.log").read_text()


def test_the_good_pairs_are_published_and_verified(finished_run: tuple[Path, int, str]) -> None:
    spool = finished_run[0]
    for name in ("good", "another good"):
        verify_result(spool / "outbox" / f"{name}.mp4", FRAMES, FPS, Fraction(SECONDS))
        report = json.loads((spool / "outbox" / f"{name}.json").read_text())
        assert report["inputs"]["video"]["name"] == f"{name}.mp4"
        on_cpu = report["device"]["uuid"] is None
        assert on_cpu == (report["device_notice"] is not None)
        assert sorted(path.suffix for path in (spool / "done" / name).iterdir()) == [
            ".json",
            ".mp4",
            ".wav",
        ]
    assert len(list((spool / "outbox").glob("*.mp4"))) == 2


@pytest.mark.parametrize(("name", "reason_part"), BAD.items())
def test_bad_input_is_set_aside_with_its_reason(
    finished_run: tuple[Path, int, str], name: str, reason_part: str
) -> None:
    folder = finished_run[0] / "failed" / name
    reason = (folder / "reason.txt").read_text()
    assert reason_part in reason
    assert len(reason.splitlines()) > 2, "what is wrong, and what to do about it"
    assert {path.name for path in folder.iterdir()} > {"reason.txt", f"{name}.mp4"}


def test_a_failed_job_sets_the_exit_status(finished_run: tuple[Path, int, str]) -> None:
    assert finished_run[1] == 1


def test_nothing_is_left_behind(finished_run: tuple[Path, int, str]) -> None:
    spool = finished_run[0]
    assert sorted(path.name for path in (spool / "inbox").iterdir()) == sorted(MUTE)
    assert all(name in finished_run[2] for name in MUTE)
    names = ", ".join(sorted(MUTE))
    reason = f"these files share one name ({names}); none holds a sound; rename them"
    warnings = [line for line in finished_run[2].splitlines() if reason in line]
    assert sorted(line.rpartition("file=")[2] for line in warnings) == sorted(MUTE)
    assert all(" WARNING cannot be paired: " in line for line in warnings)
    assert not (spool / "failed" / "mute").exists()
    assert list((spool / "processing").iterdir()) == []


def test_the_engine_is_loaded_once_for_all_jobs(finished_run: tuple[Path, int, str]) -> None:
    log = finished_run[2]
    assert log.count("model loaded") == 1
    assert log.count("rendering on the CPU") == log.count("on CPU (cpu)")
    assert "Traceback" not in log
