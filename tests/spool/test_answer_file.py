"""The answers to requests that a restart keeps."""

import pytest

from heygem_daemon.spool.answer_file import (
    FILE,
    MAX_CHARACTERS,
    MAX_KEPT,
    UNREADABLE,
    KeptAnswer,
    read_answers,
    write_answers,
)
from heygem_daemon.spool.spool import Spool


def answer(number: int, text: str = "is cancelled") -> KeptAnswer:
    return KeptAnswer(line=number, name=f"{number}.cancel", text=text, at=float(number))


def test_what_is_kept_is_read_again(spool: Spool) -> None:
    assert read_answers(spool) == ()
    kept = (answer(2, "王芳"), KeptAnswer(line="anna", name="a", folder="anna", text="t", at=-1.0))
    write_answers(spool, kept)
    assert read_answers(spool) == kept
    assert (spool.state / FILE).stat().st_mode & 0o777 == 0o600


def test_number_and_length_are_limited(spool: Spool) -> None:
    write_answers(spool, [answer(n, "王" * 100_000) for n in range(500)])
    kept = read_answers(spool)
    assert len(kept) == MAX_KEPT
    assert {len(each.text) for each in kept} == {MAX_CHARACTERS}
    assert (spool.state / FILE).stat().st_size < 1 << 20


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b'{"answers": [{}]}', b"\xff\xfe", b"[" * 100_000, b"x" * (2 << 20)]
)
def test_one_that_cannot_be_read_is_set_aside(spool: Spool, text: bytes) -> None:
    (spool.state / FILE).write_bytes(text)
    assert read_answers(spool) == ()
    assert not (spool.state / FILE).exists()
    assert (spool.state / UNREADABLE).read_bytes() == text
    write_answers(spool, [answer(1)])
    assert read_answers(spool) == (answer(1),)
