"""How long a failed device stays in quarantine."""

from heygem_daemon.service.quarantine import Quarantine


def excluded(quarantine: Quarantine, now: float) -> dict[str | None, float]:
    return {uuid: left for uuid, _, left in quarantine.quarantined(now)}


def test_a_device_is_left_alone_for_longer_after_each_failure_in_a_row() -> None:
    quarantine = Quarantine()
    now = 100.0
    seconds = []
    for _ in range(9):
        left = quarantine.add("GPU-0", "it broke", now)
        assert left is not None
        seconds.append(left)
        now += left
        assert excluded(quarantine, now) == {}
    assert seconds == [5, 10, 20, 40, 80, 160, 320, 600, 600]


def test_workers_that_fail_together_count_once() -> None:
    quarantine = Quarantine()
    assert quarantine.add("GPU-0", "it broke", 0.0) == 5
    assert quarantine.add("GPU-0", "it broke again", 4.0) is None
    assert list(quarantine.quarantined(4.0)) == [("GPU-0", "it broke", 1.0)]


def test_each_device_is_judged_for_itself() -> None:
    quarantine = Quarantine()
    quarantine.add("GPU-0", "it broke", 0.0)
    quarantine.add(None, "no weights", 3.0)
    assert excluded(quarantine, 4.0) == {"GPU-0": 1.0, None: 4.0}
    assert excluded(quarantine, 6.0) == {None: 2.0}


def test_what_went_well_clears_the_record() -> None:
    quarantine = Quarantine()
    quarantine.add("GPU-0", "it broke", 0.0)
    quarantine.add("GPU-0", "it broke", 5.0)
    quarantine.release("GPU-0")
    quarantine.release("GPU-1")
    assert excluded(quarantine, 6.0) == {}
    assert quarantine.add("GPU-0", "it broke", 20.0) == 5
