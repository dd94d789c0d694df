"""What waits, and for what: one model for systemd's status line, ``status`` and the metrics. Pure.

It counts everything; the lists of the status are cut where they grow long.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict

from heygem_daemon.counts import counted
from heygem_daemon.durations import roughly
from heygem_daemon.report.stages import STAGES

WaitFor = Literal[
    "turn",
    "hours",
    "device",
    "disk",
    "memory",
    "pause",
    "publication",
    "look",
    "upload",
    "partner",
    "attention",
]
"""turn: for other jobs to start; hours: for the active hours; device, disk, memory: until there is
room; pause: for its next try after a fault; publication: for its signature, or for the spool to
take its result; look: until the daemon has looked what it holds, or whether it is complete;
upload: until it is complete; partner: for the other file of its pair; attention: for a person."""

JobState = Literal["running", "queued", "paused", "deferred", "publishing"]

CLAIMABLE: tuple[WaitFor, ...] = (
    "turn",
    "hours",
    "device",
    "disk",
    "memory",
    "pause",
    "publication",
)
"""What pairs and members of batches wait for that are complete."""

MAX_NAMED = 3
"""How many running jobs a sentence names."""


def state_of(waits_for: WaitFor) -> JobState | None:
    """Return the state of a claimed job that waits for this; None: no claimed job does."""
    if waits_for in ("look", "upload", "partner", "attention"):
        return None
    if waits_for == "publication":
        return "publishing"
    return "deferred" if waits_for == "pause" else "queued"


class Backlog(BaseModel):
    """How much waits, by what it waits for."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    pairs: Mapping[WaitFor, int] = {}
    """Complete pairs and members of batches, claimed or in the inbox."""

    claimed: Mapping[WaitFor, int] = {}
    """Of these, the claimed ones."""

    folders: int = 0
    """Complete folders in the inbox that are not claimed yet."""

    known_pairs: int = 0
    """Of how many of the pairs the length of the sound is known."""

    known_seconds: float = 0.0
    """How long the sounds of these are together."""

    files: Mapping[WaitFor, int] = {}
    """Entries of the inbox that are not complete, or that need a person."""

    oldest: float | None = None
    """From when the longest wait of the complete ones counts (UNIX time): from their arrival, later
    by the time since in which the active hours let none of them start. None: none waits."""

    resting: str | None = None
    """Until when something waits for the active hours of its hot folder, in words; of several
    folders, that whose hours begin first. None: nothing does."""

    @property
    def pair_count(self) -> int:
        """How many complete pairs wait."""
        return sum(self.pairs.values())

    @property
    def needs_attention(self) -> int:
        """How many entries of the inbox a person has to act on."""
        return self.files.get("attention", 0)

    def counts(self) -> dict[str, int]:
        """Return how much waits, for each thing that there is to wait for."""
        return {
            each: self.pairs.get(each, 0) + self.files.get(each, 0) for each in get_args(WaitFor)
        }

    def sentence(self) -> str:
        """Return '27 pairs wait, 4 files need attention'; empty if nothing waits."""
        arriving = self.files.get("upload", 0) + self.files.get("partner", 0)
        parts = [
            (self.pair_count, "1 pair waits", "{count} pairs wait"),
            (self.folders, "1 folder waits", "{count} folders wait"),
            (self.files.get("look", 0), "1 file is looked at", "{count} files are looked at"),
            (arriving, "1 file is not complete", "{count} files are not complete"),
            (self.needs_attention, "1 file needs attention", "{count} files need attention"),
        ]
        return ", ".join(counted(*each) for each in parts if each[0])


def describe_running(
    name: str, stage: str | None, percent: int | None, left_seconds: float | None
) -> str:
    """Return 'talk 42 %, 3 min left', or the stage of a job whose frames are not drawn."""
    if percent is None:
        return f"{name}: {STAGES.get(stage or 'load', stage)}"
    left = f", {roughly(left_seconds)} left" if left_seconds is not None else ""
    return f"{name} {percent} %{left}"


def summarise(
    state: str, running: Sequence[str], hold: str | None, backlog: Backlog, rest: str | None = None
) -> str:
    """Return one line: the running jobs, or else the state; what holds the queue; why nothing
    starts although nothing holds it; what waits."""
    shown = list(running[:MAX_NAMED])
    if more := len(running) - len(shown):
        shown.append(f"{more} more running")
    if not shown or state not in ("working", "idle"):
        shown.insert(0, f"{state}: {hold}" if hold else state)
    elif hold:
        shown.append(hold)
    if rest:
        shown.append(rest)
    return "; ".join([*shown, *filter(None, [backlog.sentence()])])
