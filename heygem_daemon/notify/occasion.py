"""What people are told of, and what the process that delivers says of it. One JSON line each."""

from collections import Counter
from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, RootModel

from heygem_daemon.language.translator import LanguageSetting

OccasionKind = Literal["published", "failed", "waiting", "on_hold", "resumed"]
"""published, failed: a job ended; waiting: something complete has waited too long; on_hold: nothing
can start; resumed: that is over."""


MessageKind = Literal[OccasionKind, "test"]
"""test: somebody wants to see whether a message arrives."""


class NotifyModel(BaseModel):
    """Base of the messages between the daemon and the process that delivers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def to_line(self) -> bytes:
        """Return the message as a line of JSON."""
        return self.model_dump_json().encode() + b"\n"


class DeliveryOrder(NotifyModel):
    """What the process that delivers is told first. It has no secrets, only where they are."""

    targets: str
    """The path of the file with the targets."""

    language: LanguageSetting
    """Of the texts, where the file names none."""

    confine: bool
    """Whether the process gives up its rights to other files."""


class Occasion(NotifyModel):
    """Something that happened. It is also the body of a webhook."""

    kind: MessageKind

    id: str
    """Different for each occasion, the same at each try to deliver it."""

    at: float
    """UNIX time."""

    host: str
    """The name of the machine."""

    spool: str
    """The path of the spool."""

    job: str = ""
    """The job's name, of published and failed."""

    job_id: str = ""

    owner: str = ""
    """Whose job it is, so that nobody's jobs push out those of others; not said to targets."""

    file: str = ""
    """The path of the result, of published."""

    seconds: float = 0.0
    """Of published and failed, the duration of the last attempt; of waiting, how long the oldest
    has waited; of resumed, how long the hold lasted."""

    reason: str = ""
    """Why it failed, or nothing can start."""

    count: int = 0
    """Of waiting, how many pairs and folders wait."""


def most_dispensable(waiting: Sequence[Occasion]) -> Occasion:
    """Return which of too many occasions, the oldest first, is dropped: of the owner of whom there
    are most the oldest of the most frequent kind. So the jobs of one user push out none of another,
    and refused jobs no result."""
    of_owners = Counter(each.owner for each in waiting)
    of_kinds = Counter((each.owner, each.kind) for each in waiting)
    return max(waiting, key=lambda e: (of_owners[e.owner], of_kinds[e.owner, e.kind]))


class Errand(NotifyModel):
    """Whom to tell of an occasion."""

    occasion: Occasion
    targets: tuple[str, ...] | None = None
    """Names of targets; None: all that want to know of it."""

    processes: int = 0
    """How many processes were told of it; the first one is not counted where it lived already."""


class Taken(NotifyModel):
    """Says which targets will be told of an occasion. It comes before every ``Delivery`` of it."""

    id: str
    """The occasion's."""

    targets: tuple[str, ...]


class Delivery(NotifyModel):
    """What became of an occasion at one target. There is none while another try is to come."""

    id: str
    """The occasion's."""

    target: str
    """The target's name: nothing of its address."""

    kind: MessageKind
    outcome: Literal["delivered", "failed", "dropped"]
    """dropped: too many wait for this target."""

    tries: int = 0
    reason: str = ""
    """Why it failed, without anything secret."""


class Postponed(NotifyModel):
    """Says that a try failed and when the next one is. ``Delivery`` says how the last one ended."""

    target: str
    """The target's name."""

    kind: MessageKind
    tries: int
    """How many have failed."""

    seconds: float
    """How long until the next one."""

    reason: str
    """Why it failed, without anything secret."""


class DelivererAnswer(RootModel[Taken | Delivery | Postponed]):
    """What the process that delivers says."""
