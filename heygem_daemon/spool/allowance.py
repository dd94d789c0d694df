"""How much of a scan each owner of files may use. Uses no clock and no file system.

A scan looks closely at files that have not settled, and into folders. Whoever drops ten thousand of
them gets the answers over several scans; everybody else gets theirs in the next one.
"""


class OwnerAllowance:
    """What each owner may still use in this scan. ``amount``: of one owner in one scan."""

    def __init__(self, amount: int) -> None:
        self._amount = amount
        self._used: dict[int | None, int] = {}

    def renew(self) -> None:
        """Begin the next scan. What an owner used beyond the amount is taken from this one."""
        rest = {owner: used - self._amount for owner, used in self._used.items()}
        self._used = {owner: used for owner, used in rest.items() if used > 0}

    def has_left(self, owner: int | None) -> bool:
        """Return whether the user id ``owner`` has any of it left; None: nobody knows it."""
        return self._used.get(owner, 0) < self._amount

    def use(self, owner: int | None, amount: int = 1) -> None:
        """Record that ``amount`` was used for the files of ``owner``."""
        self._used[owner] = self._used.get(owner, 0) + amount
