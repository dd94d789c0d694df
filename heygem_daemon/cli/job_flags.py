"""Gives a command an option for each option of a job, made from ``JobOptions``."""

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from heygem_daemon.config.job_options import JobOptions
from heygem_daemon.config.job_reference import describe_job_options
from heygem_daemon.config.loading import option_of
from heygem_daemon.config.wording import describe_problem, format_value
from heygem_daemon.errors import ConfigurationError

PANEL = "Options of the job"
"""The heading of these options in the help."""


def with_job_options(command: Callable[..., None]) -> Callable[..., None]:
    """Return ``command`` with an option for each option of a job. It receives the ``JobOptions`` as
    its second argument, after the settings."""
    first, _, *own = inspect.signature(command, eval_str=True).parameters.values()

    @functools.wraps(command)
    def run(settings: Any, **values: Any) -> None:
        given = {key: values.pop(key) for key in JobOptions.model_fields}
        command(settings, parse_job_options(given), **values)

    parameters = [first, *own, *_options()]
    del run.__wrapped__
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    return run


def parse_job_options(given: Mapping[str, str | bool | None]) -> JobOptions:
    """Return the options of a job from what the command line gives; None: not given. Raises
    ConfigurationError with a line for each mistake."""
    values = {key: value for key, value in given.items() if value is not None}
    try:
        # A command line has text alone, so a number may be text here.
        return JobOptions.model_validate(values, strict=False)
    except ValidationError as error:
        problems = {str(each["loc"][0]): each for each in reversed(error.errors())}
        raise ConfigurationError(
            "\n".join(
                f"{option_of(key)} = {format_value(each['input'])}: {describe_problem(each)}"
                for key, each in problems.items()
            )
        ) from None


def _options() -> list[inspect.Parameter]:
    options = []
    for each in describe_job_options():
        flag = option_of(each.key)
        option = typer.Option(
            f"{flag}/--no-{flag[2:]}" if each.is_switch else flag,
            help=each.help,
            metavar=None if each.is_switch else each.kind,
            rich_help_panel=PANEL,
            show_default=False,
        )
        kind = bool | None if each.is_switch else str | None
        options.append(
            inspect.Parameter(
                each.key,
                inspect.Parameter.KEYWORD_ONLY,
                default=None,
                annotation=Annotated[kind, option],
            )
        )
    return options
