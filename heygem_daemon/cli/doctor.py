"""``doctor``: checks whether this machine can render jobs.

The findings are a table on a terminal, and one line each elsewhere.
"""

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import asdict, replace
from typing import Annotated, TextIO

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from heygem_daemon.cli.liveness import read_live_status
from heygem_daemon.cli.output import JSON_OPTION, ExitStatus, own_language, print_json
from heygem_daemon.config.settings import Settings
from heygem_daemon.doctor.check import Check, Section, check_line, translated
from heygem_daemon.doctor.disk import find_unresponsive_folders
from heygem_daemon.doctor.examination import DoctorInputs, examine
from heygem_daemon.doctor.gpus import TypicalJob
from heygem_daemon.gpu.torch_build import is_cuda_usable
from heygem_daemon.language.translator import Translator, translator
from heygem_daemon.service.devices import build_placement_policy, build_placement_request
from heygem_daemon.spool.spool import Spool
from heygem_daemon.system.log import is_journal
from heygem_daemon.system.log_lines import escape_line

QUICK_OPTION = typer.Option("--quick", help="Measure nothing: takes a second instead of a minute.")
WARN_OPTION = typer.Option(
    "--warn-only", help="Exit with status 0 whatever is found; used before the service starts."
)


def doctor(
    settings: Settings,
    quick: Annotated[bool, QUICK_OPTION] = False,
    warn_only: Annotated[bool, WARN_OPTION] = False,
    problems: Annotated[
        bool, typer.Option("--problems", help="Print only what is not well, and the summary.")
    ] = False,
    cluster: Annotated[
        bool, typer.Option("--cluster", help="Also check every other machine of the cluster.")
    ] = False,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Check driver, devices, weights, memory, disk and spool, with a remedy for what is wrong.

    Exit status 1 if a check failed: jobs cannot run like this.
    """
    sections = _find_sections(settings, quick, cluster)
    fit = (
        _print_json(list(sections))
        if as_json
        else print_sections(sections, sys.stdout, only_problems=problems)
    )
    raise typer.Exit(ExitStatus.DONE if fit or warn_only else ExitStatus.FAILED)


def _find_sections(settings: Settings, quick: bool, cluster: bool) -> Iterator[Section]:
    """Yield all findings, or only one where the spool or the log folder does not respond."""
    folders = {"spool": settings.spool, "log folder": settings.log_folder}
    if (section := find_unresponsive_folders(folders)) is not None:
        yield section
        return
    yield from examine(_build_inputs(settings), quick, cluster)


def _build_inputs(settings: Settings) -> DoctorInputs:
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
"""The prefix of a line for the journal, see sd-daemon(3)."""

NAME_WIDTH = 24

WIDE_COLUMNS = 120
"""From this width on the remedy has a column of its own; otherwise it is below the finding."""

REMEDY_SHARE = 0.4
"""The remedy's part of the columns beside the names, on a wide terminal."""


def print_sections(
    sections: Iterable[Section], stream: TextIO, *, only_problems: bool = False
) -> bool:
    """Print each section as it arrives, then a summary. Returns whether no check failed.
    ``only_problems``: what passed is counted and not printed."""
    checks: list[Check] = []
    # The journal is a log, and English.
    translate = translator("en") if is_journal(stream) else own_language()
    console = Console(file=stream)
    with console.status(translate("examining …")) if console.is_terminal else nullcontext():
        for whole in sections:
            checks += whole.checks
            section = _without_passed(whole) if only_problems else whole
            if not section.checks:
                continue
            if console.is_terminal:
                console.print(_table(section, console.width, translate), highlight=False)
            else:
                for check in section.checks:
                    typer.echo(_line(check, stream, translate), file=stream)
    typer.echo(_prefix("pass", stream) + translate(summary(checks)), file=stream)
    return all(check.verdict != "fail" for check in checks)


def _without_passed(section: Section) -> Section:
    return replace(section, checks=tuple(each for each in section.checks if each.verdict != "pass"))


def summary(checks: Iterable[Check]) -> str:
    """Return one line that sums up all findings."""
    verdicts = [check.verdict for check in checks]
    failed, warned = verdicts.count("fail"), verdicts.count("warn")
    passed = verdicts.count("pass")
    counts = f"{failed} failed, {warned} warned, {passed} passed"
    return f"Unfit: {counts}." if failed else f"Fit: {counts}."


def _line(check: Check, stream: TextIO, translate: Translator) -> str:
    """One check as a line for the journal and for files, which have no limited width."""
    return _prefix(check.verdict, stream) + escape_line(check_line(check, translate))


def _prefix(verdict: str, stream: TextIO) -> str:
    return f"<{SYSLOG_PRIORITIES[verdict]}>" if is_journal(stream) else ""


def _table(section: Section, width: int, translate: Translator) -> Table:
    """One section as a table. Its columns have the same width in every section."""
    table = Table(
        title=translate(section.title),
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
    for check in (translated(each, translate) for each in section.checks):
        cells = [
            Text(translate(check.verdict), style=STYLES[check.verdict]),
            Text(escape_line(check.name)),
        ]
        detail = Text(escape_line(check.detail))
        remedy = Text(escape_line(check.remedy), style="italic")
        if wide:
            table.add_row(*cells, detail, remedy)
        else:
            table.add_row(*cells, Text("\n→ ").join([detail, remedy]) if check.remedy else detail)
    return table
