"""Say what is wrong with a sound that is used nevertheless. Pure."""

import math

from heygem_daemon.counts import counted
from heygem_daemon.media.aac_blocks import elements
from heygem_daemon.media.audio_measurement import AudioMeasurement
from heygem_daemon.media.channel_layout import aac_layout

CUT_DB = 0.1
"""Level that the LFE channel may lose without a word."""


def sound_warnings(sound: AudioMeasurement) -> tuple[str, ...]:
    """Return sentences for the user; none for a sound that is as it should be."""
    return (*_length_warnings(sound), *_damage_warnings(sound))


def _length_warnings(sound: AudioMeasurement) -> list[str]:
    found, stated = float(sound.duration), float(sound.stated_seconds)
    lengths = f"The audio file states a length of {stated:.1f} s, but holds {found:.1f} s of sound"
    warnings = []
    if sound.verdict == "doubtful":
        warnings.append(f"{lengths}: its header is wrong, or it is truncated.")
    if sound.verdict == "short":
        warnings.append(f"{lengths}: its end is missing.")
    if not sound.is_ended:
        warnings.append("The audio file ends without the mark of its end: it may be truncated.")
    return warnings


def _damage_warnings(sound: AudioMeasurement) -> list[str]:
    warnings = []
    if sound.lost_seconds:
        warnings.append(
            f"{float(sound.lost_seconds):.2f} s of the sound cannot be decoded: "
            "there is silence instead."
        )
    if sound.missing_seconds:
        places = counted(sound.missing_places, "1 place", "{count} places")
        warnings.append(
            f"{float(sound.missing_seconds):.2f} s of the sound are missing by the time "
            f"stamps, at {places}: there is silence instead."
        )
    if sound.read_errors:
        once = sound.read_errors == 1
        fault = "could not be read once" if once else f"could not be read {sound.read_errors} times"
        warnings.append(f"The audio file {fault}: sound may be missing there, or at its end.")
    if sound.bad_samples:
        samples = counted(sound.bad_samples, "1 sample", "{count} samples")
        warnings.append(
            f"No number (NaN or infinite), or far beyond full scale: {samples} of the sound. There "
            "is silence instead."
        )
    return warnings


def aac_losses(sound: AudioMeasurement) -> tuple[str, ...]:
    """Return sentences on what AAC does not keep of a sound that is encoded to it."""
    layout = aac_layout(sound.layout, sound.channels, sound.full_range_lfe)
    if layout is None:
        channels = f"the {sound.channels} channels of the sound"
        return (f"AAC cannot hold {channels}: the result has the one with the voice.",)
    quieter = -10 * math.log10(max(1e-3, 1 - sound.lfe_cut))
    is_limited = any(each.is_low for each in elements(layout))
    if is_limited and quieter > CUT_DB:
        warning = (
            f"The low-frequency channel (LFE) is {quieter:.1f} dB quieter in the result: AAC keeps "
            'nothing above 250 Hz in it. Write codec = "prores" to keep all of it.'
        )
        return (warning,)
    return ()
