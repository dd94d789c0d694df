"""What the doctor asks about a cluster, and what its nodes answer."""

from heygem_daemon.cluster.messages import LinkSetup, NodeFacts
from heygem_daemon.doctor.check import Check
from heygem_daemon.protocol import Message


class ClusterQuestion(Message):
    """What the probe of the cluster works with."""

    setup: LinkSetup
    measure: bool
    """Whether every node measures how fast it is."""
    seconds: float
    """How long a node may take for all that it examines."""


class NodeFindings(Message):
    """What a node found about itself."""

    facts: NodeFacts
    missing_mount: str = ""
    """Where its fstab mounts something for the spool, and nothing is mounted."""
    mount_type: str = ""
    """File system of the spool, such as 'nfs4'."""
    mount_point: str = ""
    free_bytes: int = 0
    """On the disk or share of the spool."""
    user: int
    """Who runs the workers there."""
    owner: int | None = None
    """To whom the spool belongs, as the node sees it; None: it cannot be seen."""
    slots: int
    """How many jobs its CPU renders at a time."""
    gpus: int
    speed: tuple[Check, ...] = ()


class NodeAnswer(Message):
    """What is known of a node."""

    node: str
    silent: str = ""
    """Why it does not answer, as a clause; '': it does."""
    ahead_seconds: float | None = None
    """How far its clock is ahead of this machine's; None: it did not answer."""
    doubt_seconds: float = 0.0
    """How wrong that may be: half of the time that the answer took."""
    findings: NodeFindings | None = None


class ClusterAnswer(Message):
    """What is known of a cluster."""

    owner: NodeFacts
    """Of the daemon's machine."""
    problem: str = ""
    """Why the cluster cannot be reached, as a clause; '': it can."""
    nodes: tuple[NodeAnswer, ...] = ()
