"""Findings about Python and the libraries, each library asked in a child process of its own."""

import json
import platform
import subprocess
import sys
from typing import Any

from heygem_daemon.doctor.check import Check, failed, passed, warned

CHILD_SECONDS = 180
"""A first import of a CUDA build of torch from a cold disk takes the better part of a minute."""

TORCH = """
import json, torch
there = torch.cuda.is_available()
names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())] if there else []
print(json.dumps({"version": torch.__version__, "cuda": torch.version.cuda, "gpus": names}))
"""
TORCHAUDIO = """
import json
from heygem_daemon.speech.torchaudio_pure import functional
functional().melscale_fbanks(201, 0.0, 8000.0, 80, 16000)
import torchaudio
print(json.dumps({"version": torchaudio.__version__}))
"""
ENCODER = """
import json, av
av.codec.Codec("libx264", "w"), av.codec.Codec("aac", "w")
print(json.dumps({"version": av.__version__}))
"""


def software_checks(device: str) -> list[Check]:
    """Python, torch and what it sees, torchaudio, the encoder."""
    return [_python(), torch_check(ask(TORCH), device), _torchaudio(), _encoder()]


def ask(program: str, seconds: float = CHILD_SECONDS) -> dict[str, Any] | str:
    """The JSON object that a Python program prints last, or one line on why there is none."""
    try:
        child = subprocess.run(
            [sys.executable, "-c", program],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"gave no answer within {seconds:g} s"
    if child.returncode != 0:
        lines = child.stderr.strip().splitlines()
        return lines[-1] if lines else f"ended with status {child.returncode}"
    return _object((child.stdout.splitlines() or [""])[-1])


def _object(line: str) -> dict[str, Any] | str:
    try:
        answer = json.loads(line)
    except ValueError:
        answer = None
    return answer if isinstance(answer, dict) else f"printed {line or 'nothing'}"


def _python() -> Check:
    return passed("Python", f"{platform.python_version()} at {sys.executable}")


def torch_check(answer: dict[str, Any] | str, device: str) -> Check:
    """What torch said of itself, against what the device setting asks for."""
    if isinstance(answer, str):
        return failed("torch", answer, "Install torch again: run 'make' in the checkout.")
    build = f"CUDA {answer['cuda']}" if answer["cuda"] else "no CUDA"
    detail = f"{answer['version']} ({build})"
    if answer["gpus"]:
        return passed("torch", f"{detail}, sees {', '.join(answer['gpus'])}")
    if device in ("auto", "cpu") and not answer["cuda"]:
        return passed("torch", f"{detail}, computes on the CPU")
    if device == "cpu":
        return passed("torch", f"{detail}, and is to compute on the CPU")
    form = warned if device == "auto" else failed
    return form("torch", f"{detail}, sees no GPU", "Install a torch built for this driver's CUDA.")


def _torchaudio() -> Check:
    answer = ask(TORCHAUDIO)
    if isinstance(answer, str):
        remedy = "Run: python -m pip install --no-deps torchaudio==2.11.0"
        return failed("torchaudio", answer, remedy)
    return passed("torchaudio", f"{answer['version']}, pure Python parts")


def _encoder() -> Check:
    answer = ask(ENCODER)
    if isinstance(answer, str):
        return failed("encoder", answer, "Install PyAV again: python -m pip install av")
    return passed("encoder", f"PyAV {answer['version']} with libx264 and aac")
