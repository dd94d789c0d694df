"""Run a generator fast: batch norm folded away, laid out for the device, in batches that fit.

The batch is always filled up to the same size, so a frame comes out the same whatever frames it
is drawn with. Only running out of memory makes it smaller for a while; that is said in the report.
"""

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from heygem_daemon.batching import Batching
from heygem_daemon.engines.precision import name_of
from heygem_daemon.engines.wav2lip.network import Block, Generator
from heygem_daemon.engines.wav2lip.packed import packable, packed
from heygem_daemon.engines.wav2lip.streams import Streams, streams_for
from heygem_daemon.errors import WeightsUnavailable

DRIFT_LIMIT = 2 / 255
"""Largest mean difference from float32 in a picture of a job; pictures are 0-1. Twice what a type
may make when it is chosen, on noise."""
NO_NUMBERS = "gave values that are not numbers"


@dataclass(frozen=True, slots=True)
class Pace:
    """How to compute: the type of the numbers, and pictures at once, which streams share."""

    precision: torch.dtype
    batch: int


class Runner:
    """A generator on its device. ``notices``: what the report should say of the running."""

    def __init__(self, generator: Generator, pace: Pace, device: torch.device) -> None:
        self.precision = pace.precision
        self.device = device
        self.notices: list[str] = []
        self.batching = Batching(
            pace.batch, relieve=torch.cuda.empty_cache, tell=self.notices.append
        )
        self._streams = Streams(streams_for(device))
        exact = folded(generator)
        self._exact = exact if pace.precision != torch.float32 else None
        """Kept on the CPU while a coarser type is in use, to go back to."""
        self._compared = True
        self._network = self._placed(exact)

    def begin(self, pictures: int) -> None:
        """Begin a job with no more than ``pictures`` at once; its first picture is compared with
        what float32 draws."""
        self.batching.begin(pictures)
        self._compared = False

    @property
    def share(self) -> int:
        """Pictures in each stream's batch."""
        return max(1, self.batching.size // self._streams.count)

    def __call__(self, mels: Tensor, pictures: Tensor) -> Tensor:
        """(N, 1, 80, 16) and (N, 6, s, s), 0-1 → float32 (N, 3, s, s), 0-1, on the device.

        Raises WeightsUnavailable where the network gives values that are not numbers.
        """
        return torch.cat(
            list(self.batching.run(len(pictures), lambda k: self._run(mels[k], pictures[k])))
        )

    @property
    def network(self) -> nn.Module:
        """What computes on the device."""
        return self._network

    def _run(self, mels: Tensor, pictures: Tensor) -> Tensor:
        drawn = self._side_by_side(mels, pictures)
        fault = self._fault(drawn, mels, pictures)
        return drawn if fault is None else self._exactly(fault, mels, pictures)

    def _fault(self, drawn: Tensor, mels: Tensor, pictures: Tensor) -> str | None:
        if not bool(drawn.isfinite().all()):
            return NO_NUMBERS
        if self._exact is None or self._compared:
            return None
        self._compared = True
        with torch.inference_mode():
            truth = self._exact(mels[:1].float().cpu(), pictures[:1].float().cpu())
        error = float((drawn[:1].cpu() - truth).abs().mean())
        return None if error <= DRIFT_LIMIT else f"was off by {255 * error:.1f} code values"

    def _side_by_side(self, mels: Tensor, pictures: Tensor) -> Tensor:
        starts = range(0, len(pictures), self.share)
        parts = [slice(start, start + self.share) for start in starts]
        drawn = self._streams.each(lambda part: self._forward(mels[part], pictures[part]), parts)
        return torch.cat(list(drawn))

    def _forward(self, mels: Tensor, pictures: Tensor) -> Tensor:
        count = len(pictures)
        missing = self.share - count
        mels, pictures = _filled(mels, missing), _filled(pictures, missing)
        pictures = pictures.to(self.device, self.precision, memory_format=torch.channels_last)
        with torch.inference_mode():
            drawn: Tensor = self._network(mels.to(self.device, self.precision), pictures)
        return drawn[:count].float()

    def _exactly(self, fault: str, mels: Tensor, pictures: Tensor) -> Tensor:
        """Once more in float32, and from now on."""
        if self._exact is not None:
            self.notices.append(
                f"The network {fault} in {name_of(self.precision)}; it goes on in float32."
            )
            self.precision = torch.float32
            self._network = self._placed(self._exact)
            self._exact = None
            drawn = self._side_by_side(mels, pictures)
            if bool(drawn.isfinite().all()):
                return drawn
        raise WeightsUnavailable(
            "The checkpoint draws values that are not numbers, also in float32: it is damaged."
        )

    def _placed(self, exact: Generator) -> Generator:
        """``exact``, folded and in float32, in our precision on our device."""
        if packable(self.precision, self.device):
            return packed(exact, self.precision, self.share)
        placed = copy.deepcopy(exact).to(self.device, self.precision)
        for weight in placed.parameters():
            if weight.ndim == 4:
                weight.data = weight.data.contiguous(memory_format=torch.channels_last)
        return placed


def folded(generator: Generator) -> Generator:
    """A copy of ``generator`` whose convolutions have taken in their batch norm."""
    plain = copy.deepcopy(generator)
    for block in [module for module in plain.modules() if isinstance(module, Block)]:
        convolution, norm = block.conv_block
        assert isinstance(norm, nn.BatchNorm2d)
        if isinstance(convolution, nn.ConvTranspose2d):
            merged: nn.Module = fuse_conv_bn_eval(convolution, norm, transpose=True)
        else:
            assert isinstance(convolution, nn.Conv2d)
            merged = fuse_conv_bn_eval(convolution, norm)
        block.conv_block = nn.Sequential(merged)
    return plain.requires_grad_(False)


def _filled(values: Tensor, missing: int) -> Tensor:
    """``values`` with its last row repeated ``missing`` times."""
    if missing <= 0:
        return values
    return torch.cat([values, values[-1:].expand(missing, *values.shape[1:])])
