"""Paints the inside of a mouth that is never seen open: a dark cavity, upper teeth and a tongue.

All sizes are those of real teeth (W. B. Ash, Dental Anatomy: an upper incisor is 8.5 mm wide)
divided by the distance of the outer eye corners (90 mm). The teeth keep their size whatever the
lips do.
"""

from dataclasses import dataclass

import torch

_DARK, _TEETH, _TONGUE = 0.12, 0.95, 0.48
"""Brightness relative to that of the skin around the mouth, above black."""
_TINTS = {"dark": (1.0, 3.0), "teeth": (0.7, 0.55), "tongue": (0.5, 1.7)}
"""Blue and red difference relative to the skin's, at the skin's brightness."""
_INCISOR = 0.085
"""Width of an upper incisor, IOD; the arch turns the teeth beside it away."""
_ARCH = 0.21
"""Half width of the visible arch of teeth, IOD."""
_SHOWN = 0.058
"""How far the upper teeth extend below the lip, IOD."""
_LIP_SHADE = 0.05
"""Depth of the upper lip's shadow on the teeth, IOD."""
_FULL_LIGHT = 0.14
"""Gap between the lips, IOD, from which light falls in freely."""


@dataclass(frozen=True, slots=True)
class SkinTone:
    """The colours that the cavity is painted with."""

    skin: torch.Tensor
    """(3,), mean Y, U, V of the skin around the mouth."""
    black: float
    """Code value of black."""


def paint_cavity(
    x: torch.Tensor, depth: torch.Tensor, gap: torch.Tensor, tone: SkinTone
) -> torch.Tensor:
    """Return Y, U, V (3, h, w) of an open mouth.

    All arguments are (h, w), IOD: ``x`` from the middle of the mouth, ``depth`` below the upper
    lip, ``gap`` between the lips.
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
    x: torch.Tensor, depth: torch.Tensor, side: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return where upper teeth are, 0-1, and how much of the light they reflect, 0-1."""
    position = _ARCH * torch.tan((x / _ARCH).clamp(-1.2, 1.2)) / _INCISOR
    offset = position - position.round()
    edge = _SHOWN * (1 - 0.35 * side**2) - 0.009 * torch.exp(-((offset / 0.16) ** 2))
    teeth = torch.sigmoid((edge - depth) / 0.005) * _smooth((1 - side) * 3)
    lines = 1 - 0.3 * torch.exp(-((offset / 0.07) ** 2))
    below_lip = 0.4 + 0.6 * _smooth((depth + 0.01) / _LIP_SHADE)
    return teeth, lines * below_lip * (1 - 0.5 * side**1.5)


def _smooth(x: torch.Tensor) -> torch.Tensor:
    x = x.clamp(0, 1)
    return x * x * (3 - 2 * x)
