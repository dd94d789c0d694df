"""Gives a command an option for each setting."""

import functools
import inspect
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Annotated, Any

import typer

from heygem_daemon.cli.ending import errors_told
from heygem_daemon.cli.output import say, speaking
from heygem_daemon.config.loading import SettingsSource, UnreadableFile, WrongSettings, option_of
from heygem_daemon.config.reference import describe, describe_settings
from heygem_daemon.config.settings import Settings
from heygem_daemon.errors import ConfigurationError

PANEL = "Settings"
"""The help lists the options of settings under headings that begin with this word."""

NAME_THE_SPOOL = "To look at the spool meanwhile, name it with --spool."


def with_settings(
    command: Callable[..., None],
    only: Collection[str] | None = None,
    *,
    despite_mistakes: bool = False,
) -> Callable[..., None]:
    """Return ``command`` with an option for each setting. It receives the settings as its first
    argument.

    ``only``: the settings that have an effect on it; None: all. The options of the others are
    refused with the reason, since a silent one would look as if it had been followed.
    ``despite_mistakes``: it runs also where settings other than the spool are wrong, and says so: a
    daemon that runs keeps its settings then, and people want to know how it is.
    """

    @functools.wraps(command)
    def run(source: SettingsSource, **values: Any) -> None:
        settings = load_right_ones(source) if despite_mistakes else source.load()
        with speaking(settings.language), errors_told():
            command(settings, **values)

    return with_source(run, only)


def with_source(
    command: Callable[..., None], only: Collection[str] | None = None
) -> Callable[..., None]:
    """Return ``command`` with an option for each setting. It receives the source of the settings as
    its first argument.

    The options take text, because the settings' own validation has the better messages.
    """
    own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]
    taken = {each.name for each in own}
    keys = [key for key in Settings.model_fields if key not in taken]

    @functools.wraps(command)
    def run(**values: Any) -> None:
        file = values.pop("config")
        given = {key: values.pop(key) for key in keys}
        overrides = {key: value for key, value in given.items() if value is not None}
        if only is not None:
            _refuse_idle(sorted(overrides.keys() - set(only)))
        command(SettingsSource(file, overrides), **values)

    parameters = [*own, *_options(keys, only)]
    del run.__wrapped__
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    return run


def load_right_ones(source: SettingsSource) -> Settings:
    """Return the settings with the defaults in place of wrong ones, or of all where the file cannot
    be read and something else names the spool. stderr gets what is wrong. Raises
    ConfigurationError."""
    try:
        return source.load()
    except UnreadableFile as error:
        if (others := source.load_without_file()) is None:
            raise ConfigurationError(f"{error}\n{NAME_THE_SPOOL}") from error
        _warn(error)
        return others
    except WrongSettings as error:
        is_needed = "spool" in error.keys or not error.keys.isdisjoint(source.options)
        if is_needed or (others := source.load_others(error.keys)) is None:
            raise
        _warn(error)
        return others


def _warn(error: ConfigurationError) -> None:
    for doubt in str(error).splitlines():
        say(f"warning: {doubt}", err=True)


def _refuse_idle(keys: Collection[str]) -> None:
    """Raise ConfigurationError with a line for each setting that has no effect."""
    lines = [
        f"{option_of(key)} has no effect here: {key} is a setting of the daemon. Write it into the"
        " daemon's configuration."
        for key in keys
    ]
    if lines:
        raise ConfigurationError("\n".join(lines))


def _options(keys: Collection[str], only: Collection[str] | None) -> list[inspect.Parameter]:
    file = typer.Option(
        "--config", help="Configuration file.", metavar="PATH", rich_help_panel=PANEL
    )
    options = [_parameter("config", Path | None, file)]
    for setting in describe_settings():
        if setting.key not in keys:
            continue
        flag = option_of(setting.key)
        is_switch = Settings.model_fields[setting.key].annotation is bool
        option = typer.Option(
            f"{flag}/--no-{flag[2:]}" if is_switch else flag,
            help=describe(setting),
            metavar=None if is_switch else setting.kind,
            rich_help_panel=f"{PANEL}: {setting.group}",
            # Typer's own default is None: the file and the variables count where none is given.
            show_default=False,
            hidden=only is not None and setting.key not in only,
        )
        options.append(_parameter(setting.key, bool | None if is_switch else str | None, option))
    return options


def _parameter(name: str, kind: Any, option: Any) -> inspect.Parameter:
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind, option]
    )
