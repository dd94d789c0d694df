import torch

from heygem_daemon.engines.builtin.interior.cavity import SkinTone, paint_cavity

TONE = SkinTone(torch.tensor([140.0, 115, 150]), 16.0)
SIDE = 101


def mouth(gap: float) -> torch.Tensor:
    """Return a mouth 0.5 IOD wide with a ``gap``: rows from the upper to the lower lip."""
    x = torch.linspace(-0.25, 0.25, SIDE).expand(SIDE, SIDE)
    down = torch.linspace(0, gap, SIDE)[:, None].expand(SIDE, SIDE)
    return paint_cavity(x, down, torch.full_like(x, gap), TONE)


def test_teeth_are_brighter_and_greyer_than_the_dark_behind_them() -> None:
    y, u, v = mouth(0.2)[:, :, 45]
    teeth, dark = int(y.argmax()), 45
    assert y[teeth] > 2.5 * y[dark]
    assert (v[teeth] - 128) / y[teeth] < (v[dark] - 128) / y[dark]
    assert teeth * 0.2 / SIDE < 0.06
    assert u.max() <= 128


def test_the_tongue_lies_below() -> None:
    y = mouth(0.2)[0, :, 50]
    assert y[95] > 1.5 * y[45]


def test_teeth_keep_their_size_in_a_wider_mouth() -> None:
    def length(gap: float) -> float:
        y = mouth(gap)[0, :, 45]
        return int((y > 80).sum()) * gap / SIDE

    assert abs(length(0.14) - length(0.22)) < 0.012


def test_nothing_is_brighter_than_the_skin_or_below_black() -> None:
    for gap in (0.0, 0.01, 0.05, 0.26):
        y = mouth(gap)[0]
        assert y.min() >= 16
        assert y.max() <= 140
