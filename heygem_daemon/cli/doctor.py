"""``doctor``: is this machine fit for the work?

How the doctor's findings are shown: a table on a terminal, one line each elsewhere.
"""

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import asdict
from typing import Annotated, TextIO

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from heygem_daemon.cli.output import JSON_OPTION, ExitStatus, print_json
from heygem_daemon.cli.status import read_live_status
from heygem_daemon.config.settings import Settings
from heygem_daemon.doctor.check import Check, Section
from heygem_daemon.doctor.disk import find_unresponsive_folders
from heygem_daemon.doctor.examination import DoctorInputs, examine
from heygem_daemon.doctor.gpus import TypicalJob
from heygem_daemon.gpu.torch_build import is_cuda_usable
from heygem_daemon.service.devices import build_placement_policy, build_placement_request
from heygem_daemon.spool.spool import Spool
from heygem_daemon.system.log import escape_line, is_journal

QUICK_OPTION = typer.Option("--quick", help="Measure nothing: a second instead of a minute.")
WARN_OPTION = typer.Option(
    "--warn-only", help="Exit with status 0 whatever is found, as before a start of the service."
)


def doctor(
    settings: Settings,
    quick: Annotated[bool, QUICK_OPTION] = False,
    warn_only: Annotated[bool, WARN_OPTION] = False,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Check driver, devices, weights, memory, disk and spool, with a remedy for what is wrong.

    Exit status 1 if a check failed: jobs cannot run like this.
    """
    found = _find_sections(settings, quick)
    fit = _print_json(list(found)) if as_json else print_sections(found, sys.stdout)
    raise typer.Exit(ExitStatus.DONE if fit or warn_only else ExitStatus.FAILED)


def _find_sections(settings: Settings, quick: bool) -> Iterator[Section]:
    """All findings; only that where the spool or the log do not answer."""
    places = {"spool": settings.spool, "log folder": settings.log_folder}
    if (section := find_unresponsive_folders(places)) is not None:
        yield section
        return
    yield from examine(_subject(settings), quick)


def _subject(settings: Settings) -> DoctorInputs:
    status = read_live_status(Spool(settings.spool), time.time())
    return DoctorInputs(
        settings,
        TypicalJob(
            build_placement_policy(settings),
            build_placement_request(settings),
            is_cuda_usable(),
            settings.hot_celsius or None,
        ),
        daemon_running=status is not None,
        last_status_at=None if status is None else status.written,
    )


def _print_json(sections: Iterable[Section]) -> bool:
    checks = [
        {"section": each.title, **asdict(check)} for each in sections for check in each.checks
    ]
    fit = all(check["verdict"] != "fail" for check in checks)
    print_json({"fit": fit, "checks": checks})
    return fit


STYLES = {"pass": "green", "warn": "yellow", "fail": "bold red"}
SYSLOG_PRIORITIES = {"pass": 6, "warn": 4, "fail": 3}
"""Of sd-daemon(3), at the start of a line for the journal."""
NAME_WIDTH = 24
WIDE_COLUMNS = 120
"""Columns from which on the remedy has a column of its own; else it is below the finding."""
REMEDY_SHARE = 0.4
"""Of the columns beside the names, where there are that many."""


def print_sections(sections: Iterable[Section], stream: TextIO) -> bool:
    """Print each section as it comes, and then what it amounts to; whether no check failed."""
    checks: list[Check] = []
    console = Console(file=stream)
    with console.status("examining …") if console.is_terminal else nullcontext():
        for section in sections:
            if console.is_terminal:
                console.print(_table(section, console.width), highlight=False)
            else:
                for check in section.checks:
                    typer.echo(_line(check, stream), file=stream)
            checks += section.checks
    typer.echo(_prefix("pass", stream) + summary(checks), file=stream)
    return all(check.verdict != "fail" for check in checks)


def summary(checks: Iterable[Check]) -> str:
    """What all findings amount to, in a line."""
    verdicts = [check.verdict for check in checks]
    failed, warned = verdicts.count("fail"), verdicts.count("warn")
    counts = f"{failed} failed, {warned} warned, {verdicts.count('pass')} passed"
    return f"{'Unfit' if failed else 'Fit'}: {counts}."


def _line(check: Check, stream: TextIO) -> str:
    """For the journal and for files, which have no width to fit."""
    remedy = f" -> {check.remedy}" if check.remedy else ""
    text = f"{check.verdict} {check.name}: {check.detail}{remedy}"
    return _prefix(check.verdict, stream) + escape_line(text)


def _prefix(verdict: str, stream: TextIO) -> str:
    return f"<{SYSLOG_PRIORITIES[verdict]}>" if is_journal(stream) else ""


def _table(section: Section, width: int) -> Table:
    """Columns of the same width in every section, so that they read as one table."""
    table = Table(
        title=section.title,
        title_justify="left",
        title_style="bold",
        box=None,
        pad_edge=False,
        show_header=False,
        width=width,
    )
    wide = width >= WIDE_COLUMNS
    rest = width - len("pass") - NAME_WIDTH - 6
    remedies = int(REMEDY_SHARE * rest) if wide else 0
    for columns in (len("pass"), NAME_WIDTH, rest - remedies, *([remedies] if wide else [])):
        table.add_column(width=columns, overflow="fold")
    for check in section.checks:
        cells = [Text(check.verdict, style=STYLES[check.verdict]), Text(escape_line(check.name))]
        found, remedy = (
            Text(escape_line(check.detail)),
            Text(escape_line(check.remedy), style="italic"),
        )
        if wide:
            table.add_row(*cells, found, remedy)
        else:
            table.add_row(*cells, Text("\n→ ").join([found, remedy]) if check.remedy else found)
    return table
