"""Reads sidecars: ``<name>.toml`` beside a pair, or ``job.toml`` in a batch.

Also a program, so that a sidecar that takes long or ends the reader does not harm the daemon:
``python -m heygem_daemon.config.sidecar FILE NAME [FILE NAME ...]`` prints one ``SidecarAnswer`` as
a line of JSON for each file. ``NAME`` is what messages call the file. Without files it answers for
those that come through its standard input, see ``serve``.
"""

import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from heygem_daemon.config.job_options import JobOptions
from heygem_daemon.config.option_advice import (
    KEYS_ARE_ENGLISH,
    advise,
    foreign_key,
    is_right,
    key_meant,
    lacks_quote,
)
from heygem_daemon.config.output_options import OutputOptions, find_contradiction
from heygem_daemon.config.sidecar_text import decode_text, has_quote, with_plain_signs
from heygem_daemon.config.wording import UNQUOTED, describe_problem, format_value
from heygem_daemon.counts import counted
from heygem_daemon.errors import BadInput
from heygem_daemon.system.untrusted import (
    TextLimits,
    UnreadableText,
    check_length,
    parse_toml,
    read_regular,
)

MAX_SIDECAR_BYTES = 4096
"""A longer file is refused."""

LIMITS = TextLimits(MAX_SIDECAR_BYTES)
DECODED_LIMITS = TextLimits(3 * MAX_SIDECAR_BYTES)
"""A character of two bytes in UTF-16 or GBK has three in UTF-8."""

MAX_SHOWN_CHARACTERS = 80
"""How much of a user's own key or value a message repeats."""

MAX_TOLD = 5
"""How many mistakes of one sidecar are told."""

REMEDY = "Correct or remove this file." + f" It may hold: {', '.join(JobOptions.model_fields)}."


class FileVersion(BaseModel):
    """One state of a file, which a rename does not change."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    inode: int
    size: int
    """Bytes."""
    mtime_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> "FileVersion":
        """Return the version that ``status`` describes."""
        return cls(inode=status.st_ino, size=status.st_size, mtime_ns=status.st_mtime_ns)


class SidecarAnswer(BaseModel):
    """What one version of a sidecar holds: options, or the reason why its job is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: FileVersion
    options: JobOptions = JobOptions()
    refusal: str = ""
    """Empty: the sidecar is in order."""
    remedy: str = ""


def parse_sidecar(text: bytes, file_name: str) -> JobOptions:
    """Return the options in a sidecar. Error messages call it ``file_name``.

    Raises BadInput, which names the file, the line and the key. No option is a path, so that a
    sidecar cannot name a file outside its job.
    """
    try:
        return _parse(text, file_name)
    except BadInput:
        raise
    except Exception as error:
        # The names of errors such as RecursionError mean nothing to the person who wrote it.
        raise BadInput(f"{file_name} is no sidecar: it cannot be understood.", REMEDY) from error


def read_sidecar(file: Path, file_name: str) -> SidecarAnswer:
    """Return what the sidecar ``file`` holds. Raises OSError if it is gone or the disk fails."""
    try:
        content = read_regular(file, MAX_SIDECAR_BYTES + 1)
    except PermissionError as error:
        return SidecarAnswer(
            version=FileVersion.of(file.lstat()),
            refusal=f"{file_name} cannot be read: {error.strerror}.",
            remedy="Make the file readable for the service's user.",
        )
    version = FileVersion.of(content.status)
    try:
        return SidecarAnswer(version=version, options=parse_sidecar(content.text, file_name))
    except BadInput as error:
        return SidecarAnswer(version=version, refusal=error.reason, remedy=error.remedy)


def serve(requests: Iterable[bytes], answers: BinaryIO) -> None:
    """Answer for each of ``requests``, a line of JSON with the path and the name of a file.

    The answer is a line, too: empty where the file is gone or the disk failed.
    """
    for request in requests:
        path, name = json.loads(request)
        with suppress(OSError, UnreadableText):
            answer = read_sidecar(Path(path), name)
            answers.write(answer.model_dump_json(exclude_unset=True).encode())
        answers.write(b"\n")
        answers.flush()


def main(arguments: list[str]) -> int:
    """Answer for each of the files, in order. ``arguments``: the path and the name of each.

    Returns 0, or 1 if a file could not be read; those after it have no answer then.
    """
    if not arguments:
        serve(sys.stdin.buffer, sys.stdout.buffer)
    for path, name in zip(arguments[::2], arguments[1::2], strict=True):
        try:
            answer = read_sidecar(Path(path), name)
        except (OSError, UnreadableText):
            return 1
        sys.stdout.buffer.write(answer.model_dump_json(exclude_unset=True).encode() + b"\n")
        sys.stdout.buffer.flush()
    return 0


def _parse(content: bytes, file_name: str) -> JobOptions:
    try:
        check_length(content, LIMITS)
        text = decode_text(content)
    except UnreadableText as error:
        raise _undecodable(error, file_name) from error
    written, (text, table, mistakes) = text, _read_lines(text, file_name)
    try:
        options = JobOptions.model_validate(
            {key: _in_small_letters(key, value) for key, value in _with_small_keys(table).items()}
        )
    except ValidationError as error:
        raise _all_told([*mistakes, *_wrong_values(error, text, written)], file_name) from error
    if mistakes:
        raise _all_told(mistakes, file_name)
    contradiction = find_contradiction(options.output(OutputOptions()), options.given)
    if contradiction is not None:
        raise BadInput(f"{file_name}: {contradiction}", REMEDY)
    return options


@dataclass(frozen=True, slots=True, order=True)
class _Mistake:
    """A line that is wrong."""

    line: int
    """Counted from 1."""

    problem: str
    """A sentence."""

    advice: str
    """What to write instead, with a blank at its end."""


