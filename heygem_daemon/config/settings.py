"""The settings. The command line overrides ``HEYGEM_…`` variables, which override ``config.toml``,
which overrides the defaults."""

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from heygem_daemon.config.choices import (
    AudioHandling,
    EngineName,
    FaceChoice,
    HdrHandling,
    Loop,
    Loudness,
    Preset,
    VideoCodec,
)
from heygem_daemon.config.engines import AUTO, engine_choices, list_in_words
from heygem_daemon.config.job_options import HIGHEST_PRIORITY
from heygem_daemon.config.media_limits import MediaLimits
from heygem_daemon.config.output_options import OutputOptions, find_contradiction
from heygem_daemon.config.wording import describe_problem, format_value, suggest_nearest
from heygem_daemon.errors import ConfigurationError

PACKAGE = Path(__file__).resolve().parent.parent
SYSTEM_CONFIG = Path("/etc/heygem-daemon/config.toml")
ENVIRONMENT_PREFIX = "HEYGEM_"
CONFIG_VARIABLE = "HEYGEM_CONFIG"
UUID_PATTERN = r"(GPU|MIG)-[\w/.-]+"
PATH_KEYS = ("spool", "weights", "log_folder")

_LIMITS = MediaLimits()


def _refuse_bool(value: object) -> object:
    """Refuse true and false where a number is meant; pydantic would read them as 1 and 0."""
    if isinstance(value, bool):
        raise ValueError("must be a number")
    return value


Whole = Annotated[int, BeforeValidator(_refuse_bool)]


def _split_list(value: object) -> object:
    """Split a list as it is written in a variable or an option: 'GPU-…, GPU-…'."""
    return re.split(r"[,\s]+", value.strip()) if isinstance(value, str) else value


Number = Annotated[float, BeforeValidator(_refuse_bool), Field(allow_inf_nan=False)]
Uuids = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split_list)]


def shipped_weights() -> Path:
    """Return the folder of the weights that come with the program, in a checkout or an installed
    package."""
    beside = PACKAGE.parent / "weights"
    return beside if beside.is_dir() else PACKAGE / "weights"


