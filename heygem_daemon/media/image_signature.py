"""Tell image files from videos by their first bytes, and describe them. Needs no decoder."""

from dataclasses import dataclass
from pathlib import Path

from heygem_daemon.system import paths

HEAD_BYTES = 32


@dataclass(frozen=True, slots=True)
class Signature:
    """Bytes with which a file of one family of formats begins."""

    starts: tuple[bytes, ...] = ()
    brands: tuple[bytes, ...] = ()
    """Major brands of an ISO base media file (ISO/IEC 14496-12), after 'ftyp' at byte 4."""

    def fits(self, head: bytes) -> bool:
        """Whether a file that begins with ``head`` is of this family."""
        is_branded = head[4:8] == b"ftyp" and head[8:12] in self.brands
        return is_branded or head.startswith(self.starts)


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """An image file."""

    format: str
    """Pillow's name, such as 'JPEG'."""
    width: int
    """Pixels as stored, before it is turned upright and scaled."""
    height: int
    """Pixels as stored."""
    mode: str
    """Pillow's mode of the pixels, such as 'RGB', 'CMYK' or 'I;16'."""
    pictures: int = 1
    """Pictures of an animation; 1 for a photograph."""


HEIF = Signature(brands=(b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1", b"hevc", b"hevx"))
AVIF = Signature(brands=(b"avif", b"avis"))
PLAIN = Signature(
    starts=(b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*")
)


def read_head(path: Path) -> bytes:
    """Return the first bytes of a file; a link is not followed. Raises OSError."""
    with paths.reader(path) as file:
        return file.read(HEAD_BYTES)


def is_image(head: bytes) -> bool:
    """Whether a file that begins with ``head`` is an image rather than a video or a sound."""
    is_webp = head[:4] == b"RIFF" and head[8:12] == b"WEBP"
    # 'BM' alone is too little: the four reserved bytes of its header are zero.
    is_bitmap = head[:2] == b"BM" and head[6:10] == bytes(4)
    known = any(signature.fits(head) for signature in (HEIF, AVIF, PLAIN))
    return is_webp or is_bitmap or known


def is_image_file(path: Path) -> bool:
    """Whether the content of ``path`` is an image; False where it cannot be read."""
    try:
        return is_image(read_head(path))
    except OSError:
        return False
