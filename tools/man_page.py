"""Writes docs/man/heygem-daemon.1 from the commands and the settings. ``--write`` updates it."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from heygem_daemon.cli.app import EPILOG
from heygem_daemon.config.loading import option_of
from heygem_daemon.config.reference import GROUPS, describe, settings_of
from tools.commands import PROGRAM, Command, Option, all_commands
from tools.generated import check_or_write

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "man" / f"{PROGRAM}.1"

INTRODUCTION = """\
The daemon takes pairs of an audio file and a video or photograph of a face out of the inbox of a
watched folder, the spool, and publishes lip-synced videos in its outbox.

The command run is the daemon. The other commands do not talk to it: they read and write files of
the spool, so run them as the daemon's user."""
FILES = (
    ("/etc/heygem-daemon/config.toml", "The configuration; it explains every setting."),
    ("SPOOL/inbox, outbox, done, failed", "What users drop, and what becomes of it."),
    ("SPOOL/.state/status.json", "What the daemon does now."),
    ("/var/lib/heygem-daemon/checkpoints", "Your own Wav2Lip checkpoints."),
    ("/opt/heygem-daemon/current", "The installed version, with its documents in share/doc."),
)
ENVIRONMENT = (
    ("HEYGEM_CONFIG", "The configuration file."),
    ("HEYGEM_SETTING", "Any setting, in capitals: HEYGEM_CHUNK_SECONDS=10. It overrides the file."),
)


def man_page() -> str:
    """Return the manual page, as man(7) has it."""
    return "\n".join((*_lines(), ""))


def _lines() -> Iterator[str]:
    yield f'.\\" Made by: python -m tools.man_page --write\n.TH {PROGRAM.upper()} 1'
    yield f".SH NAME\n{_text(PROGRAM)} \\- lip-sync audio and face video from a watch folder"
    yield f".SH SYNOPSIS\n.B {_text(PROGRAM)}\n.I COMMAND\n[options]"
    yield ".SH DESCRIPTION"
    yield "\n.PP\n".join(map(_text, INTRODUCTION.split("\n\n")))
    yield ".SH COMMANDS"
    for command in all_commands():
        yield from _command(command)
    yield ".SH SETTINGS"
    yield _text(
        "All commands but version and submit take every setting as an option; submit takes those"
        " that have an effect on it. An option overrides a variable, and a variable overrides the"
        " configuration file."
    )
    yield from _entry("--config PATH", "Configuration file.")
    for group in GROUPS:
        yield f".SS {_text(group)}"
        for setting in settings_of(group):
            yield from _entry(f"{option_of(setting.key)} {setting.kind}", describe(setting))
    yield f".SH EXIT STATUS\n{_text(EPILOG.removeprefix('Exit status: '))}"
    for title, entries in (("ENVIRONMENT", ENVIRONMENT), ("FILES", FILES)):
        yield f".SH {title}"
        for term, text in entries:
            yield from _entry(term, text)
    yield ".SH SEE ALSO\n.BR systemctl (1),\n.BR journalctl (1)"


def _command(command: Command) -> Iterator[str]:
    arguments = [
        each.names[0] if each.required else f"[{each.names[0]}]"
        for each in command.options
        if each.is_argument
    ]
    yield f".SS {_text(' '.join((*command.words, *arguments)))}"
    yield "\n.PP\n".join(_text(each) for each in command.text.split("\n\n"))
    for option in command.options:
        yield from _entry(_names(option), option.text)


def _names(option: Option) -> str:
    return f"{', '.join(option.names)} {option.value}".strip()


def _entry(term: str, text: str) -> Iterator[str]:
    yield f".TP\n.B {_text(term)}\n{_text(text)}"


def _text(text: str) -> str:
    """Return text as roff takes it: one line, without characters that roff acts on."""
    plain = " ".join(text.split()).replace("\\", "\\e").replace("-", "\\-").replace("``", "")
    plain = re.sub(r"[^\x00-\x7f]", lambda found: f"\\[u{ord(found[0]):04X}]", plain)
    return re.sub(r"^([.'])", r"\\&\1", plain)


if __name__ == "__main__":
    sys.exit(check_or_write(DOCUMENT, man_page(), __doc__))
