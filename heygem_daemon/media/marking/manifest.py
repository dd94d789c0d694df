"""Read the C2PA manifest of a file, without any connection to the network."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from heygem_daemon.media.marking.findings import SignedManifest

OFFLINE: dict[str, Any] = {
    "verify": {
        "remote_manifest_fetch": False,
        "ocsp_fetch": False,
        "verify_timestamp_trust": False,
    },
    "builder": {"thumbnail": {"enabled": False}},
}
"""Settings of the library under which it connects to nothing, and asks no list of trust."""
HARMLESS = frozenset({"signingCredential.untrusted"})
"""What it reports where no list of trusted authorities was given."""


def read_manifest(path: Path, media_type: str) -> SignedManifest:
    """Return what the manifest in ``path`` says, whoever is trusted."""
    try:
        import c2pa  # noqa: PLC0415 - an optional package
    except ImportError:
        return SignedManifest("unread")
    try:
        with (
            path.open("rb") as file,
            c2pa.Reader(media_type, file, context=c2pa.Context.from_dict(OFFLINE)) as reader,
        ):
            state, store = reader.get_validation_state(), json.loads(reader.json())
    except c2pa.C2paError as error:
        return SignedManifest("invalid", problems=(type(error).__name__,))
    problems = [str(each.get("code")) for each in store.get("validation_status", [])]
    active = store.get("manifests", {}).get(store.get("active_manifest"), {})
    signature = active.get("signature_info", {})
    names = (signature.get("common_name"), signature.get("issuer"))
    return SignedManifest(
        state=str(state or "invalid").lower(),
        signer=", ".join(str(name) for name in names if name),
        signed_at=str(signature.get("time") or ""),
        actions=_actions(active),
        problems=tuple(code for code in problems if code not in HARMLESS),
    )


def _actions(manifest: dict[str, Any]) -> tuple[str, ...]:
    found: list[str] = []
    with suppress(AttributeError, KeyError, TypeError):  # a stranger's may hold anything
        for assertion in manifest.get("assertions", []):
            if str(assertion.get("label")).startswith("c2pa.actions"):
                found += [str(each.get("action")) for each in assertion["data"]["actions"]]
    return tuple(found)
