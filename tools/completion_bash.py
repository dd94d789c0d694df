"""Completion for bash."""

from tools.command_flags import groups, own_flags, settings_flags
from tools.commands import all_commands

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
    first = list(dict.fromkeys(each.words[0] for each in commands))
    known = [f'" {each}"' for each in first]
    known += [f'"{" ".join(each.words)}"' for each in commands if len(each.words) > 1]
    cases = [_case("''", " ".join((*first, "--help", "--version")))]
    for group, members in groups().items():
        cases.append(_case(f"'{group}'", " ".join(each.words[1] for each in members)))
    for each in commands:
        names = [name for flag in own_flags(each) for name in flag.names]
        settings = " $settings" if each.has_all_settings else ""
        cases.append(_case(f"'{' '.join(each.words)}'", " ".join(names) + settings))
    return TEMPLATE.format(
        settings=" ".join(name for flag in settings_flags() for name in flag.names),
        commands=" | ".join(known),
        values="\n".join(_value_cases()),
        options="\n".join(cases),
    )


def _value_cases() -> list[str]:
    """Return what follows an option: its choices in any command, a path, or nothing known."""
    chosen: dict[str, dict[str, None]] = {}
    paths: dict[str, None] = {}
    unknown: dict[str, None] = {}
    for flag in (*settings_flags(), *(each for c in all_commands() for each in own_flags(c))):
        if flag.follows == "choices":
            chosen.setdefault(flag.names[0], {}).update(dict.fromkeys(flag.choices))
        elif flag.follows == "path":
            paths[flag.names[0]] = None
        elif flag.follows == "value":
            unknown[flag.names[0]] = None
    files = '        mapfile -t COMPREPLY < <(compgen -f -- "$current")\n        return ;;'
    return [
        *(_case(name, " ".join(choices), " && return") for name, choices in chosen.items()),
        f"    {' | '.join(paths)})\n{files}",
        f"    {' | '.join(unknown)}) return ;;",
    ]


def _case(pattern: str, words: str, then: str = "") -> str:
    quoted = f'"{words}"'
    return (
        f"    {pattern})\n"
        f'        mapfile -t COMPREPLY < <(compgen -W {quoted} -- "$current"){then} ;;'
    )
