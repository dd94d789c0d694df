"""What a person does to his files is not called a fault of the program."""

import pytest

from heygem_daemon.errors import ClaimFailed, NameContested
from heygem_daemon.service.item_faults import (
    BUG_REMEDY,
    NAMES_REMEDY,
    RIGHTS_REMEDY,
    ItemFaults,
    failure_kind,
    remedy_for,
)
from tests.fakes.service import ServiceHarness


def denied() -> Exception:
    """An error that a lack of permission caused."""
    error = ClaimFailed("talk.wav could not be moved")
    error.__cause__ = PermissionError(13, "Permission denied", "/spool/inbox/talk.wav")
    return error


@pytest.mark.parametrize(
    ("error", "reason", "remedy"),
    [
        (NameContested("Somebody takes each name."), "Somebody takes each name.", NAMES_REMEDY),
        (denied(), "The daemon has no permission for talk.wav.", RIGHTS_REMEDY),
    ],
)
def test_what_a_person_does_is_logged_without_a_traceback(
    harness: ServiceHarness, error: Exception, reason: str, remedy: str
) -> None:
    assert ItemFaults().log("job talk", error) == reason
    assert harness.logged(f"job talk: set aside: {reason}") == 1
    assert harness.logged("Traceback") == 0
    assert remedy_for(error) == remedy
    assert failure_kind(error) == "withheld"


def test_a_bug_is_logged_with_its_traceback_once(harness: ServiceHarness) -> None:
    faults = ItemFaults()
    with pytest.raises(KeyError) as caught:
        raise KeyError("number")
    for _ in range(2):
        reason = faults.log("job talk", caught.value)
        assert reason == "The daemon could not handle it (KeyError: 'number')."
    assert (remedy_for(caught.value), failure_kind(caught.value)) == (BUG_REMEDY, "bug")
    assert harness.logged("job talk: set aside, KeyError") == 1
    assert harness.logged("Traceback") == 1
