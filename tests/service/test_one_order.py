"""The page, ``status.txt`` and ``status`` show what waits in one order, also when it stopped."""

import html
import re

from heygem_daemon.cli.spool_reading import read_spool
from heygem_daemon.cli.status_tables import waiting_rows
from heygem_daemon.report.status import Status
from heygem_daemon.report.waiting import waiting_in_order
from tests.fakes.executor import keep_running
from tests.fakes.service import ServiceHarness
from tests.service.test_hot_folders import drop_in
from tests.service.test_rest import configure

Order = list[tuple[int | None, str]]


def told(status: Status) -> Order:
    """Return what ``status`` shows."""
    return [(each.place, each.entry.name) for each in waiting_in_order(status)]


def reasons(harness: ServiceHarness) -> list[list[str]]:
    """Return the reasons that ``status`` and both pages show."""
    page = html.unescape((harness.spool.root / "status.html").read_text())
    queue = page.split('<h2 id="queue">')[1].split("</section>")[0]
    entries = queue.split("<li>")[1:]
    on_page = [re.findall(r'"foreseen"><span lang="en">([^<]+)<', each)[0] for each in entries]
    text = (harness.spool.root / "status.txt").read_text()
    lines = text.split("Waiting, in this order\n")[1].split("\n\n")[0].splitlines()
    told = [str(row[-1]).split("; starts")[0] for row in waiting_rows(harness.status())]
    in_text = [line.split(": ", 1)[1].split("; starts")[0] for line in lines]
    return [told, on_page, in_text]


def on_pages(harness: ServiceHarness) -> tuple[Order, Order]:
    """Return what both pages show."""
    page = (harness.spool.root / "status.html").read_text()
    queue = page.split('<h2 id="queue">')[1].split("</section>")[0]
    text = (harness.spool.root / "status.txt").read_text()
    lines = text.split("Waiting, in this order\n")[1].split("\n\n")[0].splitlines()
    names = re.findall(r'<span class="name">([^<]+)<', queue)
    first_words = (line.strip().split(": ")[0] for line in lines)
    return [_placed(each) for each in names], [_placed(each) for each in first_words]


def _placed(name: str) -> tuple[int | None, str]:
    found = re.fullmatch(r"(?:(\d+)\. )?(.+?)/?", name)
    assert found is not None
    return int(found[1]) if found[1] else None, found[2]


def test_all_show_one_order_while_it_runs_and_after_it_stopped(harness: ServiceHarness) -> None:
    configure(harness)
    harness.configure(
        active_hours=(), folders={"anna": {}, "night": {"active_hours": "Mon-Fri 22:00-06:00"}}
    )
    harness.executor.answer = keep_running
    service = harness.service()
    harness.run_rounds(service, 2)
    for folder in ("night", "anna"):
        for number in range(3):
            drop_in(harness, folder, f"{number}.wav", f"{number}.mp4")
    harness.run_rounds(service, 12)
    harness.drop_batch("show", "1.wav", "1.mp4", "2.wav", "2.mp4")
    harness.drop("plain.wav", "plain.mp4", "urgent.wav", "urgent.mp4")
    (harness.spool.inbox / "urgent.hurry").write_bytes(b"")
    harness.run_rounds(service, 30)
    running = told(harness.status())
    assert on_pages(harness) == (running, running)
    told_reasons, *others = reasons(harness)
    assert others == [told_reasons, told_reasons]
    assert told_reasons.count("waits for its turn") >= 4
    names = [name for _, name in running]
    assert {"show", "plain", "urgent"} < set(names)
    assert names.index("urgent") < names.index("plain")
    places = [place for place, _ in running]
    resting = [each for each in running if each[1].startswith("night/")]
    assert running[-3:] == resting == [(None, f"night/{number}") for number in range(3)]
    pages = (harness.spool.root / "status.txt").read_text()
    assert pages.count("waits for the active hours of night, until Mon 22:00") == 3
    assert [each for each in places if each] == list(range(1, len(running) - 2))
    assert "is busy" in (harness.spool.root / "status.html").read_text()

    service.request_stop()
    service.run()
    stopped = told(harness.status())
    assert on_pages(harness) == (stopped, stopped)
    page = (harness.spool.root / "status.html").read_text()
    assert "is busy" not in page
    assert "which may change once it runs again" in page
    names = [name for _, name in stopped]
    assert names.index("anna/0") < names.index("anna/1"), "what ran keeps its place"
    read = read_spool(harness.spool, harness.status(), harness.clock.wall(), ("anna", "night"))
    assert told(read) == stopped
