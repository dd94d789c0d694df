"""Journals, ids and titles of jobs."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heygem_daemon.config.job_options import JobOptions
from heygem_daemon.spool.job import AttemptFailure, Job, Journal, Membership, new_id

RAW = st.binary(min_size=1, max_size=60).filter(
    lambda raw: b"/" not in raw and b"\0" not in raw and raw not in {b".", b".."}
)


def _journal(audio: str = "talk.wav", video: str = "talk.mp4") -> Journal:
    return Journal(id="1", name="talk", audio_name=audio, video_name=video, claimed_at=1.5)


@given(RAW, RAW)
def test_rule_17_any_name_survives_the_journal(audio: bytes, video: bytes) -> None:
    journal = _journal(os.fsdecode(audio), os.fsdecode(video))
    text = journal.dumps()
    text.decode("ascii")
    assert Journal.loads(text) == journal


def test_failures_survive_the_journal() -> None:
    failure = AttemptFailure(at=2.0, kind="error", text="worker died\nof Überdruss \udcff")
    journal = _journal().model_copy(update={"troubles": (failure,), "attempts": 3})
    assert Journal.loads(journal.dumps()) == journal


def test_a_journal_from_before_batches_and_sidecars_is_understood() -> None:
    old = {
        "version": 1, "id": "1", "name": "talk", "audio_name": "talk.wav",
        "video_name": "talk.mp4", "claimed_at": 1.5, "attempts": 0, "deferrals": 0,
        "troubles": [], "outcome": None, "completed_at": None, "reason": "", "remedy": "",
        "published": [],
    }  # fmt: skip
    assert Journal.loads(json.dumps(old).encode()) == _journal()


@given(RAW, RAW)
def test_options_and_membership_survive_the_journal(sidecar: bytes, audio: bytes) -> None:
    member = Membership(
        batch_id="b", batch="show", number=2, of=3, audio=os.fsdecode(audio), video="2.mp4"
    )
    journal = _journal().model_copy(
        update={
            "sidecar_name": os.fsdecode(sidecar),
            "options": JobOptions(min_coverage=0.5, priority=3),
            "member": member,
        }
    )
    assert Journal.loads(journal.dumps()) == journal


def test_the_title_of_a_member_has_the_name_of_its_batch() -> None:
    folder = Path("/p/1")
    member = Membership(batch_id="b", batch="show", number=1, of=3, audio="a", video="v")
    journals = (_journal(), _journal().model_copy(update={"member": member}))
    jobs = (Job("1", "talk", folder, folder / "a", folder / "v", each) for each in journals)
    assert [job.title for job in jobs] == ["talk", "show/talk"]


@pytest.mark.parametrize(
    "text",
    [
        b"", b"{", b"[]", b"null", b"\xff", b'{"id": "1"}',
        _journal().dumps().replace(b'"talk.wav"', b'"../talk.wav"'),
        _journal().dumps().replace(b'"talk.wav"', b'".."'),
        _journal().dumps().replace(b'"version": 1', b'"version": 2'),
        _journal().dumps().replace(b'"attempts": 0', b'"attempts": "many"'),
    ],
)  # fmt: skip
def test_an_invalid_journal_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 (whatever the message)
        Journal.loads(text)


def test_ids_are_unique_and_sort_by_time() -> None:
    first, second = new_id(1_795_231_970.0), new_id(1_795_231_971.0)
    assert first.startswith("20261121-033250-")
    assert first < second
    assert new_id(0.0) != new_id(0.0)
