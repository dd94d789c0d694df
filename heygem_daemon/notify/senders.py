"""Sends one occasion to one target. What an error says has nothing secret in it."""

import hashlib
import hmac
import http.client
import logging
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import unquote, urlsplit

from heygem_daemon.language.translator import LanguageSetting
from heygem_daemon.notify.occasion import Occasion
from heygem_daemon.notify.targets import AppriseTarget, WebhookTarget
from heygem_daemon.notify.templates import text_of
from heygem_daemon.system.installation import find_installation

SECONDS = 15.0
"""How long a target may be silent."""

HIDDEN = "…"
TRANSIENT_STATUS = {408, 425, 429}
"""Answers below 500 after which another try is worthwhile."""


def not_installed() -> str:
    """Return that Apprise is missing, and what installs it."""
    return f"apprise is not installed: {find_installation().add_extra('notify')}"


class NotDelivered(Exception):
    """A target did not take an occasion. The message has nothing secret in it."""

    def __init__(self, reason: str, *, is_final: bool = False) -> None:
        super().__init__(reason)
        self.is_final = is_final
        """Whether another try would end the same."""


class WebhookSender:
    """Posts the occasion as JSON, signed. Redirections are not followed."""

    def __init__(self, target: WebhookTarget) -> None:
        self._url = target.url.get_secret_value()
        self._secret = target.secret.get_secret_value().encode()

    def __call__(self, occasion: Occasion) -> None:
        """Raises NotDelivered."""
        body = occasion.model_dump_json(exclude={"owner"}).encode()
        now = str(int(time.time()))
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "heygem-daemon",
            "X-Heygem-Event": occasion.kind,
            "X-Heygem-Delivery": occasion.id,
            "X-Heygem-Timestamp": now,
            "X-Heygem-Signature": f"sha256={sign(self._secret, now, body)}",
        }
        try:
            status = self._post(body, headers)
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "strerror", None) or type(error).__name__
            raise NotDelivered(redact(str(reason), self._url)) from None
        if not 200 <= status < 300:
            is_final = status < 500 and status not in TRANSIENT_STATUS
            raise NotDelivered(f"the answer is HTTP status {status}", is_final=is_final)

    def _post(self, body: bytes, headers: dict[str, str]) -> int:
        parts = urlsplit(self._url)
        secure = parts.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=SECONDS)
        try:
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request("POST", path, body, headers)
            return connection.getresponse().status
        finally:
            connection.close()


def sign(secret: bytes, timestamp: str, body: bytes) -> str:
    """Return the HMAC-SHA256 of the time stamp, a full stop and the body, in hexadecimal digits
    (RFC 2104)."""
    return hmac.new(secret, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


class AppriseSender:
    """Sends the text of an occasion through Apprise."""

    def __init__(self, target: AppriseTarget, language: LanguageSetting) -> None:
        """Raises NotDelivered where Apprise is missing or does not know the address."""
        self._url = target.url.get_secret_value()
        self._language = target.language or language
        try:
            import apprise  # noqa: PLC0415 - an optional package that loads slowly
        except ImportError:
            raise NotDelivered(not_installed(), is_final=True) from None
        asset = apprise.AppriseAsset(
            app_id="heygem-daemon", async_mode=False, secure_logging=True, storage_mode="memory"
        )
        self._service = apprise.Apprise(asset=asset)
        with _collected_warnings():
            if not self._service.add(self._url):
                raise NotDelivered("Apprise does not know such an address", is_final=True)

    def __call__(self, occasion: Occasion) -> None:
        """Raises NotDelivered."""
        text = text_of(occasion, self._language, time.time())
        kind = "failure" if occasion.kind in ("failed", "on_hold", "waiting") else "success"
        with _collected_warnings() as warnings:
            try:
                done = self._service.notify(
                    body=text.body, title=text.title, notify_type=kind, body_format="text"
                )
            except Exception as error:  # noqa: BLE001 - a plugin's bug concerns this target alone
                raise NotDelivered(f"a bug in Apprise ({type(error).__name__})") from None
        if not done:
            last = warnings[-1] if warnings else "the service did not take it"
            raise NotDelivered(redact(last, self._url))


@contextmanager
def _collected_warnings() -> Iterator[list[str]]:
    """Yield a list that gets what Apprise warns of meanwhile, in this thread or another one."""
    found: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(record.getMessage())

    log, collector = logging.getLogger("apprise"), Collector(logging.WARNING)
    log.propagate = False
    log.addHandler(collector)
    try:
        yield found
    finally:
        log.removeHandler(collector)


def redact(text: str, url: str) -> str:
    """Return a line without anything of an address: in some, the place of the host is a secret."""
    parts = re.split(r"[/:@?&=,#;]+", url.partition("://")[2])
    secrets = {each for part in parts for each in (part, unquote(part)) if len(each) > 2}
    for each in sorted(secrets, key=len, reverse=True):
        text = text.replace(each, HIDDEN)
    return " ".join(text.split())[:300]
