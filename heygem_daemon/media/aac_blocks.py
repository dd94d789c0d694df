"""Put blocks of AAC together from blocks that hold one channel each. Pure.

The syntax: ISO/IEC 14496-3, 4.4.2. A block of FFmpeg's AAC is a row of elements of one or two
channels; which ones in which order is fixed for each layout (``aacenctab.h``), and the header of
the stream says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import av

SINGLE, PAIR, LOW, END = 0b000, 0b001, 0b011, 0b111
"""Names of elements, 3 bits: one channel, two channels, low frequencies alone, end."""
HEAD_BITS = 7
"""Name and number of an element."""
GAIN_BITS = 8
"""The gain of a channel, its first bits."""
SILENT_PAIR_BITS = HEAD_BITS + 1 + 11 + 2 + 2 * 11
"""A pair of silent channels, as FFmpeg writes it: head, that the channels share a window, the
window, which bands they share, and for each channel gain and three flags."""

ELEMENTS = {
    "mono": "FC",
    "stereo": "FL+FR",
    "2.1": "FL+FR (LFE)",
    "3.0": "FC FL+FR",
    "3.1": "FL+FR FC (LFE)",
    "4.0": "FC FL+FR BC",
    "quad": "FL+FR BL+BR",
    "4.1": "FL+FR FC LFE BC",
    "5.0": "FC FL+FR BL+BR",
    "5.1": "FC FL+FR BL+BR (LFE)",
    "6.0": "FL+FR FC BC+SL SR",
    "hexagonal": "FL+FR FC BL+BR BC",
    "6.1": "FL+FR FC LFE BC+SL SR",
    "6.1(back)": "FL+FR FC LFE BL+BR BC",
    "6.1(front)": "FL+FR LFE FLC FRC+SL SR",
    "7.0": "FL+FR FC BL+BR SL+SR",
    "7.0(front)": "FL+FR FC FLC+FRC SL+SR",
    "7.1": "FC FL+FR SL+SR BL+BR (LFE)",
    "7.1(wide)": "FL+FR FC LFE BL+BR FLC+FRC",
    "7.1(wide-side)": "FL+FR FC LFE FLC+FRC SL+SR",
    "octagonal": "FL+FR FC BL+BR BC+SL SR",
}
"""The elements of each layout that FFmpeg's encoder takes, tried with each. In brackets: an element
of low frequencies, of which the format keeps the lowest 12 of 1024 bands. What FFmpeg writes as a
channel like any other keeps all its frequencies, also where its name is LFE."""


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a block."""

    channels: tuple[int, ...]
    """Indices of its channels in the layout: one or two."""
    is_low: bool
    """Whether it holds low frequencies alone."""

    @property
    def name(self) -> int:
        """Its name in the block."""
        if self.is_low:
            return LOW
        return PAIR if len(self.channels) == 2 else SINGLE


def elements(layout: str) -> tuple[Element, ...]:
    """Return the elements of a layout of ``ELEMENTS``, in their order."""
    names = [each.name for each in av.AudioLayout(layout).channels]
    return tuple(
        Element(tuple(names.index(name) for name in text.strip("()").split("+")), text[0] == "(")
        for text in ELEMENTS[layout].split()
    )


def join_channels(blocks: Sequence[bytes], layout: str, gain_steps: int) -> bytes:
    """Return one block with the channels of ``layout``, ``gain_steps`` louder.

    ``blocks``: one for each channel, as FFmpeg's encoder writes them for mono; a channel of low
    frequencies alone as it writes them for 2.1 where the other two channels are silent. A step is
    2^¼. Raises ValueError for blocks that are not so.
    """
    joined, length = 1, 0
    counts = dict.fromkeys((SINGLE, PAIR, LOW), 0)
    for element in elements(layout):
        parts = [(element.name << 4 | counts[element.name], HEAD_BITS)]
        counts[element.name] += 1
        if len(element.channels) == 2:
            parts.append((0, 1))  # The two channels have nothing in common.
        for channel in element.channels:
            coded = _channel_bits(blocks[channel], is_low=element.is_low)
            parts.append(_raise_gain(*coded, gain_steps))
        for value, count in parts:
            joined, length = joined << count | value, length + count
    joined, length = joined << 3 | END, length + 3
    padding = -length % 8
    whole = (joined << padding) - (1 << (length + padding))
    return whole.to_bytes((length + padding) // 8, "big")


def _channel_bits(block: bytes, *, is_low: bool) -> tuple[int, int]:
    """Return the channel's part of a block: its bits, and how many."""
    value, length = int.from_bytes(block, "big"), 8 * len(block)
    padding = (value & -value).bit_length() - 1
    shortest = HEAD_BITS + GAIN_BITS + 3 + (SILENT_PAIR_BITS if is_low else 0)
    if length < shortest or value >> max(0, padding) & 7 != END or padding > 7:
        raise ValueError("an AAC block that is cut off")
    if is_low:
        if value >> (length - HEAD_BITS) != PAIR << 4:
            raise ValueError("an AAC block that does not begin with a pair")
        length -= SILENT_PAIR_BITS
        value &= (1 << length) - 1
    if value >> (length - HEAD_BITS) != (LOW if is_low else SINGLE) << 4:
        raise ValueError("not an AAC block of one channel alone")
    count = length - HEAD_BITS - 3 - padding
    return value >> (padding + 3) & (1 << count) - 1, count


def _raise_gain(bits: int, count: int, steps: int) -> tuple[int, int]:
    """Raise ``global_gain``."""
    gain = bits >> (count - GAIN_BITS)
    return bits + ((min(255, gain + steps) - gain) << (count - GAIN_BITS)), count
