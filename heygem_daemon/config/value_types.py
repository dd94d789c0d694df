"""Types of values that the settings have in common."""

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import NoDecode

from heygem_daemon.config.command import require_known_placeholders
from heygem_daemon.config.hours import parse_window, parse_zone

UUID_PATTERN = r"(GPU|MIG)-[\w/.-]+"


def _refuse_bool(value: object) -> object:
    """Refuse true and false where a number is meant; pydantic would read them as 1 and 0."""
    if isinstance(value, bool):
        raise ValueError("must be a number")
    return value


def _split_command(value: object) -> object:
    """Split a command as it is written in a variable or an option, by the rules of a shell."""
    return shlex.split(value) if isinstance(value, str) else value


Whole = Annotated[int, BeforeValidator(_refuse_bool)]

MAX_WORKERS = 64
MAX_GPU_JOBS = 16


def _auto_or_up_to(most: int) -> BeforeValidator:
    """Return what reads 'auto' or a number, as it is written in a file, a variable or an option."""

    def parse(value: object) -> object:
        text = str(value).strip()
        if text == "auto" or (text.isdecimal() and 1 <= int(text) <= most):
            return text if text == "auto" else int(text)
        raise ValueError(f"must be 'auto' or a whole number from 1 to {most}")

    return BeforeValidator(parse)


Workers = Annotated[Literal["auto"] | int, _auto_or_up_to(MAX_WORKERS)]
"""How many workers there are."""

GpuJobs = Annotated[Literal["auto"] | int, _auto_or_up_to(MAX_GPU_JOBS)]
"""How many jobs one GPU renders at a time."""


def _split_list(value: object) -> object:
    """Split a list as it is written in a variable or an option: 'GPU-…, GPU-…'."""
    return re.split(r"[,\s]+", value.strip()) if isinstance(value, str) else value


def _check_device(device: str) -> str:
    if device in ("auto", "cuda", "cpu") or re.fullmatch(UUID_PATTERN, device):
        return device
    raise ValueError("must be 'auto', 'cuda', 'cpu' or a UUID (GPU-… or MIG-…)")


def _check_gpus(gpus: tuple[str, ...]) -> tuple[str, ...]:
    if all(re.fullmatch(UUID_PATTERN, uuid) for uuid in gpus):
        return gpus
    raise ValueError("must be UUIDs (GPU-… or MIG-…), as `nvidia-smi -L` lists them")


def _require_absolute(folders: tuple[Path, ...]) -> tuple[Path, ...]:
    if all(each.is_absolute() for each in folders):
        return folders
    raise ValueError("must be absolute paths")


def _split_hours(value: object) -> object:
    """Split hours as they are written in a variable or an option: 'Mon-Fri 22:00-06:00; Sun …'."""
    if isinstance(value, str):
        value = [each for each in value.split(";") if each.strip()]
    return tuple(value) if isinstance(value, list) else value


def _check_hours(texts: tuple[str, ...]) -> tuple[str, ...]:
    for text in texts:
        parse_window(text)
    return texts


def _check_zone(name: str) -> str:
    parse_zone(name)
    return name


def _split_paths(value: object) -> object:
    """Split paths as they are written in a variable or an option: 'anna=/mnt/spool, …'."""
    if not isinstance(value, str):
        return value
    pairs = [each.partition("=") for each in value.split(",") if each.strip()]
    return {name.strip(): path.strip() for name, _, path in pairs}


def _require_absolute_paths(paths: Mapping[str, Path]) -> Mapping[str, Path]:
    _require_absolute(tuple(paths.values()))
    return paths


Number = Annotated[float, BeforeValidator(_refuse_bool), Field(allow_inf_nan=False)]
Patience = Annotated[Number, Field(ge=10)]
"""Seconds without progress until a worker counts as hung."""
Device = Annotated[str, AfterValidator(_check_device)]
Uuids = Annotated[
    tuple[str, ...], NoDecode, BeforeValidator(_split_list), AfterValidator(_check_gpus)
]
Command = Annotated[
    tuple[str, ...],
    NoDecode,
    BeforeValidator(_split_command),
    AfterValidator(require_known_placeholders),
]
"""A program and its arguments."""
Folders = Annotated[
    tuple[Path, ...], NoDecode, BeforeValidator(_split_list), AfterValidator(_require_absolute)
]
Hours = Annotated[
    tuple[str, ...], NoDecode, BeforeValidator(_split_hours), AfterValidator(_check_hours)
]
NodePaths = Annotated[
    Mapping[str, Path],
    NoDecode,
    BeforeValidator(_split_paths),
    AfterValidator(_require_absolute_paths),
]
"""A path on each of some machines, by the machine's name."""
Zone = Annotated[str, AfterValidator(_check_zone)]