def _all_told(mistakes: Iterable[_Mistake], file_name: str) -> BadInput:
    """Return the error that tells the first mistakes in the order of the file: who corrects them
    one by one waits for each answer."""
    found = sorted(mistakes)
    told = found[:MAX_TOLD]
    reasons = [f"{file_name}, line {each.line}: {each.problem}" for each in told]
    if more := len(found) - len(told):
        reasons.append(f"Mistakes that are not listed here: {more}.")
    advice = dict.fromkeys(each.advice.removesuffix(KEYS_ARE_ENGLISH) for each in told)
    is_foreign = any(each.advice.endswith(KEYS_ARE_ENGLISH) for each in told)
    end = KEYS_ARE_ENGLISH + REMEDY if is_foreign else REMEDY
    return BadInput(" ".join(reasons), "".join(advice) + end)


def _with_small_keys(table: Mapping[str, object]) -> dict[str, object]:
    """Return the table with the keys of options in small letters, unless two would be one."""
    small = [key.lower() for key in table]
    return {
        name if name in JobOptions.model_fields and small.count(name) == 1 else key: value
        for (key, value), name in zip(table.items(), small, strict=True)
    }


def _in_small_letters(key: str, value: object) -> object:
    """Return a word in the small letters of the choice that it is; any other value as it is."""
    small = value.lower() if isinstance(value, str) else value
    return small if small != value and is_right(key, small) else value


def _undecodable(error: UnreadableText, file_name: str) -> BadInput:
    if error.line is None:
        return BadInput(f"{file_name} is no sidecar: it is {error}.", REMEDY)
    return _all_told([_Mistake(error.line, f"{error}.", advise(""))], file_name)


def _read_lines(text: str, file_name: str) -> tuple[str, dict[str, object], list[_Mistake]]:
    """Return the text as it was understood, the table in it, and the mistakes in the lines that
    cannot be understood, without which it was read. Raises BadInput where no line is at fault."""
    mistakes: list[_Mistake] = []
    while True:
        try:
            return *_read_table(text), mistakes
        except UnreadableText as error:
            if error.line is None:
                raise BadInput(f"{file_name} is no sidecar: it is {error}.", REMEDY) from error
            lines = text.split("\n")
            wrong = lines[error.line - 1] if error.line <= len(lines) else ""
            key = foreign_key(wrong)
            problem = _problem(error, wrong) if key is None else _unknown_key(key)
            mistakes.append(_Mistake(error.line, problem, advise(wrong)))
            if not wrong.strip() or len(mistakes) > MAX_TOLD:
                return text, {}, mistakes
            lines[error.line - 1] = ""
            text = "\n".join(lines)


def _problem(error: UnreadableText, line: str) -> str:
    """Return what is wrong with a line, not in the words of a parser where a person can see it."""
    return "a quote is missing." if lacks_quote(with_plain_signs(line)) else f"{error}."


def _wrong_values(error: ValidationError, text: str, written: str) -> Iterator[_Mistake]:
    """Yield the lines with unknown keys, and with values that their keys cannot have. ``text``: as
    it was understood; ``written``: as it is in the file, with the same lines."""
    lines, written_lines = text.split("\n"), written.split("\n")
    for each in error.errors():
        line = _line_of(each, lines)
        problem = _validation_error(each, written_lines[line - 1])
        yield _Mistake(line, problem, advise(lines[line - 1]))


def _read_table(text: str) -> tuple[str, dict[str, object]]:
    """Return the text as it was understood, and the table in it. Raises UnreadableText for the
    first line that cannot be understood however it is read."""
    try:
        return text, parse_toml(text.encode(), DECODED_LIMITS)
    except UnreadableText as error:
        plain = with_plain_signs(text)
        if plain == text:
            raise
        try:
            return plain, parse_toml(plain.encode(), DECODED_LIMITS)
        except UnreadableText as fault_in_plain:
            raise max(error, fault_in_plain, key=lambda each: each.line or 0) from None


def _unknown_key(key: str) -> str:
    meant = key_meant(key)
    nearest = f'; did you mean "{meant}"?' if meant else "."
    return f'unknown key "{_shortened(key)}"{nearest}'


def _validation_error(error: ErrorDetails, line: str) -> str:
    """Return what is wrong with the option in a line of the file."""
    key = _key(error)
    if error["type"] == "extra_forbidden":
        return _unknown_key(key)
    if isinstance(error["input"], dict | list):
        return f"{key}: must be a single value."
    problem, value = describe_problem(error), error["input"]
    if isinstance(value, str) and not has_quote(line):
        problem, value = problem.removesuffix(UNQUOTED), _shortened(value)
    else:
        value = _shortened(format_value(value))
    end = "" if problem.endswith("?") else "."
    return f"{key} = {value}: {problem}{end}"


def _shortened(text: str) -> str:
    over = len(text) - MAX_SHOWN_CHARACTERS
    more = counted(over, "1 character more", "{count} characters more")
    return text if over <= 0 else f"{text[:MAX_SHOWN_CHARACTERS]}... ({more})"


def _key(error: ErrorDetails) -> str:
    return str(error["loc"][0])


def _line_of(error: ErrorDetails, lines: list[str]) -> int:
    """Return the number (from 1) of the line that sets the error's key: as ``key =``, ``"key" =``,
    ``key.x =``, or as a table ``[key]``."""
    key = re.escape(_key(error))
    set_here = re.compile(
        rf"\s*(?:\[+\s*)?(?P<quote>[\"']?){key}(?P=quote)\s*[=.\]]", re.IGNORECASE
    )
    return next((number for number, line in enumerate(lines, 1) if set_here.match(line)), 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
