"""What people are told of beside the end of jobs."""

from heygem_daemon.notify.watch import Change, StatusWatch
from heygem_daemon.report.backlog import Backlog
from heygem_daemon.report.status import Status

STATUS = Status(
    version="1",
    pid=7,
    state="idle",
    started=0.0,
    written=0.0,
    spool="/s",
    engine="auto",
    device="auto",
)


def at(seconds: float, **changes: object) -> Status:
    return STATUS.model_copy(update={"written": seconds, **changes})


def told(watch: StatusWatch, *statuses: Status) -> list[Change]:
    return [change for status in statuses for change in watch.changes(status)]


def test_a_hold_is_told_once_when_it_lasts_and_so_is_its_end() -> None:
    watch = StatusWatch(0)
    hold = {"state": "holding", "hold": "the disk is full"}
    assert told(watch, at(0), at(10, **hold), at(69, **hold)) == []
    assert told(watch, at(70, **hold)) == [Change("on_hold", 60.0, "the disk is full")]
    assert told(watch, at(900, **hold)) == []
    assert told(watch, at(910), at(959)) == []
    assert told(watch, at(960)) == [Change("resumed", 950.0, "the disk is full")]
    assert told(watch, at(970), at(2000)) == []


def test_a_short_hold_is_not_told_and_does_not_count_for_a_later_one() -> None:
    watch = StatusWatch(0)
    assert told(watch, at(0, hold="x"), at(50, hold="x"), at(51)) == []
    assert told(watch, at(500, hold="x"), at(559, hold="x")) == []
    assert [each.kind for each in told(watch, at(560, hold="x"))] == ["on_hold"]


def test_a_job_that_is_tried_again_in_vain_is_no_end_of_a_hold() -> None:
    watch = StatusWatch(0)
    assert told(watch, at(0, hold="x"), at(50, hold="x"), at(51)) == []
    assert [each.kind for each in told(watch, at(60, hold="x"))] == ["on_hold"]
    for start in range(80, 900, 50):
        assert told(watch, at(start), at(start + 20), at(start + 45, hold="x")) == []
    assert [each.kind for each in told(watch, at(1000))] == ["resumed"]


def test_a_stop_of_the_daemon_is_no_end_of_a_hold() -> None:
    watch = StatusWatch(0)
    told(watch, at(0, hold="x"), at(60, hold="x"))
    assert told(watch, at(61, state="stopping"), at(62, state="stopped")) == []


def test_a_wait_is_told_once_when_it_is_too_long() -> None:
    watch = StatusWatch(2)
    backlog = Backlog(pairs={"turn": 3}, folders=1, oldest=100.0)
    assert told(watch, at(219, backlog=backlog)) == []
    assert told(watch, at(220, backlog=backlog)) == [Change("waiting", 120.0, count=4)]
    assert told(watch, at(230, backlog=backlog)) == []
    assert told(watch, at(240), at(250, backlog=Backlog(oldest=249.0)), at(300)) == []
    assert len(told(watch, at(900, backlog=backlog))) == 1


def test_zero_minutes_means_never() -> None:
    backlog = Backlog(pairs={"turn": 1}, oldest=0.0)
    assert told(StatusWatch(0), at(1e9, backlog=backlog)) == []


def test_only_active_hours_count_as_a_wait() -> None:
    """The status counts them: outside of them, ``oldest`` moves with the clock."""
    watch = StatusWatch(2)

    def resting(now: float) -> Status:
        return at(now, backlog=Backlog(pairs={"hours": 1}, oldest=now), rests_until=9000.0)

    assert told(watch, resting(1000), resting(8999)) == []
    backlog = Backlog(pairs={"turn": 1}, oldest=8999.0)
    assert told(watch, at(9000, backlog=backlog), at(9100, backlog=backlog)) == []
    assert told(watch, at(9120, backlog=backlog)) == [Change("waiting", 121.0, count=1)]


def test_a_folder_with_hours_of_its_own_waits_while_all_others_rest() -> None:
    backlog = Backlog(pairs={"turn": 1, "hours": 1}, oldest=0.0)
    rests = at(120, backlog=backlog, rests_until=9000.0)
    assert told(StatusWatch(2), rests) == [Change("waiting", 120.0, count=2)]
