"""The inside of a mouth nobody has seen open: a dark cavity, upper teeth, a tongue."""

from dataclasses import dataclass

import torch

_DARK, _TEETH, _TONGUE = 0.10, 0.92, 0.40
"""Brightness over that of the skin around the mouth, above black."""
_TEETH_EDGE = 0.30
"""How far down the opening of a wide mouth the upper teeth reach."""


@dataclass(frozen=True, slots=True)
class Tone:
    """``skin``: (3,) mean Y, U, V of the skin around the mouth; ``black``: the code of black."""

    skin: torch.Tensor
    black: float


def paint_cavity(along: torch.Tensor, down: torch.Tensor, tone: Tone) -> torch.Tensor:
    """Y, U, V (3, h, w) of an open mouth.

    ``along``: (h, w), -1 at the left corner of the mouth, 1 at the right one; ``down``: (h, w),
    0 at the upper lip, 1 at the lower lip.
    """
    edge = _TEETH_EDGE * (1 - 0.6 * along**2)
    teeth = torch.sigmoid((edge - down) * 28) * torch.sigmoid((0.72 - along.abs()) * 18)
    gaps = 0.06 * torch.cos(along * 3.1416 * 7.0) ** 8
    tongue = torch.sigmoid((down - 0.62 - 0.25 * along**2) * 14) * (1 - teeth)
    shade = 1 - 0.45 * along.abs()
    luma = _DARK + (_TEETH * shade - gaps - _DARK) * teeth + (_TONGUE * shade - _DARK) * tongue
    luma = luma * (0.75 + 0.25 * torch.sigmoid((down - 0.08) * 40))
    skin = tone.skin - 128
    # Teeth are nearly grey, the tongue redder than the skin, the dark has little colour.
    amount = 0.55 + 0.75 * tongue - 0.25 * teeth
    y = tone.black + (tone.skin[0] - tone.black) * luma
    return torch.stack([y, 128 + skin[1] * amount, 128 + skin[2] * amount])
