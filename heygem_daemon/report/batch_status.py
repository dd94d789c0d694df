"""What the status says of a batch under way."""

from heygem_daemon.report.status_model import StatusModel


class BatchStatus(StatusModel):
    """A batch under way."""

    id: str
    name: str

    dropped_as: str
    """The name that its folder had in the inbox."""

    members: int
    """How many members it has."""

    published: int
    failed: int

    cancelled: int = 0
    """How many of those that failed were cancelled."""

    now: tuple[str, ...] = ()
    """The names of the members that are being rendered."""

    waits: str | None = None
    """What the batch waits for, if no member is being rendered."""

    folder: str = ""
    """The hot folder in whose inbox it was dropped; empty: the plain inbox."""

    packing: bool = False
    """Whether all members have ended and the ZIP is being written."""

    turn: int | None = None
    """Sorts all that waits by when it goes: that of its next member. None: not known."""

    rests: bool = False
    """Whether it waits for the active hours."""

    estimate: str = ""
    """When it starts and is ready, in words; empty: not known."""

    dropped_by: str = ""
    """The name of who dropped it; empty: not known."""

    @property
    def has_ended(self) -> bool:
        """Whether all members have ended."""
        return self.packing or self.published + self.failed >= self.members

    @property
    def progress(self) -> str:
        """The progress in words, for example '3 of 12 done, 1 of them failed; now: 04'."""
        parts = [self._done]
        parts += [f"now: {', '.join(self.now)}"] if self.now else []
        parts += ["packing the ZIP"] if self.packing else []
        parts += [self.waits] if self.waits and not self.now else []
        return "; ".join(parts)

    @property
    def _done(self) -> str:
        ended, members = self.published + self.failed, self.members
        cancelled, failed = self.cancelled, self.failed - self.cancelled
        if failed and cancelled:
            return f"{ended} of {members} done, {failed} of them failed, {cancelled} cancelled"
        if cancelled:
            return f"{ended} of {members} done, {cancelled} of them cancelled"
        if failed:
            return f"{ended} of {members} done, {failed} of them failed"
        return f"{ended} of {members} done"
