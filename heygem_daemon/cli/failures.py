"""What failed last, for ``status``: a batch is one entry. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from heygem_daemon.spool.job import Journal

MAX_NAMED = 3
"""How many members of a batch a row names, each with its reason."""


@dataclass(frozen=True, slots=True)
class FailedGroup:
    """A failed job, or the failed members of one batch."""

    journals: tuple[Journal, ...]
    """The latest first. Their names are those that commands use."""

    @property
    def name(self) -> str:
        """The name that commands use; that of several members of a batch ends with a slash."""
        name = self.journals[0].name
        return name.rpartition("/")[0] + "/" if len(self.journals) > 1 else name

    @property
    def id(self) -> str:
        """The id of the job or of the batch."""
        member = self.journals[0].member
        return member.batch_id if member is not None else self.journals[0].id

    @property
    def completed_at(self) -> float | None:
        """When the last of them failed (UNIX time)."""
        return self.journals[0].completed_at

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it failed, in lines; of a batch, how many members did and why."""
        first = self.journals[0].reason
        count = len(self.journals)
        if count == 1:
            return (first,)
        if len({each.reason for each in self.journals}) == 1:
            return (f"{count} of its jobs failed: {first}",)
        named = [
            f"{_own_name(each)}: {each.reason}" for each in self.journals[: -MAX_NAMED - 1 : -1]
        ]
        more = [f"and {count - MAX_NAMED} more"] if count > MAX_NAMED else []
        return (f"{count} of its jobs failed", *named, *more)


def group_failures(journals: Sequence[Journal]) -> list[FailedGroup]:
    """Return the failed jobs, with all failed members of a batch as one, in their order."""
    groups: dict[str, list[Journal]] = {}
    for each in journals:
        key = each.member.batch_id if each.member is not None else each.id
        groups.setdefault(key, []).append(each)
    return [FailedGroup(tuple(group)) for group in groups.values()]


def _own_name(journal: Journal) -> str:
    return journal.name.rpartition("/")[2]
