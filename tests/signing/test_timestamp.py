"""A time-stamp server is asked where one is configured, and nothing is connected to otherwise."""

import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

pytest.importorskip("c2pa", reason="needs the package c2pa-python")
pytest.importorskip("cryptography", reason="needs the package cryptography")

from heygem_daemon.media.marking.inspect import inspect_file
from tests.signing.test_signing import make_order, sign

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the program openssl"),
]

CONFIGURATION = """
[req]
distinguished_name = name
x509_extensions = stamping
prompt = no
[name]
CN = Test Stamps
[stamping]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
[tsa]
default_tsa = stamps
[stamps]
serial = {folder}/serial
signer_cert = {folder}/stamps.pem
certs = {folder}/stamps.pem
signer_key = {folder}/stamps.key
signer_digest = sha256
default_policy = 1.2.3.4
digests = sha256, sha384, sha512
accuracy = secs:1
"""


@pytest.fixture
def stamps(tmp_path: Path) -> Iterator[tuple[str, list[bytes]]]:
    """The address of a time-stamp server on the loopback, and the queries that it got."""
    folder = tmp_path / "stamps"
    folder.mkdir()
    (folder / "tsa.cnf").write_text(CONFIGURATION.format(folder=folder))
    (folder / "serial").write_text("01\n")
    openssl(
        folder, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30",
        "-keyout", "stamps.key", "-out", "stamps.pem", "-config", "tsa.cnf",
    )  # fmt: skip
    queries: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            queries.append(self.rfile.read(int(self.headers["Content-Length"])))
            (folder / "query").write_bytes(queries[-1])
            openssl(
                folder, "ts", "-reply", "-config", "tsa.cnf", "-queryfile", "query",
                "-out", "reply",
            )  # fmt: skip
            reply = (folder / "reply").read_bytes()
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/", queries
    server.shutdown()
    server.server_close()
    thread.join()


def openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


def test_the_signature_carries_the_stamp_of_the_server(
    tmp_path: Path, stamps: tuple[str, list[bytes]]
) -> None:
    url, queries = stamps
    order = make_order(tmp_path, "p256").model_copy(update={"timestamp_url": url})
    done = sign(order)
    assert done.stdout == ""
    assert len(queries) == 1
    assert len(queries[0]) < 200  # a checksum, and nothing of the video
    manifest = inspect_file(Path(order.result)).manifest
    assert manifest is not None
    assert manifest.state == "valid"
    assert manifest.signed_at


def test_a_server_that_does_not_answer_leaves_the_result_unsigned(tmp_path: Path) -> None:
    order = make_order(tmp_path, "p256").model_copy(update={"timestamp_url": "http://127.0.0.1:9/"})
    before = Path(order.result).read_bytes()
    done = sign(order)
    assert done.returncode == 1
    assert done.stdout
    assert Path(order.result).read_bytes() == before
