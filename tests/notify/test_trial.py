"""Targets are tried before they are needed."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from heygem_daemon.notify.targets import read_targets
from heygem_daemon.notify.trial import check_targets, send_test
from tests.notify.conftest import SECRET
from tests.notify.servers import http_server, smtp_server

WriteTargets = Callable[[str], Path]


def test_an_address_that_apprise_does_not_know_is_named(targets_file: WriteTargets) -> None:
    pytest.importorskip("apprise")
    text = """
[[apprise]]
name = "chat"
url = "slak://tokenA/tokenB"
[[apprise]]
name = "mail"
url = "mailto://user:pass@mail.example?to=a@example.org"
"""
    answer = check_targets(read_targets(targets_file(text)))
    assert answer.problems == ("chat: Apprise does not know such an address",)
    assert "token" not in repr(answer)


def test_a_test_message_is_sent_and_what_came_back_is_said(targets_file: WriteTargets) -> None:
    with http_server() as server, http_server(404) as wrong:
        text = "".join(
            f'[[webhook]]\nname = "{name}"\nurl = "{url}/x"\nsecret = "{SECRET}"\n'
            for name, url in (("good", server.url), ("bad", wrong.url))
        )
        targets = read_targets(targets_file(text))
        assert send_test(targets, "en", "/spool", "good").problems == ()
        (request,) = server.requests
        assert json.loads(request.body)["kind"] == "test"
        assert request.headers["X-Heygem-Event"] == "test"
        (problem,) = send_test(targets, "en", "/spool", "bad").problems
        assert problem == "bad: the answer is HTTP status 404"
        (problem,) = send_test(targets, "en", "/spool", "other").problems
        assert problem == "there is no target other; there are: good, bad"


def test_the_program_prints_what_is_wrong_with_the_file(targets_file: WriteTargets) -> None:
    file = targets_file("nonsense")
    done = subprocess.run(
        [sys.executable, "-m", "heygem_daemon.notify.trial", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert "not valid TOML" in json.loads(done.stdout)["problems"][0]


def test_a_test_mail_says_that_it_is_one(targets_file: WriteTargets) -> None:
    pytest.importorskip("apprise")
    with smtp_server() as (port, mails):
        url = f"mailto://127.0.0.1:{port}?from=a@a.example&to=b@b.example&mode=insecure"
        targets = read_targets(targets_file(f'[[apprise]]\nname = "mail"\nurl = "{url}"\n'))
        assert send_test(targets, "en", "/spool", "mail").problems == ()
    assert str(mails[0]["Subject"]).startswith("A test of heygem-daemon on ")
