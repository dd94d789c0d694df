"""The private key of the certificate: read with care, and used for one signature."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from heygem_daemon.signing.order import Algorithm

MAX_BYTES = 1 << 16
_CURVES: dict[str, tuple[Algorithm, hashes.HashAlgorithm]] = {
    "secp256r1": ("ES256", hashes.SHA256()),
    "secp384r1": ("ES384", hashes.SHA384()),
    "secp521r1": ("ES512", hashes.SHA512()),
}
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


class KeyUnusable(Exception):
    """The key or the certificate cannot be used; the message says why and never quotes them."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key that C2PA can use."""

    private: PrivateKey
    algorithm: Algorithm

    def sign(self, data: bytes) -> bytes:
        """Return the signature of ``data`` as COSE has it (RFC 9053)."""
        key = self.private
        if isinstance(key, ec.EllipticCurvePrivateKey):
            _, digest = _CURVES[key.curve.name]
            size = (key.key_size + 7) // 8
            numbers = decode_dss_signature(key.sign(data, ec.ECDSA(digest)))
            return b"".join(number.to_bytes(size) for number in numbers)
        if isinstance(key, rsa.RSAPrivateKey):
            salted = padding.PSS(padding.MGF1(hashes.SHA256()), hashes.SHA256.digest_size)
            return key.sign(data, salted, hashes.SHA256())
        return key.sign(data)


def read_key(path: Path) -> SigningKey:
    """Read a private key that nobody but its owner can read.

    Raises KeyUnusable; the text of the file is in no message.
    """
    try:
        key = load_pem_private_key(_read_private(path), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeyUnusable(f"{path} is no private key in PEM without a password") from error
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in _CURVES:
        return SigningKey(key, _CURVES[key.curve.name][0])
    if isinstance(key, rsa.RSAPrivateKey):
        return SigningKey(key, "PS256")
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return SigningKey(key, "ED25519")
    raise KeyUnusable(f"{path}: C2PA has no signatures with a key of this kind")


def read_certificates(path: Path) -> str:
    """Read the certificate of the key and those above it, in PEM. Raises KeyUnusable."""
    try:
        return path.read_text(encoding="ascii")
    except OSError as error:
        raise KeyUnusable(f"the certificate {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise KeyUnusable(f"{path} is no certificate in PEM") from error


def _read_private(path: Path) -> bytes:
    try:
        with open(path, "rb", opener=_open_at_once) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise KeyUnusable(f"{path} is not a regular file")
            if status.st_mode & 0o077:
                mode = stat.S_IMODE(status.st_mode)
                raise KeyUnusable(f"others can read {path} (mode {mode:04o}): chmod 600 {path}")
            return file.read(MAX_BYTES)
    except OSError as error:
        raise KeyUnusable(f"{path} cannot be read: {error.strerror}") from error


def _open_at_once(path: str, flags: int) -> int:
    """Open a file without waiting for the other end of a pipe."""
    return os.open(path, flags | os.O_NONBLOCK)
