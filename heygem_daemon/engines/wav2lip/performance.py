"""How a Wav2Lip checkpoint speaks one sound with one face."""

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
    """What is decided for each of N output frames.

    ``sources``: (N,) source picture; ``boxes``: face box or None; ``strength``: (N,) 0 untouched
    … 1; ``steps``: (N,) the mel frame at which its window begins.
    """

    sources: NDArray[np.int32]
    boxes: list[Box | None]
    strength: NDArray[np.float32]
    mel_starts: NDArray[np.int64]


class YuvRgbConverter:
    """From code values of YUV to RGB of 0-1 and back, on a device."""

    def __init__(self, tags: ColourTags, height: int, device: torch.device) -> None:
        matrix, offset = rgb_from_yuv(tags, height)
        back, _ = yuv_from_rgb(tags, height)
        self._matrix = torch.from_numpy(matrix / np.float32(255)).to(device)
        self._back = torch.from_numpy(back * np.float32(255)).to(device)
        self._offset = torch.from_numpy(offset).to(device)[:, None, None]

    def rgb(self, yuv: Tensor) -> Tensor:
        """(3, h, w) code values → 0-1, clipped."""
        return torch.einsum("ij,jhw->ihw", self._matrix, yuv - self._offset).clamp(0, 1)

    def yuv(self, rgb: Tensor) -> Tensor:
        """(3, h, w) 0-1 → code values 0-255."""
        return torch.einsum("ij,jhw->ihw", self._back, rgb) + self._offset


class GeneratedPerformance(Performance):
    """Draws a script. The generator fills its batches up, so how many frames are asked for at a
    time makes no difference to any of them."""

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
        """(N,) of each frame's generated picture, the lowest rows that must be drawn. Where more
        would change them the same for all, so that no frame depends on which others are drawn
        beside it."""

    @property
    def summary(self) -> PerformanceSummary:
        """Also says what happened while drawing: memory that ran out, numbers that went wrong."""
        notices = tuple(self._runner.warnings[self._earlier_warnings :])
        return replace(self._summary, warnings=self._summary.warnings + notices)

    def region(self, frame: int) -> Box | None:
        return self.plan.boxes[frame]

    @torch.inference_mode()
    def paint(self, frames: Sequence[int], patches: Sequence[Patch]) -> list[Patch]:
        if not frames:
            return []
        faces = self._faces(patches)
        mouths = self._generate(frames, faces, int(self.rows_needed[list(frames)].max()))
        given = zip(frames, patches, faces, mouths, strict=True)
        return list(self._runner.streams.map(lambda each: self._blended(*each), given))

    @torch.inference_mode()
    def generate(self, frames: Sequence[int], patches: Sequence[Patch]) -> Tensor:
        """What the generator makes of some frames: (N, 3, s, s) BGR, 0-1, not blended yet."""
        return self._generate(frames, self._faces(patches), self._size)

    def _generate(self, frames: Sequence[int], faces: Tensor, rows: int) -> Tensor:
        heard = cut_windows(self._mels, self.plan.mel_starts[list(frames)])
        return self._runner(heard, _masked(faces), rows)

    def _faces(self, patches: Sequence[Patch]) -> Tensor:
        """(N, 3, s, s) RGB, 0-1: the patches at the generator's size."""
        return torch.stack(list(self._runner.streams.map(self._face, patches)))

    @torch.inference_mode()
    def _face(self, patch: Patch) -> Tensor:
        return self._converter.rgb(resize_patch(patch, self._size))

    @torch.inference_mode()
    def _blended(self, frame: int, patch: Patch, face: Tensor, mouth: Tensor) -> Patch:
        """``patch`` with the generated ``mouth`` (3, rows, s; BGR) laid in."""
        mask = mouth_mask(self._outline(frame).to(self._runner.device), self._size)
        # What a picture of 8 bits can hold, in one order in memory: else batches could differ by
        # rounding.
        rgb = (mouth.flip(0).contiguous() * 255).round() / 255
        whole = torch.cat([face[:, : -rgb.shape[1]], rgb], dim=1)
        drawn = self._converter.yuv(match_colours(whole, face, mask))
        return blend_into(patch, drawn, mask * float(self.plan.strength[frame]))

    def _outline(self, frame: int) -> Tensor:
        """(K, 2) the mouth's region in units of the frame's box."""
        box = self.plan.boxes[frame]
        assert box is not None, "a frame without a region is passed through"
        points = self._track.landmarks[self.plan.sources[frame], list(MOUTH_REGION), :2]
        origin = np.array([box.left, box.top], np.float32)
        edges = np.array([box.width, box.height], np.float32)
        return torch.from_numpy(((points - origin) / edges).astype(np.float32))

    def _measure_rows_needed(self) -> NDArray[np.int64]:
        """What the mask of each frame lets through; none of frames that pass through."""
        needed = np.zeros(len(self.plan.boxes), np.int64)
        for frame, box in enumerate(self.plan.boxes):
            if box is not None:
                top = float(self._outline(frame)[:, 1].min())
                needed[frame] = rows_below(top, self._size)
        return (
            needed if self._runner.has_stable_rows else np.full_like(needed, needed.max(initial=0))
        )


def resize_patch(patch: Patch, size: int) -> Tensor:
    """Float32 (3, size, size): the code values of a patch, luma and chroma at one size."""
    luma, chroma = patch.luma[None].float(), patch.chroma.float()
    return torch.cat([resize_planes(luma, size, size), resize_planes(chroma, size, size)])


def _masked(faces: Tensor) -> Tensor:
    """(N, 3, s, s) RGB → (N, 6, s, s): in BGR the face with its lower half black, and the face."""
    bgr = faces.flip(1)
    upper = bgr.clone()
    upper[:, :, bgr.shape[2] // 2 :] = 0
    return torch.cat([upper, bgr], dim=1)
