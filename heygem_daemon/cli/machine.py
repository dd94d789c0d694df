"""``doctor``: is this machine fit for the work?"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from heygem_daemon.cli.exits import ExitStatus
from heygem_daemon.cli.output import JSON_OPTION, print_json
from heygem_daemon.doctor.check import Check
from heygem_daemon.doctor.examination import examine
from heygem_daemon.service.device import need_of
from heygem_daemon.settings import Settings

STYLES = {"pass": "green", "warn": "yellow", "fail": "bold red"}


def doctor(settings: Settings, as_json: Annotated[bool, JSON_OPTION] = False) -> None:
    """Check driver, devices, weights, memory, disk and spool, with a remedy for what is wrong.

    Exit status 1 if a check failed: jobs cannot run like this.
    """
    checks = examine(
        settings.spool, settings.weights, settings.log_folder, settings.device, need_of(settings)
    )
    failed = any(check.verdict == "fail" for check in checks)
    if as_json:
        print_json({"fit": not failed, "checks": [asdict(check) for check in checks]})
    elif (console := Console()).is_terminal:
        console.print(_table(checks))
    else:
        for check in checks:
            typer.echo(_line(check))
    raise typer.Exit(ExitStatus.FAILED if failed else ExitStatus.DONE)


def _line(check: Check) -> str:
    """For the journal and for files, which have no width to fit."""
    remedy = f" -> {check.remedy}" if check.remedy else ""
    return f"{check.verdict} {check.name}: {check.detail}{remedy}"


def _table(checks: Sequence[Check]) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("", "check", "found", "what to do"):
        table.add_column(column, overflow="fold")
    for check in checks:
        verdict = Text(check.verdict, style=STYLES[check.verdict])
        table.add_row(verdict, Text(check.name), Text(check.detail), Text(check.remedy))
    return table
