"""Say what is wrong with a sound that is used nevertheless. Pure."""

from heygem_daemon.counts import counted
from heygem_daemon.media.audio_measurement import AudioMeasurement
from heygem_daemon.media.channel_layout import aac_layout, is_unordered


def sound_warnings(sound: AudioMeasurement) -> tuple[str, ...]:
    """Return sentences for the user; none for a sound that is as it should be."""
    return (*_length_warnings(sound), *_damage_warnings(sound), *_channels(sound))


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


def _channels(sound: AudioMeasurement) -> list[str]:
    layout = aac_layout(sound.layout, sound.channels, sound.full_range_lfe)
    if layout is None:
        channels = f"the {sound.channels} channels of the sound"
        return [f"AAC cannot hold {channels}: the result has the one with the voice."]
    if sound.full_range_lfe and not is_unordered(sound.layout):
        return ["The low-frequency channel of the sound holds more; AAC keeps only what is low."]
    return []
