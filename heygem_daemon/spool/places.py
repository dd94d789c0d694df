"""Where files are, in the words of those who look for them. Pure."""


def place_for_people(path: str, folder: str) -> str:
    """Return ``path``, from the spool's root and without the hot folder, as people of ``folder``
    find it: in a share of their own, named as the example configuration does, and in the share of
    all. ``folder``: empty for the plain folders, which everybody sees as they are."""
    if not folder:
        return path
    share, _, rest = path.partition("/")
    own, common = ("/".join(filter(None, each)) for each in ((share, rest), (share, folder, rest)))
    return f"my-{own} ({common})"
