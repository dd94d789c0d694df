"""Say whether and how a file is marked as synthetic media, and whether it was changed since.

A program of its own, which confines itself: the file may come from anybody.
"""

import sys
from dataclasses import asdict, replace
from json import dumps
from pathlib import Path

from heygem_daemon.errors import BadInput, EnvironmentFault
from heygem_daemon.media import boxes
from heygem_daemon.media.guard import refuse_out_of_memory
from heygem_daemon.media.marking import png, xmp
from heygem_daemon.media.marking.digest import content_digest
from heygem_daemon.media.marking.findings import Findings, Mark
from heygem_daemon.media.marking.manifest import read_manifest
from heygem_daemon.media.marking.record import (
    AIGC_KEY,
    COMMENT_KEY,
    AigcRecord,
    parse_record,
    record_in_comment,
)
from heygem_daemon.media.source import open_media
from heygem_daemon.system.confinement import Permissions, confine_process, forbid_writing
from heygem_daemon.system.memory_limit import limit_data
from heygem_daemon.system.units import GIB

MEMORY_BYTES = 4 * GIB
MAX_PNG_BYTES = 1 << 28


def inspect_file(path: Path) -> Findings:
    """Return the marks of a video or a PNG.

    Raises BadInput where the file is neither, EnvironmentFault where it cannot be read.
    """
    with refuse_out_of_memory(path):
        try:
            with path.open("rb") as file:
                is_png = file.read(len(png.SIGNATURE)) == png.SIGNATURE
            return _inspect_png(path) if is_png else _inspect_video(path)
        except OSError as error:
            raise EnvironmentFault(f"{path.name} cannot be read: {error.strerror}.") from error


def _inspect_png(path: Path) -> Findings:
    with path.open("rb") as file:
        data = file.read(MAX_PNG_BYTES)
    return _findings({}, png.read_xmp(data), png.picture_digest(data))


def _inspect_video(path: Path) -> Findings:
    with open_media(path) as container:
        # Matroska has capitals.
        tags = {key.upper(): text for key, text in container.metadata.items()}
    packet = boxes.read_uuid(path, boxes.XMP_UUID, xmp.MAX_PACKET_BYTES)
    findings = _findings(tags, packet, content_digest(path))
    if boxes.read_uuid(path, boxes.C2PA_UUID, 1) is None:
        return findings
    media_type = "video/quicktime" if path.suffix.lower() == ".mov" else "video/mp4"
    return replace(findings, manifest=read_manifest(path, media_type))


def _findings(tags: dict[str, str], packet: bytes | None, content: str) -> Findings:
    found = {
        "AIGC": parse_record(tags.get(AIGC_KEY.upper(), "")),
        "comment": record_in_comment(tags.get(COMMENT_KEY.upper(), "")),
        "XMP": xmp.read_record(packet) if packet else None,
    }
    marks = tuple(
        _mark(place, record, content) for place, record in found.items() if record is not None
    )
    return Findings(marks, xmp.read_source_type(packet) if packet else None)


def _mark(place: str, record: AigcRecord, content: str) -> Mark:
    return Mark(
        place=place,
        label=record.label,
        producer=record.producer,
        produce_id=record.produce_id,
        unchanged=record.matches(content),
    )


def main(arguments: list[str]) -> int:
    """Print the findings of the file in ``arguments`` as JSON. Returns 0, or 1 with a reason."""
    path = Path(arguments[0])
    limit_data(MEMORY_BYTES)
    confine_process(Permissions(files=(path,)))
    forbid_writing()
    try:
        sys.stdout.write(dumps(asdict(inspect_file(path))) + "\n")
    except (BadInput, EnvironmentFault) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
