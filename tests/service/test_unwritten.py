"""What cannot be written for people is told once, and written as soon as the way is free."""

from pathlib import Path

from heygem_daemon.report.unwritten_file import UnwrittenFile
from heygem_daemon.service.unwritten import MAX_SHOWN, UnwrittenFiles
from tests.fakes.service import ServiceHarness


def test_a_folder_in_the_place_of_a_page_is_told_and_may_go(harness: ServiceHarness) -> None:
    harness.configure(folders={"anna": {}, "ben": {}})
    service = harness.service()
    harness.run_rounds(service, 2)
    root, anna = harness.spool.root, harness.spool.root / "outbox" / "anna"
    places = [root / "status.txt", anna / "status.html", anna / ".status.txt.tmp"]
    for place in places:
        place.unlink(missing_ok=True)
        (place / "kept").mkdir(parents=True)
    harness.run_rounds(service, 60)
    shown = {each.path: each.why for each in harness.status().unwritten}
    assert shown == {
        "status.txt": "a folder has the name status.txt",
        "outbox/anna/status.html": "a folder has the name status.html",
        "outbox/anna/status.txt": "a folder has the name .status.txt.tmp",
    }
    for path, why in shown.items():
        assert harness.logged(f"{path} is not written: {why}") == 1
    for place in places:
        (place / "kept").rmdir()
        place.rmdir()
    harness.run_rounds(service, 60)
    assert harness.status().unwritten == ()
    assert all(page.is_file() for page in (places[0], places[1], anna / "status.txt"))
    assert not harness.logged("ben/status")
    harness.kill(service)


def test_who_comes_and_goes_fills_neither_log_nor_status(harness: ServiceHarness) -> None:
    files = UnwrittenFiles()
    error = IsADirectoryError(21, "Is a directory", "status.html")
    faults = {f"outbox/{number:03}/status.html": error for number in range(2 * MAX_SHOWN)}
    for _ in range(5):
        shown = files.tell(faults)
        assert len(shown) == MAX_SHOWN
        assert files.tell({}) == ()
    assert harness.logged("is not written") == MAX_SHOWN
    assert shown[0] == UnwrittenFile(
        path="outbox/000/status.html", why="a folder has the name status.html"
    )


def test_a_full_disk_is_told_by_what_holds_the_daemon(tmp_path: Path) -> None:
    assert UnwrittenFiles().tell({"status.html": OSError(28, "No space left on device")}) == ()
