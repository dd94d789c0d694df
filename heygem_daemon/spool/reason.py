"""``reason.txt``: why a job failed, for the person who dropped it."""

import shlex
import time

from heygem_daemon.spool.job import Journal
from heygem_daemon.spool.names import printable

REASON_FILE = "reason.txt"


def reason_text(journal: Journal) -> str:
    """Return the whole file: what is wrong, what to do, when, and how many attempts there were."""
    lines = [
        f'"{journal.name}" could not be rendered.',
        "",
        f"Reason:     {_one_line(journal.reason) or 'unknown'}",
    ]
    if journal.remedy:
        lines.append(f"What to do: {_one_line(journal.remedy)}")
    lines += [
        "",
        f"Audio:      {printable(journal.audio_name)}",
        f"Video:      {printable(journal.video_name)}",
        *([f"Options:    {printable(journal.sidecar_name)}"] if journal.sidecar_name else []),
        f"Failed at:  {format_time(journal.completed_at or 0.0)}",
        f"Job id:     {journal.id}",
        f"Attempts:   {journal.attempts}",
    ]
    lines += [f"  {format_time(t.at)} {t.kind}: {_one_line(t.text)}" for t in journal.troubles]
    lines += [
        "",
        "The input files lie in this folder. To try again, drop corrected files into the inbox,",
        f"or put these back with: heygem-daemon retry {shlex.quote(_command_name(journal))}",
        "",
    ]
    return "\n".join(lines)


def _command_name(journal: Journal) -> str:
    """Return the name of a failed job that commands use."""
    return f"{journal.folder}/{journal.name}" if journal.folder else journal.name


def format_time(seconds: float) -> str:
    """Return seconds since the epoch as 2026-11-21 03:15:22 UTC."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))


def _one_line(text: str) -> str:
    return " ".join(printable(part) for part in text.split())
