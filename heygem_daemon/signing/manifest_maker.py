"""The process that reads the media: ``python -m heygem_daemon.signing.manifest_maker``.

It confines itself to the result's folder and the source video, builds the C2PA manifest, asks the
key holder for the signature, writes the signed file, and reads it back.
"""

import base64
import json
import os
import sys
from pathlib import Path
from typing import Any

import c2pa

from heygem_daemon import __version__
from heygem_daemon.media.marking.manifest import OFFLINE
from heygem_daemon.media.marking.xmp import SOURCE_TYPE
from heygem_daemon.signing.order import ManifestOrder, SignatureAnswer, SignRequest
from heygem_daemon.system import paths
from heygem_daemon.system.checksum import sha256_of_file
from heygem_daemon.system.confinement import Permissions, confine_process
from heygem_daemon.worker.wire import die_with_parent

FORMATS = {".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/quicktime", ".avi": "video/avi"}
"""Videos in which C2PA can find a manifest. Others become ingredients by name alone."""
INGREDIENT = "source"


class NotSigned(Exception):
    """The signed file does not read back as it should."""


def sign(order: ManifestOrder) -> None:
    """Replace the result by the same with a signed manifest. Raises NotSigned, OSError, or what
    the library raises."""
    result, source = Path(order.result), Path(order.source)
    target = result.with_name(f".signed{result.suffix}")
    media_type = FORMATS[result.suffix]
    context = c2pa.Context.from_dict(OFFLINE)
    with (
        c2pa.Signer.from_callback(
            _ask_key_holder,
            c2pa.C2paSigningAlg[order.algorithm],
            order.certificates,
            order.timestamp_url or None,
        ) as signer,
        paths.reader(result) as unsigned,
        os.fdopen(paths.open_file(target, os.O_RDWR | os.O_CREAT | os.O_TRUNC), "w+b") as signed,
    ):
        builder = _build_manifest(source, media_type, context)
        builder.sign(signer, media_type, unsigned, signed)
        signed.flush()
        os.fsync(signed.fileno())
    _require_signature(target, media_type, context)
    target.replace(result)


def _build_manifest(source: Path, media_type: str, context: c2pa.Context) -> c2pa.Builder:
    with os.fdopen(paths.open_file(source), "rb", buffering=0) as file:
        digest = sha256_of_file(file)
    ingredient = {
        "title": "source video",
        "relationship": "parentOf",
        "instance_id": INGREDIENT,
        "description": f"SHA-256 {digest}",
    }
    known = FORMATS.get(source.suffix.lower())
    try:
        builder = c2pa.Builder(json.dumps(_manifest(media_type, [])), context)
        if known is not None:
            with paths.reader(source) as stream:
                builder.add_ingredient(json.dumps(ingredient), known, stream)
            return builder
    except c2pa.C2paError:
        pass  # what the library cannot read is named like formats that it does not know
    unread = [{**ingredient, "format": known or "application/octet-stream"}]
    return c2pa.Builder(json.dumps(_manifest(media_type, unread)), context)


def _manifest(media_type: str, ingredients: list[dict[str, str]]) -> dict[str, Any]:
    """Return what is claimed: the source was opened, and a model drew the mouth."""
    opened = {"action": "c2pa.opened", "parameters": {"ingredientIds": [INGREDIENT]}}
    edited = {
        "action": "c2pa.edited",
        "digitalSourceType": SOURCE_TYPE,
        "description": "The mouth was drawn by a trained model to fit another sound.",
    }
    return {
        "claim_generator_info": [{"name": "heygem-daemon", "version": __version__}],
        "format": media_type,
        "ingredients": ingredients,
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [opened, edited]}}],
    }


def _ask_key_holder(data: bytes) -> bytes:
    sys.stdout.write(SignRequest(data=base64.b64encode(data).decode()).model_dump_json() + "\n")
    sys.stdout.flush()
    return base64.b64decode(SignatureAnswer.model_validate_json(sys.stdin.readline()).signature)


def _require_signature(path: Path, media_type: str, context: c2pa.Context) -> None:
    """Raise NotSigned unless the manifest of ``path`` is valid, whoever is trusted."""
    with paths.reader(path) as file, c2pa.Reader(media_type, file, context=context) as reader:
        state = reader.get_validation_state()
        problems = json.loads(reader.json()).get("validation_status", [])
    if state not in ("Valid", "Trusted"):
        codes = ", ".join(str(each.get("code")) for each in problems)
        raise NotSigned(f"the signature is {state or 'missing'} ({codes})")


def main() -> int:
    """Carry out the order on stdin. Returns 0, or 1 with a line on stderr that says why not."""
    die_with_parent()
    order = ManifestOrder.model_validate_json(sys.stdin.readline())
    if order.confine:
        confine_process(
            Permissions(
                write=(Path(order.result).parent,),
                files=(Path(order.source),),
                network=bool(order.timestamp_url),
            )
        )
    try:
        sign(order)
    except (NotSigned, OSError, c2pa.C2paError) as error:
        sys.stderr.write(f"{' '.join(str(error).split())}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
