"""Counted nouns in texts."""

import re

import pytest

from heygem_daemon.counts import counted
from heygem_daemon.language.catalogue import read_catalogue
from heygem_daemon.language.translator import translator

COUNTED = re.compile(
    r"\{\w+\} (?:other |audio and video )?(?:attempts|channels|characters|cores|days|errors|files"
    r"|folders|frames|GPUs|jobs|members|memory errors|minutes|pairs|pictures|places|processes"
    r"|samples|sounds|videos|workers)\b"
)
NEVER_ONE = (
    "GPU memory creeps: {grown} after {creep_jobs} jobs",
    "The CPU's {slots} workers are busy with other jobs.",
    "The sound of {name} has {sample_rate} samples a second",
    "The worker was to see {uuid} alone, but CUDA shows it {count} GPUs.",
    "about {seconds} of work at the pace of the last {last} jobs",
    "the driver reported Xid {number} of it{meaning}; it is not used for {quarantine_minutes}",
    "{count} audio and video files",
    "{count} videos speak {pop}",
    "{engine} in {precision} analyses {hearing} s of audio",
    "{name} holds {count} pictures",
    "{name} shows {count} pictures in {seconds} seconds",
    "{pop} speaks {count} sounds",
)
"""How texts begin whose number is far from 1."""


@pytest.mark.parametrize(
    ("count", "text", "chinese"),
    [
        (0, "0 days", "0 天"),
        (1, "1 day", "1 天"),
        (1.5, "1.5 days", "1.5 天"),
        (7, "7 days", "7 天"),
    ],
)
def test_one_thing_is_no_plural(count: float, text: str, chinese: str) -> None:
    assert counted(count, "1 day", "{count} days") == text
    assert translator("zh")(text) == chinese
    assert counted(7.0, "1 day", "{count} days") == "7 days"


def test_each_text_that_counts_has_a_form_for_one() -> None:
    texts = set(read_catalogue("zh"))
    one = {text.removeprefix("1 ")[:3] for text in texts if text.startswith("1 ")}
    counts = (text for text in texts if COUNTED.search(text))
    several = (text for text in counts if not text.startswith(NEVER_ONE))
    assert [text for text in several if text.partition("} ")[2][:3] not in one] == []
