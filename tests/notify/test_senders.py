"""Webhooks and Apprise, against real servers on the loopback."""

import hashlib
import hmac
import json
import socket
import time
from email.message import EmailMessage

import pytest
from pydantic import SecretStr

from heygem_daemon.language.translator import Language
from heygem_daemon.notify import senders
from heygem_daemon.notify.senders import AppriseSender, NotDelivered, WebhookSender, redact
from heygem_daemon.notify.targets import AppriseTarget, WebhookTarget
from tests.notify.conftest import SECRET, occasion
from tests.notify.servers import http_server, smtp_server


def webhook(url: str) -> WebhookSender:
    return WebhookSender(WebhookTarget(name="w", url=SecretStr(url), secret=SecretStr(SECRET)))


def apprise(url: str, language: Language = "en") -> AppriseSender:
    pytest.importorskip("apprise")
    return AppriseSender(AppriseTarget(name="a", url=SecretStr(url)), language)


def test_a_webhook_is_signed_json() -> None:
    with http_server() as server:
        webhook(f"{server.url}/hook?key=k").__call__(occasion("published", file="/o/视频.mp4"))
    (request,) = server.requests
    assert request.path == "/hook?key=k"
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["X-Heygem-Event"] == "published"
    assert request.headers["X-Heygem-Delivery"] == "a1"
    stamp = request.headers["X-Heygem-Timestamp"]
    assert abs(int(stamp) - time.time()) < 60
    expected = hmac.new(SECRET.encode(), f"{stamp}.".encode() + request.body, hashlib.sha256)
    assert request.headers["X-Heygem-Signature"] == f"sha256={expected.hexdigest()}"
    body = json.loads(request.body)
    assert (body["kind"], body["job"], body["file"]) == ("published", "talk", "/o/视频.mp4")
    assert SECRET.encode() not in request.body


@pytest.mark.parametrize(
    ("status", "is_final"),
    [(500, False), (503, False), (429, False), (408, False), (404, True), (401, True), (302, True)],
)
def test_an_answer_that_is_no_success_fails(status: int, is_final: bool) -> None:
    with http_server(status) as server:
        with pytest.raises(NotDelivered, match=f"HTTP status {status}") as caught:
            webhook(f"{server.url}/hook")(occasion())
        assert caught.value.is_final == is_final
        assert len(server.requests) == 1, "a redirection is not followed"


def test_a_server_that_is_not_there_or_silent_is_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(senders, "SECONDS", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        with pytest.raises(NotDelivered, match="refused") as caught:
            webhook(f"http://127.0.0.1:{silent.getsockname()[1]}/")(occasion())
        silent.listen()
        with pytest.raises(NotDelivered) as slow:
            webhook(f"http://127.0.0.1:{silent.getsockname()[1]}/")(occasion())
    assert not caught.value.is_final
    assert not slow.value.is_final


def body_of(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


@pytest.mark.parametrize(("language", "title"), [("en", "talk failed"), ("zh", "talk 失败")])
def test_a_mail_arrives_through_apprise(language: Language, title: str) -> None:
    with smtp_server() as (port, mails):
        send = apprise(
            f"mailto://127.0.0.1:{port}?from=daemon@a.example&to=ops@b.example&mode=insecure",
            language,
        )
        send(occasion(reason="Nobody <b>speaks</b>."))
    (mail,) = mails
    assert mail["Subject"] == title
    assert "ops@b.example" in mail["To"]
    assert "Nobody <b>speaks</b>." in body_of(mail)


def test_a_chat_service_gets_json_through_apprise() -> None:
    with http_server() as server:
        apprise(f"json://127.0.0.1:{server.port}/path")(occasion("on_hold"))
    body = json.loads(server.requests[0].body)
    assert body["title"] == "heygem-daemon on render1 is on hold"
    assert body["type"] == "failure"


def test_what_apprise_says_of_a_failure_has_no_secret(
    capfd: pytest.CaptureFixture[str],
) -> None:
    token = "s3cret-t0ken"
    with http_server(500) as server:
        send = apprise(f"json://user:{token}@127.0.0.1:{server.port}/{token}/?k={token}")
        with pytest.raises(NotDelivered) as caught:
            send(occasion())
    with smtp_server(refuse=True) as (port, _):
        mail = apprise(
            f"mailto://127.0.0.1:{port}?from={token}@a.example&to={token}@b.example&mode=insecure"
        )
        with pytest.raises(NotDelivered) as refused:
            mail(occasion())
    said = str(caught.value) + str(refused.value) + "".join(capfd.readouterr())
    assert token not in said
    assert "127.0.0.1" not in str(caught.value)
    assert "500" in str(caught.value)


def test_an_address_that_apprise_does_not_know_is_final() -> None:
    with pytest.raises(NotDelivered, match="does not know") as caught:
        apprise("nonsense://a-secret")
    assert caught.value.is_final
    assert "a-secret" not in str(caught.value)


def test_redaction_hides_every_part_of_an_address() -> None:
    url = "tgram://123456:AAbb%20cc/987654/?x=mode-y#frag"
    text = "failed 123456 at AAbb cc, AAbb%20cc; 987654 mode-y\nfrag 500"
    assert redact(text, url) == "failed … at …, …; … … … 500"
