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
        actions=tuple(str(each.get("action")) for each in _actions(active)),
        source_types=_source_types(store),
        problems=tuple(code for code in problems if code not in HARMLESS),
    )


def _actions(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    with suppress(AttributeError, KeyError, TypeError):  # a stranger's may hold anything
        for assertion in manifest.get("assertions", []):
            if str(assertion.get("label")).startswith("c2pa.actions"):
                found += [each for each in assertion["data"]["actions"] if isinstance(each, dict)]
    return found


def _source_types(store: dict[str, Any]) -> tuple[str, ...]:
    """Return the digital source types of the actions that made a file: those of its manifest, and
    those of the file that was opened for it, and so on."""
    manifests, label = store.get("manifests", {}), store.get("active_manifest")
    found: list[str] = []
    for _ in range(len(manifests)):  # a stranger's may lead back to itself
        manifest = manifests.get(label, {})
        types = (each.get("digitalSourceType") for each in _actions(manifest))
        found += [each for each in types if isinstance(each, str)]
        label = _opened(manifest)
    return tuple(dict.fromkeys(found))


def _opened(manifest: dict[str, Any]) -> str | None:
    """Return the label of the manifest of the file that was opened; None: it had none."""
    with suppress(AttributeError, TypeError):
        for ingredient in manifest.get("ingredients", []):
            if ingredient.get("relationship") == "parentOf":
                return str(ingredient.get("active_manifest"))
    return None
