"""Real servers on the loopback that tests deliver to."""

import email
import email.policy
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Request:
    """A request that the HTTP server got."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class HttpServer:
    """Answers with ``statuses`` in turn, the last one again and again."""

    statuses: list[int] = field(default_factory=lambda: [200])
    requests: list[Request] = field(default_factory=list)
    release: threading.Event = field(default_factory=threading.Event)
    """Requests to paths with 'slow' are answered when it is set."""
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def http_server(*statuses: int) -> Iterator[HttpServer]:
    """Serve until the end of the block."""
    state = HttpServer(list(statuses) or [200])

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            state.requests.append(Request(self.path, dict(self.headers.items()), body))
            if "slow" in self.path:
                state.release.wait(30)
            status = state.statuses.pop(0) if len(state.statuses) > 1 else state.statuses[0]
            self.send_response(status)
            self.send_header("Location", f"{state.url}/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.port = server.server_port
    with _served(server):
        yield state
        state.release.set()


@contextmanager
def smtp_server(*, refuse: bool = False) -> Iterator[tuple[int, list[EmailMessage]]]:
    """Take mail until the end of the block; yield the port and the messages (RFC 5321)."""
    mails: list[EmailMessage] = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self._say("220 here")
            while line := self.rfile.readline().decode().strip():
                verb = line.split()[0].upper()
                if verb == "DATA":
                    self._say("354 go on")
                    mails.append(self._read_mail())
                    self._say("250 taken")
                elif verb == "QUIT":
                    self._say("221 bye")
                    return
                elif verb == "RCPT" and refuse:
                    self._say("550 nobody of that name")
                else:
                    self._say("250 yes")

        def _read_mail(self) -> EmailMessage:
            lines = []
            while (line := self.rfile.readline()) not in (b".\r\n", b""):
                lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
            parsed = email.message_from_bytes(b"".join(lines), policy=email.policy.default)
            assert isinstance(parsed, EmailMessage)
            return parsed

        def _say(self, line: str) -> None:
            self.wfile.write(f"{line}\r\n".encode())

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    with _served(server):
        yield server.server_address[1], mails


@contextmanager
def _served(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