class Settings(BaseSettings):
    """The settings of the daemon. ``config.toml`` describes each in detail."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix=ENVIRONMENT_PREFIX,
        env_ignore_empty=True,
        validate_default=False,
    )

    spool: Path = Field(
        default=Path("/var/lib/heygem-daemon/spool"),
        description="Folder that holds inbox/, outbox/ and the others.",
    )
    engine: EngineName = Field(default=AUTO, description=f"{list_in_words(engine_choices())}.")
    device: str = Field(default="auto", description="auto, cuda, cpu, or a GPU's UUID.")
    gpus: Uuids = Field(default=(), description="UUIDs of the GPUs to use; empty: all.")
    jobs_per_gpu: Whole = Field(
        default=1, ge=1, le=16, description="Jobs on one GPU at the same time."
    )
    others_utilisation_percent: Whole = Field(
        default=100, ge=0, le=100, description="Avoid a GPU that others use more than this, %."
    )
    idle_unload_minutes: Number = Field(
        default=0.0, ge=0, description="Minutes after which an idle worker ends; 0: never."
    )
    yield_vram: bool = Field(
        default=False, description="End an idle worker when others need its GPU's memory."
    )
    weights: Path = Field(
        default_factory=shipped_weights, description="Folder of the engines' weights."
    )
    chunk_seconds: Number = Field(
        default=30.0, ge=1, le=3600, description="Length of a chunk, seconds."
    )
    max_attempts: Whole = Field(
        default=3, ge=1, le=100, description="Attempts before a job has failed."
    )
    retention_days: Number = Field(
        default=7.0, ge=0, description="Days that finished jobs are kept; 0: for ever."
    )
    free_space_gib: Number = Field(
        default=1.0, ge=0, description="Disk space to keep free, GiB; 0: no check."
    )
    loop: Loop = Field(
        default="pingpong", description="How a video continues that is shorter than the audio."
    )
    codec: VideoCodec = Field(
        default="h264", description="Codec of the result: h264, hevc or prores (422 HQ, .mov)."
    )
    max_height: Whole = Field(
        default=0, ge=0, le=8192, description="Most lines of the result; 0: as the source."
    )
    hdr: HdrHandling = Field(
        default="sdr", description="An HDR video becomes sdr, or is kept HDR: keep."
    )
    audio: AudioHandling = Field(
        default="compatible", description="Sound of the result: compatible (AAC) or copy."
    )
    audio_bitrate: Whole = Field(
        default=0, ge=0, le=512, description="Bit rate of the sound, kbit/s; 0: automatic."
    )
    loudness: Loudness = Field(
        default="off", description="Loudness of the result: off, -23 or -16 LUFS."
    )
    face: FaceChoice = Field(
        default="largest",
        description="Which face speaks: largest, left, right, or a number (1: leftmost).",
    )
    settle_seconds: Number = Field(
        default=5.0, ge=0, le=3600, description="Quiet period of a new file, seconds."
    )
    scan_seconds: Number = Field(
        default=1.0, gt=0, le=60, description="Pause between scans of the inbox, seconds."
    )
    min_coverage: Number = Field(
        default=0.1, ge=0, le=1, description="Least share of frames with a usable face."
    )
    strip: bool = Field(default=True, description="Publish a before/after picture.")
    crf: Whole = Field(default=18, ge=0, le=51, description="Quality (CRF); lower is better.")
    preset: Preset = Field(default="veryfast", description="Speed of x264 and x265.")
    threads: Whole = Field(default=0, ge=0, le=1024, description="CPU threads; 0: automatic.")
    confine: Literal["auto", "off"] = Field(
        default="auto", description="Confine the processes that read media: auto or off."
    )
    vram_margin_gib: Number = Field(
        default=1.0, ge=0, description="GPU memory to leave free for others, GiB."
    )
    asleep_percent: Number = Field(
        default=5.0,
        ge=0,
        le=100,
        description="GPU use during a job below which to warn, %; 0: never.",
    )
    hot_celsius: Number = Field(
        default=87.0, ge=0, le=200, description="GPU temperature from which to warn, °C; 0: never."
    )
    creep_mib: Whole = Field(
        default=256,
        ge=0,
        description="Growth of GPU memory over six jobs from which to warn, MiB; 0: never.",
    )
    lone_file_minutes: Number = Field(
        default=10.0, ge=0, description="Minutes until a lone file is reported."
    )
    max_priority: Whole = Field(
        default=HIGHEST_PRIORITY,
        ge=-HIGHEST_PRIORITY,
        le=HIGHEST_PRIORITY,
        description="Highest priority that a sidecar can give a job.",
    )
    max_batch_members: Whole = Field(
        default=1000, ge=1, le=100_000, description="Members of a batch at most."
    )
    stall_seconds: Number = Field(
        default=900.0,
        ge=10,
        description="Time without progress after which a worker counts as hung, seconds.",
    )
    max_minutes: Number = Field(
        default=_LIMITS.minutes, gt=0, description="Longest sound or video, minutes."
    )
    max_megapixels: Number = Field(
        default=_LIMITS.megapixels, gt=0, description="Largest picture, million pixels."
    )
    max_pictures: Whole = Field(
        default=_LIMITS.pictures, ge=1, description="Most pictures of a video or result."
    )
    max_gigapixels: Number = Field(
        default=_LIMITS.gigapixels,
        gt=0,
        description="Most pixels of all pictures together, thousand million.",
    )
    worker_memory_gib: Number = Field(
        default=0.0,
        ge=0,
        description="Main memory that a worker may take for a job, GiB; 0: half of all.",
    )
    stop_seconds: Number = Field(
        default=150.0, ge=0, description="Time to finish the current chunk when stopping, seconds."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="Lowest level that is logged."
    )
    log_json: bool = Field(default=False, description="Log as JSON lines.")
    log_max_mib: Number = Field(
        default=50.0, gt=0, le=10_000, description="Size at which a new log file begins, MiB."
    )
    log_keep: Whole = Field(default=10, ge=1, le=1000, description="Old log files to keep at most.")
    log_folder: Path = Field(
        default_factory=lambda values: values.get("spool", Path()) / "logs",
        description="Folder of the log files.",
    )

    @property
    def media_limits(self) -> MediaLimits:
        """The most that a sound or a video may hold."""
        return MediaLimits(
            self.max_minutes, self.max_megapixels, self.max_pictures, self.max_gigapixels
        )

    @property
    def output(self) -> OutputOptions:
        """What results are like, where a job does not say otherwise."""
        return OutputOptions(**self.model_dump(include=set(OutputOptions.model_fields)))

    @model_validator(mode="before")
    @classmethod
    def _empty_means_default(cls, values: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in values.items() if value != ""}

    @model_validator(mode="after")
    def _refuse_contradiction(self) -> "Settings":
        if (contradiction := find_contradiction(self.output)) is not None:
            raise ValueError(contradiction)
        return self

    @field_validator(*PATH_KEYS, mode="after")
    @classmethod
    def _make_absolute(cls, path: Path) -> Path:
        return Path(os.path.normpath(path.expanduser().absolute()))

    @field_validator("device", mode="after")
    @classmethod
    def _check_device(cls, device: str) -> str:
        if device in ("auto", "cuda", "cpu") or re.fullmatch(UUID_PATTERN, device):
            return device
        raise ValueError("must be 'auto', 'cuda', 'cpu' or a UUID (GPU-… or MIG-…)")

    @field_validator("gpus", mode="after")
    @classmethod
    def _check_gpus(cls, gpus: tuple[str, ...]) -> tuple[str, ...]:
        if all(re.fullmatch(UUID_PATTERN, uuid) for uuid in gpus):
            return gpus
        raise ValueError("must be UUIDs (GPU-… or MIG-…), as `nvidia-smi -L` lists them")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, ConfigFile(settings_cls)


class ConfigFile(TomlConfigSettingsSource):
    """``config.toml``. Relative paths in it are relative to its folder."""

    def __call__(self) -> dict[str, Any]:
        values = super().__call__()
        file = self.toml_file_path
        if not isinstance(file, Path):
            return values
        for key, value in values.items():
            _check_quotes(file, key, value)
        return {key: _resolve_path(file.parent, key, value) for key, value in values.items()}


def _check_quotes(file: Path, key: str, value: object) -> None:
    """Refuse "30" for 30 and "true" for true, which pydantic would accept."""
    default = Settings.model_fields[key].default if key in Settings.model_fields else None
    if isinstance(default, bool) and not isinstance(value, bool):
        raise ConfigurationError(f"{file}: {key} = {format_value(value)}: must be true or false")
    if isinstance(default, int | float) and isinstance(value, str):
        raise ConfigurationError(
            f"{file}: {key} = {format_value(value)}: must be a number, unquoted"
        )


def _resolve_path(folder: Path, key: str, value: object) -> object:
    if key not in PATH_KEYS or not isinstance(value, str) or not value:
        return value
    return str(folder / Path(value).expanduser())


def load_settings(
    config: Path | None = None, overrides: Mapping[str, object] | None = None
) -> Settings:
    """Read and check all settings.

    ``config`` is the file to read; None: ``HEYGEM_CONFIG``, else the system's file, else the
    checkout's. ``overrides`` are settings from the command line, by key. Raises ConfigurationError
    with one line that names the file, variable or option, and the key.
    """
    options: dict[str, Any] = dict(overrides or {})
    _check_variables(os.environ)
    file = find_config_file(config)

    class Configured(Settings):
        model_config = SettingsConfigDict(toml_file=file)

    try:
        return Settings.model_construct(**Configured(**options).model_dump())
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{file}: not valid TOML: {error}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{file}: not a UTF-8 text file") from error
    except OSError as error:
        raise ConfigurationError(f"{file}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        raise ConfigurationError(_describe_error(error.errors()[0], options, file)) from error


def find_config_file(config: Path | None) -> Path | None:
    """Return the configuration file that applies; None if there is none.

    Raises ConfigurationError if the file that ``config`` or HEYGEM_CONFIG names does not exist.
    """
    variable = os.environ.get(CONFIG_VARIABLE)
    named = config or (Path(variable) if variable else None)
    if named is not None:
        if not named.is_file():
            origin = "--config" if config else CONFIG_VARIABLE
            raise ConfigurationError(f"{origin}: there is no file {named}")
        return named.absolute()
    candidates = [SYSTEM_CONFIG]
    if (PACKAGE.parent / "pyproject.toml").is_file():
        candidates.append(PACKAGE.parent / "config.toml")
    return next((path for path in candidates if path.is_file()), None)


def _check_variables(environment: Mapping[str, str]) -> None:
    """Raise ConfigurationError for a variable with the prefix that is not a setting."""
    valid = {ENVIRONMENT_PREFIX + key.upper() for key in Settings.model_fields} | {CONFIG_VARIABLE}
    for name in sorted(environment):
        if name.upper().startswith(ENVIRONMENT_PREFIX) and name.upper() not in valid:
            raise ConfigurationError(
                f"{name}: unknown variable{suggest_nearest(name.upper(), valid)}"
            )


def _describe_error(error: ErrorDetails, options: Mapping[str, object], file: Path | None) -> str:
    """Return one line: where the value comes from, the key, the value, and what it must be."""
    if not error["loc"]:
        return f"{file or 'settings'}: {describe_problem(error)}"
    key = str(error["loc"][0])
    if error["type"] == "extra_forbidden":
        return f'{file}: unknown key "{key}"{suggest_nearest(key, Settings.model_fields)}'
    value = format_value(error["input"])
    return f"{_origin(key, options, file)}: {key} = {value}: {describe_problem(error)}"


def _origin(key: str, options: Mapping[str, object], file: Path | None) -> str:
    """Return the option, variable or file that sets ``key``."""
    if key in options:
        return "--" + key.replace("_", "-")
    variables = {name.upper(): name for name, value in os.environ.items() if value}
    return variables.get(ENVIRONMENT_PREFIX + key.upper(), str(file))
