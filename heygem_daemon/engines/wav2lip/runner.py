"""Run a generator fast: with folded batch norms, packed for the device, in batches that fit.

A batch is always filled up to the same size, so a frame is the same whatever frames it is drawn
with. Only running out of memory makes batches smaller for a while, which the report mentions.
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
from heygem_daemon.engines.wav2lip.streams import MAX_STREAMS, Streams, stream_count
from heygem_daemon.errors import WeightsUnavailable

PICTURES_PER_STREAM = 4
"""Pictures that one of several streams draws at a time. More do not fit into the processor's cache,
and make the other streams wait longer for the last one."""
DRIFT_LIMIT = 2 / 255
"""Largest mean difference from float32 in a picture of a job; pictures are 0-1. Twice the limit at
the choice of a type (``dtype_choice.ERROR_LIMIT``), which is measured on noise."""
NO_NUMBERS = "gave values that are not numbers"


@dataclass(frozen=True, slots=True)
class GeneratorMode:
    """How a generator computes."""

    precision: torch.dtype
    batch_size: int
    """Pictures at once, which the streams share."""


class GeneratorRunner:
    """A generator on its device. ``warnings``: sentences for the report, which grow while it
    runs."""

    def __init__(
        self,
        generator: Generator,
        mode: GeneratorMode,
        device: torch.device,
        checkpoint: Path | None = None,
    ) -> None:
        """``checkpoint``: the generator's file, for error messages."""
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
        """The fallback, on the CPU, while a coarser type is in use."""
        self._compared = True
        self._network = self._place_on_device(exact)

    def begin_job(self, pictures: int) -> None:
        """Start a job with at most ``pictures`` at once. Its first picture is compared with the one
        that float32 draws."""
        self.batching.reset(pictures)
        self._compared = False

    def use_cores(self, count: int) -> None:
        """Draw on ``count`` cores of the CPU, at most ``MAX_STREAMS``; on a GPU nothing changes.

        Each core draws pictures of its own: threads that share a picture may round it otherwise.
        """
        streams = min(count, MAX_STREAMS)
        if self.device.type == "cpu" and (streams, streams) != self._streams.shape:
            self._streams.close()
            self._streams = Streams(streams, streams)

    @property
    def pictures_per_stream(self) -> int:
        """How many pictures a stream draws at a time."""
        if self._streams.count == 1:
            return self.batching.size
        return max(1, min(PICTURES_PER_STREAM, self.batching.size // self._streams.count))

    def __call__(self, mels: Tensor, pictures: Tensor, rows: int | None = None) -> Tensor:
        """Draw the lowest ``rows`` of each picture; None: all.

        ``mels`` (N, 1, 80, 16), -4 … 4, and ``pictures`` (N, 6, s, s), BGR 0-1 → float32 (N, 3,
        rows, s), BGR 0-1, on the device. Raises WeightsUnavailable where the network gives values
        that are not numbers.
        """
        given = GeneratorInput(mels, pictures, rows)
        return torch.cat(
            list(self.batching.run(len(pictures), lambda part: self._run(given.select(part))))
        )

    @property
    def has_stable_rows(self) -> bool:
        """Whether rows have the same bits however many are drawn. A GPU may choose another
        algorithm for pictures of another size."""
        return can_pack(self.precision, self.device)

    @property
    def streams(self) -> Streams:
        """The threads that draw; other work on each picture may use them as well."""
        return self._streams

    @property
    def network(self) -> nn.Module:
        """The module that computes on the device."""
        return self._network

    def _run(self, given: "GeneratorInput") -> Tensor:
        drawn = self._draw_in_streams(given)
        fault = self._find_fault(drawn, given)
        return drawn if fault is None else self._redraw_in_float32(fault, given)

    def _find_fault(self, drawn: Tensor, given: "GeneratorInput") -> str | None:
        """Return what is wrong with ``drawn``, as a predicate; None: nothing."""
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

    def _draw_in_streams(self, given: "GeneratorInput") -> Tensor:
        starts = range(0, len(given), self.pictures_per_stream)
        parts = [given.select(slice(start, start + self.pictures_per_stream)) for start in starts]
        return torch.cat(list(self._streams.map(self._forward, parts)))

    def _forward(self, given: "GeneratorInput") -> Tensor:
        whole = given.pad_to(self.pictures_per_stream).to(self.device, self.precision)
        with torch.inference_mode():
            drawn: Tensor = self._network(whole.mels, whole.pictures, whole.rows)
        return drawn[: len(given)].float()

    def _redraw_in_float32(self, fault: str, given: "GeneratorInput") -> Tensor:
        """Draw again in float32, and keep to float32. Raises WeightsUnavailable where that
        fails."""
        if self._float32_generator is not None:
            self.warnings.append(
                f"The network {fault} in {dtype_name(self.precision)}; it goes on in float32."
            )
            self.precision = torch.float32
            self._network = self._place_on_device(self._float32_generator)
            self._float32_generator = None
            drawn = self._draw_in_streams(given)
            if bool(drawn.isfinite().all()):
                return drawn
        raise WeightsUnavailable(
            f"{self._source}The checkpoint draws values that are not numbers, also in float32: "
            "it is damaged."
        )

    def _place_on_device(self, exact: Generator) -> Generator:
        """Return ``exact``, folded and in float32, in this runner's precision on its device."""
        if can_pack(self.precision, self.device):
            return pack_generator(exact, self.precision, self.pictures_per_stream)
        placed = copy.deepcopy(exact).to(self.device, self.precision)
        for weight in placed.parameters():
            if weight.ndim == 4:
                weight.data = weight.data.contiguous(memory_format=torch.channels_last)
        return placed


def fold_batch_norms(generator: Generator) -> Generator:
    """Return a copy of ``generator`` with each batch norm folded into its convolution."""
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
    """What the network draws from."""

    mels: Tensor
    """(N, 1, 80, 16) mel windows, -4 … 4."""
    pictures: Tensor
    """(N, 6, s, s) BGR, 0-1."""
    rows: int | None
    """How many of the lowest rows to draw; None: all."""

    def __len__(self) -> int:
        return len(self.pictures)

    def select(self, part: slice) -> "GeneratorInput":
        """Return some of the pictures."""
        return GeneratorInput(self.mels[part], self.pictures[part], self.rows)

    def pad_to(self, count: int) -> "GeneratorInput":
        """Return ``count`` pictures: the last one is repeated where there are fewer."""
        return GeneratorInput(_padded(self.mels, count), _padded(self.pictures, count), self.rows)

    def to(self, device: torch.device | str, precision: torch.dtype) -> "GeneratorInput":
        """Return the input as the network reads it: pictures with their channels last."""
        pictures = self.pictures.to(device, precision, memory_format=torch.channels_last)
        return GeneratorInput(self.mels.to(device, precision), pictures, self.rows)


def _padded(values: Tensor, count: int) -> Tensor:
    missing = count - len(values)
    if missing <= 0:
        return values
    return torch.cat([values, values[-1:].expand(missing, *values.shape[1:])])
