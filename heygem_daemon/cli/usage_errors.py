"""Wrong command lines: what is said of them, and in which language."""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from typer.exceptions import TyperException

from heygem_daemon.config.loading import find_config_file, option_of, read_config_file, variable_of
from heygem_daemon.errors import ConfigurationError
from heygem_daemon.language.translator import LANGUAGE_SETTINGS, LanguageSetting

_LANGUAGE = "language"
"""The setting."""


def find_language(arguments: Sequence[str]) -> LanguageSetting:
    """Return the language that a command line, the variable or the file sets. It is known before
    the settings are read as a whole: so it names what is wrong with these."""
    found: object = _value_of(_LANGUAGE, arguments)
    if found is None and (variable := variable_of(_LANGUAGE)) is not None:
        found = os.environ[variable]
    if found is None:
        found = _language_in_file(_value_of("config", arguments))
    return next((each for each in LANGUAGE_SETTINGS if each == found), "both")


def _value_of(key: str, arguments: Sequence[str]) -> str | None:
    """Return the value of the last option for ``key``, as a command line is read; None: there is
    none."""
    option, found = option_of(key), None
    for number, each in enumerate(arguments):
        if each == "--":
            break
        if each.startswith(f"{option}="):
            found = each.partition("=")[2]
        elif each == option and number + 1 < len(arguments):
            found = arguments[number + 1]
    return found


def _language_in_file(config: str | None) -> object:
    with suppress(ConfigurationError):
        file = find_config_file(Path(config) if config else None)
        return read_config_file(file).get(_LANGUAGE) if file is not None else None
    return None


def usage_error(error: TyperException) -> ConfigurationError | None:
    """Return what is wrong with a command line, and how to see what is right; None: a group was
    called without a command, which has printed its help."""
    problem, context = error.format_message().strip(), getattr(error, "ctx", None)
    if not problem:
        return None
    path = context.command_path if context is not None else "heygem-daemon"
    return ConfigurationError(f"{problem}\n`{path} --help` lists what it takes.")
