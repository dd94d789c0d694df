"""How a command ends with an error: a sentence on stderr, in its language, and an exit status."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from heygem_daemon.cli.output import ExitStatus, own_language
from heygem_daemon.errors import BadInput, ConfigurationError, EnvironmentFault, HeygemError


@contextmanager
def errors_told() -> Iterator[None]:
    """End the process with the status of an error, after stderr has said what it is."""
    try:
        yield
    except ConfigurationError as error:
        _end(ExitStatus.USAGE, str(error))
    except BadInput as error:
        _end(ExitStatus.FAILED, error.reason, error.remedy)
    except EnvironmentFault as error:
        _end(ExitStatus.UNAVAILABLE, str(error))
    except HeygemError as error:
        _end(ExitStatus.FAILED, str(error))


def _end(status: ExitStatus, *messages: str) -> None:
    translate = own_language()
    # A line for each of several mistakes; a remedy goes on where its reason ends.
    texts = ["\n".join(map(translate, each.split("\n"))) for each in messages if each]
    typer.echo(f"heygem-daemon: {translate.joint.join(texts)}", err=True)
    sys.exit(status)
