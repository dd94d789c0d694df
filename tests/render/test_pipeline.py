"""Whole jobs, with a fake engine and real media."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from heygem_daemon.config.label import LabelOptions
from heygem_daemon.errors import BadInput, Interrupted, SpoolUnavailable
from heygem_daemon.media.audio_measurement import measure_audio
from heygem_daemon.media.audio_track import encode_ahead
from heygem_daemon.media.marking.inspect import inspect_file
from heygem_daemon.media.video_reader import VideoReader
from heygem_daemon.protocol import Progress, Render, Rendered
from heygem_daemon.render import marks, pipeline
from heygem_daemon.render.inputs import require_no_links
from heygem_daemon.render.pipeline import render_job
from heygem_daemon.render.strip import TILE_PIXELS
from tests.render.conftest import write_tone

if TYPE_CHECKING:
    from tests.render.conftest import Bench, FakeEngine, MakeBench

pytestmark = pytest.mark.slow


def run(engine: "FakeEngine", bench: "Bench", **options: object) -> Rendered:
    request = bench.request(**options)
    return render_job(engine, request, bench.cache, bench.progress.append, lambda: False)


def report_of(rendered: Rendered) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(Path(rendered.report).read_text())
    return report


def segments(bench: "Bench") -> list[Path]:
    return sorted((bench.folder / "work").glob("segment-*.mp4"))


def test_a_job_has_the_sounds_length_and_the_videos_rate(
    engine: "FakeEngine", make_bench: "MakeBench"
) -> None:
    bench = make_bench(2.5, 40)
    rendered = run(engine, bench)
    with VideoReader(Path(rendered.result)) as reader:
        assert reader.frame_count == 63
        assert reader.info.fps == 25
    # AAC comes in frames of 1024 samples: the last one is filled up with silence.
    assert 2.5 <= measure_audio(Path(rendered.result)).duration < 2.5 + 1024 / 48000


@pytest.mark.parametrize("frames", [1, 5])
def test_a_sound_of_a_few_frames_is_a_job_too(
    engine: "FakeEngine", make_bench: "MakeBench", frames: int
) -> None:
    rendered = run(engine, make_bench(frames / 25, 40))
    assert rendered.strip is not None
    with VideoReader(Path(rendered.result)) as reader:
        assert reader.frame_count == frames


def test_a_sound_that_grows_while_it_is_rendered_is_bad_input(
    engine: "FakeEngine", make_bench: "MakeBench"
) -> None:
    bench = make_bench(2.0, 60)
    request = bench.request()

    def grow(progress: Progress) -> None:
        if progress.stage == "render":
            write_tone(Path(request.audio), 4.0)

    with pytest.raises(BadInput, match="was changed while it was rendered"):
        render_job(engine, request, bench.cache, grow, lambda: False)


def test_every_frame_is_painted_and_nothing_else(
    engine: "FakeEngine", make_bench: "MakeBench"
) -> None:
    bench = make_bench(2.0, 60)
    rendered = run(engine, bench, crf=1)
    with VideoReader(Path(rendered.result)) as reader:
        for picture in reader.read_range():
            inside = picture.y[24:40, 28:52].astype(int)
            assert abs(inside.mean() - (16 + picture.index)) < 2


def test_the_report_has_inputs_output_coverage_and_times(
    engine: "FakeEngine", make_bench: "MakeBench"
) -> None:
    report = report_of(run(engine, make_bench(2.0, 60)))
    assert report["output"]["frames"] == 50
    assert report["output"]["audio"].startswith("aac")
    assert report["coverage"] == 1.0
    assert report["chunks"] == {"drawn": 2, "resumed": 0, "retried": 0, "shared": 0}
    assert report["inputs"]["video"]["width"] == 96
    assert len(report["inputs"]["audio"]["sha256"]) == 64
    assert set(report["stage_seconds"]) == {
        "probe", "listen", "track", "render", "join", "review",
    }  # fmt: skip


def test_frames_without_a_face_pass_through_and_are_counted(
    engine: "FakeEngine", make_bench: "MakeBench"
) -> None:
    engine.tracker.absent = frozenset(range(10))  # type: ignore[attr-defined]
    report = report_of(run(engine, make_bench(2.0, 50)))
    assert report["coverage"] == pytest.approx(0.8)
    assert report["passed_through"] == {"no face found": pytest.approx(0.2)}


def test_a_video_without_a_face_is_refused_with_a_reason(
    engine: "FakeEngine", make_bench: "MakeBench"
) -> None:
    engine.tracker.absent = frozenset(range(100))  # type: ignore[attr-defined]
    with pytest.raises(BadInput, match="only 0% of the frames") as refused:
        run(engine, make_bench(1.0, 30))
    assert refused.value.remedy


def test_a_sound_encoded_by_an_earlier_attempt_is_used(
    engine: "FakeEngine", make_bench: "MakeBench"
) -> None:
    bench = make_bench(2.0, 40)
    sound = bench.folder / "work" / "sound.m4a"
    run(engine, bench)
    encode_ahead(Path(bench.request().audio), sound, lambda: True)
    kept = sound.stat().st_mtime_ns
    report = report_of(run(engine, bench))
    assert report["output"]["audio"] == "aac (encoded from pcm_s16le)"
    assert sound.stat().st_mtime_ns == kept
    run(engine, bench, crf=30)
    assert not sound.exists() or sound.stat().st_mtime_ns != kept


def test_a_sound_that_cannot_be_encoded_ahead_is_encoded_when_it_is_joined(
    engine: "FakeEngine", make_bench: "MakeBench", monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_given: object) -> None:
        raise SpoolUnavailable("no space left on the device")

    monkeypatch.setattr(pipeline, "encode_ahead", fail)
    bench = make_bench(2.0, 40)
    report = report_of(run(engine, bench))
    assert report["output"]["audio"] == "aac (encoded from pcm_s16le)"
    assert [warning for warning in report["warnings"] if "no space left" in warning]
    assert not (bench.folder / "work" / "sound.m4a").exists()


def test_a_job_resumes_at_the_chunk_that_is_missing(
    engine: "FakeEngine", make_bench: "MakeBench"
) -> None:
    bench = make_bench(3.0, 40)
    run(engine, bench)
    kept = [path.stat().st_mtime_ns for path in segments(bench)[:-1]]
    segments(bench)[-1].unlink()
    report = report_of(run(engine, bench))
    assert report["chunks"] == {"drawn": 1, "resumed": 2, "retried": 0, "shared": 0}
    assert [path.stat().st_mtime_ns for path in segments(bench)[:-1]] == kept


def test_other_options_draw_every_chunk_again(
    engine: "FakeEngine", make_bench: "MakeBench"
) -> None:
    bench = make_bench(3.0, 40)
    run(engine, bench)
    assert report_of(run(engine, bench, crf=30))["chunks"]["drawn"] == 3


def test_other_weights_draw_every_chunk_again(
    engine: "FakeEngine", make_bench: "MakeBench"
) -> None:
    bench = make_bench(3.0, 40)
    run(engine, bench)
    engine.weights_sha256 = "1" * 64
    assert report_of(run(engine, bench))["chunks"]["drawn"] == 3


def test_a_failed_chunk_is_retried_alone(engine: "FakeEngine", make_bench: "MakeBench") -> None:
    engine.faults.append(RuntimeError("a cosmic ray"))
    report = report_of(run(engine, make_bench(3.0, 40)))
    assert report["chunks"] == {"drawn": 3, "resumed": 0, "retried": 1, "shared": 0}
    warning = report["warnings"][-1]
    assert warning.startswith("Chunk 1 was drawn again after an error: RuntimeError: a cosmic ray")


def test_a_chunk_that_fails_again_fails_the_job_and_keeps_the_others(
    engine: "FakeEngine", make_bench: "MakeBench"
) -> None:
    bench = make_bench(2.0, 40)
    engine.faults += [RuntimeError("first"), RuntimeError("second")]
    with pytest.raises(RuntimeError, match="second"):
        run(engine, bench)
    assert segments(bench) == []
    assert report_of(run(engine, bench))["chunks"]["drawn"] == 2


def test_an_environment_fault_is_not_retried_here(
    engine: "FakeEngine", make_bench: "MakeBench"
) -> None:
    engine.faults.append(SpoolUnavailable("no space left on the device"))
    with pytest.raises(SpoolUnavailable):
        run(engine, make_bench(1.0, 30))


def test_a_stopped_job_keeps_its_finished_chunks(
    engine: "FakeEngine", make_bench: "MakeBench"
) -> None:
    bench = make_bench(3.0, 40)

    def second_chunk_has_begun() -> bool:
        return any(each.chunk == 2 for each in bench.progress)

    with pytest.raises(Interrupted):
        render_job(
            engine, bench.request(), bench.cache, bench.progress.append, second_chunk_has_begun
        )
    assert len(segments(bench)) == 2
    assert report_of(run(engine, bench))["chunks"]["resumed"] == 2


def test_progress_names_every_stage_and_counts_up(
    engine: "FakeEngine", make_bench: "MakeBench"
) -> None:
    bench = make_bench(2.0, 40)
    run(engine, bench)
    stages = list(dict.fromkeys(each.stage for each in bench.progress))
    assert stages == ["probe", "listen", "track", "render", "join", "review"]
    drawn: list[Progress] = [each for each in bench.progress if each.stage == "render"]
    assert [each.frames for each in drawn] == sorted(each.frames for each in drawn)
    assert (drawn[-1].frames, drawn[-1].chunk, drawn[-1].chunks) == (50, 2, 2)


def test_the_second_job_finds_the_template_in_the_cache(
    engine: "FakeEngine", make_bench: "MakeBench"
) -> None:
    bench = make_bench(1.0, 40)
    write_tone(bench.audio, 1.0, silent_from=0.4)
    video, reviewed = 40, 25
    run(engine, bench)
    assert engine.tracker.followed == video + reviewed  # type: ignore[attr-defined]
    run(engine, bench)
    assert engine.tracker.followed == video + 2 * reviewed  # type: ignore[attr-defined]


def test_the_engine_hears_a_video_while_it_is_tracked_and_never_again(
    engine: "FakeEngine", make_bench: "MakeBench"
) -> None:
    bench = make_bench(1.0, 40)
    run(engine, bench)
    run(engine, bench)
    assert engine.heard_videos == [bench.video]
    assert [template.heard for template in engine.templates] == ["heard", None]
    for template in engine.templates:
        assert template.times is not None
        np.testing.assert_array_equal(template.times.seconds, np.arange(40) / 25)
        assert float(template.times.length) == pytest.approx(40 / 25)


@pytest.mark.parametrize("fault", [BadInput("no sound", ""), RuntimeError("a bug")])
def test_a_video_that_cannot_be_heard_while_it_is_tracked_is_left_to_the_engine(
    engine: "FakeEngine", make_bench: "MakeBench", fault: Exception
) -> None:
    engine.hearing_faults = [fault]
    run(engine, make_bench(1.0, 40))
    assert [template.heard for template in engine.templates] == [None]


def test_the_strip_shows_source_above_result(engine: "FakeEngine", make_bench: "MakeBench") -> None:
    rendered = run(engine, make_bench(1.0, 40))
    assert rendered.strip is not None
    with VideoReader(Path(rendered.strip)) as reader:
        picture = next(reader.read_range())
    assert picture.y.shape == (2 * TILE_PIXELS, 8 * TILE_PIXELS)
    assert np.abs(picture.y[:TILE_PIXELS].astype(int) - picture.y[TILE_PIXELS:]).mean() > 5


def test_the_strip_can_be_turned_off(engine: "FakeEngine", make_bench: "MakeBench") -> None:
    assert run(engine, make_bench(1.0, 40), strip=False).strip is None


def test_result_and_strip_are_marked_under_the_jobs_number(
    engine: "FakeEngine", make_bench: "MakeBench"
) -> None:
    bench = make_bench(1.0, 30)
    rendered = run(engine, bench)
    assert rendered.strip is not None
    for path, places in ((rendered.result, 3), (rendered.strip, 1)):
        found = inspect_file(Path(path)).marks
        assert len(found) == places
        assert {(each.producer, each.produce_id) for each in found} == {("Example Media", "job")}
        assert all(each.unchanged for each in found)
    assert report_of(rendered)["output"]["marks"]["producer"] == "Example Media"


def test_a_job_without_a_producer_gets_no_marks(
    engine: "FakeEngine", make_bench: "MakeBench"
) -> None:
    bench = make_bench(1.0, 30)
    request = bench.request().model_copy(update={"producer": None})
    rendered = render_job(engine, request, bench.cache, bench.progress.append, lambda: False)
    assert not inspect_file(Path(rendered.result)).is_marked
    assert not inspect_file(Path(rendered.strip or "")).is_marked
    assert report_of(rendered)["output"]["marks"] is None


def test_a_label_is_the_same_for_any_chunk_length_and_part_of_what_a_segment_is_for(
    engine: "FakeEngine", make_bench: "MakeBench"
) -> None:
    bench = make_bench(2.0, 60)
    plain = run(engine, bench, crf=0)
    with VideoReader(Path(plain.result)) as reader:
        before = [picture.y for picture in reader.read_range()]
    label = LabelOptions(text="AI生成", percent=12, seconds=1.2)
    drawn = []
    for chunk_seconds in (1.0, 30.0):
        request = bench.request(crf=0, chunk_seconds=chunk_seconds)
        request = request.model_copy(update={"label": label})
        render_job(engine, request, bench.cache, bench.progress.append, lambda: False)
        with VideoReader(Path(plain.result)) as reader:
            drawn.append([picture.y for picture in reader.read_range()])
    assert all(np.array_equal(one, other) for one, other in zip(*drawn, strict=True))
    changed = [bool((now != then).any()) for now, then in zip(drawn[0], before, strict=True)]
    assert changed == [True] * 30 + [False] * 20


def test_a_strip_that_cannot_be_marked_is_left_out(
    engine: "FakeEngine", make_bench: "MakeBench", monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_path: Path, _record: object) -> None:
        raise ValueError("not a PNG")

    monkeypatch.setattr(marks, "mark_picture", fail)
    rendered = run(engine, make_bench(1.0, 30))
    assert rendered.strip is None
    assert any("could not be marked" in each for each in report_of(rendered)["warnings"])


@pytest.mark.parametrize("name", ["talk.wav", "talk.mp4", "work"])
def test_a_link_in_the_place_of_an_input_or_the_workspace_is_refused(
    tmp_path: Path, name: str
) -> None:
    job, private = tmp_path / "job", tmp_path / "private"
    (job / "work").mkdir(parents=True)
    private.mkdir()
    for part in ("talk.wav", "talk.mp4"):
        (job / part).write_bytes(b"content")
        (private / part).write_bytes(b"private")
    render = Render(
        job_id="1", audio=str(job / "talk.wav"), video=str(job / "talk.mp4"),
        workspace=str(job / "work"),
    )  # fmt: skip
    require_no_links(render)
    (job / name).rename(job / "away")
    (job / name).symlink_to(private if name == "work" else private / name)
    with pytest.raises(SpoolUnavailable, match=rf"{name} of the job is not what was claimed"):
        require_no_links(render)
