"""A performance of the Wav2Lip engine: how a checkpoint speaks one sound with one face."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from heygem_daemon.engines.base import Box, Performance, PerformanceSummary
from heygem_daemon.engines.patch import Patch
from heygem_daemon.engines.wav2lip.blend import (
    MOUTH_REGION,
    blend_into,
    match_colours,
    mouth_mask,
    rows_below,
)
from heygem_daemon.engines.wav2lip.mel import cut_windows
from heygem_daemon.engines.wav2lip.resize import resize_planes
from heygem_daemon.engines.wav2lip.runner import GeneratorRunner
from heygem_daemon.face.tracking.track import Track
from heygem_daemon.media.colour import rgb_from_yuv, yuv_from_rgb
from heygem_daemon.media.picture import ColourTags


@dataclass(frozen=True, slots=True)
class GenerationPlan:
    """What is decided for each of N output frames."""

    sources: NDArray[np.int32]
    """(N,) number of the source picture."""
    boxes: list[Box | None]
    """(N,) face box; None: the frame is passed through."""
    strength: NDArray[np.float32]
    """(N,) 0-1: how much of the generated mouth is blended in."""
    mel_starts: NDArray[np.int64]
    """(N,) the mel frame at which the frame's window begins."""


class YuvRgbConverter:
    """Converts code values of YUV to RGB of 0-1 and back, on a device."""

    def __init__(self, tags: ColourTags, height: int, device: torch.device) -> None:
        matrix, offset = rgb_from_yuv(tags, height)
        back, _ = yuv_from_rgb(tags, height)
        self._matrix = torch.from_numpy(matrix / np.float32(255)).to(device)
        self._back = torch.from_numpy(back * np.float32(255)).to(device)
        self._offset = torch.from_numpy(offset).to(device)[:, None, None]

    def rgb(self, yuv: Tensor) -> Tensor:
        """Convert (3, h, w) code values to 0-1, clipped."""
        return torch.einsum("ij,jhw->ihw", self._matrix, yuv - self._offset).clamp(0, 1)

    def yuv(self, rgb: Tensor) -> Tensor:
        """Convert (3, h, w) of 0-1 to code values 0-255, not rounded."""
        return torch.einsum("ij,jhw->ihw", self._back, rgb) + self._offset


class GeneratedPerformance(Performance):
    """Draws a plan. The generator fills its batches up, so a frame does not depend on how many are
    painted in one call."""

    def __init__(
        self,
        plan: GenerationPlan,
        track: Track,
        mels: Tensor,
        runner: GeneratorRunner,
        converter: YuvRgbConverter,
        size: int,
        summary: PerformanceSummary,
    ) -> None:
        self.plan = plan
        self._track = track
        self._mels = mels
        self._runner = runner
        self._converter = converter
        self._size = size
        self._summary = summary
        self._earlier_warnings = len(runner.warnings)
        self.rows_needed = self._measure_rows_needed()
        """(N,) how many of the lowest rows of each frame's picture must be drawn. The same for all
        frames where rows depend on how many are drawn (``has_stable_rows``), so that no frame
        depends on the others in its batch."""

    @property
    def summary(self) -> PerformanceSummary:
        """Includes what happened while drawing: memory that ran out, values that were not
        finite."""
        notices = tuple(self._runner.warnings[self._earlier_warnings :])
        return replace(self._summary, warnings=self._summary.warnings + notices)

    def region(self, frame: int) -> Box | None:
        return self.plan.boxes[frame]

    @torch.inference_mode()
    def paint(self, frames: Sequence[int], patches: Sequence[Patch]) -> list[Patch]:
        if not frames:
            return []
        faces = self._resize_faces(patches)
        mouths = self._generate(frames, faces, int(self.rows_needed[list(frames)].max()))
        parts = zip(frames, patches, faces, mouths, strict=True)
        return list(self._runner.streams.map(lambda each: self._blend(*each), parts))

    @torch.inference_mode()
    def generate(self, frames: Sequence[int], patches: Sequence[Patch]) -> Tensor:
        """Return what the generator draws for some frames, not blended: (N, 3, s, s) BGR, 0-1."""
        return self._generate(frames, self._resize_faces(patches), self._size)

    def _generate(self, frames: Sequence[int], faces: Tensor, rows: int) -> Tensor:
        windows = cut_windows(self._mels, self.plan.mel_starts[list(frames)])
        return self._runner(windows, _generator_pictures(faces), rows)

    def _resize_faces(self, patches: Sequence[Patch]) -> Tensor:
        """Return (N, 3, s, s) RGB, 0-1: the patches at the generator's size."""
        return torch.stack(list(self._runner.streams.map(self._resize_face, patches)))

    @torch.inference_mode()
    def _resize_face(self, patch: Patch) -> Tensor:
        return self._converter.rgb(resize_patch(patch, self._size))

    @torch.inference_mode()
    def _blend(self, frame: int, patch: Patch, face: Tensor, mouth: Tensor) -> Patch:
        """Return ``patch`` with the generated ``mouth`` (3, rows, s), BGR, blended in."""
        mask = mouth_mask(self._outline(frame).to(self._runner.device), self._size)
        # Rounded to 8 bits and contiguous; otherwise results could differ between batches.
        rgb = (mouth.flip(0).contiguous() * 255).round() / 255
        whole = torch.cat([face[:, : -rgb.shape[1]], rgb], dim=1)
        drawn = self._converter.yuv(match_colours(whole, face, mask))
        return blend_into(patch, drawn, mask * float(self.plan.strength[frame]))

    def _outline(self, frame: int) -> Tensor:
        """Return (K, 2): the mouth's outline in units of the frame's box."""
        box = self.plan.boxes[frame]
        assert box is not None, "a frame without a region is passed through"
        points = self._track.landmarks[self.plan.sources[frame], list(MOUTH_REGION), :2]
        origin = np.array([box.left, box.top], np.float32)
        edges = np.array([box.width, box.height], np.float32)
        return torch.from_numpy(((points - origin) / edges).astype(np.float32))

    def _measure_rows_needed(self) -> NDArray[np.int64]:
        """Return (N,): the rows that each frame's mask needs; 0 for frames that are passed
        through."""
        needed = np.zeros(len(self.plan.boxes), np.int64)
        for frame, box in enumerate(self.plan.boxes):
            if box is not None:
                top = float(self._outline(frame)[:, 1].min())
                needed[frame] = rows_below(top, self._size)
        return (
            needed if self._runner.has_stable_rows else np.full_like(needed, needed.max(initial=0))
        )


def resize_patch(patch: Patch, size: int) -> Tensor:
    """Return float32 (3, size, size): the code values of a patch, luma and chroma at one size."""
    luma, chroma = patch.luma[None].float(), patch.chroma.float()
    return torch.cat([resize_planes(luma, size, size), resize_planes(chroma, size, size)])


def _generator_pictures(faces: Tensor) -> Tensor:
    """Return (N, 6, s, s) of faces (N, 3, s, s) RGB: BGR with the lower half black, and BGR."""
    bgr = faces.flip(1)
    upper = bgr.clone()
    upper[:, :, bgr.shape[2] // 2 :] = 0
    return torch.cat([upper, bgr], dim=1)
