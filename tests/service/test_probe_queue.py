"""The requests that wait for a child process."""

from heygem_daemon.service.probe_queue import MAX_WAITING, MORE_PLACES, Place, ProbeQueue
from heygem_daemon.service.turns import FairnessKey

ANNA, BEN = FairnessKey("uid 1"), FairnessKey("uid 2")


def taken(queue: ProbeQueue[str]) -> list[str]:
    """Take everything, one request at a time."""
    found: list[str] = []
    while turn := queue.take([]):
        found.extend(turn.requests)
    return found


def test_requests_are_taken_in_the_order_of_arrival() -> None:
    queue: ProbeQueue[str] = ProbeQueue(1)
    for name in ("b", "a", "c", "b"):
        queue.add(name, ANNA)
    assert taken(queue) == ["b", "a", "c"]


def test_what_a_job_waits_for_passes_the_rest_of_its_line() -> None:
    queue: ProbeQueue[str] = ProbeQueue(1)
    for name in ("lone 1", "lone 2", "partner"):
        queue.add(name, ANNA)
    for name in ("partner", "new", "partner"):
        queue.add(name, ANNA, Place.WANTED)
    assert queue.has("partner", ANNA, Place.WANTED)
    assert not queue.has("lone 1", ANNA, Place.WANTED)
    assert queue.has("lone 1", ANNA, Place.REST)
    assert not queue.has("lone 1", BEN, Place.REST)
    assert taken(queue) == ["partner", "new", "lone 1", "lone 2"]


def test_a_request_at_the_front_does_not_fall_back() -> None:
    queue: ProbeQueue[str] = ProbeQueue(1)
    queue.add("pair", ANNA, Place.WANTED)
    queue.add("lone", ANNA)
    queue.add("pair", ANNA)
    assert taken(queue) == ["pair", "lone"]


def test_a_full_line_takes_what_a_job_waits_for() -> None:
    queue: ProbeQueue[str] = ProbeQueue(1)
    for number in range(MAX_WAITING + 5):
        queue.add(f"lone {number}", ANNA)
    queue.add("pair", ANNA, Place.WANTED)
    found = taken(queue)
    assert found[0] == "pair"
    assert len(found) == MAX_WAITING + 1


def test_the_front_of_a_line_does_not_pass_other_owners() -> None:
    queue: ProbeQueue[str] = ProbeQueue(1)
    queue.add("anna's lone file", ANNA)
    for number in range(3):
        queue.add(f"ben's pair {number}", BEN, Place.WANTED)
    assert "anna's lone file" in taken(queue)[:2]


def test_what_was_hurried_passes_its_line_and_the_other_folders_of_its_owner() -> None:
    queue: ProbeQueue[str] = ProbeQueue(1)
    folder = FairnessKey(ANNA.owner, "inbox/talks")
    for number in range(20):
        queue.add(f"pair {number}", ANNA, Place.WANTED)
        queue.add(f"member {number}", folder)
    queue.add("pair 9", ANNA, Place.HURRIED)
    queue.add("member 9", folder, Place.HURRIED)
    queue.add("member 9", folder)
    assert set(taken(queue)[:2]) == {"pair 9", "member 9"}


def test_what_was_hurried_passes_others_once() -> None:
    queue: ProbeQueue[str] = ProbeQueue(1)
    for number in range(20):
        queue.add(f"ben's {number}", BEN, Place.WANTED)
        queue.add(f"anna's {number}", ANNA, Place.HURRIED)
    assert sum(name.startswith("ben") for name in taken(queue)[:10]) >= 4


def test_files_of_several_people_that_take_long_leave_a_place_for_another() -> None:
    queue: ProbeQueue[str] = ProbeQueue(3)
    hostile = [FairnessKey(f"uid {number}") for number in range(10, 13)]
    queue.add("honest", ANNA)
    for key in hostile:
        queue.add(f"another of {key.owner}", key)
    turn = queue.take(hostile)
    assert turn is not None
    assert turn.key == ANNA
    assert queue.take([*hostile, ANNA]) is None, "those who have a place get no more"
    full = [FairnessKey(f"uid {number}") for number in range(20, 23 + MORE_PLACES)]
    assert queue.take(full) is None
