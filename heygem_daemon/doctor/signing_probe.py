"""Signs a tiny picture in memory, as results will be: ``… signing_probe CERTIFICATE KEY [USER]``.

A program of its own: it has the private key. It writes nothing and connects to nothing.
"""

import io
import json
import os
import pwd
import struct
import sys
import time
import zlib
from dataclasses import asdict
from pathlib import Path

import c2pa
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from heygem_daemon.doctor.answers import SigningAnswer
from heygem_daemon.media.marking.manifest import OFFLINE
from heygem_daemon.signing.key import KeyUnusable, SigningKey, read_certificates, read_key

MEDIA_TYPE = "image/png"
_ACTION = {"action": "c2pa.created", "digitalSourceType": "http://c2pa.org/digitalsourcetype/empty"}
_MANIFEST = {
    "format": MEDIA_TYPE,
    "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [_ACTION]}}],
}


def try_to_sign(certificate: Path, key: Path, now: float) -> SigningAnswer:
    """Return whether results could be signed at UNIX time ``now``."""
    try:
        chain = read_certificates(certificate)
        private = read_key(key)
        leaf = x509.load_pem_x509_certificates(chain.encode())[0]
    except KeyUnusable as error:
        return SigningAnswer(str(error))
    except ValueError:
        return SigningAnswer(f"{certificate} is no certificate in PEM")
    expires = leaf.not_valid_after_utc.timestamp()
    problem = _find_problem(leaf, private, now)
    if problem is not None:
        return SigningAnswer(f"the certificate {certificate} {problem}", expires)
    return SigningAnswer(_sign_picture(private, chain), expires)


def _find_problem(leaf: x509.Certificate, key: SigningKey, now: float) -> str | None:
    form = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    if leaf.public_key().public_bytes(*form) != key.private.public_key().public_bytes(*form):
        return "is not that of the key; the first one in the file must be"
    if now >= leaf.not_valid_after_utc.timestamp():
        return f"has expired on {leaf.not_valid_after_utc:%Y-%m-%d}"
    if now < leaf.not_valid_before_utc.timestamp():
        return f"is not valid before {leaf.not_valid_before_utc:%Y-%m-%d}"
    return None


def _sign_picture(key: SigningKey, chain: str) -> str | None:
    """Return why a picture cannot be signed so that the signature is valid; None: it can."""
    context, signed = c2pa.Context.from_dict(OFFLINE), io.BytesIO()
    try:
        algorithm = c2pa.C2paSigningAlg[key.algorithm]
        with c2pa.Signer.from_callback(key.sign, algorithm, chain, None) as signer:
            builder = c2pa.Builder(json.dumps(_MANIFEST), context)
            builder.sign(signer, MEDIA_TYPE, io.BytesIO(_tiny_png()), signed)
        signed.seek(0)
        with c2pa.Reader(MEDIA_TYPE, signed, context=context) as reader:
            state = reader.get_validation_state()
    except c2pa.C2paError as error:
        return " ".join(str(error).split())
    return None if state in ("Valid", "Trusted") else f"the signature is {state or 'missing'}"


def _tiny_png() -> bytes:
    """Return a PNG of one grey pixel."""
    chunks = {
        b"IHDR": struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0),
        b"IDAT": zlib.compress(b"\0\x80"),
        b"IEND": b"",
    }
    parts = (
        struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))
        for content, body in ((content, kind + content) for kind, content in chunks.items())
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _become(user_id: int) -> None:
    """Become the user who will sign: what root can read, the daemon may not."""
    user = pwd.getpwuid(user_id)
    os.initgroups(user.pw_name, user.pw_gid)
    os.setresgid(user.pw_gid, user.pw_gid, user.pw_gid)
    os.setresuid(user_id, user_id, user_id)


def main(arguments: list[str]) -> int:
    """Print the answer as JSON. ``arguments``: certificate, key, and the user to become."""
    certificate, key, *user = arguments
    if user:
        _become(int(user[0]))
    answer = try_to_sign(Path(certificate), Path(key), time.time())
    sys.stdout.write(json.dumps(asdict(answer)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
