"""The inside of a mouth nobody has seen open: a dark cavity, upper teeth, a tongue.

All sizes are those of real teeth (W. B. Ash, Dental Anatomy: an upper incisor is 8.5 mm wide) over
the distance of the outer eye corners (90 mm): the teeth keep their size whatever the lips do.
"""

from dataclasses import dataclass

import torch

_DARK, _TEETH, _TONGUE = 0.12, 0.95, 0.48
"""Brightness over that of the skin around the mouth, above black."""
_TINTS = {"dark": (1.0, 3.0), "teeth": (0.7, 0.55), "tongue": (0.5, 1.7)}
"""Blue and red difference over the skin's, at the skin's brightness."""
_INCISOR = 0.085
"""Width of an upper incisor, IOD; the arch turns the teeth beside it away."""
_ARCH = 0.21
"""Half width of the visible arch of teeth, IOD."""
_SHOWN = 0.058
"""How far the upper teeth reach below the lip, IOD."""
_LIP_SHADE = 0.05
"""Depth of the upper lip's shadow on them, IOD."""
_FULL_LIGHT = 0.14
"""Gap between the lips from which the light falls in freely, IOD."""


@dataclass(frozen=True, slots=True)
class SkinTone:
    """``skin``: (3,) mean Y, U, V of the skin around the mouth; ``black``: the code of black."""

    skin: torch.Tensor
    black: float


def paint_cavity(
    x: torch.Tensor, depth: torch.Tensor, gap: torch.Tensor, tone: SkinTone
) -> torch.Tensor:
    """Y, U, V (3, h, w) of an open mouth.

    All (h, w), IOD: ``x`` from the middle of the mouth, ``down`` from the upper lip; ``gap``
    between the lips.
    """
    light = 0.7 + 0.3 * _smooth(gap.amax() / _FULL_LIGHT)
    side = (x.abs() / _ARCH).clamp(0, 1)
    teeth, shade = _teeth(x, depth, side)
    tongue = _smooth((depth - gap + 0.085) / 0.06) * _smooth((1 - side) * 2) * (1 - teeth)
    dark = 1 - teeth - tongue
    parts = {
        "dark": _DARK * dark,
        "teeth": _TEETH * light * shade * teeth,
        "tongue": _TONGUE * light * (1 - 0.4 * side**2) * tongue,
    }
    luma = torch.stack(list(parts.values())).sum(dim=0)
    planes = [tone.black + (tone.skin[0] - tone.black) * luma]
    for plane in (0, 1):
        tinted = sum(_TINTS[name][plane] * part for name, part in parts.items())
        planes.append(128 + (tone.skin[plane + 1] - 128) * tinted)
    return torch.stack(planes)


def _teeth(
    x: torch.Tensor, down: torch.Tensor, side: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Where upper teeth are (0-1), and how much of the light they return."""
    number = _ARCH * torch.tan((x / _ARCH).clamp(-1.2, 1.2)) / _INCISOR
    between = number - number.round()
    edge = _SHOWN * (1 - 0.35 * side**2) - 0.009 * torch.exp(-((between / 0.16) ** 2))
    teeth = torch.sigmoid((edge - down) / 0.005) * _smooth((1 - side) * 3)
    lines = 1 - 0.3 * torch.exp(-((between / 0.07) ** 2))
    below_lip = 0.4 + 0.6 * _smooth((down + 0.01) / _LIP_SHADE)
    return teeth, lines * below_lip * (1 - 0.5 * side**1.5)


def _smooth(x: torch.Tensor) -> torch.Tensor:
    x = x.clamp(0, 1)
    return x * x * (3 - 2 * x)
