"""The campaign's measure of how soon the jobs of a dead node start elsewhere."""

from datetime import datetime, timedelta

from tests.cluster.moves import Death, Move, find_moves

BEGAN = datetime.fromisoformat("2026-11-30 12:00:00.000+00:00")


def at(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


def line(seconds: float, message: str, event: str, job: str = "a") -> str:
    when = at(seconds).isoformat(sep=" ", timespec="milliseconds")
    return f"{when} INFO    {message} job={job} id=x-{job} event={event}\n"


def start(seconds: float, device: str, job: str = "a") -> str:
    return line(seconds, f"job started on {device}, attempt 1", "job_started", job)


def publication(seconds: float, job: str = "a") -> str:
    return line(seconds, "published as a.mp4", "job_published", job)


ANNA = start(0, "CPU, worker 2 (node anna)")


def test_the_time_runs_from_the_death_to_the_next_start() -> None:
    log = ANNA + start(9, "CPU") + publication(20)
    assert find_moves(log, [Death(at(2), "anna")]) == [Move(7.0, is_again=False)]


def test_deaths_elsewhere_or_after_the_end_move_nothing() -> None:
    log = ANNA + publication(5)
    deaths = [Death(at(2), "bert"), Death(at(2), "ann"), Death(at(6), "anna")]
    assert find_moves(log, deaths) == []
    here = start(0, "CPU") + start(9, "CPU")
    assert find_moves(here, [Death(at(2), "anna")]) == []


def test_a_second_loss_is_marked() -> None:
    log = ANNA + start(9, "CPU (node bert)") + start(40, "CPU") + publication(60)
    log += line(15, "job waits, next try in 13 s", "job_waits")
    deaths = [Death(at(2), "anna"), Death(at(10), "bert")]
    assert find_moves(log, deaths) == [Move(7.0, is_again=False), Move(30.0, is_again=True)]


def test_what_a_restart_interrupts_is_marked() -> None:
    log = ANNA + start(9, "CPU") + publication(20)
    (move,) = find_moves(log, [Death(at(2), "anna")], [at(5)])
    assert move == Move(7.0, is_amid_restart=True)
    assert move.kind == "beside a restart of daemon or head"
