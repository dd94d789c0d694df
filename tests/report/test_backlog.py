"""The sentences about what waits."""

import pytest

from heygem_daemon.report.backlog import Backlog, describe_running, summarise

SOME = Backlog(pairs={"turn": 26, "disk": 1}, files={"attention": 4})


@pytest.mark.parametrize(
    ("backlog", "sentence"),
    [
        (SOME, "27 pairs wait, 4 files need attention"),
        (Backlog(), ""),
        (Backlog(pairs={"pause": 1}, folders=1), "1 pair waits, 1 folder waits"),
        (Backlog(files={"upload": 1, "partner": 1}), "2 files are not complete"),
        (Backlog(files={"attention": 1}), "1 file needs attention"),
    ],
)
def test_what_waits_in_words(backlog: Backlog, sentence: str) -> None:
    assert backlog.sentence() == sentence


@pytest.mark.parametrize(
    ("state", "running", "hold", "line"),
    [
        (
            "working",
            [describe_running("talk", "render", 42, 170.0)],
            None,
            "talk 42 %, 3 min left; 27 pairs wait, 4 files need attention",
        ),
        (
            "working",
            [describe_running("talk", "track", None, None)],
            None,
            "talk: finding the face; 27 pairs wait, 4 files need attention",
        ),
        ("idle", [], None, "idle; 27 pairs wait, 4 files need attention"),
        (
            "holding",
            [],
            "the disk is full",
            "holding: the disk is full; 27 pairs wait, 4 files need attention",
        ),
        (
            "working",
            ["a", "b", "c", "d", "e"],
            None,
            "a; b; c; 2 more running; 27 pairs wait, 4 files need attention",
        ),
    ],
)
def test_one_line_says_what_runs_what_holds_and_what_waits(
    state: str, running: list[str], hold: str | None, line: str
) -> None:
    assert summarise(state, running, hold, SOME) == line
    assert summarise("idle", [], None, Backlog()) == "idle"


def test_every_kind_has_a_count() -> None:
    counts = SOME.counts()
    assert (counts["turn"], counts["disk"], counts["attention"], counts["memory"]) == (26, 1, 4, 0)
    assert (SOME.pair_count, SOME.needs_attention) == (27, 4)
