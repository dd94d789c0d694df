"""One boot and one installation for all tests of this folder, which run in their order."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import av
import pytest

from tests.chain.conftest import DEMO, ROOT, cut_sound
from tests.systemd.container import CannotBoot, Container, booted, missing
from tests.systemd.service import ServiceUnderTest

LONG_SECONDS = 12
"""Of a sound whose job is still running when something happens to it."""


@pytest.fixture(scope="package")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    if (lack := missing()) is not None:
        pytest.skip(lack)
    with ExitStack() as stack:
        try:
            container = stack.enter_context(booted(tmp_path_factory.mktemp("container"), ROOT))
        except CannotBoot as error:
            pytest.skip(f"no container boots here: {error}")
        yield container


@pytest.fixture(scope="package")
def service(box: Container, tmp_path_factory: pytest.TempPathFactory) -> ServiceUnderTest:
    media: Path = tmp_path_factory.mktemp("media")
    cut_sound(media / "short.wav", 1.0)
    cut_sound(media / "long.wav", LONG_SECONDS)
    cut_video(DEMO / "presenter.mp4", media / "face.mp4", 1.5)
    return ServiceUnderTest(box, media)


def cut_video(source: Path, target: Path, seconds: float) -> None:
    """Copy the beginning of a video as it is encoded."""
    with av.open(source) as old, av.open(target, "w") as new:
        stream = old.streams.video[0]
        copy = new.add_stream_from_template(stream)
        for packet in old.demux(stream):
            if packet.dts is not None and packet.dts * (packet.time_base or 0) < seconds:
                packet.stream = copy
                new.mux(packet)
