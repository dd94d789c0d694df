"""Read what a decoded frame carries beside its pixels."""

from collections.abc import Set
from fractions import Fraction
from typing import cast

from av import VideoFrame
from av.filter import Graph
from av.sidedata.sidedata import SideDataContainer, Type

SIDE_DATA_TYPES = 64
"""Kinds of side data that are taken from a frame: FFmpeg 8 has 38, numbered from 0."""


def side_data_of(frame: VideoFrame, kinds: Set[Type]) -> SideDataContainer:
    """Return the side data of ``frame`` that is of these kinds.

    PyAV 18.1 frees the metadata of side data twice (an ICC profile's name, for example), which
    kills the process, and raises for kinds that it does not know. FFmpeg removes them first.
    """
    graph = Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1, 25)
    )
    others = set(range(SIDE_DATA_TYPES)) - {kind.value for kind in kinds}
    removers = [graph.add("sidedata", f"mode=delete:type={kind}") for kind in sorted(others)]
    graph.link_nodes(source, *removers, graph.add("buffersink")).configure()
    graph.vpush(frame)
    # PyAV's stub gives the mapping a wrong type.
    return cast("SideDataContainer", graph.vpull().side_data)
