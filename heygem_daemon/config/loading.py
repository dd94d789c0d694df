"""Reads the settings: the command line overrides ``HEYGEM_…`` variables, which override
``config.toml``, which overrides the defaults."""

import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource

from heygem_daemon.config.folders import FolderProfile
from heygem_daemon.config.settings import ENVIRONMENT_PREFIX, PATH_KEYS, Settings
from heygem_daemon.config.toml_keys import format_key, with_quotes
from heygem_daemon.config.wording import describe_problem, format_value, suggest_nearest
from heygem_daemon.errors import ConfigurationError
from heygem_daemon.system.installation import PACKAGE

SYSTEM_CONFIG = Path("/etc/heygem-daemon/config.toml")
CONFIG_VARIABLE = "HEYGEM_CONFIG"
_LINE = re.compile(r"\(at line (\d+)")
_FOLLOWS_FROM_ANOTHER = "default_factory_not_called"
"""Pydantic's error for a default that depends on a setting that is wrong."""


class WrongSettings(ConfigurationError):
    """Some settings are wrong."""

    def __init__(self, message: str, keys: frozenset[str]) -> None:
        super().__init__(message)
        self.keys = keys
        """Which ones, as far as it is known."""


class UnreadableFile(ConfigurationError):
    """The configuration file cannot be read, or is no TOML."""


@dataclass(frozen=True, slots=True)
class SettingsSource:
    """Where the settings come from. A running daemon reads them from there again."""

    config: Path | None = None
    """The file that --config names; None: ``HEYGEM_CONFIG``, else the system's, else the
    checkout's."""

    options: Mapping[str, object] = field(default_factory=dict)
    """The settings of the command line, by key."""

    pinned_file: Path | None = None
    """The file that was read before. Where it is gone, nothing is read."""

    def load(self) -> Settings:
        """Read and check all settings. Raises ConfigurationError."""
        if self.pinned_file is None:
            return load_settings(self.config, self.options)
        if not self.pinned_file.is_file():
            raise ConfigurationError(f"{self.pinned_file}: the file is gone")
        return load_settings(self.pinned_file, self.options)

    def load_others(self, wrong: frozenset[str]) -> Settings | None:
        """Return the settings with the defaults in place of those that are ``wrong``; None: there
        are more mistakes."""
        try:
            return load_settings(self.find_file(), self.options, wrong)
        except ConfigurationError:
            return None

    def load_without_file(self) -> Settings | None:
        """Return the settings of the command line and the variables, where these name the spool;
        None: they do not. Raises ConfigurationError."""
        if "spool" not in self.options and variable_of("spool") is None:
            return None
        return load_settings(None, self.options, reads_file=False)

    def pin(self) -> "SettingsSource":
        """Return the source that stays with the file that is read now, if there is one. Otherwise
        a file that somebody is replacing would mean the defaults for a moment."""
        return replace(self, pinned_file=self.find_file())

    def find_file(self) -> Path | None:
        """Return the configuration file; None if there is none. Raises ConfigurationError."""
        return self.pinned_file or find_config_file(self.config)


