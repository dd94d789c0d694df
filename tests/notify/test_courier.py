"""The process that delivers, from the daemon's side: real processes, real servers."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from loguru import logger

from heygem_daemon.notify import courier as module
from heygem_daemon.notify.courier import MAX_WAITING, Courier
from heygem_daemon.notify.occasion import Delivery, DeliveryOrder
from heygem_daemon.notify.undelivered import FILE, Undelivered
from heygem_daemon.system import landlock
from tests.notify.conftest import SECRET, occasion, wait_until
from tests.notify.servers import HttpServer, http_server, smtp_server

WriteTargets = Callable[[str], Path]


@pytest.fixture
def log() -> Iterator[list[str]]:
    lines: list[str] = []
    sink = logger.add(lambda line: lines.append(str(line)), level="DEBUG")
    yield lines
    logger.remove(sink)


@contextmanager
def courier(file: Path, **options: object) -> Iterator[tuple[Courier, list[Delivery]]]:
    ended: list[Delivery] = []
    order = DeliveryOrder(targets=str(file), language="both", confine=True)
    made = Courier(order, on_delivery=ended.append, **options)  # type: ignore[arg-type]
    yield made, ended
    made.close()


def hook(server: HttpServer, name: str = "hook", path: str = "/hook", events: str = "") -> str:
    return f'[[webhook]]\nname = "{name}"\nurl = "{server.url}{path}"\nsecret = "{SECRET}"\n' + (
        f"events = {events}\n" if events else ""
    )


def test_each_target_is_told_of_its_events(targets_file: WriteTargets, log: list[str]) -> None:
    pytest.importorskip("apprise")
    with http_server() as server, smtp_server() as (port, mails):
        mail = f"mailto://127.0.0.1:{port}?from=a@b.example&to=c@d.example&mode=insecure"
        text = hook(server, events='["published"]')
        text += f'[[apprise]]\nname = "mail"\nurl = "{mail}"\nevents = ["failed"]\n'
        with courier(targets_file(text)) as (made, ended):
            made.post(occasion("published", id="1"))
            made.post(occasion("failed", id="2"))
            wait_until(lambda: len(ended) == 2)
    assert [request.headers["X-Heygem-Delivery"] for request in server.requests] == ["1"]
    assert [mail["Subject"] for mail in mails] == ["talk failed / talk 失败"]
    assert any("told hook of published" in line for line in log)
    assert SECRET not in "".join(log)


def test_a_target_that_hangs_delays_neither_another_one_nor_the_daemon(
    targets_file: WriteTargets,
) -> None:
    with http_server() as server:
        text = hook(server, "slow", "/slow") + hook(server, "quick", "/quick")
        with courier(targets_file(text)) as (made, ended):
            began = time.monotonic()
            for number in range(20):
                made.post(occasion(id=str(number)))
            assert time.monotonic() - began < 0.5
            wait_until(lambda: len(ended) >= 20)
            assert {each.target for each in ended} == {"quick"}
            server.release.set()


def test_a_failure_is_tried_again(targets_file: WriteTargets) -> None:
    with http_server(503, 200) as server:
        with courier(targets_file(hook(server))) as (made, ended):
            made.post(occasion(id="7"))
            wait_until(lambda: ended)
        assert (ended[0].outcome, ended[0].tries) == ("delivered", 2)
        first, second = (each.headers for each in server.requests)
        assert first["X-Heygem-Delivery"] == second["X-Heygem-Delivery"] == "7"
        assert int(second["X-Heygem-Timestamp"]) > int(first["X-Heygem-Timestamp"])


def test_the_first_failed_try_of_a_target_is_logged_and_its_return(
    targets_file: WriteTargets, log: list[str]
) -> None:
    with http_server(503) as server, courier(targets_file(hook(server))) as (made, ended):
        made.post(occasion(id="1"))
        made.post(occasion(id="2"))
        wait_until(lambda: len(server.requests) >= 2 and made.status.silent)
        assert made.status.waiting == 2
        assert [each.name for each in made.status.silent] == ["hook"]
        server.statuses[:] = [200]
        wait_until(lambda: len(ended) == 2 and not made.status.waiting)
        assert made.status.silent == ()
    said = [line for line in log if "does not take notifications" in line]
    assert len(said) == 1
    assert "WARNING" in said[0]
    assert "HTTP status 503; failed is tried again in 5 s" in said[0]
    assert sum("hook takes notifications again" in line for line in log) == 1


def test_a_process_that_is_killed_is_started_again(
    targets_file: WriteTargets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RESTART_SECONDS", 0.1)
    with http_server() as server, courier(targets_file(hook(server))) as (made, ended):
        made.post(occasion(id="1"))
        wait_until(lambda: len(ended) == 1)
        assert made._link is not None
        made._link.end()
        made.post(occasion(id="2"))
        wait_until(lambda: len(ended) == 2)
    assert len(server.requests) == 2


def test_a_file_that_others_can_read_sends_nothing_and_says_why(
    targets_file: WriteTargets, log: list[str]
) -> None:
    with http_server() as server:
        file = targets_file(hook(server))
        file.chmod(0o644)
        with courier(file) as (made, _):
            made.post(occasion())
            wait_until(lambda: any("chmod 600" in line for line in log))
    assert server.requests == []
    assert SECRET not in "".join(log)


def test_what_waits_at_the_end_is_still_delivered(targets_file: WriteTargets) -> None:
    with http_server() as server:
        with courier(targets_file(hook(server))) as (made, _):
            for number in range(5):
                made.post(occasion(id=str(number)))
        assert len(server.requests) == 5


def test_a_process_that_hangs_neither_blocks_the_daemon_nor_its_end(
    tmp_path: Path, log: list[str]
) -> None:
    sleeper = (sys.executable, "-c", "import time; time.sleep(600)")
    with courier(tmp_path / "none", command=sleeper) as (made, _):
        began = time.monotonic()
        for _number in range(2 * MAX_WAITING):
            made.post(occasion(reason="r" * 5000))
        assert time.monotonic() - began < 5
        assert sum("notifications are dropped" in line for line in log) >= 1
        began = time.monotonic()
        made.close(1.0)
        assert time.monotonic() - began < 3


def test_the_process_reads_no_other_file(targets_file: WriteTargets, tmp_path: Path) -> None:
    """It talks to other machines with code of many authors: it gets no more than that takes."""
    if not landlock.abi_version():
        pytest.skip("this kernel has no Landlock")
    private = tmp_path / "private"
    private.write_text("x")
    code = (
        "import sys; from pathlib import Path;"
        "import heygem_daemon.notify.deliverer as d;"
        f"d.deliver = lambda *a: a[2].write(open({str(private)!r}).read().encode());"
        "d.main()"
    )
    with http_server() as server:
        file = targets_file(hook(server))
        for confine, expected in ((False, 0), (True, 1)):
            order = DeliveryOrder(targets=str(file), language="en", confine=confine)
            done = subprocess.run(
                [sys.executable, "-c", code],
                input=order.to_line(),
                capture_output=True,
                check=False,
            )
            assert done.returncode == expected, done.stderr
    assert b"PermissionError" in done.stderr


def kept(folder: Path) -> list[str]:
    file = folder / FILE
    return (
        [each["occasion"]["id"] for each in json.loads(file.read_text())] if file.exists() else []
    )


def test_a_restart_sends_what_no_target_had_taken_once_and_to_it_alone(
    targets_file: WriteTargets, tmp_path: Path
) -> None:
    with http_server(503) as busy, http_server() as ready:
        targets = targets_file(hook(busy, "busy") + hook(ready, "ready"))
        earlier = Undelivered()
        with courier(targets, undelivered=earlier, folder=tmp_path) as (made, ended):
            for number in "12":
                made.post(occasion(id=number))
            wait_until(lambda: busy.requests and len(ended) == 2)
        earlier.close()
        assert kept(tmp_path) == ["1", "2"]
        busy.statuses[:] = [200]
        tries = len(busy.requests)
        with courier(targets, undelivered=Undelivered(), folder=tmp_path) as (_, later):
            wait_until(lambda: len(later) == 2)
    assert [each.target for each in later] == ["busy"] * 2
    told = [each.headers["X-Heygem-Delivery"] for each in busy.requests[tries:]]
    assert told == ["1", "2"]
    assert len(ready.requests) == 2
    assert kept(tmp_path) == []


def test_a_death_of_the_process_loses_nothing_that_waits(
    targets_file: WriteTargets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RESTART_SECONDS", 0.1)
    with http_server(503) as server, courier(targets_file(hook(server))) as (made, ended):
        made.post(occasion(id="1"))
        wait_until(lambda: server.requests)
        assert made._link is not None
        server.statuses[:] = [200]
        made._link.end()
        wait_until(lambda: ended)
        assert (ended[0].outcome, ended[0].id) == ("delivered", "1")


def test_a_courier_that_follows_another_one_sends_after_it_has_ended(
    targets_file: WriteTargets, tmp_path: Path
) -> None:
    with http_server(503) as server:
        targets, waiting = targets_file(hook(server)), Undelivered()
        with courier(targets, undelivered=waiting, folder=tmp_path) as (first, _):
            first.post(occasion(id="1"))
            wait_until(lambda: server.requests)
            server.statuses[:] = [200]
            given = {"undelivered": waiting, "folder": tmp_path, "earlier": first}
            with courier(targets, **given) as (second, ended):
                second.post(occasion(id="2"))
                wait_until(lambda: len(ended) == 2)
    assert [each.headers["X-Heygem-Delivery"] for each in server.requests[1:]] == ["1", "2"]
    assert kept(tmp_path) == []


def test_while_the_process_hangs_nobody_pushes_out_the_jobs_of_another(tmp_path: Path) -> None:
    sleeper = (sys.executable, "-c", "import time; time.sleep(600)")
    kept = Undelivered()
    with courier(tmp_path / "none", command=sleeper, undelivered=kept) as (made, _):
        for number in range(50):
            made.post(occasion(id=f"first {number}", owner="mallory", reason="r" * 5000))
        made.post(occasion("failed", id="anna's", owner="anna"))
        for number in range(2 * MAX_WAITING):
            made.post(occasion("failed", id=str(number), owner="mallory", reason="r" * 5000))
        made.close(1.0)
        assert "anna's" in {each.occasion.id for each in kept.errands()}
