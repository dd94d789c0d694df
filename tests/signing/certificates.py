"""Certificates for tests, as a certification authority would issue them for C2PA."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from heygem_daemon.signing.key import PrivateKey

USES = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
    "key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
)  # fmt: skip


def make_key(kind: str) -> PrivateKey:
    """Return a new private key: 'p256', 'p384', 'rsa' or 'ed25519'."""
    if kind == "rsa":
        return rsa.generate_private_key(65537, 2048)
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    return ec.generate_private_key(ec.SECP384R1() if kind == "p384" else ec.SECP256R1())


def write_key(path: Path, key: PrivateKey) -> Path:
    """Write ``key`` as PEM with mode 0600."""
    path.touch(mode=0o600)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path


def write_chain(path: Path, key: PrivateKey, days: int = 30) -> Path:
    """Write a certificate for ``key``, valid for ``days`` from yesterday on, and its root's."""
    root_key = ec.generate_private_key(ec.SECP256R1())
    root = _certificate("Test Root", "Test Root", root_key, root_key, 3650, is_root=True)
    leaf = _certificate("Test Signer", "Test Root", key, root_key, days, is_root=False)
    path.write_bytes(leaf + root)
    return path


def _certificate(
    subject: str,
    issuer: str,
    key: PrivateKey,
    issuer_key: ec.EllipticCurvePrivateKey,
    days: int,
    *,
    is_root: bool,
) -> bytes:
    start = datetime.now(UTC) - timedelta(days=1 if days > 0 else 9)
    used = {"key_cert_sign", "crl_sign"} if is_root else {"digital_signature"}
    usage = x509.KeyUsage(**{use: use in used for use in USES})
    public, authority = key.public_key(), issuer_key.public_key()
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(datetime.now(UTC) + timedelta(days=days))
        .add_extension(x509.BasicConstraints(is_root, None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority), critical=False
        )
    )
    if not is_root:
        purposes = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
        builder = builder.add_extension(purposes, critical=False)
    certificate = builder.sign(issuer_key, hashes.SHA256())
    return certificate.public_bytes(serialization.Encoding.PEM)


def _name(common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "XX"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Example Media"),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )
