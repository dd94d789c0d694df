"""Counted nouns in texts. Pure."""


def counted(count: float, one: str, many: str) -> str:
    """Return ``one`` if there is one thing, else ``many`` with the number in place of {count}: '1
    day', '3 days', '1.5 days'."""
    return one if count == 1 else many.format(count=f"{count:g}" if count % 1 else int(count))
