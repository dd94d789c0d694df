"""Writes docs/completion/heygem-daemon, for bash, from the commands and the settings. ``--write``
updates it.

The script starts no program, so it answers at once.
"""

import sys
from pathlib import Path

from heygem_daemon.config.loading import option_of
from heygem_daemon.config.reference import describe_settings
from heygem_daemon.config.settings import Settings
from tools.commands import PROGRAM, all_commands
from tools.generated import check_or_write

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "completion" / PROGRAM

TEMPLATE = """\
# bash completion for heygem-daemon; made by: python -m tools.completion --write

_heygem_daemon() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD - 1]}}
    local words=("${{COMP_WORDS[@]:1:COMP_CWORD-1}}") command='' each
    local settings='{settings}'
    COMPREPLY=()
    for each in "${{words[@]}}"; do
        case "$command $each" in
        {commands}) command="${{command:+$command }}$each" ;;
        esac
    done
    case $previous in
{values}
    esac
    case $command in
{options}
    esac
    if [[ $current != -* ]]; then
        mapfile -t -O "${{#COMPREPLY[@]}}" COMPREPLY < <(compgen -f -- "$current")
    fi
}}
complete -o filenames -F _heygem_daemon heygem-daemon
"""


def completion() -> str:
    """Return the script."""
    commands = all_commands()
    groups = sorted({each.words[0] for each in commands if len(each.words) > 1})
    first = list(dict.fromkeys(each.words[0] for each in commands))
    known = [f'" {each}"' for each in first]
    known += [f'"{" ".join(each.words)}"' for each in commands if len(each.words) > 1]
    cases = [_case("''", " ".join((*first, "--help", "--version")))]
    for group in groups:
        members = [each.words[1] for each in commands if each.words[0] == group]
        cases.append(_case(f"'{group}'", " ".join(members)))
    for each in commands:
        names = [name for option in each.options if not option.is_argument for name in option.names]
        names += [] if each.has_all_settings else [n for o in each.settings for n in o.names]
        settings = " $settings" if each.has_all_settings else ""
        cases.append(_case(f"'{' '.join(each.words)}'", " ".join((*names, "--help")) + settings))
    return TEMPLATE.format(
        settings=" ".join(("--config", *map(" ".join, map(_flags, Settings.model_fields)))),
        commands=" | ".join(known),
        values="\n".join(_value_cases()),
        options="\n".join(cases),
    )


def _flags(key: str) -> tuple[str, ...]:
    flag = option_of(key)
    is_switch = Settings.model_fields[key].annotation is bool
    return (flag, f"--no-{flag[2:]}") if is_switch else (flag,)


def _value_cases() -> list[str]:
    """Return what follows an option: its choices, a path, or nothing that can be known."""
    chosen, paths, unknown = [], ["--config"], []
    for setting in describe_settings():
        flag = option_of(setting.key)
        if Settings.model_fields[setting.key].annotation is bool:
            continue
        if setting.choices:
            chosen.append(_case(flag, " ".join(setting.choices), " && return"))
        elif setting.kind == "PATH":
            paths.append(flag)
        else:
            unknown.append(flag)
    for command in all_commands():
        unknown += [option.names[0] for option in command.options if option.value]
    files = '        mapfile -t COMPREPLY < <(compgen -f -- "$current")\n        return ;;'
    return [
        *chosen,
        f"    {' | '.join(paths)})\n{files}",
        f"    {' | '.join(dict.fromkeys(unknown))}) return ;;",
    ]


def _case(pattern: str, words: str, then: str = "") -> str:
    quoted = f'"{words}"'
    return (
        f"    {pattern})\n"
        f'        mapfile -t COMPREPLY < <(compgen -W {quoted} -- "$current"){then} ;;'
    )


if __name__ == "__main__":
    sys.exit(check_or_write(DOCUMENT, completion(), __doc__))
