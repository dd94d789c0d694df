"""Events of requests: what users ask of jobs."""

from heygem_daemon.events.event import Event


class JobCancelled(Event, text="cancelled by {owner}"):
    """The job is in failed/ with its inputs; what was rendered is kept for a retry."""

    owner: str


class JobHurried(Event, text="goes first among the jobs of its owner, asked by {owner}"):
    """The job has the highest priority that is allowed, and the first place in its line."""

    owner: str


class BatchHurried(Event, text="goes first among the batches of its owner, asked by {owner}"):
    """The members of the batch that wait have the highest priority that is allowed, and the first
    places in their line."""

    owner: str


class LateSidecarTaken(Event, text="takes the options in {sidecar}, which came later"):
    """A sidecar came after the claim of its job, which still waits."""

    sidecar: str


class RequestAnswered(Event, text="{request} by {owner}: {answer}"):
    """A request was carried out, and its file was cleared away."""

    request: str
    owner: str
    answer: str


class RequestLinesLeftOut(
    Event,
    text="lines about requests by {owner} that are not logged one by one: {count}",
    level="WARNING",
):
    """Many requests of one user at once: 100 lines are logged, then six a minute."""

    owner: str
    count: int
