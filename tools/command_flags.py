"""What shell completion offers: the options of each command, and what may follow them."""

from dataclasses import dataclass
from typing import Literal

from tools.commands import Command, Option, all_commands

_CAPITAL_CHOICES = ("DEBUG", "INFO", "WARNING", "ERROR")

HELP = Option(("--help",), "", "Show the help.", required=False)

Follows = Literal["nothing", "choices", "path", "value"]


@dataclass(frozen=True)
class Flag:
    """One option of a command."""

    names: tuple[str, ...]
    text: str
    """What it is, as one line."""
    follows: Follows
    """What follows it; nothing: it is a switch."""
    choices: tuple[str, ...]
    """What can follow it, with ``choices``."""


def flag_of(option: Option) -> Flag:
    """Return what completion has to know of an option. Its value is ``PATH``, choices with ``|``
    between, or anything else that only its user knows."""
    choices = tuple(
        each
        for each in option.value.split("|")
        if "|" in option.value and (not each.isupper() or each in _CAPITAL_CHOICES)
    )
    follows: Follows = "value"
    if choices:
        follows = "choices"
    elif not option.value:
        follows = "nothing"
    elif option.value == "PATH":
        follows = "path"
    return Flag(option.names, " ".join(option.text.split()), follows, choices)


def own_flags(command: Command) -> list[Flag]:
    """Return the options of a command, without those of settings where it has all of them."""
    options = [each for each in command.options if not each.is_argument]
    options += [] if command.has_all_settings else command.settings
    return [flag_of(each) for each in (*options, HELP)]


def settings_flags() -> list[Flag]:
    """Return the options that all settings have."""
    command = next(each for each in all_commands() if each.has_all_settings)
    return [flag_of(each) for each in command.settings]


def takes_files(command: Command) -> bool:
    """Return whether files are arguments of a command."""
    files = {"AUDIO", "VIDEO", "FILE", "FOLDER", "PATH"}
    return any(each.is_argument and each.names[0].strip("[]") in files for each in command.options)


def summary(command: Command) -> str:
    """Return the first sentence of a command's help."""
    return " ".join(command.text.split()).partition(". ")[0].rstrip(".")


def groups() -> dict[str, list[Command]]:
    """Return the commands of two words, by the first."""
    found: dict[str, list[Command]] = {}
    for each in all_commands():
        if len(each.words) > 1:
            found.setdefault(each.words[0], []).append(each)
    return found
