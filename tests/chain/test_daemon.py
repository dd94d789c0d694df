"""The real program on a real spool: good and bad pairs side by side, as users drop them."""

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
BAD = {
    "black": "No usable human face",
    "faceless": "No usable human face",
    "textual": "not a readable",
    "truncated": "truncated",
    "mute": "no audio stream",
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
    """Two good pairs, and one of every bad kind."""
    inbox.mkdir(parents=True)
    cut_sound(inbox / "good.wav", SECONDS)
    for name in ("another good", *BAD):
        shutil.copyfile(inbox / "good.wav", inbox / f"{name}.wav")
    for name in ("good", "another good", "mute", "truncated"):
        shutil.copyfile(DEMO / "presenter.mp4", inbox / f"{name}.mp4")
    write_plain_video(inbox / "black.mp4", 16, 0)
    write_plain_video(inbox / "faceless.mp4", 128, 60)
    (inbox / "textual.mp4").write_text("This is no video.\n" * 100)
    (inbox / "empty.mp4").touch()
    with (inbox / "truncated.mp4").open("r+b") as file:
        file.truncate(300_000)
    # A video file with its pictures only, named like a sound.
    (inbox / "mute.wav").unlink()
    shutil.copyfile(DEMO / "presenter.mp4", inbox / "mute.m4a")


@pytest.fixture(scope="module")
def worked_off(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int, str]:
    """The spool after ``heygem-daemon once``, its exit status, and its log."""
    spool = tmp_path_factory.mktemp("once") / "spool"
    drop_pairs(spool / "inbox")
    program = Path(sys.executable).with_name("heygem-daemon")
    environment = os.environ | {"HEYGEM_SPOOL": str(spool), "HEYGEM_SETTLE_SECONDS": "1"}
    done = subprocess.run(
        [str(program), "once"], env=environment, check=False, capture_output=True, text=True
    )
    return spool, done.returncode, (spool / "logs" / "heygem-daemon.log").read_text()


def test_the_good_pairs_are_published_and_verified(worked_off: tuple[Path, int, str]) -> None:
    spool = worked_off[0]
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


@pytest.mark.parametrize(("name", "said"), BAD.items())
def test_bad_input_is_set_aside_with_its_reason(
    worked_off: tuple[Path, int, str], name: str, said: str
) -> None:
    folder = worked_off[0] / "failed" / name
    reason = (folder / "reason.txt").read_text()
    assert said in reason
    assert len(reason.splitlines()) > 2, "what is wrong, and what to do about it"
    assert {path.name for path in folder.iterdir()} > {"reason.txt", f"{name}.mp4"}


def test_a_failed_job_is_told_by_the_exit_status(worked_off: tuple[Path, int, str]) -> None:
    assert worked_off[1] == 1


def test_nothing_is_left_behind(worked_off: tuple[Path, int, str]) -> None:
    spool = worked_off[0]
    assert list((spool / "inbox").iterdir()) == []
    assert list((spool / "processing").iterdir()) == []


def test_the_engine_is_loaded_once_for_all_jobs(worked_off: tuple[Path, int, str]) -> None:
    log = worked_off[2]
    assert log.count("model loaded") == 1
    assert log.count("rendering on the CPU") == log.count("on CPU (cpu)")
    assert "Traceback" not in log
