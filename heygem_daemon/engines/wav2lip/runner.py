"""Run a generator fast: batch norm folded away, laid out for the device, in batches that fit.

The batch is always filled up to the same size, so a frame comes out the same whatever frames it
is drawn with. Only running out of memory makes it smaller for a while; that is said in the report.
"""

import copy
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from heygem_daemon.device.batching import BatchSizer
from heygem_daemon.device.precision import dtype_name
from heygem_daemon.engines.wav2lip.network import ConvBlock, Generator
from heygem_daemon.engines.wav2lip.packed import can_pack, pack_generator
from heygem_daemon.engines.wav2lip.streams import Streams, stream_count
from heygem_daemon.errors import WeightsUnavailable

PICTURES_PER_STREAM = 4
"""Pictures that one of several streams draws at a time. More only drive the layers' results out of
the processor's cache, and leave the others waiting for the last."""
DRIFT_LIMIT = 2 / 255
"""Largest mean difference from float32 in a picture of a job; pictures are 0-1. Twice what a type
may make when it is chosen, on noise."""
NO_NUMBERS = "gave values that are not numbers"


@dataclass(frozen=True, slots=True)
class GeneratorMode:
    """How to compute: the type of the numbers, and pictures at once, which streams share."""

    precision: torch.dtype
    batch_size: int


