"""Whoever changes a file after it was hashed puts nothing false into what other jobs use."""

import mmap
import os
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from heygem_daemon.engines.base import Template
from heygem_daemon.errors import BadInput
from heygem_daemon.media.regular_file import checksum
from heygem_daemon.media.timeline import Timeline
from heygem_daemon.protocol import Rendered
from heygem_daemon.render import inputs
from heygem_daemon.render.chunks import FINGERPRINT_FILE
from heygem_daemon.render.pipeline import render_job
from heygem_daemon.render.speech_cache import SpeechCache
from heygem_daemon.render.unchanged import InputWatch
from tests.render.conftest import (
    Bench,
    FakeEngine,
    FakePerformance,
    FakeTracker,
    write_tone,
    write_video,
)

if TYPE_CHECKING:
    from tests.render.conftest import MakeBench

DERIVED = "derived"


class KeepingEngine(FakeEngine):
    """Keeps the hash of the video that it saw beside the template, as the built-in engine keeps
    what it learns from a video."""

    def plan_performance(
        self, template: Template, speech: int, timeline: Timeline
    ) -> FakePerformance:
        if not (template.cache / DERIVED).exists():
            with template.keep(DERIVED) as path:
                path.write_text(sha256(template.video.read_bytes()).hexdigest())
        return super().plan_performance(template, speech, timeline)


@pytest.fixture
def engine() -> KeepingEngine:
    return KeepingEngine()


@pytest.fixture
def bench(make_bench: "MakeBench") -> Bench:
    return make_bench(1.0, 20)


def overwrite(file: Path, content: bytes) -> None:
    """Write into a file, and set its time back."""
    before = file.stat()
    with file.open("r+b") as opened:
        opened.write(content)
        opened.truncate()
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.fixture
def swap(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path, bytes], None]:
    """Let a file hold something else while it is hashed, and only then."""

    def swap(target: Path, hashed: bytes) -> None:
        def checksum_of_other(path: Path, step: Callable[[], None] = lambda: None) -> str:
            if path != target:
                return checksum(path, step)
            own = path.read_bytes()
            overwrite(path, hashed)
            found = checksum(path, step)
            overwrite(path, own)
            return found

        monkeypatch.setattr(inputs, "checksum", checksum_of_other)

    return swap


def render(engine: FakeEngine, bench: Bench, cache: SpeechCache | None = None) -> Rendered | None:
    """Render; None where it is refused."""
    try:
        return render_job(
            engine, bench.request(), bench.cache, bench.progress.append, lambda: False, cache
        )
    except BadInput:
        return None


def followed(engine: FakeEngine) -> int:
    """Return how many pictures were tracked."""
    assert isinstance(engine.tracker, FakeTracker)
    return engine.tracker.followed


def templates(bench: Bench) -> list[Path]:
    folder = bench.cache / "templates"
    return list(folder.iterdir()) if folder.is_dir() else []


def another_video(tmp_path: Path) -> Path:
    (tmp_path / "victim").mkdir()
    return write_video(tmp_path / "victim" / "video.mp4", 25)


def test_a_track_of_another_video_does_not_enter_the_cache(
    engine: KeepingEngine, bench: Bench, swap: Callable[[Path, bytes], None], tmp_path: Path
) -> None:
    victim = another_video(tmp_path)
    swap(bench.video, victim.read_bytes())
    render(engine, bench)
    assert templates(bench) == []

    before = followed(engine)
    honest = replace(bench, video=victim)
    assert render(engine, honest) is not None
    assert followed(engine) == before + 25, "the video is tracked, not looked up"
    (template,) = templates(bench)
    assert template.name.startswith(checksum(victim)[:32])
    assert (template / DERIVED).read_text() == checksum(victim)


