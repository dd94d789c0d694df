"""What failed last, for ``status``: a batch is one entry."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from heygem_daemon.spool.job import Journal

MAX_NAMED = 3
"""How many members of a batch a row names, each with its reason."""

MAX_GONE = 50
"""How many ended jobs are looked at beyond those to list: people may have deleted their files."""

MAX_READ = 2000
"""How many failed jobs are read at most, so that many failed members of a batch hide nothing."""

READ_AGAIN = 4
"""How many times as many are read when those were too few."""


@dataclass(frozen=True, slots=True)
class FailedGroup:
    """A failed job, or the failed members of one batch."""

    journals: tuple[Journal, ...]
    """The latest first. Their names are those that commands use."""

    is_whole: bool = True
    """Whether these are all failed members of its batch whose files are there."""

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
            whole = f"{count} of its jobs failed: {first}"
            return (whole if self.is_whole else f"at least {count} of its jobs failed: {first}",)
        named = [
            f"{_own_name(each)}: {each.reason}" for each in self.journals[: -MAX_NAMED - 1 : -1]
        ]
        rest = count - MAX_NAMED
        if self.is_whole:
            more = [f"and {rest} more"] if rest > 0 else []
            return (f"{count} of its jobs failed", *named, *more)
        more = [f"and at least {rest} more"] if rest > 0 else []
        return (f"at least {count} of its jobs failed", *named, *more)


def find_failures(
    read: Callable[[int], Sequence[Journal]],
    there: Callable[[Sequence[Journal]], Iterable[Journal]],
    last: int,
) -> list[FailedGroup]:
    """Return the last failed jobs and batches. ``read`` returns that many of the last failed jobs,
    ``there`` those whose files are there. Reads no more than these groups need."""
    limit = last + MAX_GONE
    while True:
        found = read(limit)
        is_cut = len(found) >= limit
        groups = group_failures(there(found), is_cut=is_cut)[:last]
        is_enough = len(groups) == last and all(each.is_whole for each in groups)
        if is_enough or not is_cut or limit >= MAX_READ:
            return groups
        limit = min(limit * READ_AGAIN, MAX_READ)


def group_failures(journals: Iterable[Journal], *, is_cut: bool = False) -> list[FailedGroup]:
    """Return the failed jobs, with all failed members of a batch as one, in their order.
    ``is_cut``: there may be more jobs than these."""
    groups: dict[str, list[Journal]] = {}
    for each in journals:
        key = each.member.batch_id if each.member is not None else each.id
        groups.setdefault(key, []).append(each)
    return [
        FailedGroup(tuple(group), is_whole=not is_cut or _has_all(group))
        for group in groups.values()
    ]


def _has_all(group: Sequence[Journal]) -> bool:
    """Return whether a group is a single job, or has all members of its batch."""
    member = group[0].member
    return member is None or len(group) >= member.of


def _own_name(journal: Journal) -> str:
    return journal.name.rpartition("/")[2]
