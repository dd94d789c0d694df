"""The process that has the private key: ``python -m heygem_daemon.signing.key_holder``.

It reads no media. It starts the manifest maker, which reads media and has no key, and signs one
thing for it. A decoder that a file has taken over in there can get at most that one signature, and
never the key.
"""

import base64
import ctypes
import io
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import IO

from pydantic import ValidationError

from heygem_daemon.signing.key import KeyUnusable, SigningKey, read_certificates, read_key
from heygem_daemon.signing.order import (
    MANIFEST_MAKER,
    ManifestOrder,
    SignatureAnswer,
    SigningOrder,
    SignRequest,
)
from heygem_daemon.worker.wire import die_with_parent

MAX_LINE_BYTES = 1 << 20
MAX_SIGNED_BYTES = 1 << 16
"""What is signed is the head of a COSE message with a hash, of about a kilobyte."""
MAX_ERROR_BYTES = 2000
"""How much of the end of the manifest maker's stderr is kept: its last line says what is wrong."""
_PR_SET_DUMPABLE = 4
"""prctl(2): 0 closes the memory of this process to others of the same user."""


class SigningFailed(Exception):
    """The manifest maker did not sign the result; the message says why."""


def sign_result(order: SigningOrder, key: SigningKey, certificates: str) -> None:
    """Let the manifest maker write the signed result, and sign once for it.

    Raises SigningFailed.
    """
    try:
        maker = subprocess.Popen(
            MANIFEST_MAKER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
    except OSError as error:
        raise SigningFailed(f"no manifest maker could be started: {error.strerror}") from error
    request = ManifestOrder(
        result=order.result,
        source=order.source,
        certificates=certificates,
        algorithm=key.algorithm,
        timestamp_url=order.timestamp_url,
        confine=order.confine,
    )
    with maker, ThreadPoolExecutor(max_workers=1) as reader:
        errors = reader.submit(_read_end, maker.stderr)
        try:
            _sign_once(maker, request, key)
        except BaseException:
            maker.kill()
            raise
    if maker.returncode != 0:
        lines = errors.result().strip().splitlines()
        raise SigningFailed(lines[-1] if lines else f"ended with status {maker.returncode}")


def _sign_once(maker: "subprocess.Popen[bytes]", order: ManifestOrder, key: SigningKey) -> None:
    """Give the manifest maker its order, and the one signature that it asks for."""
    assert maker.stdin is not None
    assert maker.stdout is not None
    with suppress(BrokenPipeError), maker.stdin as orders, maker.stdout as requests:
        _write(orders, order.model_dump_json())
        if line := requests.readline(MAX_LINE_BYTES):
            _write(orders, _answer(line, key).model_dump_json())


def _read_end(pipe: IO[bytes] | None) -> str:
    """Return the end of what comes through a pipe until it is closed, of however much it is."""
    assert isinstance(pipe, io.BufferedReader)
    end = b""
    while block := pipe.read1(MAX_ERROR_BYTES):
        end = (end + block)[-MAX_ERROR_BYTES:]
    return end.decode(errors="replace")


def _answer(line: bytes, key: SigningKey) -> SignatureAnswer:
    try:
        data = base64.b64decode(SignRequest.model_validate_json(line).data, validate=True)
    except ValueError as error:
        raise SigningFailed("the manifest maker asked for something that is no request") from error
    if len(data) > MAX_SIGNED_BYTES:
        raise SigningFailed(f"the manifest maker asked for a signature of {len(data)} bytes")
    return SignatureAnswer(signature=base64.b64encode(key.sign(data)).decode())


def _write(pipe: IO[bytes], text: str) -> None:
    pipe.write(text.encode() + b"\n")
    pipe.flush()


def main() -> int:
    """Carry out the order on stdin. Returns 0, or 1 with one line on stdout that says why not."""
    die_with_parent()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0)
    try:
        order = SigningOrder.model_validate_json(sys.stdin.buffer.read())
        certificates = read_certificates(Path(order.certificate))
        sign_result(order, read_key(Path(order.key)), certificates)
    except (KeyUnusable, SigningFailed) as error:
        sys.stdout.write(f"{error}\n")
    except ValidationError:
        sys.stdout.write("the daemon's order to sign could not be understood\n")
    else:
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
