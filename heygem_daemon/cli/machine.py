"""``doctor``: is this machine fit for the work?"""

import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Annotated

import typer

from heygem_daemon.cli import findings
from heygem_daemon.cli.exits import ExitStatus
from heygem_daemon.cli.living import living
from heygem_daemon.cli.output import JSON_OPTION, print_json
from heygem_daemon.doctor.check import Section
from heygem_daemon.doctor.examination import Subject, examine
from heygem_daemon.doctor.gpus import Prospect
from heygem_daemon.doctor.reach import silent
from heygem_daemon.gpu.build import cuda_usable
from heygem_daemon.service.device import policy_of, wish_of
from heygem_daemon.settings import Settings
from heygem_daemon.spool.spool import Spool

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
    found = _found(settings, quick)
    fit = _print_json(list(found)) if as_json else findings.show(found, sys.stdout)
    raise typer.Exit(ExitStatus.DONE if fit or warn_only else ExitStatus.FAILED)


def _found(settings: Settings, quick: bool) -> Iterator[Section]:
    """All findings; only that where the spool or the log do not answer."""
    places = {"spool": settings.spool, "log folder": settings.log_folder}
    if (section := silent(places)) is not None:
        yield section
        return
    yield from examine(_subject(settings), quick)


def _subject(settings: Settings) -> Subject:
    status = living(Spool(settings.spool), time.time())
    return Subject(
        settings,
        Prospect(
            policy_of(settings), wish_of(settings), cuda_usable(), settings.hot_celsius or None
        ),
        at_work=status is not None,
        told_at=None if status is None else status.written,
    )


def _print_json(sections: Iterable[Section]) -> bool:
    checks = [
        {"section": each.title, **asdict(check)} for each in sections for check in each.checks
    ]
    fit = all(check["verdict"] != "fail" for check in checks)
    print_json({"fit": fit, "checks": checks})
    return fit
