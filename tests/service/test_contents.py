"""What files hold decides what they are to a job: with the real, confined media probe."""

import shutil
import time
from collections.abc import Container, Iterator
from pathlib import Path

import av
import pytest

from heygem_daemon.config.media_content import MediaContent
from heygem_daemon.service.contents import ContentProbe
from heygem_daemon.service.loop import Service
from heygem_daemon.service.notices import BEING_COMPARED, BEING_EXAMINED
from heygem_daemon.service.prober import FileVersion, Prober
from tests.fakes.service import ServiceHarness

DEMO = Path(__file__).resolve().parents[2] / "demo"


@pytest.fixture
def prober() -> Iterator[Prober]:
    made = Prober(confine=True)
    yield made
    made.close()


@pytest.fixture
def sound_in_mp4(tmp_path: Path) -> Path:
    """AAC alone in an MP4, as telephones record it, with a cover."""
    path = tmp_path / "sound.mp4"
    with av.open(str(DEMO / "speech.wav")) as source, av.open(str(path), "w") as target:
        stream = target.add_stream("aac", rate=16_000, layout="mono")
        for frame in source.decode(audio=0):
            if frame.time is not None and frame.time < 1:
                target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    return path


def run_until(harness: ServiceHarness, name: str) -> None:
    """Run rounds until a result of that name is there."""
    run_until_with(harness, harness.service(), name)


def run_until_with(harness: ServiceHarness, service: Service, name: str) -> None:
    deadline = time.monotonic() + 60
    while not (harness.spool.outbox / name).exists():
        assert time.monotonic() < deadline, harness.status().inbox
        service.run_round()
        harness.clock.now += 0.25
        time.sleep(0.02)


def test_a_sound_in_a_video_container_is_the_sound(
    harness: ServiceHarness, prober: Prober, sound_in_mp4: Path
) -> None:
    harness.content_probe = ContentProbe(prober.examine, prober.take_contents)
    harness.spool.inbox.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(sound_in_mp4, harness.spool.inbox / "talk.mp4")
    shutil.copyfile(DEMO / "presenter.mp4", harness.spool.inbox / "talk.mov")
    run_until(harness, "talk.mp4")
    (render,) = harness.executor.submitted
    assert Path(render.audio).suffix == ".mp4"
    assert Path(render.video).suffix == ".mov"
    assert harness.logged("WARNING cannot be paired") == 0
    done = sorted(path.name for path in (harness.spool.done / "talk").iterdir())
    assert done == ["job.json", "talk.mov", "talk.mp4"]


def test_halves_that_arrive_at_different_times_are_a_pair(
    harness: ServiceHarness, prober: Prober, sound_in_mp4: Path
) -> None:
    harness.configure(lone_file_minutes=60)
    harness.content_probe = ContentProbe(prober.examine, prober.take_contents)
    harness.spool.inbox.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(DEMO / "presenter.mp4", harness.spool.inbox / "talk.mov")
    service = harness.service()
    harness.run_rounds(service, 60)
    assert "has no audio" in harness.status().inbox[0].reason
    shutil.copyfile(sound_in_mp4, harness.spool.inbox / "talk.mp4")
    deadline = time.monotonic() + 60
    while not (harness.spool.outbox / "talk.mp4").exists():
        assert time.monotonic() < deadline
        service.run_round()
        harness.clock.now += 0.25
        time.sleep(0.02)
    assert harness.logged("WARNING cannot be paired") == 0


def test_two_videos_of_one_name_say_what_to_do(harness: ServiceHarness, prober: Prober) -> None:
    harness.content_probe = ContentProbe(prober.examine, prober.take_contents)
    harness.spool.inbox.mkdir(parents=True, exist_ok=True)
    for name in ("talk.mp4", "talk.mov"):
        shutil.copyfile(DEMO / "presenter.mp4", harness.spool.inbox / name)
    service = harness.service()
    deadline = time.monotonic() + 60
    while harness.logged("WARNING cannot be paired") < 2:
        assert time.monotonic() < deadline
        harness.run_rounds(service, 1)
        time.sleep(0.05)
    assert harness.logged("none holds a sound") == 2


def write_silent(path: Path) -> Path:
    """A second of the presenter's pictures without his sound."""
    with av.open(str(DEMO / "presenter.mp4")) as source, av.open(str(path), "w") as target:
        pictures = source.streams.video[0]
        stream = target.add_stream_from_template(pictures)
        for packet in source.demux(pictures):
            if packet.size:
                packet.stream = stream
                target.mux(packet)
    return path


def test_a_batch_pairs_its_members_by_what_they_hold(
    harness: ServiceHarness, prober: Prober, sound_in_mp4: Path
) -> None:
    harness.content_probe = ContentProbe(prober.examine, prober.take_contents)
    folder = harness.drop_batch("show", ".ready")
    shutil.copyfile(sound_in_mp4, folder / "talk.mp4")
    write_silent(folder / "1.mp4")
    write_silent(folder / "2.mov")
    run_until(harness, "show/2.mp4")
    assert [Path(each.video).suffix for each in harness.executor.submitted] == [".mp4", ".mov"]
    assert harness.logged("batch claimed: 2 videos speak talk.mp4") == 1


