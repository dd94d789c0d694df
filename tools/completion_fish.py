"""Completion for fish: see complete(1)."""

from collections.abc import Iterable, Iterator

from tools.command_flags import Flag, groups, own_flags, settings_flags, summary, takes_files
from tools.commands import all_commands

HEAD = """\
# fish completion for heygem-daemon; made by: python -m tools.completion --write

function __heygem_daemon_command
    # Print the command that is typed so far, as 'config show'.
    set -l found
    for each in (commandline -opc)[2..-1]
        switch "$found $each"
            case {known}
                set -a found $each
        end
    end
    echo "$found"
end

function __heygem_daemon_is
    # Whether the command that is typed so far is one of the arguments.
    contains -- (__heygem_daemon_command) $argv
end

complete -c heygem-daemon -f"""


def completion() -> str:
    """Return the script."""
    return "\n".join((*_lines(), ""))


def _lines() -> Iterator[str]:
    commands, found = all_commands(), groups()
    known = [f" {each}" for each in dict.fromkeys(each.words[0] for each in commands)]
    known += [" ".join(each.words) for each in commands if len(each.words) > 1]
    yield HEAD.format(known=" ".join(map(_quoted, known)))
    for each in commands:
        if len(each.words) == 1:
            yield _complete([""], f"-a {each.words[0]}", summary(each))
    for name, members in found.items():
        yield _complete([""], f"-a {name}", ", ".join(each.words[1] for each in members))
        for each in members:
            yield _complete([name], f"-a {each.words[1]}", summary(each))
    yield _complete([""], "-l version", "Print the version and the commit.")
    with_settings = [" ".join(each.words) for each in commands if each.has_all_settings]
    yield from _flags(with_settings, settings_flags())
    for each in commands:
        name = " ".join(each.words)
        yield from _flags([name], own_flags(each))
        if takes_files(each):
            yield f"complete -c heygem-daemon -n {_condition([name])} -F"


def _flags(commands: list[str], flags: Iterable[Flag]) -> Iterator[str]:
    for flag in flags:
        follows = {"choices": f" -x -a {_quoted(' '.join(flag.choices))}", "path": " -r -F"}
        rest = follows.get(flag.follows, " -x" if flag.follows == "value" else "")
        for name in flag.names:
            kind = f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}"
            yield _complete(commands, f"{kind}{rest}", flag.text)


def _complete(commands: list[str], what: str, text: str) -> str:
    return f"complete -c heygem-daemon -n {_condition(commands)} {what} -d {_quoted(text)}"


def _condition(commands: list[str]) -> str:
    words = " ".join('""' if not each else f'"{each}"' for each in commands)
    return _quoted(f"__heygem_daemon_is {words}")


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
