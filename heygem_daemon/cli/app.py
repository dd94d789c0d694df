"""The commands, and what becomes of the errors that they raise."""

import io
import sys
from typing import Annotated

import typer

from heygem_daemon import __version__
from heygem_daemon.cli import daemon, jobs, machine, state, submission, weights
from heygem_daemon.cli.exits import ExitStatus
from heygem_daemon.cli.options import with_settings
from heygem_daemon.errors import BadInput, ConfigurationError, EnvironmentFault, HeygemError

EPILOG = (
    "Exit status: 0 all is well; 1 a job failed, or what was named is not there; 2 a setting or the"
    " command line is wrong; 3 something around the job is missing for now (spool, disk, GPU)."
)

app = typer.Typer(
    help="Watch a folder for pairs of audio and face video, and lip-sync them.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _root(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    pass


@app.command()
def version() -> None:
    """Print the version."""
    _print_version(True)


for command in (
    daemon.run,
    daemon.once,
    submission.submit,
    state.status,
    machine.doctor,
    jobs.purge,
    jobs.retry,
    jobs.remove,
):
    app.command(command.__name__)(with_settings(command))

checkpoints = typer.Typer(help="Your own checkpoints: list, verify, add.", no_args_is_help=True)
checkpoints.command("list")(with_settings(weights.list_weights))
checkpoints.command("verify")(with_settings(weights.verify))
checkpoints.command("add")(with_settings(weights.add))
app.add_typer(checkpoints, name="weights")


def main() -> None:
    """The console script ``heygem-daemon``."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # What the terminal's encoding has no letters for is escaped, and ends no command.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        app()
    except ConfigurationError as error:
        _end(str(error), ExitStatus.USAGE)
    except BadInput as error:
        _end(" ".join(filter(None, (error.reason, error.remedy))), ExitStatus.FAILED)
    except EnvironmentFault as error:
        _end(str(error), ExitStatus.UNAVAILABLE)
    except HeygemError as error:
        _end(str(error), ExitStatus.FAILED)


def _end(message: str, status: ExitStatus) -> None:
    typer.echo(f"heygem-daemon: {message}", err=True)
    sys.exit(status)
