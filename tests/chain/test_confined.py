"""A real job in a confined worker process: the same result to the bit."""

import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from heygem_daemon.media.video_encoder import SegmentWriter
from heygem_daemon.media.video_reader import VideoReader
from heygem_daemon.protocol import (
    FROM_WORKER,
    FromWorker,
    Load,
    LogMessage,
    Message,
    Render,
    Rendered,
    encode_message,
)
from tests.chain.conftest import DEMO, WEIGHTS, cut_sound
from tests.system.confined import needs_landlock

pytestmark = pytest.mark.slow

PICTURES = 25


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A second of the demo's speech, and half as much of its presenter: it is also read
    backwards."""
    folder = tmp_path_factory.mktemp("pair")
    audio, video = folder / "audio.wav", folder / "video.mp4"
    cut_sound(audio, 2 * PICTURES / 25)
    with VideoReader(DEMO / "presenter.mp4") as reader:
        info = reader.info
        with SegmentWriter(video, info.width, info.height, info.fps, info.colour) as writer:
            for picture in reader.read_range(0, PICTURES):
                writer.write(picture)
    return audio, video


def render(root: Path, pair: tuple[Path, Path], *, confine: bool) -> tuple[list[str], list[str]]:
    """Render ``pair`` twice in one worker: what the worker noted, and the results' hashes."""
    load = Load(
        engine="builtin",
        device="cpu",
        weights=str(WEIGHTS),
        cache=str(root / ".cache"),
        confine_to=str(root / "processing") if confine else None,
    )
    (root / ".cache").mkdir(parents=True)
    orders: list[Message] = [load]
    for job in ("one", "two"):
        folder = root / "processing" / job
        folder.mkdir(parents=True)
        inputs = [folder / path.name for path in pair]
        for path, source in zip(inputs, pair, strict=True):
            path.write_bytes(source.read_bytes())
        audio, video = map(str, inputs)
        orders.append(Render(job_id=job, audio=audio, video=video, workspace=str(folder / "work")))
    answers = converse(orders)
    notes = [answer.text for answer in answers if isinstance(answer, LogMessage)]
    results = [Path(answer.result) for answer in answers if isinstance(answer, Rendered)]
    return notes, [sha256(path.read_bytes()).hexdigest() for path in results]


def converse(orders: list[Message]) -> list[FromWorker]:
    """Give all orders to a worker; what it has said when the last job is rendered."""
    answers: list[FromWorker] = []
    with subprocess.Popen(
        [sys.executable, "-m", "heygem_daemon.worker.main"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(b"".join(map(encode_message, orders)))
        child.stdin.flush()
        for line in child.stdout:
            answers.append(FROM_WORKER.validate_json(line))
            if sum(isinstance(answer, Rendered) for answer in answers) == len(orders) - 1:
                break
        child.kill()
    return answers


@needs_landlock
def test_a_confined_job_is_the_same_to_the_bit(pair: tuple[Path, Path], tmp_path: Path) -> None:
    notes, results = render(tmp_path / "confined", pair, confine=True)
    assert notes[0].startswith("confined: no access to other files")
    assert len(results) == 2
    assert results == render(tmp_path / "free", pair, confine=False)[1]
