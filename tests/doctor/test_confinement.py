"""What the doctor says of confinement: asked of this machine, and of scripted answers."""

import pytest

from heygem_daemon.doctor.answers import ConfinementAnswer, LibraryAnswer
from heygem_daemon.doctor.child import ProbeFailure, run_probe
from heygem_daemon.doctor.confinement import ON_GPU, confinement_check
from heygem_daemon.doctor.examination import PROBE
from tests.system.confined import needs_landlock_3

ALL_WELL = ConfinementAnswer("confined: no access to other files", complete=True)


@needs_landlock_3
def test_on_this_machine_a_confined_process_cannot_get_out() -> None:
    answer = run_probe(["-m", PROBE, "confinement"], ConfinementAnswer, 60)
    assert isinstance(answer, ConfinementAnswer), answer
    assert answer.description.startswith("confined: no access to other files")
    assert (answer.complete, answer.open_ways) == (True, ())


def test_the_encoders_work_in_a_confined_process() -> None:
    for setting in ("auto", "off"):
        answer = run_probe(["-m", PROBE, "video", "software", setting], LibraryAnswer, 60)
        assert isinstance(answer, LibraryAnswer), answer


def test_all_is_well() -> None:
    check = confinement_check(ALL_WELL, "auto", uses_gpus=False)
    assert (check.verdict, check.detail) == ("pass", ALL_WELL.description)


def test_with_gpus_it_says_that_their_workers_are_not_confined() -> None:
    check = confinement_check(ALL_WELL, "auto", uses_gpus=True)
    assert check.verdict == "pass"
    assert check.detail.endswith(ON_GPU)


@pytest.mark.parametrize(
    ("answer", "named"),
    [
        (ConfinementAnswer("not confined: no Landlock", complete=False), "no Landlock"),
        (
            ConfinementAnswer("confined", complete=True, open_ways=("open a socket",)),
            "could open a socket",
        ),
        (ProbeFailure("crashed (SIGSEGV)"), "crashed (SIGSEGV)"),
    ],
)
def test_what_does_not_hold_is_a_warning(
    answer: ConfinementAnswer | ProbeFailure, named: str
) -> None:
    check = confinement_check(answer, "auto", uses_gpus=False)
    assert check.verdict == "warn"
    assert named in check.detail
    assert check.remedy


def test_switched_off_is_a_warning() -> None:
    check = confinement_check(ALL_WELL, "off", uses_gpus=False)
    assert check.verdict == "warn"
    assert "confine" in check.detail
