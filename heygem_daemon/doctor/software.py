"""Findings about Python and the libraries: what each child process answered."""

import platform
import sys

from heygem_daemon.doctor.answers import Library, VideoHardware
from heygem_daemon.doctor.check import Check, failed, passed, warned
from heygem_daemon.doctor.child import Trouble


def python_check() -> Check:
    """Which Python runs this."""
    return passed("Python", f"{platform.python_version()} at {sys.executable}")


def torchaudio_check(answer: Library | Trouble) -> Check:
    """The parts of torchaudio that we use."""
    if isinstance(answer, Trouble):
        remedy = "Run: python -m pip install --no-deps torchaudio==2.11.0"
        return failed("torchaudio", answer.reason, remedy)
    return passed("torchaudio", f"{answer.version}, pure Python parts")


def encoder_check(answer: Library | Trouble) -> Check:
    """What encodes every job."""
    name = "encoder"
    if isinstance(answer, Trouble):
        return failed(name, answer.reason, "Install PyAV again: python -m pip install av")
    return passed(name, f"libx264 and aac of PyAV {answer.version}, on the CPU")


def hardware_checks(answer: VideoHardware | Trouble) -> list[Check]:
    """The GPU's own encoder and decoder. Nothing needs them: video is encoded by libx264."""
    if isinstance(answer, Trouble):
        remedy = "No job uses them; but a driver that fails here may fail elsewhere: see dmesg."
        return [warned("NVENC, NVDEC", answer.reason, remedy)]
    return [
        _codec("NVENC", "encodes H.264", answer.encoder),
        _codec("NVDEC", "decodes H.264", answer.decoder),
    ]


def _codec(name: str, does: str, trouble: str | None) -> Check:
    works = f"{does}; not needed, the CPU does that"
    return passed(name, works if trouble is None else f"not available ({trouble}); not needed")
