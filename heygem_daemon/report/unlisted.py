"""How much the lists of the status leave out."""

from collections import Counter

from heygem_daemon.report.backlog import CLAIMABLE, WaitFor
from heygem_daemon.report.status_model import StatusModel

Kinds = Counter[WaitFor | None]
"""How many entries of the inbox there are, by what they wait for; None: those left alone."""


class Unlisted(StatusModel):
    """How many entries the list of the same name in ``Status`` leaves out. Each list is limited, so
    that nobody can make the status grow without end by dropping files."""

    jobs: int = 0
    """The list begins with the running jobs, so these are waiting ones."""

    batches: int = 0
    inbox: int = 0

    attention: int = 0
    """How many of those in the inbox a person has to act on."""

    arriving: int = 0
    """How many of them are not complete."""

    looked_at: int = 0
    """How many of them the daemon, which has just started, looks at."""

    ready: int = 0
    """How many of them are complete and wait for their turn."""

    devices: int = 0
    finished: int = 0
    finished_batches: int = 0
    warnings: int = 0

    @property
    def left_alone(self) -> int:
        """How many of those in the inbox wait for nothing: no job comes of them."""
        return max(0, self.inbox - self.attention - self.arriving - self.looked_at - self.ready)

    def with_inbox(self, kinds: Kinds) -> "Unlisted":
        """Return the counts with so many more entries of the inbox left out."""
        return self.model_copy(
            update={
                "inbox": self.inbox + kinds.total(),
                "attention": self.attention + kinds["attention"],
                "arriving": self.arriving + kinds["upload"] + kinds["partner"],
                "looked_at": self.looked_at + kinds["look"],
                "ready": self.ready + sum(kinds[each] for each in CLAIMABLE),
            }
        )
