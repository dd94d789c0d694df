"""Read how a stored picture is turned and mirrored for showing."""

from dataclasses import dataclass
from fractions import Fraction
from typing import cast

import numpy as np
from av import VideoFrame
from av.filter import Graph
from av.sidedata.sidedata import SideDataContainer, Type

from heygem_daemon.media.picture import Plane

DISPLAY_MATRIX = 6
"""FFmpeg's number of this kind of side data."""
SIDE_DATA_TYPES = 64
"""Kinds of side data that are taken from a frame: FFmpeg 8 has 38, numbered from 0."""


@dataclass(frozen=True, slots=True)
class Orientation:
    """How a stored picture is turned for showing: swap the axes first, then mirror."""

    transpose: bool = False
    mirror_x: bool = False
    mirror_y: bool = False

    def apply(self, plane: Plane) -> Plane:
        """Return a C-contiguous copy of ``plane``, upright."""
        turned = plane.T if self.transpose else plane
        step_y, step_x = -1 if self.mirror_y else 1, -1 if self.mirror_x else 1
        return np.array(turned[::step_y, ::step_x], order="C", copy=True)

    @property
    def degrees(self) -> int:
        """Clockwise rotation: 0, 90, 180 or 270. For a mirrored picture that of its axes."""
        if self.transpose:
            return 90 if self.mirror_x else 270
        return 180 if self.mirror_y else 0


def orientation_of(frame: VideoFrame) -> Orientation:
    """Read the orientation from a frame's display matrix.

    The matrix M is 3x3 int32, row-major, with (x', y') = (x, y) · M.
    """
    # PyAV's stub gives the mapping a wrong type.
    side_data = cast("SideDataContainer", _with_matrix_alone(frame).side_data)
    try:
        matrix = side_data[Type.DISPLAYMATRIX]
    except KeyError:
        return Orientation()
    a, b, _, c, d = np.frombuffer(bytes(matrix), dtype=np.int32)[:5].tolist()
    if abs(b) > abs(a):
        return Orientation(transpose=True, mirror_x=c < 0, mirror_y=b < 0)
    return Orientation(mirror_x=a < 0, mirror_y=d < 0)


def _with_matrix_alone(frame: VideoFrame) -> VideoFrame:
    """Return ``frame`` without any side data but its display matrix.

    PyAV 18.1 frees the metadata of side data twice (an ICC profile's name, for example), which
    kills the process, and raises for kinds that it does not know. FFmpeg removes them first.
    """
    graph = Graph()
    source = graph.add_buffer(
        width=frame.width,
        height=frame.height,
        format=frame.format,
        time_base=Fraction(1, 25),
    )
    kinds = set(range(SIDE_DATA_TYPES)) - {DISPLAY_MATRIX}
    removers = [graph.add("sidedata", f"mode=delete:type={kind}") for kind in sorted(kinds)]
    graph.link_nodes(source, *removers, graph.add("buffersink")).configure()
    graph.vpush(frame)
    return graph.vpull()
