"""What the processes that sign a result tell each other, and the supervisor them."""

import sys
from typing import Literal

from pydantic import BaseModel, ConfigDict

KEY_HOLDER = (sys.executable, "-m", "heygem_daemon.signing.key_holder")
MANIFEST_MAKER = (sys.executable, "-m", "heygem_daemon.signing.manifest_maker")

Algorithm = Literal["ES256", "ES384", "ES512", "PS256", "ED25519"]


class SigningOrder(BaseModel):
    """The supervisor's order to the key holder, JSON on its stdin."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    result: str
    """The file to sign; it is replaced by the signed one."""
    source: str
    """The video that it was made of."""
    certificate: str
    """PEM file with the certificate of the key and those up to the root."""
    key: str
    """PEM file with the private key, without a password."""
    timestamp_url: str = ""
    """Time-stamp server (RFC 3161); empty: none, and no connection is made."""
    confine: bool = True
    """Whether the process that reads media gives up its other rights."""


class ManifestOrder(BaseModel):
    """The key holder's order to the manifest maker: the first line on its stdin."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    result: str
    source: str
    certificates: str
    """The content of the certificate file."""
    algorithm: Algorithm
    timestamp_url: str
    confine: bool


class SignRequest(BaseModel):
    """What the manifest maker asks the key holder to sign: a line on its stdout."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: str
    """Base64."""


class SignatureAnswer(BaseModel):
    """The answer: a line on the manifest maker's stdin."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    signature: str
    """Base64; for ES… the two numbers one after the other, as COSE has them."""
