"""The command line: its commands, an option for each setting, and an exit status for each error."""

import io
import sys
from typing import Annotated

import typer
from typer.exceptions import TyperException

from heygem_daemon.cli import (
    config,
    daemon,
    doctor,
    history,
    jobs,
    logs,
    notify,
    status,
    steering,
    submit,
    verify,
    weights,
)
from heygem_daemon.cli.ending import errors_told
from heygem_daemon.cli.job_flags import with_job_options
from heygem_daemon.cli.output import ExitStatus, speaking
from heygem_daemon.cli.setting_flags import with_settings, with_source
from heygem_daemon.cli.usage_errors import find_language, usage_error
from heygem_daemon.cli.version import version_line

EPILOG = (
    "Exit status: 0 all is well; 1 a job failed, or what was named is not there; 2 a setting or the"
    " command line is wrong; 3 something around the job is missing for now (spool, disk, GPU)."
    " Every setting is also a key of config.toml and a variable: HEYGEM_CHUNK_SECONDS=10."
)

app = typer.Typer(
    help="Watch a folder for pairs of audio and face video, and lip-sync them.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(requested: bool) -> None:
    if requested:
        typer.echo(version_line())
        raise typer.Exit


@app.callback()
def _root(
    _version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Print the version and the commit.",
            callback=_print_version,
            is_eager=True,
        ),
    ] = False,
) -> None:
    pass


@app.command()
def version() -> None:
    """Print the version and the commit that the program runs from."""
    _print_version(True)


app.command("run")(with_source(daemon.run))
app.command("submit")(with_settings(with_job_options(submit.submit), only=submit.SETTINGS))
for command in (
    daemon.once,
    status.status,
    doctor.doctor,
    verify.verify,
    logs.logs,
    history.history,
    jobs.purge,
    notify.notify,
):
    only_looks = command in (status.status, verify.verify, logs.logs, history.history)
    app.command(command.__name__)(with_settings(command, despite_mistakes=only_looks))
for command in (steering.cancel, steering.hurry, with_job_options(steering.retry), steering.remove):
    app.command(command.__name__)(
        with_settings(command, only=steering.SETTINGS, despite_mistakes=True)
    )

checkpoints = typer.Typer(help="Your own checkpoints: list, verify, add.", no_args_is_help=True)
checkpoints.command("list")(with_settings(weights.list_weights))
checkpoints.command("verify")(with_settings(weights.verify))
checkpoints.command("add")(with_settings(weights.add))
app.add_typer(checkpoints, name="weights")


configuration = typer.Typer(help="The settings: check them, show them.", no_args_is_help=True)
configuration.command("check")(with_source(config.check))
configuration.command("show")(with_source(config.show))
app.add_typer(configuration, name="config")


def main() -> None:
    """Run the console script ``heygem-daemon``."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Characters that the terminal cannot encode are escaped, instead of ending the command.
        sys.stdout.reconfigure(errors="backslashreplace")
    with speaking(find_language(sys.argv[1:])), errors_told():
        sys.exit(_run())


def _run() -> int:
    """Run the command of the command line, and return its exit status."""
    try:
        ended: object = app(standalone_mode=False)
    except TyperException as error:
        if (wrong := usage_error(error)) is None:
            return ExitStatus.USAGE
        raise wrong from None
    return ended if isinstance(ended, int) else 0