class GeneratorRunner:
    """A generator on its device. ``notices``: what the report should say of the running."""

    def __init__(
        self,
        generator: Generator,
        mode: GeneratorMode,
        device: torch.device,
        checkpoint: Path | None = None,
    ) -> None:
        """``checkpoint``: the generator's file, which an error then names."""
        self._source = f"{checkpoint}: " if checkpoint else ""
        self.precision = mode.precision
        self.device = device
        self.warnings: list[str] = []
        self.batching = BatchSizer(
            mode.batch_size, release_memory=torch.cuda.empty_cache, report=self.warnings.append
        )
        self._streams = Streams(stream_count(device))
        exact = fold_batch_norms(generator)
        self._float32_generator = exact if mode.precision != torch.float32 else None
        """Kept on the CPU while a coarser type is in use, to go back to."""
        self._compared = True
        self._network = self._place_on_device(exact)

    def begin_job(self, pictures: int) -> None:
        """Begin a job with no more than ``pictures`` at once; its first picture is compared with
        what float32 draws."""
        self.batching.reset(pictures)
        self._compared = False

    @property
    def pictures_per_stream(self) -> int:
        """Pictures that a stream draws at a time."""
        if self._streams.count == 1:
            return self.batching.size
        return max(1, min(PICTURES_PER_STREAM, self.batching.size // self._streams.count))

    def __call__(self, mels: Tensor, pictures: Tensor, rows: int | None = None) -> Tensor:
        """(N, 1, 80, 16) and (N, 6, s, s), 0-1 → float32 (N, 3, rows, s), 0-1, on the device:
        the lowest ``rows`` of each picture, all of them for None.

        Raises WeightsUnavailable where the network gives values that are not numbers.
        """
        given = GeneratorInput(mels, pictures, rows)
        return torch.cat(
            list(self.batching.run(len(pictures), lambda part: self._run(given.select(part))))
        )

    @property
    def has_stable_rows(self) -> bool:
        """Whether rows are the same to the last bit however many are drawn. A GPU may choose
        another way to compute for pictures of another size."""
        return can_pack(self.precision, self.device)

    @property
    def streams(self) -> Streams:
        """The threads that draw, also for what is done around the network to each picture."""
        return self._streams

    @property
    def network(self) -> nn.Module:
        """What computes on the device."""
        return self._network

    def _run(self, given: "GeneratorInput") -> Tensor:
        drawn = self._side_by_side(given)
        fault = self._fault(drawn, given)
        return drawn if fault is None else self._redraw_in_float32(fault, given)

    def _fault(self, drawn: Tensor, given: "GeneratorInput") -> str | None:
        if not bool(drawn.isfinite().all()):
            return NO_NUMBERS
        if self._float32_generator is None or self._compared:
            return None
        self._compared = True
        first = given.select(slice(0, 1)).to("cpu", torch.float32)
        with torch.inference_mode():
            truth = self._float32_generator(first.mels, first.pictures, first.rows)
        error = float((drawn[:1].cpu() - truth).abs().mean())
        return None if error <= DRIFT_LIMIT else f"was off by {255 * error:.1f} code values"

    def _side_by_side(self, given: "GeneratorInput") -> Tensor:
        starts = range(0, len(given), self.pictures_per_stream)
        parts = [given.select(slice(start, start + self.pictures_per_stream)) for start in starts]
        return torch.cat(list(self._streams.map(self._forward, parts)))

    def _forward(self, given: "GeneratorInput") -> Tensor:
        whole = given.pad_to(self.pictures_per_stream).to(self.device, self.precision)
        with torch.inference_mode():
            drawn: Tensor = self._network(whole.mels, whole.pictures, whole.rows)
        return drawn[: len(given)].float()

    def _redraw_in_float32(self, fault: str, given: "GeneratorInput") -> Tensor:
        """Once more in float32, and from now on."""
        if self._float32_generator is not None:
            self.warnings.append(
                f"The network {fault} in {dtype_name(self.precision)}; it goes on in float32."
            )
            self.precision = torch.float32
            self._network = self._place_on_device(self._float32_generator)
            self._float32_generator = None
            drawn = self._side_by_side(given)
            if bool(drawn.isfinite().all()):
                return drawn
        raise WeightsUnavailable(
            f"{self._source}The checkpoint draws values that are not numbers, also in float32: "
            "it is damaged."
        )

    def _place_on_device(self, exact: Generator) -> Generator:
        """``exact``, folded and in float32, in our precision on our device."""
        if can_pack(self.precision, self.device):
            return pack_generator(exact, self.precision, self.pictures_per_stream)
        placed = copy.deepcopy(exact).to(self.device, self.precision)
        for weight in placed.parameters():
            if weight.ndim == 4:
                weight.data = weight.data.contiguous(memory_format=torch.channels_last)
        return placed


def fold_batch_norms(generator: Generator) -> Generator:
    """A copy of ``generator`` whose convolutions have taken in their batch norm."""
    plain = copy.deepcopy(generator)
    for block in [module for module in plain.modules() if isinstance(module, ConvBlock)]:
        convolution, norm = block.conv_block
        assert isinstance(norm, nn.BatchNorm2d)
        if isinstance(convolution, nn.ConvTranspose2d):
            merged: nn.Module = fuse_conv_bn_eval(convolution, norm, transpose=True)
        else:
            assert isinstance(convolution, nn.Conv2d)
            merged = fuse_conv_bn_eval(convolution, norm)
        block.conv_block = nn.Sequential(merged)
    return plain.requires_grad_(False)


@dataclass(frozen=True, slots=True)
class GeneratorInput:
    """What the network is to draw: mel windows (N, 1, 80, 16), pictures (N, 6, s, s), and how many
    of the lowest rows."""

    mels: Tensor
    pictures: Tensor
    rows: int | None

    def __len__(self) -> int:
        return len(self.pictures)

    def select(self, part: slice) -> "GeneratorInput":
        return GeneratorInput(self.mels[part], self.pictures[part], self.rows)

    def pad_to(self, count: int) -> "GeneratorInput":
        """``count`` of them: the last one repeated where there are fewer."""
        return GeneratorInput(_filled(self.mels, count), _filled(self.pictures, count), self.rows)

    def to(self, device: torch.device | str, precision: torch.dtype) -> "GeneratorInput":
        """As the network reads them: pictures with their channels last."""
        pictures = self.pictures.to(device, precision, memory_format=torch.channels_last)
        return GeneratorInput(self.mels.to(device, precision), pictures, self.rows)


def _filled(values: Tensor, count: int) -> Tensor:
    missing = count - len(values)
    if missing <= 0:
        return values
    return torch.cat([values, values[-1:].expand(missing, *values.shape[1:])])
