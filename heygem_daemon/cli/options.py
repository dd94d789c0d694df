"""One command-line option for each setting, the same on every command."""

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from heygem_daemon.settings import Settings, load_settings

PANEL = "Settings (also HEYGEM_… variables and config.toml)"


def with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Give ``command`` an option for each setting, and the settings as its first argument.

    The options take text, since the settings' own validation gives the better message.
    """
    own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]

    @functools.wraps(command)
    def run(**values: Any) -> None:
        config = values.pop("config")
        given = {key: values.pop(key) for key in Settings.model_fields}
        overrides = {key: value for key, value in given.items() if value is not None}
        settings = load_settings(config, overrides)
        command(settings, **values)

    parameters = [*own, *_options()]
    del run.__wrapped__
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    return run


def _options() -> list[inspect.Parameter]:
    options = [_option("config", Path | None, "Configuration file.", "--config")]
    for key, field in Settings.model_fields.items():
        flag = "--" + key.replace("_", "-")
        negation = f"/--no-{flag[2:]}" if field.annotation is bool else ""
        kind = bool | None if field.annotation is bool else str | None
        options.append(_option(key, kind, field.description or "", flag + negation))
    return options


def _option(name: str, kind: Any, text: str, flag: str) -> inspect.Parameter:
    option = typer.Option(flag, help=text, rich_help_panel=PANEL, show_default=False)
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind, option]
    )
