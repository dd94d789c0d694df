"""The light that HDR code values stand for, and the SDR picture that shows it. Pure functions.

Arrays are float64 (..., 3) of R, G, B; signals are 0-1, light is in cd/m². Formulas: Recommendation
ITU-R BT.2100-3 (PQ, HLG), Report ITU-R BT.2390-12 (tone mapping), Report ITU-R BT.2408-8 (levels),
Recommendations ITU-R BT.2087 (primaries), BT.709 and BT.1886 (SDR).
"""

import numpy as np
from numpy.typing import NDArray

Light = NDArray[np.float64]

REFERENCE_WHITE = 203.0
"""HDR reference white, cd/m² (BT.2408, 2.1): the light of a white page, and of SDR's 100 %."""
HLG_PEAK = 1000.0
"""Peak of the nominal display of HLG, cd/m² (BT.2100, table 5)."""
HLG_GAMMA = 1.2
"""System gamma of HLG at that peak (BT.2100, table 5)."""
HLG_A, HLG_B, HLG_C = 0.17883277, 0.28466892, 0.55991073
PQ_M1, PQ_M2 = 2610 / 16384, 2523 / 4096 * 128
PQ_C1, PQ_C2, PQ_C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
PQ_PEAK = 10_000.0
LUMA_2020 = np.array([0.2627, 0.6780, 0.0593])
LUMA_709 = np.array([0.2126, 0.7152, 0.0722])
BT709_FROM_BT2020 = np.array(
    [
        [1.660491, -0.587641, -0.072850],
        [-0.124550, 1.132900, -0.008349],
        [-0.018151, -0.100579, 1.118730],
    ]
)
"""Linear light, the inverse of the matrix in BT.2087, annex 1."""
BT2020_FROM_BT709 = np.linalg.inv(BT709_FROM_BT2020)
SDR_GAMMA = 2.4
"""BT.1886, for a display with a perfect black."""


def light_of_pq(signal: Light) -> Light:
    """Return the light of PQ signals (BT.2100, table 4: EOTF)."""
    root = np.clip(signal, 0, 1) ** (1 / PQ_M2)
    light: Light = PQ_PEAK * (np.maximum(root - PQ_C1, 0) / (PQ_C2 - PQ_C3 * root)) ** (1 / PQ_M1)
    return light


def pq_of_light(light: Light) -> Light:
    """Return the PQ signals of light (BT.2100, table 4: inverse EOTF)."""
    power = (np.clip(light, 0, PQ_PEAK) / PQ_PEAK) ** PQ_M1
    signal: Light = ((PQ_C1 + PQ_C2 * power) / (1 + PQ_C3 * power)) ** PQ_M2
    return signal


def light_of_hlg(signal: Light) -> Light:
    """Return the light that the nominal display shows of HLG signals (BT.2100, table 5)."""
    clipped = np.clip(signal, 0, 1)
    scene = np.where(
        clipped <= 0.5, clipped**2 / 3, (np.exp((clipped - HLG_C) / HLG_A) + HLG_B) / 12
    )
    luminance = (scene @ LUMA_2020)[..., None]
    light: Light = HLG_PEAK * np.maximum(luminance, 1e-12) ** (HLG_GAMMA - 1) * scene
    return light


def hlg_of_light(light: Light) -> Light:
    """Return the HLG signals of what the nominal display shows (BT.2100, table 5, inverted)."""
    shown = np.maximum(light, 0) / HLG_PEAK
    luminance = np.maximum(shown @ LUMA_2020, 1e-12)[..., None]
    scene = np.clip(luminance ** ((1 - HLG_GAMMA) / HLG_GAMMA) * shown, 0, 1)
    bright = HLG_A * np.log(np.maximum(12 * scene - HLG_B, 1e-12)) + HLG_C
    signal: Light = np.where(scene <= 1 / 12, np.sqrt(3 * scene), bright)
    return signal


def compress(light: Light, peak: float) -> Light:
    """Return light of 0 … ``peak`` brought to 0 … ``REFERENCE_WHITE``.

    What is dark stays as it is; highlights roll off (BT.2390, 5.4.1: EETF, with a black of 0).
    """
    if peak <= REFERENCE_WHITE:
        return np.clip(light, 0, REFERENCE_WHITE)
    whole = float(pq_of_light(np.array(peak)))
    most = float(pq_of_light(np.array(REFERENCE_WHITE))) / whole
    knee = 1.5 * most - 0.5
    x = np.clip(pq_of_light(light) / whole, 0, 1)
    t = np.clip((x - knee) / (1 - knee), 0, 1)
    spline = (
        (2 * t**3 - 3 * t**2 + 1) * knee
        + (t**3 - 2 * t**2 + t) * (1 - knee)
        + (-2 * t**3 + 3 * t**2) * most
    )
    return light_of_pq(np.where(x < knee, x, spline) * whole)


def sdr_of_light(light: Light, peak: float) -> Light:
    """Return the BT.709 signals that show light of BT.2020 primaries on an SDR display.

    ``peak``: the brightest light in the picture. Luminance is compressed and R, G, B keep their
    ratio (BT.2390, 5.4.2), so that hue and grey stay. Colours that BT.709 cannot show lose only
    saturation, down to its limit.
    """
    luminance = light @ LUMA_2020
    ratio = compress(luminance, peak) / np.maximum(luminance, 1e-9)
    linear = (light * ratio[..., None] / REFERENCE_WHITE) @ BT709_FROM_BT2020.T
    grey = np.clip(linear @ LUMA_709, 0, 1)[..., None]
    away = linear - grey
    with np.errstate(divide="ignore", invalid="ignore"):
        room = np.where(away > 0, (1 - grey) / away, np.where(away < 0, -grey / away, np.inf))
    linear = grey + away * np.clip(room.min(axis=-1, keepdims=True), 0, 1)
    signal: Light = np.clip(linear, 0, 1) ** (1 / SDR_GAMMA)
    return signal


def light_of_sdr(signal: Light) -> Light:
    """Return the light, in BT.2020 primaries, of BT.709 signals whose 100 % is reference white
    (BT.2408, 5.1.1: display-referred mapping)."""
    linear = REFERENCE_WHITE * np.clip(signal, 0, 1) ** SDR_GAMMA
    light: Light = linear @ BT2020_FROM_BT709.T
    return light


def light_of_compressed_sdr(signal: Light, peak: float) -> Light:
    """Return the light, in BT.2020 primaries, of which ``sdr_of_light`` makes these signals."""
    light = light_of_sdr(signal)
    luminance = light @ LUMA_2020
    steps = np.linspace(0, 1, 2048) ** 3 * peak
    compressed = np.maximum.accumulate(compress(steps, peak))
    ratio = np.interp(luminance, compressed, steps) / np.maximum(luminance, 1e-9)
    result: Light = light * ratio[..., None]
    return result
