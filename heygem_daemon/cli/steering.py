"""``cancel``, ``hurry``, ``retry`` and ``remove``: steer one job by its name.

The running daemon carries them out; a command leaves a request in the spool and waits for the
answer. Where no daemon runs, the command acts itself, with the spool's lock; but ``hurry``, which
has no effect before a daemon runs, leaves its request for the next one.
"""

import difflib
import time
from pathlib import Path
from typing import Annotated

import typer

from heygem_daemon.cli.jobs import existing_spool
from heygem_daemon.cli.output import JSON_OPTION, POLL_SECONDS, print_json, say
from heygem_daemon.cli.submit import require_effect
from heygem_daemon.config.job_options import JobOptions
from heygem_daemon.config.settings import Settings
from heygem_daemon.errors import BadInput, EnvironmentFault
from heygem_daemon.service.offline_requests import cancel_offline, require_waiting
from heygem_daemon.spool.command_requests import CommandAnswer, leave_request, take_answer
from heygem_daemon.spool.names import printable
from heygem_daemon.spool.request_names import Verb
from heygem_daemon.spool.spool import Spool

PATIENCE_SECONDS = 60.0
"""How long a command waits for the daemon's answer."""

MAX_LISTED_JOBS = 100_000
"""How many jobs are searched for a name similar to one that does not exist."""

SETTINGS = ("spool",)
"""The settings that have an effect here."""

_NAME = typer.Argument(help="The job, the batch, or BATCH/JOB; as the status shows it.")


def cancel(
    settings: Settings,
    name: Annotated[str, _NAME],
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """End a job that waits or runs, or all members of a batch; its files go to failed/."""
    spool = existing_spool(settings)
    answer = _ask(spool, "cancel", name)
    if answer is None:
        with spool.lock():
            answer = CommandAnswer(text=cancel_offline(spool, name))
    _print(answer, as_json)


def hurry(
    settings: Settings,
    name: Annotated[str, _NAME],
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Let a job that waits go first among the jobs of its owner.

    Where no daemon runs, the next one does it when it starts.
    """
    spool = existing_spool(settings)
    answer = _ask(spool, "hurry", name)
    if answer is None:
        with spool.lock():
            require_waiting(spool, name)
            leave_request(spool, spool.files, "hurry", name, time.time())
        text = f"no daemon runs; the next one lets {printable(name)} go first"
        answer = CommandAnswer(text=text)
    _print(answer, as_json)


def retry(
    settings: Settings,
    options: JobOptions,
    name: Annotated[str, typer.Argument(help="Name of a folder in failed/, or of a result.")],
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Put the files of a job that has ended back into the inbox.

    Finished chunks are used again if files and options are the same. Options of the job replace
    those that it had. The result of a published job stays, and the new one gets a number.
    """
    require_effect(options, settings)
    spool = existing_spool(settings)
    text = options.sidecar_text
    answer = _ask(spool, "retry", name, text)
    if answer is None:
        with spool.lock():
            try:
                stem = spool.ended.retry(name, _write_options(spool, text) if text else None)
            except BadInput as error:
                raise _with_suggestion(error, name, spool) from None
        if as_json:
            print_json({"retried": printable(name), "inbox": printable(stem)})
        else:
            say(f"{printable(name)} is back in the inbox as {printable(stem)}.")
        return
    _print(answer, as_json, spool, name)


def remove(
    settings: Settings,
    name: Annotated[str, typer.Argument(help="Name of a result, or of a folder in failed/.")],
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Delete one job: its result and everything that belongs to it, nothing else.

    Takes the exact name and asks no question. Of a published and a failed job with that name it
    deletes the published one.
    """
    spool = existing_spool(settings)
    answer = _ask(spool, "remove", name)
    if answer is not None:
        _print(answer, as_json, spool, name)
        return
    with spool.lock():
        try:
            deleted = spool.remove(name)
        except BadInput as error:
            raise _with_suggestion(error, name, spool) from None
    if as_json:
        print_json({"removed": [printable(str(path)) for path in deleted]})
        return
    for path in deleted:
        say(f"deleted {printable(str(path))}")


def _ask(spool: Spool, verb: Verb, name: str, options: str = "") -> CommandAnswer | None:
    """Return the daemon's answer to a request; None: no daemon runs. Raises EnvironmentFault where
    it does not answer in time."""
    if spool.lock_holder() is None:
        return None
    identity = leave_request(spool, spool.files, verb, name, time.time(), options)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if (answer := take_answer(spool, spool.files, identity)) is not None:
            return answer
        time.sleep(POLL_SECONDS)
    raise EnvironmentFault(
        f"the daemon has not answered for {PATIENCE_SECONDS:g} s. The request to {verb}"
        f" {printable(name)} stays, and is carried out as soon as the daemon can"
    )


def _write_options(spool: Spool, text: str) -> Path:
    """Write the options for a retry, and return the file, which the retry moves."""
    path = spool.state / "retry-options.toml"
    spool.files.write(path, text.encode())
    return path


def _print(
    answer: CommandAnswer, as_json: bool, spool: Spool | None = None, name: str = ""
) -> None:
    """Print an answer. Raises BadInput for a refusal; with ``spool``, it suggests the nearest
    name."""
    text = f"{answer.text}."
    if answer.is_refusal:
        error = BadInput(text)
        raise _with_suggestion(error, name, spool) if spool is not None else error
    if as_json:
        print_json({"answer": text})
    else:
        say(text)


def _with_suggestion(error: BadInput, name: str, spool: Spool) -> BadInput:
    """Return the error. If no job has that name, its remedy is the most similar name."""
    listed = [*spool.latest_published(MAX_LISTED_JOBS), *spool.latest_failed(MAX_LISTED_JOBS)]
    existing = [journal.name for journal in listed]
    close = difflib.get_close_matches(name, existing, n=1)
    if not close or name in existing:
        return error
    return BadInput(error.reason, f'Did you mean "{printable(close[0])}"?')
