"""Mark a finished video and the pictures beside it as synthetic media, and read the marks back.

A video is muxed with the tags of ``record.video_tags``, whose checksum is not known yet. When it is
complete, ``mark_video`` puts the checksum in and appends the XMP packet.
"""

from pathlib import Path

from heygem_daemon.media import boxes
from heygem_daemon.media.atomic_output import translate_storage_errors
from heygem_daemon.media.guard import NO_LIMITS, MediaGuard
from heygem_daemon.media.marking import png, xmp
from heygem_daemon.media.marking.digest import content_digest
from heygem_daemon.media.marking.record import (
    AIGC_KEY,
    UNKNOWN_CHECKSUM,
    AigcRecord,
    parse_record,
    video_tags,
)
from heygem_daemon.media.source import open_media
from heygem_daemon.media.verify import InvalidResult


def mark_video(path: Path, record: AigcRecord, guard: MediaGuard = NO_LIMITS) -> AigcRecord:
    """Complete the marks of ``path``, which was muxed with ``video_tags(record)``.

    ``guard.step`` is called for each packet. Returns the record with its checksum. Raises
    SpoolUnavailable where the storage fails, InvalidResult where the marks are not in the file.
    """
    marked = record.with_checksum(content_digest(path, guard))
    with translate_storage_errors(path):
        boxes.replace_in_index(path, UNKNOWN_CHECKSUM.encode(), marked.reserved_code_1.encode())
        boxes.append_uuid(path, boxes.XMP_UUID, xmp.build_packet(marked))
    _require_marks(path, marked)
    return marked


def _require_marks(path: Path, record: AigcRecord) -> None:
    """Raise InvalidResult unless ``path`` reads back with the marks of ``record``."""
    with open_media(path) as container:
        tags = dict(container.metadata)
    missing = [key for key, text in video_tags(record).items() if tags.get(key) != text]
    packet = boxes.read_uuid(path, boxes.XMP_UUID, xmp.MAX_PACKET_BYTES) or b""
    if xmp.read_source_type(packet) != xmp.SOURCE_TYPE or xmp.read_record(packet) != record:
        missing.append("XMP")
    if missing or parse_record(tags[AIGC_KEY]) != record:
        raise InvalidResult(f"the marks of synthetic media are missing: {', '.join(missing)}")


def mark_picture(path: Path, record: AigcRecord) -> None:
    """Mark the PNG ``path`` with ``record`` and the checksum of the picture.

    Raises SpoolUnavailable where the storage fails, InvalidResult where the mark is not in the
    file, ValueError where it is no PNG.
    """
    with translate_storage_errors(path):
        data = path.read_bytes()
        marked = record.with_checksum(png.picture_digest(data))
        path.write_bytes(png.with_xmp(data, xmp.build_packet(marked)))
        found = xmp.read_record(png.read_xmp(path.read_bytes()) or b"")
    if found != marked:
        raise InvalidResult("the mark of synthetic media is missing in the before/after picture")
