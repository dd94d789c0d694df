"""Every kind of result, by a whole job with a fake engine and real media."""

import json
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from heygem_daemon.errors import BadInput
from heygem_daemon.media.audio_measurement import measure_audio
from heygem_daemon.media.hdr_light import sdr_of_light
from heygem_daemon.media.info import choose_video_stream
from heygem_daemon.media.source import open_media
from heygem_daemon.media.tone_map import SDR
from heygem_daemon.media.video_reader import VideoReader
from heygem_daemon.render.pipeline import render_job
from tests.media.sound_files import write_sound
from tests.media.test_tone_map import LIGHT, write_hdr

if TYPE_CHECKING:
    from tests.render.conftest import Bench, FakeEngine, MakeBench

pytestmark = pytest.mark.slow


def run(engine: "FakeEngine", bench: "Bench", **options: object) -> tuple[Path, dict[str, Any]]:
    """Return the result and its report."""
    request = bench.request(**options)
    rendered = render_job(engine, request, bench.cache, bench.progress.append, lambda: False)
    return Path(rendered.result), json.loads(Path(rendered.report).read_text())


def picture_stream(result: Path) -> tuple[str, str, str, str]:
    """Return codec, four-character code, profile and sample format of a result."""
    with open_media(result) as container:
        context = choose_video_stream(container, result).codec_context
        assert context.pix_fmt is not None
        return context.name, context.codec_tag, str(context.profile), context.pix_fmt


@pytest.mark.parametrize(
    ("codec", "suffix", "expected"),
    [
        ("h264", ".mp4", ("h264", "avc1", "High", "yuv420p")),
        ("hevc", ".mp4", ("hevc", "hvc1", "Main", "yuv420p")),
        ("prores", ".mov", ("prores", "apch", "HQ", "yuv422p10le")),
    ],
)
def test_each_codec_has_its_container_every_frame_and_the_whole_sound(
    engine: "FakeEngine",
    make_bench: "MakeBench",
    codec: str,
    suffix: str,
    expected: tuple[str, str, str, str],
) -> None:
    given = {"codec": codec, "crf": 4} if codec != "prores" else {"codec": codec}
    result, report = run(engine, make_bench(2.5, 40), **given)
    assert result.suffix == suffix
    assert picture_stream(result) == expected
    assert report["output"]["frames"] == 63
    with VideoReader(result) as reader:
        assert (reader.frame_count, reader.info.fps) == (63, Fraction(25))
        for picture in reader.read_range():
            inside = picture.y[24:40, 28:52].astype(int)
            assert abs(inside.mean() - (16 + picture.index)) < 2
    assert Fraction("2.5") <= measure_audio(result).duration < 2.5 + 1024 / 48000
    assert measure_audio(result).codec == ("pcm_s16le" if codec == "prores" else "aac")


def test_a_bit_rate_is_kept(engine: "FakeEngine", make_bench: "MakeBench") -> None:
    bench = make_bench(4.0, 40)
    rng = np.random.default_rng(1)
    write_noise(bench.audio, rng.normal(0, 0.1, 4 * 48000))
    sizes = {}
    for rate in (96, 192):
        result, _ = run(engine, bench, audio_bitrate=rate)
        with open_media(result) as container:
            packets = container.demux(container.streams.audio[0])
            sizes[rate] = sum(packet.size for packet in packets) * 8 / 4 / 1000
    assert sizes[96] == pytest.approx(96, rel=0.1)
    assert sizes[192] == pytest.approx(192, rel=0.1)


@pytest.mark.parametrize("codec", ["h264", "prores"])
def test_what_aac_does_not_keep_is_told_where_the_sound_is_aac(
    engine: "FakeEngine", make_bench: "MakeBench", codec: str
) -> None:
    bench = make_bench(2.0, 40)
    noise = np.random.default_rng(1).normal(0, 0.05, (6, 2 * 48000)).astype(np.float32)
    write_sound(bench.audio, "pcm_s16le", noise, 48000, "5.1", format="wav")
    _, report = run(engine, bench, codec=codec)
    told = [each for each in report["warnings"] if "LFE" in each]
    assert len(told) == (codec == "h264")


