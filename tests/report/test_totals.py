"""How much runs and waits in all."""

from heygem_daemon.report.backlog import Backlog
from heygem_daemon.report.finished import FinishedJob
from heygem_daemon.report.status import JobStatus, Status
from heygem_daemon.report.totals import describe_totals


def status(*left: float | None, waiting: int = 0, lasted: tuple[float, ...] = ()) -> Status:
    return Status(
        version="1", pid=7, state="working", started=0, written=0, spool="/spool",
        engine="auto", device="auto",
        jobs=tuple(
            JobStatus(id=str(number), name="a", state="running", left_seconds=seconds)
            for number, seconds in enumerate(left)
        ),
        backlog=Backlog(pairs={"turn": waiting}, files={"attention": 1} if waiting else {}),
        finished=tuple(
            FinishedJob(
                id=str(number), name="b", outcome="published", output="b.mp4", finished=0,
                seconds=seconds,
            )
            for number, seconds in enumerate(lasted)
        ),
    )  # fmt: skip


def test_totals_name_what_runs_what_waits_and_how_long() -> None:
    assert describe_totals(status()) == ""
    assert describe_totals(status(None)) == "1 job runs."
    assert describe_totals(status(60, 300)) == "2 jobs run, 5 min left."
    assert describe_totals(status(60, None)) == "2 jobs run."
    assert describe_totals(status(waiting=2, lasted=(60, 60))) == (
        "2 pairs wait, 1 file needs attention."
    )
    assert describe_totals(status(60, 60, waiting=4, lasted=(60, 120, 180))) == (
        "2 jobs run, 1 min left. 4 pairs wait, 1 file needs attention, about 4 min of work at the"
        " pace of the last 3 jobs."
    )


def test_long_sounds_that_wait_take_longer() -> None:
    """A job takes twice as long as its sound is: one of half an hour waits, and one of which the
    length is not known."""
    found = status(waiting=2, lasted=(60, 120, 180))
    timed = tuple(each.model_copy(update={"length": each.seconds / 2}) for each in found.finished)
    backlog = found.backlog.model_copy(update={"known_pairs": 1, "known_seconds": 1800.0})
    found = found.model_copy(update={"finished": timed, "backlog": backlog})
    assert "about 1 h 2 min of work" in describe_totals(found)
    untimed = found.model_copy(update={"finished": status(lasted=(60, 120, 180)).finished})
    assert "about 4 min of work" in describe_totals(untimed)
