"""Which layout the channels of a sound have, and in which layout AAC keeps all of them. Pure."""

import av

FULL_RANGE = {3: "3.0", 6: "hexagonal", 7: "7.0", 8: "octagonal"}
"""Layouts without a channel for low frequencies (LFE), by number of channels. AAC keeps of an LFE
channel only what lies below about 250 Hz."""
AAC_NAMES = {
    "downmix": "stereo",
    "3.0(back)": "3.0",
    "quad(side)": "quad",
    "5.0(side)": "5.0",
    "5.1(side)": "5.1",
    "6.0(front)": "6.0",
}
"""Layouts that AAC names differently. The channels keep their order."""
AAC_LAYOUTS = frozenset(
    {"mono", "stereo", "2.1", "3.0", "3.1", "4.0", "quad", "4.1", "5.0", "5.1", "6.0", "hexagonal"}
    | {"6.1", "6.1(back)", "6.1(front)", "7.0", "7.0(front)", "7.1", "7.1(wide)"}
    | {"7.1(wide-side)", "octagonal"}
)
"""What FFmpeg's AAC encoder takes (``aacenc.c``), tried with each."""


def is_unordered(layout: str) -> bool:
    """Whether FFmpeg's name of a layout says only how many channels there are: '2 channels'."""
    return layout.endswith(("channels", "channel"))


def resolve_layout(layout: str, channels: int) -> str:
    """Return the layout, or FFmpeg's default one by channel count where the file gives none.

    Where there is no default, the name stays without an order.
    """
    if not is_unordered(layout):
        return layout
    try:
        return av.AudioLayout(f"{channels}c").name
    except ValueError:
        return layout


def low_frequency_channel(layout: str) -> int | None:
    """Return the index of the layout's LFE channel; None where it has none."""
    names = [] if is_unordered(layout) else [each.name for each in av.AudioLayout(layout).channels]
    return names.index("LFE") if "LFE" in names else None


def aac_layout(layout: str, channels: int, full_range_lfe: bool) -> str | None:
    """Return the layout in which AAC keeps all channels; None where there is none.

    ``layout``: as the file gives it. ``full_range_lfe``: whether what would be the LFE channel
    holds more than low frequencies. Tracks of a recorder without a given layout are then published
    in a layout without LFE.
    """
    if is_unordered(layout) and full_range_lfe and channels in FULL_RANGE:
        return FULL_RANGE[channels]
    resolved = resolve_layout(layout, channels)
    resolved = AAC_NAMES.get(resolved, resolved)
    return resolved if resolved in AAC_LAYOUTS else None
