"""The scheduler keeps a machine of 16 cores busy."""

from pathlib import Path

from benchmarks.simulated_machine import simulate


def test_sixteen_cores_are_busy_while_jobs_wait(tmp_path: Path) -> None:
    """No job is as long as another, so that they end one by one."""
    durations = [12.0 + 0.37 * (7 * number % 16) for number in range(80)]
    found = simulate(tmp_path / "spool", 16, durations, load_seconds=3.0)
    assert found.cores == 16
    assert found.busy_while_waiting >= 0.95, found


def test_jobs_that_are_short_beside_the_rounds_of_the_loop_keep_four_cores_busy(
    tmp_path: Path,
) -> None:
    found = simulate(tmp_path / "spool", 4, [2.0] * 40)
    assert found.cores == 4
    assert found.share_of_ideal >= 0.95, found
