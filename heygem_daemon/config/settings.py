"""The settings: command line over ``HEYGEM_…`` environment over ``config.toml`` over defaults."""

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

from heygem_daemon.config.choices import EngineName, FaceChoice, Loop, Preset
from heygem_daemon.config.engines import AUTO, engine_choices, list_in_words
from heygem_daemon.config.wording import describe_problem, format_value, suggest_nearest
from heygem_daemon.errors import ConfigurationError

PACKAGE = Path(__file__).resolve().parent.parent
SYSTEM_CONFIG = Path("/etc/heygem-daemon/config.toml")
ENVIRONMENT_PREFIX = "HEYGEM_"
CONFIG_VARIABLE = "HEYGEM_CONFIG"
UUID_PATTERN = r"(GPU|MIG)-[\w/.-]+"
PATH_KEYS = ("spool", "weights", "log_folder")


def _refuse_bool(value: object) -> object:
    """Refuse true and false where a number is meant; pydantic would read them as 1 and 0."""
    if isinstance(value, bool):
        raise ValueError("must be a number")
    return value


Whole = Annotated[int, BeforeValidator(_refuse_bool)]


def _split_list(value: object) -> object:
    """A list as it can be written in a variable or an option: 'GPU-…, GPU-…'."""
    return re.split(r"[,\s]+", value.strip()) if isinstance(value, str) else value


Number = Annotated[float, BeforeValidator(_refuse_bool), Field(allow_inf_nan=False)]
Uuids = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split_list)]


def shipped_weights() -> Path:
    """The folder of weights that came with this program: checkout or installed package."""
    beside = PACKAGE.parent / "weights"
    return beside if beside.is_dir() else PACKAGE / "weights"


class Settings(BaseSettings):
    """Every setting of the daemon. ``config.toml`` says at length why one would change it."""

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
        default=100, ge=0, le=100, description="Leave a GPU that others use more than that, %."
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
        default=1.0, ge=0, description="Disk space to keep free, GiB; 0: do not look."
    )
    loop: Loop = Field(
        default="pingpong", description="What a video does that is shorter than the sound."
    )
    face: FaceChoice = Field(
        default="largest",
        description="Who speaks: largest, left, right, or a number (1: leftmost).",
    )
    settle_seconds: Number = Field(
        default=5.0, ge=0, le=3600, description="Quiet period of a new file, seconds."
    )
    scan_seconds: Number = Field(
        default=1.0, gt=0, le=60, description="Pause between looks at the inbox, seconds."
    )
    min_coverage: Number = Field(
        default=0.1, ge=0, le=1, description="Least share of frames with a usable face."
    )
    strip: bool = Field(default=True, description="Publish a before/after picture.")
    crf: Whole = Field(default=18, ge=0, le=51, description="x264 quality; lower is better.")
    preset: Preset = Field(default="veryfast", description="x264 speed.")
    threads: Whole = Field(default=0, ge=0, le=1024, description="CPU threads; 0: what suits.")
    vram_margin_gib: Number = Field(
        default=1.0, ge=0, description="GPU memory to leave free for others, GiB."
    )
    asleep_percent: Number = Field(
        default=5.0, ge=0, le=100, description="GPU use below which a job is warned of; 0: never."
    )
    hot_celsius: Number = Field(
        default=87.0, ge=0, le=200, description="GPU temperature that is warned of; 0: never."
    )
    creep_mib: Whole = Field(
        default=256, ge=0, description="GPU memory lost over six jobs that is warned of; 0: never."
    )
    lone_file_minutes: Number = Field(
        default=10.0, ge=0, description="Minutes until a lone file is reported."
    )
    stall_seconds: Number = Field(
        default=900.0, ge=10, description="Silence after which a worker counts as hung, seconds."
    )
    stop_seconds: Number = Field(
        default=150.0, ge=0, description="Time for the chunk at hand when stopping, seconds."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="Least level that is logged."
    )
    log_json: bool = Field(default=False, description="Log as JSON lines.")
    log_folder: Path = Field(
        default_factory=lambda values: values.get("spool", Path()) / "logs",
        description="Folder of the log files.",
    )

    @model_validator(mode="before")
    @classmethod
    def _empty_means_default(cls, values: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in values.items() if value != ""}

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
    """``config.toml``, with its relative paths taken from the folder it lies in."""

    def __call__(self) -> dict[str, Any]:
        values = super().__call__()
        file = self.toml_file_path
        if not isinstance(file, Path):
            return values
        for key, value in values.items():
            _check_quotes(file, key, value)
        return {key: _resolve_path(file.parent, key, value) for key, value in values.items()}


def _check_quotes(file: Path, key: str, value: object) -> None:
    """Refuse "30" for 30 and "true" for true, which pydantic would take."""
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

    ``config``: the file to read; None: ``HEYGEM_CONFIG``, else the system's, else the checkout's.
    ``overrides``: settings from the command line, by key.
    Raises ConfigurationError with one line that names the file, variable or option, and the key.
    """
    given: dict[str, Any] = dict(overrides or {})
    _check_variables(os.environ)
    file = find_config_file(config)

    class Configured(Settings):
        model_config = SettingsConfigDict(toml_file=file)

    try:
        return Settings.model_construct(**Configured(**given).model_dump())
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{file}: not valid TOML: {error}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{file}: not a UTF-8 text file") from error
    except OSError as error:
        raise ConfigurationError(f"{file}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        raise ConfigurationError(_describe_error(error.errors()[0], given, file)) from error


def find_config_file(config: Path | None) -> Path | None:
    """The configuration file that applies; None where there is none.

    Raises ConfigurationError if a file was asked for that is not there.
    """
    asked = os.environ.get(CONFIG_VARIABLE)
    named = config or (Path(asked) if asked else None)
    if named is not None:
        if not named.is_file():
            asker = "--config" if config else CONFIG_VARIABLE
            raise ConfigurationError(f"{asker}: there is no file {named}")
        return named.absolute()
    candidates = [SYSTEM_CONFIG]
    if (PACKAGE.parent / "pyproject.toml").is_file():
        candidates.append(PACKAGE.parent / "config.toml")
    return next((path for path in candidates if path.is_file()), None)


def _check_variables(environment: Mapping[str, str]) -> None:
    known = {ENVIRONMENT_PREFIX + key.upper() for key in Settings.model_fields} | {CONFIG_VARIABLE}
    for name in sorted(environment):
        if name.upper().startswith(ENVIRONMENT_PREFIX) and name.upper() not in known:
            raise ConfigurationError(
                f"{name}: unknown variable{suggest_nearest(name.upper(), known)}"
            )


def _describe_error(error: ErrorDetails, given: Mapping[str, object], file: Path | None) -> str:
    """One line for a person: where the value was given, the key, the value, what it must be."""
    key = str(error["loc"][0]) if error["loc"] else ""
    if error["type"] == "extra_forbidden":
        return f'{file}: unknown key "{key}"{suggest_nearest(key, Settings.model_fields)}'
    value = format_value(error["input"])
    return f"{_origin(key, given, file)}: {key} = {value}: {describe_problem(error)}"


def _origin(key: str, given: Mapping[str, object], file: Path | None) -> str:
    if key in given:
        return "--" + key.replace("_", "-")
    variables = {name.upper(): name for name, value in os.environ.items() if value}
    return variables.get(ENVIRONMENT_PREFIX + key.upper(), str(file))
