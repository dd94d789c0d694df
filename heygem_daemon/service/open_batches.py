"""What the service knows of a batch that is not closed yet. Data only."""

from dataclasses import dataclass, field

from heygem_daemon.service.zip_writer import ZipWriter
from heygem_daemon.spool.batch.journal import Batch
from heygem_daemon.spool.job import Journal
from heygem_daemon.spool.steps import Steps


@dataclass(slots=True)
class OpenBatch:
    """A batch that is not closed yet."""

    batch: Batch

    final_journals: dict[int, Journal]
    """The journals of the members that have ended, by the member's number."""

    newly_ended: set[int] = field(default_factory=set)
    """The numbers of members that have ended since the summary in the outbox was written."""

    is_summary_blocked: bool = False
    """Whether somebody has put something in the way of the summary."""

    bugs: int = 0
    """How often advancing it raised something that is no fault of the environment."""

    rounds_to_skip: int = 0
    """How many rounds it rests after that."""

    zip_writer: ZipWriter | None = None
    """Set while the ZIP is being written."""

    closing: Steps[Batch] | None = None
    """Set while the batch is being closed."""

    missing: list[str] = field(default_factory=list)
    """The names of the results that were gone when the ZIP was made."""

    @property
    def member_count(self) -> int:
        return len(self.batch.journal.members)

    @property
    def published(self) -> int:
        return sum(end.outcome == "published" for end in self.final_journals.values())

    @property
    def all_ended(self) -> bool:
        return len(self.final_journals) == self.member_count