def test_a_batch_of_pairs_in_video_containers(
    harness: ServiceHarness, prober: Prober, sound_in_mp4: Path
) -> None:
    harness.content_probe = ContentProbe(prober.examine, prober.take_contents)
    folder = harness.drop_batch("show")
    for name in ("a", "b"):
        shutil.copyfile(sound_in_mp4, folder / f"{name}.webm")
        write_silent(folder / f"{name}.mp4")
    run_until(harness, "show/b.mp4")
    assert harness.logged("batch claimed: 2 pairs") == 1
    assert {Path(each.audio).suffix for each in harness.executor.submitted} == {".webm"}


def test_a_pair_that_a_marker_announces_is_examined_too(
    harness: ServiceHarness, prober: Prober, sound_in_mp4: Path, tmp_path: Path
) -> None:
    """Its names are those of a sound and a video, and both are wrong."""
    harness.content_probe = ContentProbe(prober.examine, prober.take_contents)
    write_silent(tmp_path / "silent.mp4")
    harness.drop("talk.ready")
    shutil.copyfile(sound_in_mp4, harness.spool.inbox / "talk.mp4")
    shutil.copyfile(tmp_path / "silent.mp4", harness.spool.inbox / "talk.m4a")
    service = harness.service()
    harness.run_rounds(service, 0.25)
    assert not harness.executor.submitted
    run_until_with(harness, service, "talk.mp4")
    (render,) = harness.executor.submitted
    assert (Path(render.audio).suffix, Path(render.video).suffix) == (".mp4", ".m4a")


def test_each_of_several_files_of_one_name_is_told_while_some_are_examined(
    harness: ServiceHarness,
) -> None:
    asked: list[FileVersion] = []

    def answer_one() -> dict[FileVersion, MediaContent]:
        return {each: MediaContent(sound=True) for each in asked if each[0].suffix == ".wav"}

    harness.content_probe = ContentProbe(lambda version, _: asked.append(version), answer_one)
    names = ["talk.m4a", "talk.mp3", "talk.wav"]
    harness.drop(*names)
    service = harness.service()
    harness.run_rounds(service, 30)
    assert {each[0].name for each in asked} == set(names)
    told = {entry.name: entry.reason for entry in harness.status().inbox}
    assert sorted(told) == names
    assert {each.waits_for for each in harness.status().inbox} == {"look"}
    assert told["talk.wav"] == BEING_COMPARED
    assert told["talk.mp3"] == told["talk.m4a"] == BEING_EXAMINED


def test_a_marked_pair_waits_for_no_quiet_period(harness: ServiceHarness, prober: Prober) -> None:
    harness.configure(settle_seconds=3600)
    harness.content_probe = ContentProbe(prober.examine, prober.take_contents)
    harness.drop("talk.ready", "talk.wav", "talk.mp4")
    before = harness.clock.now
    run_until(harness, "talk.mp4")
    assert harness.clock.now - before < 3600


def test_a_video_alone_speaks_with_its_own_sound(harness: ServiceHarness) -> None:
    harness.drop("talk.mp4")
    (harness.spool.inbox / "talk.toml").write_text('audio = "own"')
    assert harness.service().run_once().published == 1
    (render,) = harness.executor.submitted
    assert render.audio == render.video
    assert render.options.audio == "compatible"
    done = sorted(path.name for path in (harness.spool.done / "talk").iterdir())
    assert done == ["job.json", "talk.mp4", "talk.toml"]


def test_own_sound_beside_a_sound_is_refused(harness: ServiceHarness) -> None:
    harness.drop("talk.mp4", "talk.wav")
    (harness.spool.inbox / "talk.toml").write_text('audio = "own"')
    assert harness.service().run_once().failed == 1
    reason = (harness.spool.failed / "talk" / "reason.txt").read_text()
    assert 'audio = "own", but talk.wav is there beside talk.mp4' in reason


def test_all_videos_of_a_batch_may_speak_with_their_own_sound(harness: ServiceHarness) -> None:
    folder = harness.drop_batch("show", "a.mp4", "b.mov")
    (folder / "job.toml").write_text('audio = "own"')
    assert harness.service().run_once().published == 2
    assert [each.audio == each.video for each in harness.executor.submitted] == [True, True]
    assert harness.logged("batch claimed: 2 videos with their own sound") == 1
    inputs = sorted(path.name for path in (harness.spool.done / "show" / "inputs").iterdir())
    assert inputs == ["a.mp4", "b.mov", "job.toml"]


def test_a_mistake_in_the_sidecar_of_a_video_alone_is_said(harness: ServiceHarness) -> None:
    harness.drop("talk.mp4")
    (harness.spool.inbox / "talk.toml").write_text('audio = "own"\ncrf = "x"')
    harness.run_rounds(harness.service(), 30)
    # A sidecar with a mistake is no sidecar that says so: the video waits for a sound.
    assert harness.executor.submitted == []
    assert harness.logged("WARNING talk.toml, line 2: crf =") == 1
    (harness.spool.inbox / "talk.toml").write_text('audio = "own"')
    assert harness.service().run_once().published == 1


def test_files_that_a_job_waits_for_are_examined_first(harness: ServiceHarness) -> None:
    """Files with a partner, and those of one name that do not tell who they are."""
    preferred: list[Container[Path]] = []
    harness.content_probe = ContentProbe(lambda *_: None, dict, preferred.append)
    inbox = harness.spool.inbox
    inbox.mkdir(parents=True, exist_ok=True)
    names = ["lone.wav", "talk.wav", "talk.mp4", "same.mp4", "same.mov"]
    for name in names:
        (inbox / name).write_bytes(name.encode())
    harness.service().run_round()
    assert [name for name in names if inbox / name in preferred[-1]] == names[1:]
