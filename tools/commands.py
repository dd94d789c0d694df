"""The commands of the program with their options, as the command line itself defines them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import typer

from heygem_daemon.cli.app import app
from heygem_daemon.cli.setting_flags import PANEL

PROGRAM = "heygem-daemon"


@dataclass(frozen=True)
class Option:
    """One option or argument of a command."""

    names: tuple[str, ...]
    """As '--timeout'; of an argument its name in capitals."""
    value: str
    """What follows it, as 'PATH'; empty: a switch, or an argument."""
    text: str
    required: bool

    @property
    def is_argument(self) -> bool:
        """Whether it is given by its place."""
        return not self.names[0].startswith("-")


@dataclass(frozen=True)
class Command:
    """One command."""

    words: tuple[str, ...]
    """As ('config', 'show')."""
    text: str
    """Its help, as paragraphs."""
    options: tuple[Option, ...]
    """Without those of the settings."""
    settings: tuple[Option, ...]
    """Those of the settings that have an effect on it."""
    has_all_settings: bool


def all_commands() -> list[Command]:
    """Return all commands in the order of the help."""
    return list(_commands(typer.main.get_command(app), ()))


def _commands(group: Any, words: tuple[str, ...]) -> Iterator[Command]:
    for name, each in group.commands.items():
        if hasattr(each, "commands"):
            yield from _commands(each, (*words, name))
        else:
            yield _command(each, (*words, name))


def _command(command: Any, words: tuple[str, ...]) -> Command:
    own = [each for each in command.params if not _is_setting(each)]
    settings = [each for each in command.params if _is_setting(each)]
    shown = [each for each in settings if not each.hidden]
    return Command(
        words=words,
        text=command.help or "",
        options=tuple(map(_option, own)),
        settings=tuple(map(_option, shown)),
        has_all_settings=bool(shown) and shown == settings,
    )


def _is_setting(parameter: Any) -> bool:
    return str(parameter.rich_help_panel or "").startswith(PANEL)


def _option(parameter: Any) -> Option:
    names = (*parameter.opts, *parameter.secondary_opts)
    if not names[0].startswith("-"):
        name = parameter.metavar or parameter.name.upper()
        return Option((name,), "", parameter.help or "", parameter.required)
    value = "" if parameter.is_flag else parameter.metavar or "VALUE"
    return Option(names, value, parameter.help or "", parameter.required)
