"""HDR frames become SDR pictures: levels, greys, ramps, and the light that a file states."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av import VideoFrame
from numpy.typing import NDArray

from heygem_daemon.media.hdr_light import (
    LUMA_709,
    REFERENCE_WHITE,
    Light,
    hlg_of_light,
    light_of_hlg,
    light_of_pq,
    light_of_sdr,
    pq_of_light,
    sdr_of_light,
)
from heygem_daemon.media.picture import ColourTags
from heygem_daemon.media.tone_map import SDR, ToneMapper, hdr_source
from heygem_daemon.media.video_reader import VideoReader

CODE_POINTS = {"pq": 16, "hlg": 18}
LIGHT = {"pq": light_of_pq, "hlg": light_of_hlg}
SIGNAL = {"pq": pq_of_light, "hlg": hlg_of_light}
TRANSFERS = ["pq", "hlg"]


def tags(transfer: str) -> ColourTags:
    return ColourTags(matrix=9, primaries=9, transfer=CODE_POINTS[transfer])


def hdr_frame(rgb: Light) -> VideoFrame:
    """Return signals (h, w, 3), 0-1, as 10-bit 4:2:0 of BT.2020, limited range (BT.2100, 9)."""
    kr, kb = 0.2627, 0.0593
    luma = rgb @ np.array([kr, 1 - kr - kb, kb])
    chroma = [(rgb[..., 2] - luma) / (2 * (1 - kb)), (rgb[..., 0] - luma) / (2 * (1 - kr))]
    height, width = luma.shape
    halves = [
        plane.reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3)) * 896 + 512
        for plane in chroma
    ]
    frame = VideoFrame(width, height, "yuv420p10le")
    for plane, values in zip(frame.planes, [luma * 876 + 64, *halves], strict=True):
        rows = np.zeros((plane.height, plane.line_size // 2), "<u2")
        rows[:, : plane.width] = np.rint(values)
        plane.update(rows.tobytes())
    return frame


def planes_of(frame: VideoFrame) -> list[NDArray[np.uint8]]:
    return [
        np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[:, : plane.width]
        for plane in frame.planes
    ]


def mapped(transfer: str, rgb: Light) -> list[NDArray[np.uint8]]:
    source = hdr_source(tags(transfer))
    assert source is not None
    height, width = rgb.shape[:2]
    return planes_of(ToneMapper(source).convert(hdr_frame(rgb), width, height))


def grey(levels: Light) -> Light:
    """Return rows (64, W, 3) of greys."""
    return np.broadcast_to(levels[None, :, None], (64, len(levels), 3))


@pytest.mark.parametrize("transfer", TRANSFERS)
def test_a_ramp_stays_grey_smooth_and_without_bands(transfer: str) -> None:
    levels = np.linspace(0, 1, 1024)
    luma, *chroma = mapped(transfer, grey(levels))
    assert all(abs(plane.astype(int) - 128).max() <= 1 for plane in chroma)
    # Over the cells of the dither, 8 x 8.
    means = luma.reshape(64, 128, 8).mean(axis=(0, 2))
    light = LIGHT[transfer](np.repeat(levels[:, None], 3, axis=1))
    exact = (16 + 219 * sdr_of_light(light, 1000.0)[:, 0]).reshape(128, 8).mean(axis=1)
    assert abs(means - exact).max() < 0.5
    assert np.diff(means).min() > -0.1
    # Dithered: every code value of 8 bits is used, none is skipped.
    assert set(range(17, 235)) <= set(np.unique(luma).tolist())


@pytest.mark.parametrize("transfer", TRANSFERS)
def test_reference_white_and_grey_card_land_where_they_belong(transfer: str) -> None:
    # BT.2408, table 1: reference white and an 18 % grey card in cd/m².
    for light, low, high in ((REFERENCE_WHITE, 0.89, 0.92), (26.0, 0.41, 0.44)):
        signal = SIGNAL[transfer](np.array([[light] * 3]))[0, 0]
        luma = mapped(transfer, grey(np.full(64, signal)))[0]
        assert low < (luma.mean() - 16) / 219 < high


def test_a_source_no_brighter_than_white_is_not_compressed() -> None:
    signals = np.random.default_rng(1).random((200, 3)) * 0.9 + 0.1
    back = sdr_of_light(light_of_sdr(signals), REFERENCE_WHITE)
    assert abs(back - signals).max() < 1e-3


@pytest.mark.parametrize("transfer", TRANSFERS)
def test_colours_of_faces_keep_their_hue_and_level(transfer: str) -> None:
    skins = np.array(
        [[0.78, 0.60, 0.50], [0.55, 0.38, 0.30], [0.36, 0.23, 0.18], [0.7, 0.35, 0.35]]
    )
    signals = SIGNAL[transfer](light_of_sdr(skins))
    expected = sdr_of_light(LIGHT[transfer](signals), 1000.0)
    for signal, rgb, skin in zip(signals, expected, skins, strict=True):
        y, u, v = (plane.mean() for plane in mapped(transfer, np.broadcast_to(signal, (64, 64, 3))))
        luma = rgb @ LUMA_709
        exact = (
            16 + 219 * luma,
            128 + 224 * (rgb[2] - luma) / 1.8556,
            128 + 224 * (rgb[0] - luma) / 1.5748,
        )
        assert abs(np.array([y, u, v]) - exact).max() < 1.5
        # Below the knee the way from SDR and back changes nothing.
        if skin.max() < 0.6:
            assert abs(rgb - skin).max() < 0.01


def write_hdr(path: Path, transfer: str, peak: int | None, pictures: int = 3) -> Path:
    """Write a grey ramp as HEVC Main 10 with HDR tags; ``peak`` is its MaxCLL."""
    params = "log-level=error:lossless=1"
    if peak is not None:
        display = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
        params += f":master-display={display}:max-cll={peak},200"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx265", rate=25, options={"x265-params": params})
        stream.width, stream.height, stream.pix_fmt = 256, 64, "yuv420p10le"
        context = stream.codec_context
        context.color_primaries, context.color_trc = 9, CODE_POINTS[transfer]
        context.colorspace, context.color_range = 9, 1
        for number in range(pictures):
            frame = hdr_frame(grey(np.linspace(0, 1, 256)))
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("transfer", "stated", "peak"),
    [("pq", None, 1000.0), ("pq", 600, 600.0), ("hlg", None, 1000.0)],
)
def test_a_file_is_read_as_sdr_and_its_light_is_told(
    tmp_path: Path, transfer: str, stated: int | None, peak: float
) -> None:
    with VideoReader(write_hdr(tmp_path / "hdr.mp4", transfer, stated)) as reader:
        assert reader.info.hdr is not None
        assert (reader.info.hdr.transfer, reader.info.hdr.peak) == (transfer, peak)
        assert reader.info.hdr.colour == tags(transfer)
        assert reader.info.colour == SDR
        pictures = list(reader.read_range())
    assert len(pictures) == 3
    assert {picture.colour for picture in pictures} == {SDR}
    light = LIGHT[transfer](np.repeat(np.linspace(0, 1, 256)[:, None], 3, axis=1))
    exact = 16 + 219 * sdr_of_light(light, peak)[:, 0]
    for picture in pictures:
        assert abs(picture.y.mean(axis=0) - exact).max() < 2


def test_sdr_is_not_touched() -> None:
    assert hdr_source(SDR) is None
    assert hdr_source(ColourTags()) is None