def load_settings(
    config: Path | None = None,
    overrides: Mapping[str, object] | None = None,
    left_out: frozenset[str] = frozenset(),
    *,
    reads_file: bool = True,
) -> Settings:
    """Read and check all settings.

    ``config`` is the file to read; None: ``HEYGEM_CONFIG``, else the system's file, else the
    checkout's. ``overrides`` are settings from the command line, by key. ``left_out``: keys that
    count as not written. ``reads_file``: False reads no file. Raises ConfigurationError with a line
    for each mistake: the file, variable or option, the key, and what is wrong.
    """
    given: Mapping[str, Any] = overrides or {}
    options = {key: value for key, value in given.items() if key not in left_out}
    problems = list(_find_unknown_variables(os.environ))
    file = find_config_file(config) if reads_file else None
    content = read_config_file(file) if file is not None else {}
    written = {key: value for key, value in content.items() if key not in left_out}
    wrong = set[str]()
    for key, problem in _find_wrong_quotes(written):
        wrong.add(key)
        problems.append(f"{file}: {key} = {format_value(written.pop(key))}: {problem}")
    in_file = {
        key: _resolve_path(file.parent, key, value) if file else value
        for key, value in written.items()
    }

    class Configured(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
            file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return init_settings, env_settings, InitSettingsSource(settings_cls, in_file)

    try:
        read = Configured(**options)
        settings = Settings.model_construct(
            **{key: getattr(read, key) for key in Settings.model_fields}
        )
    except ValidationError as error:
        wrong |= {key for each in error.errors() for key in _keys_of(each)}
        problems += [
            _describe_error(each, options, file)
            for each in error.errors()
            if each["type"] != _FOLLOWS_FROM_ANOTHER
        ]
    if problems:
        raise WrongSettings("\n".join(problems), frozenset(wrong))
    return settings


def read_config_file(file: Path) -> dict[str, Any]:
    """Return what a configuration file says. Raises ConfigurationError if it is no TOML."""
    try:
        text = file.read_text(encoding="utf-8")
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = _LINE.search(str(error))
        right = with_quotes(text.split("\n")[int(found[1]) - 1]) if found else None
        if found and right:
            raise UnreadableFile(
                f"{file}, line {found[1]}: a name needs quotes unless all its characters are"
                f" letters from a to z, digits, '-' or '_': write {right}"
            ) from error
        raise UnreadableFile(f"{file}: not valid TOML: {error}") from error
    except UnicodeDecodeError as error:
        raise UnreadableFile(f"{file}: not a UTF-8 text file") from error
    except OSError as error:
        raise UnreadableFile(f"{file}: cannot be read: {error.strerror}") from error


def find_config_file(config: Path | None) -> Path | None:
    """Return the configuration file that applies; None if there is none.

    Raises ConfigurationError if the file that ``config`` or HEYGEM_CONFIG names does not exist.
    """
    variable = os.environ.get(CONFIG_VARIABLE)
    named = config or (Path(variable) if variable else None)
    if named is not None:
        if not named.is_file():
            origin = "--config" if config else CONFIG_VARIABLE
            raise UnreadableFile(f"{origin}: there is no file {named}")
        return named.absolute()
    candidates = [SYSTEM_CONFIG]
    if (PACKAGE.parent / "pyproject.toml").is_file():
        candidates.append(PACKAGE.parent / "config.toml")
    return next((path for path in candidates if path.is_file()), None)


def option_of(key: str) -> str:
    """Return the command-line option of a setting."""
    return "--" + key.replace("_", "-")


def variable_of(key: str) -> str | None:
    """Return the environment variable that sets ``key`` now, as it is written; None: none does."""
    variables = {name.upper(): name for name, value in os.environ.items() if value}
    return variables.get(ENVIRONMENT_PREFIX + key.upper())


def _find_wrong_quotes(written: Mapping[str, object]) -> Iterable[tuple[str, str]]:
    """Return the keys with "30" for 30 or "true" for true, which pydantic would accept, each with
    what it must be."""
    found = []
    for key, value in written.items():
        default = Settings.model_fields[key].default if key in Settings.model_fields else None
        if isinstance(default, bool) and not isinstance(value, bool):
            found.append((key, "must be true or false"))
        elif isinstance(default, int | float) and isinstance(value, str):
            found.append((key, "must be a number, unquoted"))
    return found


def _resolve_path(folder: Path, key: str, value: object) -> object:
    if key not in PATH_KEYS or not isinstance(value, str) or not value:
        return value
    return str(folder / Path(value).expanduser())


def _find_unknown_variables(environment: Mapping[str, str]) -> Iterator[str]:
    """Yield what is wrong with each variable that has the prefix and is no setting."""
    valid = {ENVIRONMENT_PREFIX + key.upper() for key in Settings.model_fields} | {CONFIG_VARIABLE}
    for name in sorted(environment):
        if name.upper().startswith(ENVIRONMENT_PREFIX) and name.upper() not in valid:
            yield f"{name}: unknown variable{suggest_nearest(name.upper(), valid)}"


def _keys_of(error: ErrorDetails) -> Iterable[str]:
    """Return the settings that are at fault: the one, or those that a rule for several names."""
    if error["loc"]:
        return (str(error["loc"][0]),)
    return set(re.findall(r"\w+", error["msg"])) & Settings.model_fields.keys()


def _describe_error(error: ErrorDetails, options: Mapping[str, object], file: Path | None) -> str:
    """Return one line: where the value comes from, the key, the value, and what it must be."""
    if not error["loc"]:
        return f"{file or 'settings'}: {describe_problem(error)}"
    key = str(error["loc"][0])
    origin = option_of(key) if key in options else variable_of(key) or str(file)
    if len(error["loc"]) > 1 and key == "folders":
        return f"{origin}: {_describe_profile_error(error)}"
    if error["type"] == "extra_forbidden":
        return f'{file}: unknown key "{key}"{suggest_nearest(key, Settings.model_fields)}'
    return f"{origin}: {key} = {format_value(error['input'])}: {describe_problem(error)}"


def _describe_profile_error(error: ErrorDetails) -> str:
    """Return what is wrong in the profile of a hot folder."""
    name, *rest = map(str, error["loc"][1:])
    folder = format_key(name)
    if not rest:
        return (
            f"folders.{folder} = {format_value(error['input'])}: must be a table,"
            f" [folders.{folder}]; a setting of the daemon belongs above [folders]"
        )
    if error["type"] == "extra_forbidden":
        nearest = suggest_nearest(rest[0], FolderProfile.model_fields)
        return f'[folders.{folder}]: unknown key "{rest[0]}"{nearest}'
    value = format_value(error["input"])
    return f"[folders.{folder}]: {rest[0]} = {value}: {describe_problem(error)}"
