"""Completion for zsh: see zshcompsys(1), _arguments."""

from collections.abc import Iterable, Iterator

from tools.command_flags import Flag, groups, own_flags, settings_flags, summary, takes_files
from tools.commands import Command, all_commands

TEMPLATE = """\
#compdef heygem-daemon
# zsh completion for heygem-daemon; made by: python -m tools.completion --write

_heygem-daemon() {{
    local curcontext=$curcontext state line
    local -a settings
    settings=(
{settings}
    )
    _arguments -C '--help[Show the help.]' '--version[Print the version and the commit.]' \\
        '1:command:->command' '*::argument:->argument'
    case $state in
    command)
        local -a commands
        commands=(
{first}
        )
        _describe command commands ;;
    argument)
        case $words[1] in
{cases}
        esac ;;
    esac
}}

_heygem-daemon "$@"
"""

GROUP = """\
        {group})
            local -a members
            members=(
{members}
            )
            _arguments -C '1:command:->member' '*::argument:->rest'
            case $state in
            member) _describe command members ;;
            rest)
                case $words[1] in
{cases}
                esac ;;
            esac ;;"""


def completion() -> str:
    """Return the script."""
    commands, found = all_commands(), groups()
    texts = {each.words[0]: summary(each) for each in commands if len(each.words) == 1}
    texts |= {name: ", ".join(c.words[1] for c in members) for name, members in found.items()}
    cases = [_case(each, 8) for each in commands if len(each.words) == 1]
    cases += [
        GROUP.format(
            group=name,
            members="\n".join(_described(c.words[1], summary(c), 16) for c in members),
            cases="\n".join(_case(each, 16) for each in members),
        )
        for name, members in found.items()
    ]
    return TEMPLATE.format(
        settings="\n".join(" " * 8 + each for each in _specifications(settings_flags())),
        first="\n".join(_described(name, text, 12) for name, text in texts.items()),
        cases="\n".join(cases),
    )


def _case(command: Command, indent: int) -> str:
    words = [*_specifications(own_flags(command))]
    words += ["$settings"] if command.has_all_settings else []
    words += ["'*:file:_files'"] if takes_files(command) else ["'*:name:'"]
    inner = " \\\n".join(" " * (indent + 8) + each for each in words).lstrip()
    return f"{' ' * indent}{command.words[-1]})\n{' ' * (indent + 4)}_arguments {inner} ;;"


def _specifications(flags: Iterable[Flag]) -> Iterator[str]:
    """Yield each option as _arguments takes it."""
    for flag in flags:
        for name in flag.names:
            yield _quoted(f"{name}[{_escaped(flag.text)}]{_action(flag)}")


def _action(flag: Flag) -> str:
    if flag.follows == "choices":
        return f":value:({' '.join(flag.choices)})"
    return {"path": ":path:_files", "value": ":value:"}.get(flag.follows, "")


def _described(name: str, text: str, indent: int) -> str:
    return " " * indent + _quoted(f"{name}:{text}")


def _escaped(text: str) -> str:
    return "".join(f"\\{each}" if each in "[]\\" else each for each in text)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
