"""Events of a cluster of several machines."""

from heygem_daemon.events.event import Event


class ClusterAway(Event, text="the cluster {address} cannot be used: {reason}", level="WARNING"):
    """Jobs go on on the daemon's own machine; the daemon tries again by itself."""

    address: str
    reason: str


class ClusterHere(Event, text="the cluster {address} can be used again"):
    """After an event before that it could not."""

    address: str


class NodeHere(
    Event, text="the node {node} is here: GPUs: {gpus}, jobs at a time on its CPU: {slots}"
):
    """A machine of the cluster can take jobs."""

    node: str
    gpus: int
    slots: int


class NodeUnused(Event, text="the node {node} gets no job: {reason}", level="WARNING"):
    """It differs from the daemon's machine, or its agent does not start; tried again later."""

    node: str
    reason: str


class NodeAway(
    Event,
    text="the node {node} is lost: {reason}; jobs that start elsewhere: {jobs}",
    level="WARNING",
):
    """Its jobs start elsewhere. What it still does is not published."""

    node: str
    reason: str
    jobs: int
