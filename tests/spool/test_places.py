"""Where files are, in the words of those who look for them."""

import pytest

from heygem_daemon.spool.places import name_own_shares, place_for_people, place_in_shares


@pytest.mark.parametrize(
    ("path", "folder", "place"),
    [
        ("inbox/", "", "inbox/"),
        ("inbox/", "anna", "inbox/anna (my-inbox)"),
        ("failed/talk", "anna", "failed/anna/talk (my-failed/talk)"),
    ],
)
def test_the_share_of_all_comes_first(path: str, folder: str, place: str) -> None:
    assert place_for_people(path, folder) == place
    assert place.startswith(place_in_shares(path, folder))


def test_own_shares_are_named_behind_places_alone() -> None:
    text = "its result is in outbox/anna; its files are in failed/anna"
    own = "its result is in outbox/anna (my-outbox); its files are in failed/anna (my-failed)"
    assert name_own_shares(text, "anna") == own
    for other in ("it is in outbox/anna2", "it is in inbox/ben", "xinbox/anna", "outbox/anna/talk"):
        assert name_own_shares(other, "anna") == other
