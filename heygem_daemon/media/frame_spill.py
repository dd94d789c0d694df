"""Keep decoded pictures on disk, so that a video can be read backwards in constant memory."""

import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO

import numpy as np

from heygem_daemon.media.atomic_output import translate_storage_errors
from heygem_daemon.media.picture import ColourTags, DeepPlane, DeepPlanes, Picture, Plane


class FrameSpill:
    """Pictures of one video in a temporary file, found by their index. A context manager.

    The file has no name, so that nothing is left behind however the process ends.
    """

    def __init__(self, folder: Path | None, width: int, height: int, colour: ColourTags) -> None:
        """``folder``: where the file is made when it is first needed; None: the system's folder
        for temporary files. All pictures have this size and these colour tags."""
        self._folder = folder
        half = (height + 1) // 2, (width + 1) // 2
        self._shapes = (height, width), half, half
        self._colour = colour
        self._chroma_rows: int | None = None
        """Rows of chroma in 10 bits; None: the pictures have 8 bits only."""
        self._places: dict[int, int] = {}
        self._files = ExitStack()
        self._file: IO[bytes] | None = None

    def __enter__(self) -> "FrameSpill":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._files.close()

    def __contains__(self, index: int) -> bool:
        return index in self._places

    def write(self, pictures: Iterable[Picture]) -> None:
        """Replace all stored pictures by ``pictures``. Raises SpoolUnavailable where the disk is
        full."""
        self._places.clear()
        with translate_storage_errors(Path("the temporary file of decoded pictures")):
            file = self._open_file()
            file.seek(0)
            for place, picture in enumerate(pictures):
                for plane in (picture.y, picture.u, picture.v):
                    file.write(np.ascontiguousarray(plane).data)
                if (deep := picture.deep) is not None:
                    self._chroma_rows = len(deep.u)
                    for deep_plane in (deep.y, deep.u, deep.v):
                        file.write(deep_plane.data)
                self._places[picture.index] = place
            file.flush()

    def read(self, index: int) -> Picture:
        """Return a stored picture; it stays stored. Raises KeyError where there is none."""
        file = self._open_file()
        y, u, v = planes = [np.empty(shape, np.uint8) for shape in self._shapes]
        deep_planes = [np.empty(shape, np.uint16) for shape in self._deep_shapes()]
        every: list[Plane | DeepPlane] = [*planes, *deep_planes]
        file.seek(self._places[index] * sum(plane.nbytes for plane in every))
        for plane in every:
            file.readinto(plane.data)  # type: ignore[attr-defined]
        deep = DeepPlanes(*deep_planes) if deep_planes else None
        return Picture(index, y, u, v, self._colour, deep)

    def _deep_shapes(self) -> list[tuple[int, int]]:
        if self._chroma_rows is None:
            return []
        luma, chroma, _ = self._shapes
        return [luma, *[(self._chroma_rows, chroma[1])] * 2]

    def _open_file(self) -> IO[bytes]:
        if self._file is None:
            file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 - closed with _files
            self._file = self._files.enter_context(file)
        return self._file
