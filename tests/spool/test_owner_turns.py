"""Whose turn it is."""

from heygem_daemon.spool.owner_turns import OwnerTurns


def owner(item: str) -> str:
    return item[0]


def steps(turns: OwnerTurns, items: list[str], count: int) -> list[str | None]:
    return [turns.choose(items, owner) for _ in range(count)]


def test_each_owner_has_as_many_steps_however_many_items() -> None:
    turns = OwnerTurns()
    assert steps(turns, ["a1", "a2", "a3", "b1"], 6) == ["a1", "b1", "a1", "b1", "a1", "b1"]
    assert steps(turns, ["a2", "a3", "b1", "c1"], 4) == ["a2", "c1", "b1", "a2"]


def test_new_owners_cannot_pass_an_old_one_again_and_again() -> None:
    turns = OwnerTurns()
    steps(turns, ["a1", "b1"], 2)
    assert [turns.choose(["a1", f"{new}1"], owner) for new in "cdef"] == ["a1", "d1", "a1", "f1"]


def test_alone_an_owner_has_all() -> None:
    assert steps(OwnerTurns(), ["a1", "a2"], 3) == ["a1", "a1", "a1"]


def test_nothing_to_do_is_nobodys_turn_and_who_is_done_is_forgotten() -> None:
    turns = OwnerTurns()
    assert turns.choose([], owner) is None
    steps(turns, ["a1"], 5)
    assert turns.choose(["b1"], owner) == "b1"
    assert list(turns._served) == ["b"]
