"""Hot folders: inboxes with a profile, as ``[folders.anna]`` in config.toml describes them."""

import re
import tomllib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, field_validator
from pydantic_settings import NoDecode

from heygem_daemon.config.choices import JobAudio
from heygem_daemon.config.job_options import (
    HIGHEST_PRIORITY,
    OWN_SOUND,
    JobOptions,
    find_idle_quality,
)
from heygem_daemon.config.output_options import OutputOptions, find_contradiction
from heygem_daemon.config.toml_keys import format_key
from heygem_daemon.config.value_types import Hours

MAX_NAME_BYTES = 100
"""Longest name of a hot folder, in UTF-8."""

_NAME = re.compile(r"\w[\w-]*(?: [\w-]+)*")
_RESERVED = re.compile(
    r"inbox|processing|outbox|done|failed|logs|con|prn|aux|nul|com\d|lpt\d|"
    r"__macosx|network trash folder|temporary items|system volume information"
)
"""Names of the spool's own folders, and names that an operating system has for itself."""


class FolderProfile(JobOptions):
    """What a hot folder sets for its jobs: options where their sidecars set none, and a cap."""

    max_priority: int = Field(default=HIGHEST_PRIORITY, ge=-HIGHEST_PRIORITY, le=HIGHEST_PRIORITY)
    """Highest priority that a job of the folder can have, whatever its sidecar says."""

    active_hours: Hours | None = None
    """When jobs of the folder may start; empty: always; None: as all others."""

    @field_validator("audio", mode="after")
    @classmethod
    def _refuse_own_sound(cls, audio: JobAudio | None) -> JobAudio | None:
        if audio == OWN_SOUND:
            raise ValueError('"own" is for a sidecar beside one video, not for a whole folder')
        return audio


NO_PROFILE = FolderProfile()


@dataclass(frozen=True, slots=True)
class HotFolder:
    """The inbox in which something was dropped, with its profile."""

    name: str
    """Empty: the plain inbox."""

    profile: FolderProfile = NO_PROFILE

    @property
    def option_line(self) -> str:
        """The options that its profile sets, as in a sidecar, but in one line; empty: none."""
        return ", ".join(_without_cap(self.profile).sidecar_text.splitlines())

    def options(self, own: JobOptions | None = None) -> JobOptions:
        """Return the options of a job with those of its sidecar, ``own``; None: it has none.

        The sidecar overrides the profile, up to the cap of the priority. Where the two contradict
        each other, the profile's options about the result give way.
        """
        base = _without_cap(self.profile)
        merged = base if own is None else base.overridden_by(own)
        if _is_contradictory(merged):
            kept = base.model_dump(exclude_unset=True, exclude=_ABOUT_RESULT)
            merged = JobOptions(**kept).overridden_by(own or JobOptions())
        if merged.priority <= self.profile.max_priority:
            return merged
        return merged.model_copy(update={"priority": self.profile.max_priority})


_ABOUT_RESULT = {"quality", *OutputOptions.model_fields}
_NO_OPTIONS = set(FolderProfile.model_fields) - set(JobOptions.model_fields)

PLAIN = HotFolder("")
"""The plain inbox."""


@dataclass(frozen=True, slots=True)
class PriorityCaps:
    """The highest priorities that jobs can have."""

    overall: int = HIGHEST_PRIORITY
    """Of any job."""

    of_folders: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """Of the jobs of each hot folder, by its name."""

    @classmethod
    def of(cls, overall: int, profiles: Mapping[str, FolderProfile]) -> "PriorityCaps":
        """Return the caps of the hot folders with these profiles, and of all jobs."""
        return cls(overall, {name: each.max_priority for name, each in profiles.items()})

    def clamp(self, priority: int, folder: str = "") -> int:
        """Return ``priority``, or the cap where that is lower. ``folder``: the hot folder of the
        job; empty: the plain inbox."""
        return min(priority, self.overall, self.of_folders.get(folder, HIGHEST_PRIORITY))


def _is_contradictory(options: JobOptions) -> bool:
    default = OutputOptions()
    return find_contradiction(options.output(default), options.given) is not None


def _without_cap(profile: FolderProfile) -> JobOptions:
    return JobOptions(**profile.model_dump(exclude_unset=True, exclude=_NO_OPTIONS))


NO_CAPS = PriorityCaps()


def hot_folders(profiles: Mapping[str, FolderProfile]) -> tuple[HotFolder, ...]:
    """Return the hot folders with these profiles, sorted by name."""
    return tuple(HotFolder(name, profile) for name, profile in sorted(profiles.items()))


def find_problems(profiles: Mapping[str, FolderProfile], default: OutputOptions) -> list[str]:
    """Return for each profile whose options cannot be met together why, and what to write instead.
    ``default``: what the settings say of results."""
    found = []
    for name, profile in profiles.items():
        options = _without_cap(profile)
        of_result = options.output(default)
        problem = find_idle_quality(options) or find_contradiction(of_result, options.given)
        found += [f"[folders.{format_key(name)}]: {problem}"] if problem else []
    return found


def _parse_table(value: object) -> object:
    """Parse a table as it is written in a variable or an option: ``{anna = {face = "left"}}``."""
    if not isinstance(value, str):
        return value
    try:
        return tomllib.loads(f"x={value}")["x"]
    except tomllib.TOMLDecodeError as error:
        raise ValueError("must be a table of tables, as TOML writes it") from error


def check_names(folders: Mapping[str, FolderProfile]) -> Mapping[str, FolderProfile]:
    """Return ``folders``. Raises ValueError for a name that cannot be that of a hot folder, and for
    two names that are equal on Windows and macOS."""
    seen: dict[str, str] = {}
    for name in folders:
        folded = unicodedata.normalize("NFC", name.casefold())
        if _NAME.fullmatch(name) is None or unicodedata.normalize("NFC", name) != name:
            raise ValueError(
                f'"{name}" cannot be the name of a folder here: use letters, digits, "-" and "_",'
                " with single spaces between words"
            )
        if len(name.encode()) > MAX_NAME_BYTES:
            raise ValueError(f'"{name}" is longer than {MAX_NAME_BYTES} bytes')
        if _RESERVED.fullmatch(folded) is not None:
            raise ValueError(f'"{name}" has a meaning of its own; choose another name')
        if folded in seen:
            raise ValueError(f'on Windows, "{seen[folded]}" and "{name}" are the same name')
        seen[folded] = name
    return folders


FolderProfiles = Annotated[
    Mapping[str, FolderProfile],
    NoDecode,
    BeforeValidator(_parse_table),
    AfterValidator(check_names),
]
"""The profile of each hot folder, by its name."""
