"""Names of requests as people write them."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heygem_daemon.spool.request_names import (
    VERBS,
    is_request,
    parse_request_name,
    request_meant,
)


@pytest.mark.parametrize(
    ("name", "job", "verb"),
    [
        ("talk.cancel", "talk", "cancel"),
        ("TALK.CANCEL", "TALK", "cancel"),
        ("talk.Cancel ", "talk", "cancel"),
        ("talk.cancel.txt", "talk", "cancel"),
        ("talk.cancel.TXT.txt", "talk", "cancel"),
        ("talk.cancel.", "talk", "cancel"),
        ("talk. hurry", "talk", "hurry"),
        ("talk .retry", "talk ", "retry"),
        ("talk.mp4.retry", "talk.mp4", "retry"),
        ("talk.ｃａｎｃｅｌ", "talk", "cancel"),
        ("talk。cancel", "talk", "cancel"),
        ("talk．ＲＥＭＯＶＥ。.txt", "talk", "remove"),
        ("讲话.取消", "讲话", "cancel"),
        ("讲话.取消.txt", "讲话", "cancel"),
        ("讲话。加急", "讲话", "hurry"),
        ("talk.重试", "talk", "retry"),
        ("talk.重做", "talk", "retry"),
        ("talk.删除", "talk", "remove"),
        ("talk.删 除", "talk", "remove"),
        ("talk.重　试.txt", "talk", "retry"),
        ("talk.“取消”", "talk", "cancel"),
        ("v1.2 final.cancel", "v1.2 final", "cancel"),
    ],
)  # fmt: skip
def test_what_can_mean_one_thing_alone_is_a_request(name: str, job: str, verb: str) -> None:
    assert parse_request_name(name) == (job, verb)
    assert request_meant(name) is None


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("talk.cancle", "talk.cancel"),
        ("talk.cancell", "talk.cancel"),
        ("talk.c ancel", "talk.cancel"),
        ("talk.mp4 cancel", "talk.mp4.cancel"),
        ("删 除", "NAME.remove"),
        ("talk 删 除", "talk.remove"),
        (".取消", "NAME.cancel"),
        (".cancel.txt", "NAME.cancel"),
        ("talk.Canel", "talk.cancel"),
        ("talk.cancle.txt", "talk.cancel"),
        ("talk.cancelled", "talk.cancel"),
        ("talk.stop", "talk.cancel"),
        ("talk.hury", "talk.hurry"),
        ("talk.hurrry", "talk.hurry"),
        ("talk.urgent", "talk.hurry"),
        ("talk.rety", "talk.retry"),
        ("talk.redo", "talk.retry"),
        ("talk.remvoe", "talk.remove"),
        ("talk.delete", "talk.remove"),
        ("talk.retry.toml", "talk.retry"),
        ("talk.retry.toml.txt", "talk.retry"),
        ("talk.cancel.docx", "talk.cancel"),
        ("talk.cancel (2)", "talk.cancel"),
        ("talk.cancel - Copy.txt", "talk.cancel"),
        ("talk.cancel - 副本", "talk.cancel"),
        ("讲话.停止", "讲话.cancel"),
        ("讲话.取小", "讲话.cancel"),
        ("讲话.册除.txt", "讲话.remove"),
        ("讲话.重式", "讲话.retry"),
        ("讲话.请取消", "讲话.cancel"),
        ("讲话取消", "讲话.cancel"),
        ("取消讲话.txt", "讲话.cancel"),
        ("talk cancel", "talk.cancel"),
        ("cancel talk.txt", "talk.cancel"),
        ("talk_retry", "talk.retry"),
        ("cancel", "NAME.cancel"),
        ("取消.txt", "NAME.cancel"),
        (".cancel", "NAME.cancel"),
    ],
)
def test_what_is_like_a_request_has_a_name_that_was_meant(name: str, meant: str) -> None:
    assert (is_request(name), request_meant(name)) == (False, meant)


@pytest.mark.parametrize(
    "name",
    [
        "talk.pdf", "notes.txt", "talk.srt", "talk", "canceltalk", "recancel", "talk.can",
        "Cancel culture.docx", "remove noise.pdf", "history.csv", "talk.remote.csv", "README",
        "talk.12", "talk.", "...", "", "说明.docx", "talk.json", "talk.move.pdf", "talk.cue",
    ],
)  # fmt: skip
def test_other_names_are_like_no_request(name: str) -> None:
    assert (is_request(name), request_meant(name)) == (False, None)


@pytest.mark.parametrize("verb", VERBS)
def test_one_mistake_is_understood(verb: str) -> None:
    for place in range(len(verb)):
        wrong = [verb[:place] + verb[place + 1 :], verb[:place] + "x" + verb[place:]]
        wrong += [verb[:place] + "x" + verb[place + 1 :]]
        for each in wrong:
            assert request_meant(f"talk.{each}") == f"talk.{verb}"


@settings(deadline=None)
@given(st.text(max_size=80) | st.binary(max_size=255).map(os.fsdecode))
def test_any_name_is_a_request_or_not(name: str) -> None:
    meant = request_meant(name)
    assert not (is_request(name) and meant)
    assert meant is None or is_request(meant)