def test_what_an_engine_learns_of_another_video_does_not_enter_the_cache(
    engine: KeepingEngine, bench: Bench, swap: Callable[[Path, bytes], None], tmp_path: Path
) -> None:
    victim = another_video(tmp_path)
    assert render(FakeEngine(), replace(bench, video=victim)) is not None
    (template,) = templates(bench)
    swap(bench.video, victim.read_bytes())
    render(engine, bench)
    assert templates(bench) == [template]
    assert [path.name for path in template.iterdir() if DERIVED in path.name] == []


def test_features_of_another_sound_do_not_enter_the_cache(
    engine: KeepingEngine, bench: Bench, swap: Callable[[Path, bytes], None], tmp_path: Path
) -> None:
    victim, cache = write_tone(tmp_path / "victim.wav", 1.0, silent_from=0.5), SpeechCache()
    swap(bench.audio, victim.read_bytes())
    render(engine, bench, cache)
    render(engine, replace(bench, audio=victim), cache)
    assert engine.listened == 2


def test_a_change_while_the_video_is_tracked_keeps_the_track_out(
    engine: KeepingEngine, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    follow = engine.tracker.follow

    def write_meanwhile(*arguments: object) -> object:
        overwrite(bench.video, bench.video.read_bytes())
        return follow(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(engine.tracker, "follow", write_meanwhile)
    render(engine, bench)
    assert templates(bench) == []


def test_an_unchanged_video_enters_the_cache(engine: KeepingEngine, bench: Bench) -> None:
    for _ in range(2):
        assert render(engine, bench) is not None
    (template,) = templates(bench)
    assert followed(engine) == 20
    assert (template / DERIVED).read_text() == checksum(bench.video)


def test_chunks_of_another_owner_are_not_used(
    engine: KeepingEngine, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kept chunks are found by what a file system says of the files, which others may repeat."""
    render(engine, bench)
    plan = bench.folder / "work" / FINGERPRINT_FILE
    assert f'"owner": {os.getuid()}' in plan.read_text()
    plan.write_text(plan.read_text().replace(f'"owner": {os.getuid()}', '"owner": 4711'))
    (segment,) = (bench.folder / "work").glob("segment-*")
    segment.write_bytes(b"false")
    assert render(engine, bench) is not None


def test_a_write_through_a_mapped_page_is_noticed(tmp_path: Path) -> None:
    """The kernel notes the first write to a page, and no other before the page is on the disk."""
    file = tmp_path / "a"
    file.write_bytes(bytes(4096))
    with file.open("r+b") as opened, mmap.mmap(opened.fileno(), 4096) as mapped:
        mapped[0] = 1
        watch = InputWatch([file])
        assert not watch.is_proven(), "it has not begun"
        watch.begin()
        assert watch.is_proven()
        mapped[0] = 2
        if file.stat().st_dev == Path("/dev/shm").stat().st_dev:
            pytest.skip("a file system in memory notes no writes to mapped pages")
        assert not watch.is_proven()


def test_a_file_that_cannot_be_told_is_not_proven(tmp_path: Path) -> None:
    watch = InputWatch([tmp_path / "missing"])
    watch.begin()
    assert not watch.is_proven()


def test_another_link_that_goes_refuses_no_job(engine: KeepingEngine, bench: Bench) -> None:
    """One video that is dropped with many sounds, by hard links."""
    other = bench.folder / "other.mp4"
    other.hardlink_to(bench.video)

    def is_tracking() -> bool:
        if any(each.stage == "track" for each in bench.progress):
            other.unlink(missing_ok=True)
        return False

    render_job(engine, bench.request(), bench.cache, bench.progress.append, is_tracking)
    assert not other.exists()
    assert templates(bench) == []


def test_a_change_whose_time_was_set_back_is_refused(engine: KeepingEngine, bench: Bench) -> None:
    def has_drawn() -> bool:
        if any(each.stage == "join" for each in bench.progress):
            overwrite(bench.audio, bench.audio.read_bytes()[:-2] + b"xx")
        return False

    with pytest.raises(BadInput, match=r"audio\.wav was changed while it was rendered"):
        render_job(engine, bench.request(), bench.cache, bench.progress.append, has_drawn)
