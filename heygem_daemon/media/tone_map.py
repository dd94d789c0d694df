"""Make the SDR picture of an HDR frame, with a 3-D table in libavfilter."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Literal

import numpy as np
from av import VideoFormat, VideoFrame
from av.error import BlockingIOError as NothingYet
from av.filter import Graph
from numpy.typing import NDArray

from heygem_daemon.media.hdr_light import HLG_PEAK, light_of_hlg, light_of_pq, sdr_of_light
from heygem_daemon.media.light_metadata import NO_METADATA, LightMetadata
from heygem_daemon.media.picture import ColourTags

Transfer = Literal["pq", "hlg"]

HDR_TRANSFERS: dict[int, Transfer] = {16: "pq", 18: "hlg"}
"""Transfer code points of HDR (ISO/IEC 23091-2, table 3)."""
MATRICES = {1: "bt709", 5: "bt470bg", 6: "smpte170m"}
"""FFmpeg's names of matrices by code point; other HDR is BT.2020."""
SDR = ColourTags(matrix=1, primaries=1, transfer=1, full_range=False)
"""The tags of the SDR pictures: BT.709."""
TABLE_LEVEL = 8
"""Level of the Hald table: the square of it is its points per axis, 64."""
WHITE = 255 << 8
"""What swscale takes 1 for in 16-bit RGB."""
USUAL_PEAK = 1000.0
"""Peak of PQ where the file states none, cd/m²."""
TIME_BASE = Fraction(1, 25)
"""Of the filter graph; its times mean nothing."""


@dataclass(frozen=True, slots=True)
class HdrSource:
    """What is HDR about a video."""

    transfer: Transfer
    colour: ColourTags
    """As tagged in the file."""
    peak: float = USUAL_PEAK
    """Brightest light, cd/m²."""
    metadata: LightMetadata = NO_METADATA
    """What the file says of its light."""

    @property
    def name(self) -> str:
        """What the report calls it."""
        return f"{self.transfer.upper()}, {self.peak:g} cd/m²"


def hdr_source(colour: ColourTags, metadata: LightMetadata = NO_METADATA) -> HdrSource | None:
    """Return what is HDR about pictures with these tags; None for SDR.

    ``metadata``: what the file says of its light.
    """
    transfer = HDR_TRANSFERS.get(colour.transfer)
    if transfer is None:
        return None
    peak = HLG_PEAK if transfer == "hlg" else metadata.peak or USUAL_PEAK
    return HdrSource(transfer, colour, peak, metadata)


class ToneMapper:
    """Maps the HDR frames of one video to SDR. Not safe for use by several threads."""

    def __init__(self, source: HdrSource) -> None:
        self._source = source
        self._graph: _TableGraph | None = None
        self._kind: tuple[int, int, str] | None = None

    def convert(self, frame: VideoFrame, width: int, height: int) -> VideoFrame:
        """Return ``frame`` as 8-bit 4:2:0 of BT.709, ``width`` x ``height`` pixels."""
        kind = frame.width, frame.height, frame.format.name
        if self._graph is None or kind != self._kind:
            self._graph, self._kind = _TableGraph(frame, self._source, width, height), kind
        return self._graph.convert(frame)


class _TableGraph:
    """The filters for frames of one size and format."""

    def __init__(self, frame: VideoFrame, source: HdrSource, width: int, height: int) -> None:
        self._graph = graph = Graph()
        self._frames = graph.add_buffer(
            width=frame.width, height=frame.height, format=frame.format, time_base=TIME_BASE
        )
        side = TABLE_LEVEL**3
        table = graph.add_buffer(
            width=side, height=side, format=VideoFormat("rgb48le"), time_base=TIME_BASE
        )
        sampling = "flags=bicubic+accurate_rnd+full_chroma_int+full_chroma_inp"
        given = MATRICES.get(source.colour.matrix, "bt2020")
        given_range = "full" if source.colour.full_range else "limited"
        light = graph.add("scale", f"in_color_matrix={given}:in_range={given_range}:{sampling}")
        # haldclut mixes up the channels of planar formats (FFmpeg 8.1).
        deep = graph.add("format", "rgb48le")
        mapped = graph.add("haldclut", "interp=tetrahedral:clut=first:shortest=0:repeatlast=1")
        size = f"w={width}:h={height}"
        sdr = graph.add("scale", f"{size}:out_color_matrix=bt709:out_range=limited:{sampling}")
        planar = graph.add("format", "yuv420p")
        graph.link_nodes(self._frames, light, deep)
        deep.link_to(mapped, 0, 0)
        table.link_to(mapped, 0, 1)
        graph.link_nodes(mapped, sdr, planar, graph.add("buffersink"))
        graph.configure()
        hald = VideoFrame.from_ndarray(hald_table(source.transfer, source.peak), format="rgb48le")
        hald.pts, hald.time_base = 0, TIME_BASE
        table.push(hald)
        table.push(None)
        self._count = 0

    def convert(self, frame: VideoFrame) -> VideoFrame:
        frame.pts, frame.time_base = self._count, TIME_BASE
        self._count += 1
        self._frames.push(frame)
        return next(self._pull())

    def _pull(self) -> Iterator[VideoFrame]:
        with suppress(NothingYet):
            while True:
                frame = self._graph.vpull()
                yield frame


@lru_cache(maxsize=2)
def hald_table(transfer: Transfer, peak: float) -> NDArray[np.uint16]:
    """Return the SDR signals of HDR signals as a Hald image, uint16 (512, 512, 3).

    Red runs fastest, then green, then blue, each in 64 steps from 0 to 1.
    """
    steps = np.linspace(0, 65535 / WHITE, TABLE_LEVEL**2)
    blue, green, red = np.meshgrid(steps, steps, steps, indexing="ij")
    signals = np.stack([red, green, blue], axis=-1).reshape(-1, 3)
    light = light_of_pq(signals) if transfer == "pq" else light_of_hlg(signals)
    side = TABLE_LEVEL**3
    sdr = np.rint(sdr_of_light(light, peak) * WHITE).astype(np.uint16)
    return sdr.reshape(side, side, 3)