@pytest.mark.parametrize("target", [-23, -16])
def test_the_loudness_is_that_asked_for_and_told(
    engine: "FakeEngine", make_bench: "MakeBench", target: int
) -> None:
    result, report = run(engine, make_bench(3.0, 40), loudness=target)
    told = report["output"]["loudness"]
    assert told["target_lufs"] == target
    assert told["before"]["lufs"] == pytest.approx(-15.9, abs=1.5)
    assert told["gain_db"] == pytest.approx(target - told["before"]["lufs"], abs=0.02)
    assert told["after"]["lufs"] == pytest.approx(target, abs=0.1)
    assert Fraction(3) <= measure_audio(result).duration < 3 + 1024 / 48000


@pytest.mark.parametrize(
    ("codec", "max_height", "size"),
    [
        ("h264", 48, (72, 48)),
        ("hevc", 49, (72, 48)),
        ("prores", 48, (72, 48)),
        ("h264", 64, (96, 64)),
        ("h264", 1080, (96, 64)),
    ],
)
def test_a_result_is_no_higher_than_asked_for_and_never_enlarged(
    engine: "FakeEngine",
    make_bench: "MakeBench",
    codec: str,
    max_height: int,
    size: tuple[int, int],
) -> None:
    result, report = run(engine, make_bench(2.0, 40), codec=codec, max_height=max_height)
    assert (report["output"]["width"], report["output"]["height"]) == size
    assert not [warning for warning in report["warnings"] if "measured" in warning]
    with VideoReader(result) as reader:
        assert (reader.info.width, reader.info.height) == size
        assert reader.frame_count == 50
        ratio = size[1] / 64
        for picture in reader.read_range():
            rows, columns = (
                slice(round(a * ratio), round(b * ratio)) for a, b in ((26, 38), (30, 50))
            )
            assert abs(picture.y[rows, columns].astype(int).mean() - (16 + picture.index)) < 2


def test_a_result_too_narrow_for_hevc_is_refused(
    engine: "FakeEngine", make_bench: "MakeBench"
) -> None:
    """x265 corrupts memory there; the worker died of it now and then."""
    with pytest.raises(BadInput, match="would be 48 pixels wide; HEVC needs 64"):
        run(engine, make_bench(1.0, 10), codec="hevc", max_height=33)


@pytest.mark.parametrize("transfer", ["pq", "hlg"])
@pytest.mark.parametrize("codec", ["h264", "prores"])
def test_an_hdr_video_becomes_sdr_and_the_report_says_so(
    engine: "FakeEngine", make_bench: "MakeBench", transfer: str, codec: str
) -> None:
    bench = make_bench(1.0, 10)
    write_hdr(bench.video, transfer, None, pictures=10)
    result, report = run(engine, bench, codec=codec)
    name = f"made SDR (BT.709) from {transfer.upper()}, 1000 cd/m²"
    assert report["output"]["hdr"] == name
    assert report["inputs"]["video"]["hdr"]["transfer"] == transfer
    with VideoReader(result) as reader:
        assert reader.info.hdr is None
        assert reader.info.colour == SDR
        assert reader.frame_count == 25
        (picture,) = reader.read_indices([5])
    light = LIGHT[transfer](np.repeat(np.linspace(0, 1, 256)[:, None], 3, axis=1))
    exact = 16 + 219 * sdr_of_light(light, 1000.0)[:, 0]
    assert abs(picture.y[56:].mean(axis=0) - exact)[2:-2].max() < 3


def test_a_contradiction_is_refused_with_what_to_write(
    engine: "FakeEngine", make_bench: "MakeBench"
) -> None:
    bench = make_bench(1.0, 10)
    with pytest.raises(BadInput, match='Write audio = "compatible", or loudness = "off"'):
        run(engine, bench, audio="copy", loudness=-23)


def write_noise(path: Path, samples: "np.typing.NDArray[np.float64]") -> None:
    """Replace a sound by mono samples at 48 kHz."""
    import wave  # noqa: PLC0415

    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(48000)
        file.writeframes((samples * 32767).astype("<i2").tobytes())


def test_a_quicktime_result_is_marked_too(engine: "FakeEngine", make_bench: "MakeBench") -> None:
    bench = make_bench(1.0, 10)
    request = bench.request(codec="prores").model_copy(update={"producer": "station"})
    rendered = render_job(engine, request, bench.cache, bench.progress.append, lambda: False)
    marks = json.loads(Path(rendered.report).read_text())["output"]["marks"]
    assert rendered.result.endswith(".mov")
    assert marks["producer"] == "station"
