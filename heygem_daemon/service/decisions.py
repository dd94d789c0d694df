"""What is done next for a request, given what it may act on. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from heygem_daemon.service.targets import Target
from heygem_daemon.spool.names import printable
from heygem_daemon.spool.places import place_in_shares
from heygem_daemon.spool.requests import Request

NOT_EMPTY = "it is no request, since it is not empty; make the file empty"
"""What is said of a file with content whose name is that of a request."""

MOVED = "it is no request, since it is a file of a job that has ended; make a new file of that name"
"""What is said of a retry whose file was moved: whoever may write there may have done so."""

MOVED_OPTIONS = (
    "the options beside it do not count, since their file is of a job that has ended; make a new"
    " file of that name"
)
"""What is said of a retry beside which somebody has moved such a file."""

DISK_AWAITED = "it waits until the service can use its disk or share again"
"""What a request waits for that could not be carried out."""

GRACE_SECONDS = 10.0
"""How long a request to hurry waits for its job: a copy of several files may begin with it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a request."""

    text: str
    """A sentence without its full stop."""

    is_refusal: bool = False
    """Whether nothing was done, so that a person has to read it."""

    names_nothing: bool = field(default=False, compare=False)
    """Whether that is since there is nothing of the name on which the request may act."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What is done for a request now. With an answer, it is done with."""

    act_on: tuple[Target, ...] = ()
    """What is cancelled or hurried now."""

    answer: Answer | None = None
    """None: the request waits."""

    waits_for: str = ""
    """What it waits for, as a sentence without its full stop."""


def decide_cancel(
    request: Request,
    found: Sequence[Target],
    *,
    has_acted: bool,
    has_foreign: bool = False,
    ended_as: str = "",
) -> Decision:
    """Return what to cancel. ``has_acted``: whether something was cancelled for it before;
    ``has_foreign``: whether somebody else's has that name; ``ended_as``: the name that its files
    have in failed/, where it is another one."""
    name = printable(request.name.strip())
    act_on = tuple(each for each in found if each.stage in ("complete", "queued", "running"))
    if not act_on and all(each.stage == "arriving" and each.candidate for each in found):
        act_on = tuple(found)  # What waits until somebody acts.
    if act_on or any(each.is_being_cancelled for each in found):
        return Decision(act_on, waits_for=f"{name} is being stopped")
    if has_acted:
        place = place_in_shares("failed", request.folder or "")
        text = f"{name} is cancelled; its files are in {place}"
        if ended_as:
            text += f"; its name is {printable(ended_as)} now"
        return Decision(answer=Answer(text))
    if any(each.stage == "ending" for each in found):
        text = f"{name} has been rendered already: its result is about to appear"
        return Decision(answer=Answer(text, is_refusal=True))
    if any(each.is_stuck for each in found):
        text = f"{name} is a folder that is no batch yet: delete it from the inbox yourself"
        return Decision(answer=Answer(text, is_refusal=True))
    if found:
        # Half of a copy would go astray.
        return Decision(waits_for=f"{name} is cancelled as soon as its files are complete")
    return Decision(answer=nothing_to(request, has_foreign=has_foreign))


def decide_hurry(
    request: Request,
    found: Sequence[Target],
    *,
    has_acted: bool,
    seconds: float,
    has_foreign: bool = False,
) -> Decision:
    """Return what to hurry. ``has_acted``: whether something was hurried for it before;
    ``seconds``: how long ago it was first seen; ``has_foreign``: whether somebody else's has that
    name."""
    name = printable(request.name.strip())
    queued = tuple(each for each in found if each.stage == "queued")
    if queued:
        act_on = tuple(each for each in queued if (each.hurried_ns or 0) < request.asked_ns)
        text = f"{name} goes first among the jobs of its owner"
        done = Answer(f"{name} was put first among the jobs of its owner")  # it stays true
        return Decision(act_on, done, waits_for=text)
    if complete := tuple(each for each in found if each.stage == "complete"):
        return Decision(complete, waits_for=f"{name} goes first among the files of its owner")
    if has_acted:
        return Decision(answer=Answer(f"{name} went first among the jobs of its owner"))
    return _wait_to_hurry(request, found, seconds, has_foreign=has_foreign)


def _wait_to_hurry(
    request: Request, found: Sequence[Target], seconds: float, *, has_foreign: bool
) -> Decision:
    name = printable(request.name.strip())
    if any(each.stage in ("running", "ending") for each in found):
        return Decision(answer=Answer(f"{name} is being rendered already", is_refusal=True))
    if found and all(each.lacks_partner for each in found):
        return Decision(waits_for=f"{name} goes first as soon as what it lacks is there")
    if found:
        return Decision(waits_for=f"{name} goes first as soon as its files are complete")
    if seconds < GRACE_SECONDS and not has_foreign:
        return Decision(waits_for=f"there is no job {name} yet; if it comes now, it goes first")
    return Decision(answer=nothing_to(request, has_foreign=has_foreign))


def nothing_to(request: Request, *, has_foreign: bool = False) -> Answer:
    """Return the answer where there is nothing that the request may act on. ``has_foreign``:
    whether somebody else's has that name; who that is, is not said. A command may act on all."""
    name = printable(request.name.strip())
    if has_foreign:
        text = {
            "cancel": f"{name} was dropped by somebody else, who alone can cancel it",
            "hurry": f"{name} was dropped by somebody else, who alone can hurry it",
            "retry": f"{name} was dropped by somebody else, who alone can retry it",
            "remove": f"{name} was dropped by somebody else, who alone can remove it",
        }[request.verb]
    elif request.folder is None:
        text = {
            "cancel": f"no job {name} waits or is rendered",
            "hurry": f"no job {name} waits",
            "retry": f"no job {name} has ended",
            "remove": f"no job {name} has ended",
        }[request.verb]
    else:
        text = {
            "cancel": f"no job {name} of yours waits or is rendered",
            "hurry": f"no job {name} of yours waits",
            "retry": f"no job {name} of yours has ended",
            "remove": f"no job {name} of yours has ended",
        }[request.verb]
    return Answer(text, is_refusal=True, names_nothing=True)


def part_of(request: Request, batch: str) -> Answer:
    """Return the answer to a request to cancel or hurry one member of ``batch``."""
    name, whole = printable(request.name.strip()), printable(batch)
    is_command = request.folder is None
    if request.verb == "cancel" and is_command:
        text = f"{name} is a part of {whole}, which is cancelled as a whole: name {whole} instead"
    elif request.verb == "cancel":
        text = (
            f"{name} is a part of {whole}, which is cancelled as a whole: ask with {whole}.cancel"
        )
    elif is_command:
        text = f"{name} is a part of {whole}, which goes first as a whole: name {whole} instead"
    else:
        text = f"{name} is a part of {whole}, which goes first as a whole: ask with {whole}.hurry"
    return Answer(text, is_refusal=True)


def already_ended(request: Request, *, has_failed: bool) -> Answer:
    """Return the answer to a request to cancel or hurry what has ended."""
    name = printable(request.name.strip())
    place = place_in_shares("failed" if has_failed else "outbox", request.folder or "")
    if request.folder is None:
        text = f"{name} has failed already: its files are in {place}; remove deletes them"
        if not has_failed:
            text = f"{name} is finished: its result is in {place}; remove deletes it"
    elif has_failed:
        text = f"{name} has failed already: its files are in {place}; {name}.remove deletes them"
    else:
        text = f"{name} is finished: its result is in {place}; {name}.remove deletes it"
    return Answer(text, is_refusal=True)
