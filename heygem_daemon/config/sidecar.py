"""Parses sidecars: ``<name>.toml`` beside a pair, or ``job.toml`` in a batch. Pure."""

import re
import tomllib

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from heygem_daemon.config.job_options import JobOptions
from heygem_daemon.config.wording import describe_problem, format_value, suggest_nearest
from heygem_daemon.errors import BadInput

MAX_SIDECAR_BYTES = 64 * 1024
"""A longer file is refused."""

REMEDY = f"Correct or remove this file. It may hold: {', '.join(JobOptions.model_fields)}."

_POSITION = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


def parse_sidecar(text: bytes, file_name: str) -> JobOptions:
    """Return the options in a sidecar. Error messages call it ``file_name``.

    Raises BadInput, which names the file, the line and the key. No option is a path, so that a
    sidecar cannot name a file outside its job.
    """
    if len(text) > MAX_SIDECAR_BYTES:
        raise BadInput(
            f"{file_name} is no sidecar: it is longer than {MAX_SIDECAR_BYTES} bytes.", REMEDY
        )
    try:
        decoded = text.decode("utf-8-sig").replace("\r\n", "\n")
        return JobOptions.model_validate(tomllib.loads(decoded))
    except UnicodeDecodeError as error:
        line = text[: error.start].count(b"\n") + 1
        raise BadInput(f"{file_name}, line {line}: not UTF-8 text.", REMEDY) from error
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{file_name}, {_syntax_error(str(error), decoded)}.", REMEDY) from error
    except ValidationError as error:
        # The first mistake in the order of the file.
        line, first = min(
            ((_line_of(each, decoded), each) for each in error.errors()), key=lambda pair: pair[0]
        )
        raise BadInput(f"{file_name}, line {line}: {_validation_error(first)}", REMEDY) from error


def _syntax_error(message: str, text: str) -> str:
    position = _POSITION.search(message)
    line = (position and position[1]) or len(text.splitlines())
    return f"line {line}: not valid TOML: {_POSITION.sub('', message)}"


def _validation_error(error: ErrorDetails) -> str:
    key = _key(error)
    if error["type"] == "extra_forbidden":
        return f'unknown key "{key}"{suggest_nearest(key, JobOptions.model_fields) or "."}'
    if isinstance(error["input"], dict | list):
        return f"{key}: must be a single value."
    problem = describe_problem(error)
    end = "" if problem.endswith("?") else "."
    return f"{key} = {format_value(error['input'])}: {problem}{end}"


def _key(error: ErrorDetails) -> str:
    return str(error["loc"][0])


def _line_of(error: ErrorDetails, text: str) -> int:
    """Return the number (from 1) of the line that sets the error's key: as ``key =``, ``"key" =``,
    ``key.x =``, or as a table ``[key]``."""
    key = re.escape(_key(error))
    set_here = re.compile(rf"\s*(?:\[+\s*)?(?P<quote>[\"']?){key}(?P=quote)\s*[=.\]]")
    lines = text.split("\n")
    return next((number for number, line in enumerate(lines, 1) if set_here.match(line)), 1)
