"""``cancel``, ``hurry``, ``retry`` and ``remove``: steer one job by its name.

The running daemon carries them out; a command leaves a request in the spool and waits for the
answer. Where no daemon runs, the command acts itself, with the spool's lock; but ``hurry``, which
has no effect before a daemon runs, leaves its request for the next one.
"""

import difflib
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from heygem_daemon.cli.jobs import existing_spool
from heygem_daemon.cli.liveness import find_daemon
from heygem_daemon.cli.output import JSON_OPTION, POLL_SECONDS, print_json, say
from heygem_daemon.cli.spool_reading import read_spool
from heygem_daemon.cli.submit import require_effect
from heygem_daemon.config.job_options import JobOptions
from heygem_daemon.config.settings import Settings
from heygem_daemon.errors import BadInput, EnvironmentFault
from heygem_daemon.report.backlog import CLAIMABLE
from heygem_daemon.service.offline_requests import cancel_offline, require_waiting
from heygem_daemon.spool.command_requests import CommandAnswer, leave_request, take_answer
from heygem_daemon.spool.names import printable, split_extension
from heygem_daemon.spool.new_options import NewOptions
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
    with _suggesting(name, lambda: _waiting_names(spool, settings)):
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
    with _suggesting(name, lambda: _waiting_names(spool, settings)):
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
    with _suggesting(name, lambda: _ended_names(spool)):
        answer = _ask(spool, "retry", name, text)
        if answer is not None:
            _print(answer, as_json)
            return
        with spool.lock():
            stem = spool.ended.retry(name, _write_options(spool, options) if text else None)
    if as_json:
        print_json({"retried": printable(name), "inbox": printable(stem)})
    else:
        say(f"{printable(name)} is back in the inbox as {printable(stem)}.")


def remove(
    settings: Settings,
    name: Annotated[str, typer.Argument(help="Name of a result, or of a folder in failed/.")],
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Delete one job: its result and everything that belongs to it, nothing else.

    Takes the exact name and asks no question. Of several jobs of that name it deletes the one that
    ended last.
    """
    spool = existing_spool(settings)
    with _suggesting(name, lambda: _ended_names(spool)):
        answer = _ask(spool, "remove", name)
        if answer is not None:
            _print(answer, as_json)
            return
        with spool.lock():
            removed = spool.ended.remove(name)
    gone = [printable(str(path)) for path in removed.gone]
    left = [printable(str(path)) for path in removed.left]
    if as_json:
        print_json({"removed": gone, "left": left})
        return
    for path in gone:
        say(f"deleted {path}")
    for path in left:
        say(f"left {path}: it was put there or changed later")


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


def _write_options(spool: Spool, options: JobOptions) -> NewOptions:
    """Write the options for a retry to a file, which the retry moves."""
    path = spool.state / "retry-options.toml"
    spool.files.write(path, options.sidecar_text.encode())
    return NewOptions(path, options)


def _print(answer: CommandAnswer, as_json: bool) -> None:
    """Print an answer. Raises BadInput for a refusal."""
    text = f"{answer.text}."
    if answer.is_refusal:
        raise BadInput(text)
    if as_json:
        print_json({"answer": text})
    else:
        say(text)


@contextmanager
def _suggesting(name: str, find_names: Callable[[], Collection[str]]) -> Iterator[None]:
    """Let a BadInput within the block suggest the most similar name that there is, where none is
    ``name``."""
    try:
        yield
    except BadInput as error:
        existing = find_names()
        close = [] if name in existing else difflib.get_close_matches(name, existing, n=1)
        if not close:
            raise
        raise BadInput(error.reason, f'Did you mean "{printable(close[0])}"?') from None


def _ended_names(spool: Spool) -> list[str]:
    """Return the names of the jobs that have ended."""
    listed = [*spool.latest_published(MAX_LISTED_JOBS), *spool.latest_failed(MAX_LISTED_JOBS)]
    return [journal.name for journal in listed]


def _waiting_names(spool: Spool, settings: Settings) -> list[str]:
    """Return the names of the jobs and batches that have not ended, and of what is in the inbox."""
    now = time.time()
    daemon = find_daemon(spool, now)
    status = daemon.status or read_spool(spool, daemon.last, now, settings.folders)
    names = [each.name for each in status.jobs] + [each.name for each in status.batches]
    names += [each.dropped_as for each in status.batches if each.dropped_as]
    names += [
        each.name if each.waits_for in CLAIMABLE else split_extension(each.name)[0]
        for each in status.inbox
    ]
    return list(dict.fromkeys(names))
