"""Read how bright an HDR video gets, from what its frames say of it (SMPTE ST 2086, CTA-861.3)."""

import struct
from dataclasses import dataclass

from av import VideoFrame
from av.sidedata.sidedata import SideDataContainer, Type

from heygem_daemon.media.side_data import side_data_of

MASTERING = struct.Struct("=20i")
"""FFmpeg's AVMasteringDisplayMetadata: x and y of red, green, blue and white, least and most light,
each as numerator and denominator."""
MASTERING_FLAGS = struct.Struct("=2i")
"""The rest of it: whether the primaries, and whether the light are known."""
CONTENT_LIGHT = struct.Struct("=2I")
"""FFmpeg's AVContentLightMetadata: MaxCLL and MaxFALL, cd/m²."""
LOWEST_PEAK, HIGHEST_PEAK = 100.0, 10_000.0
"""What a peak can be, cd/m²; other values are mistakes."""


@dataclass(frozen=True, slots=True)
class LightMetadata:
    """What an HDR video says of its light; None where it says nothing."""

    mastering: tuple[tuple[int, int], ...] | None = None
    """Red, green, blue and white, x and y of each, then least and most light: ten ratios."""
    content: tuple[int, int] | None = None
    """MaxCLL and MaxFALL, cd/m²."""

    @property
    def peak(self) -> float | None:
        """The brightest light in cd/m²: of the content, else of the mastering display."""
        stated = [float(self.content[0])] if self.content else []
        if self.mastering is not None:
            numerator, denominator = self.mastering[-1]
            stated.append(numerator / denominator if denominator else 0.0)
        return next((peak for peak in stated if LOWEST_PEAK <= peak <= HIGHEST_PEAK), None)

    @property
    def x265_params(self) -> list[str]:
        """x265's parameters that write it: chromaticities in 0.00002, light in 0.0001 cd/m²."""
        params = []
        if self.mastering is not None:
            red_x, red_y, green_x, green_y, blue_x, blue_y, white_x, white_y = (
                _in_units(ratio, 50_000) for ratio in self.mastering[:8]
            )
            least, most = (_in_units(ratio, 10_000) for ratio in self.mastering[8:])
            params.append(
                f"master-display=G({green_x},{green_y})B({blue_x},{blue_y})R({red_x},{red_y})"
                f"WP({white_x},{white_y})L({most},{least})"
            )
        if self.content is not None:
            params.append(f"max-cll={self.content[0]},{self.content[1]}")
        return params


NO_METADATA = LightMetadata()


def _in_units(ratio: tuple[int, int], units: int) -> int:
    """Return a ratio as a number of 1/``units``; 0 where it is no number of that kind."""
    numerator, denominator = ratio
    value = round(units * numerator / denominator) if denominator else 0
    return value if 0 <= value < 1 << 32 else 0


def light_metadata_of(frame: VideoFrame) -> LightMetadata:
    """Return what a decoded frame says of its light."""
    kinds = {Type.MASTERING_DISPLAY_METADATA, Type.CONTENT_LIGHT_LEVEL}
    found = side_data_of(frame, kinds)
    mastering = content = None
    data = _bytes_of(found, Type.MASTERING_DISPLAY_METADATA)
    if len(data) >= MASTERING.size + 8:
        numbers = MASTERING.unpack_from(data)
        has_primaries, has_light = MASTERING_FLAGS.unpack_from(data, MASTERING.size)
        ratios = tuple(zip(numbers[::2], numbers[1::2], strict=True))
        mastering = ratios if has_primaries and has_light else None
    data = _bytes_of(found, Type.CONTENT_LIGHT_LEVEL)
    if len(data) >= CONTENT_LIGHT.size:
        brightest, mean = CONTENT_LIGHT.unpack_from(data)
        content = (brightest, mean) if brightest else None
    return LightMetadata(mastering, content)


def _bytes_of(found: SideDataContainer, kind: Type) -> bytes:
    # Iteration yields the items in PyAV 18, and their types in PyAV 19.
    try:
        return bytes(found[kind])
    except KeyError:
        return b""
