"""File systems that answer, and one that does not."""

from pathlib import Path

from heygem_daemon.doctor.disk import find_unresponsive_folders

SLEEPER = (
    "import sys, time; time.sleep(600 if sys.argv[1].endswith('dead') else 0);"
    ' print(\'{"path": "/"}\')'
)


def test_folders_that_are_there_or_will_be_made_answer(tmp_path: Path) -> None:
    assert (
        find_unresponsive_folders({"spool": tmp_path, "log folder": tmp_path / "not/yet"}) is None
    )


def test_a_dead_share_is_a_failure_by_name(tmp_path: Path) -> None:
    places = {"spool": tmp_path / "dead", "log folder": tmp_path / "alive"}
    section = find_unresponsive_folders(places, seconds=2.0, program=("-c", SLEEPER))
    assert section is not None
    (check,) = section.checks
    assert (check.name, check.verdict) == ("spool", "fail")
    assert str(tmp_path / "dead") in check.detail
    assert "umount" in check.remedy


def test_a_folder_that_refuses_is_left_to_the_other_checks(tmp_path: Path) -> None:
    assert (
        find_unresponsive_folders({"spool": tmp_path}, program=("-c", "raise PermissionError"))
        is None
    )
