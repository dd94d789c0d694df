"""Decode image files: photographs, and short animations in GIF, WebP and PNG.

The only module that uses Pillow, which knows what FFmpeg's decoders leave out: colour profiles,
CMYK, transparency, animated WebP. HEIC is read where the package pillow-heif is installed.

Pillow decodes a format that is in ``FORMATS`` alone, and nothing before the size in the header is
accepted. Its errors have many classes, since damage may lead it anywhere.
"""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from heygem_daemon.errors import BadInput, NoDecoder, TooLarge
from heygem_daemon.media.guard import NO_LIMITS, MediaGuard
from heygem_daemon.media.image_signature import HEAD_BYTES, HEIF, ImageInfo
from heygem_daemon.media.info import require_sane_size
from heygem_daemon.media.regular_file import REPLACE_FILE_HINT, open_regular, reading
from heygem_daemon.media.source import require_content, require_readable

Rgb = NDArray[np.uint8]

FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "DIB", "TIFF", "AVIF", "HEIF")
"""Pillow's names. None of them refers to other files or starts a program, as EPS does."""
ANIMATED_FORMATS = frozenset({"GIF", "WEBP", "PNG"})
"""Formats whose pictures follow each other in time. Those of TIFF and MPO are pages or views."""
MAX_MEGAPIXELS = 120.0
"""Pixels of a photograph, in millions: telephones make up to 108 at 12 bits for each colour."""
MAX_PIXELS, LONGEST_SIDE = 3840 * 2160, 3840
"""Size to which larger photographs are scaled down: what players decode as H.264 everywhere."""
SHORTEST_DELAY, DEFAULT_DELAY = 0.02, 0.1
"""Seconds. An animation that shows a picture for less than the first is shown as browsers do it:
with the second."""
WHITE = (255, 255, 255)


class ImageFile:
    """An open image file whose header has been read and accepted. A context manager.

    ``width`` and ``height`` of the arrays that it yields may be smaller than in ``info``. How many
    pictures an animation has is known when all are read.
    """

    def __init__(self, path: Path, guard: MediaGuard = NO_LIMITS) -> None:
        """Open ``path``. Raises BadInput, TooLarge or EnvironmentFault."""
        self._path = path
        self._guard = guard
        self._file = open_regular(path)
        try:
            self._image = self._open()
            self.is_animation = self._has_more_pictures()
            """Whether pictures follow each other in time."""
            self.info = self._describe()
            self._accept_size()
        except BaseException:
            self._file.close()
            raise

    def _open(self) -> Image.Image:
        """Read the header."""
        require_content(self._path, self._file)
        with reading(self._path) as file:
            is_heif = HEIF.fits(file.read(HEAD_BYTES))
        if is_heif:
            _register_heif(self._path)
        with self._sorted_errors(), warnings.catch_warnings():
            # Pillow's own limits on sizes are below and above ours.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            Image.init()
            formats = [each for each in FORMATS if each in Image.OPEN]
            return Image.open(self._file, formats=formats)

    def _has_more_pictures(self) -> bool:
        # Counting them would read a GIF to its end.
        with self._sorted_errors():
            is_animated = bool(getattr(self._image, "is_animated", False))
        return is_animated and self._image.format in ANIMATED_FORMATS

    def _describe(self) -> ImageInfo:
        return ImageInfo(
            format=str(self._image.format),
            width=self._image.width,
            height=self._image.height,
            mode=self._image.mode,
        )

    def __enter__(self) -> "ImageFile":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._image.close()
        self._file.close()

    def read(self) -> Rgb:
        """Decode the first picture, upright, in sRGB on white, uint8 (H, W, 3).

        Raises BadInput, TooLarge where memory does not suffice, or EnvironmentFault.
        """
        with self._sorted_errors():
            self._image.seek(0)
            return self._converted(self._image)

    def read_animation(self) -> Iterator[tuple[Rgb, float]]:
        """Yield each picture as ``read`` does, and the seconds for which it is shown.

        Raises as ``read``.
        """
        picture, lasting = self._image, 0.0
        for number in count():
            self._guard.step()
            if not self._seek(number):
                return
            self._guard.require_pictures(self._path, number + 1, picture.width * picture.height)
            with self._sorted_errors():
                shown = self._converted(picture)
                # WebP tells it only when the picture is decoded.
                seconds = float(picture.info.get("duration", 0)) / 1000
            seconds = seconds if seconds >= SHORTEST_DELAY else DEFAULT_DELAY
            lasting += seconds
            self._guard.require_seconds(self._path, lasting)
            yield shown, seconds
            if not self.is_animation:
                return

    def _seek(self, number: int) -> bool:
        """Go to a picture, from 0; return whether it is there."""
        with self._sorted_errors():
            try:
                self._image.seek(number)
            except EOFError:
                return False
        return True

    def _accept_size(self) -> None:
        width, height = self._image.size
        require_sane_size(*target_size(width, height), self._path)
        if self._guard.limits is None:
            return
        if width * height > MAX_MEGAPIXELS * 1e6:
            raise TooLarge(
                f"{self._path.name} is {width}x{height} pixels, {width * height / 1e6:.0f} "
                f"megapixels; photographs of at most {MAX_MEGAPIXELS:g} are read.",
                "Scale the photograph, best to about 2000 pixels.",
            )
        if self.is_animation:
            self._guard.require_picture_size(self._path, width, height)

    def _converted(self, picture: Image.Image) -> Rgb:
        most = MAX_PIXELS if self._guard.limits is None else self._guard.limits.pixels
        size = target_size(*picture.size, min(MAX_PIXELS, most))
        profile = picture.info.get("icc_profile")
        # JPEG decodes a half or a quarter of the size at once.
        picture.draft(picture.mode, size)
        upright = ImageOps.exif_transpose(picture)
        shown = _on_white(_with_8_bits(upright), profile)
        if (shown.width > shown.height) != (size[0] > size[1]):
            size = size[::-1]  # the picture was turned
        if shown.size != size:
            shown = shown.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
        return np.array(shown, dtype=np.uint8)

    @contextmanager
    def _sorted_errors(self) -> Iterator[None]:
        """Sort what Pillow raises into faults of the file, of memory and of the storage.

        Pillow alone runs in the block.
        """
        try:
            yield
        except Image.DecompressionBombError as error:
            raise TooLarge(
                f"{self._path.name} has far more pixels than the {MAX_MEGAPIXELS:g} million of the "
                "largest photographs that are read.",
                "Scale the photograph, best to about 2000 pixels.",
            ) from error
        except MemoryError as error:
            raise TooLarge(
                f"Reading {self._path.name} takes more memory than a worker may use.",
                "Scale the photograph, best to about 2000 pixels.",
            ) from error
        except UnidentifiedImageError as error:
            raise BadInput(
                f"{self._path.name} is no image that can be read.", "Export it as jpg or png."
            ) from error
        except Exception as error:
            require_readable(self._path)
            raise BadInput(
                f"{self._path.name} is damaged or truncated.", REPLACE_FILE_HINT
            ) from error


def target_size(width: int, height: int, most_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """Return the size to show a photograph at: as it is, or scaled down to even sides."""
    scale = min(1.0, (most_pixels / (width * height)) ** 0.5, LONGEST_SIDE / max(width, height))
    if scale == 1:
        return width, height
    return max(2, int(width * scale) // 2 * 2), max(2, int(height * scale) // 2 * 2)


def _register_heif(path: Path) -> None:
    """Let Pillow read HEIC. Raises NoDecoder where there is no decoder."""
    with suppress(ImportError):
        import pillow_heif  # noqa: PLC0415 - may be missing

        pillow_heif.register_heif_opener(thumbnails=False)
        return
    raise NoDecoder(
        f"{path.name} is a HEIC photograph, for which no decoder is installed here.",
        "Export it as jpg (iPhone: Settings, Camera, Formats, Most Compatible), or ask the operator"
        " to install the Python package pillow-heif.",
    )


def _with_8_bits(picture: Image.Image) -> Image.Image:
    """Return a picture of 16 or 32 bits a sample as grey of 8 bits, others as they are."""
    if picture.mode.startswith("I;16") or picture.mode in {"I", "F"}:
        values: NDArray[Any] = np.asarray(picture, dtype=np.float32)
        top = float(values.max(initial=0))
        full = 1.0 if picture.mode == "F" and top <= 1 else 255.0 if top <= 255 else 65535.0
        return Image.fromarray(np.clip(np.rint(values * (255 / full)), 0, 255).astype(np.uint8))
    return picture


def _on_white(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """Return ``picture`` as sRGB, what is transparent in it as white."""
    if not picture.has_transparency_data:
        return _as_srgb(picture, profile)
    layered = picture.convert("RGBA")
    canvas = Image.new("RGB", picture.size, WHITE)
    canvas.paste(_as_srgb(layered.convert("RGB"), profile), mask=layered.getchannel("A"))
    return canvas


def _as_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """Return ``picture`` as sRGB by its ICC profile. One that is broken, or is for other colours
    than the picture's, counts as none, as in browsers."""
    plain = picture.convert("RGB") if picture.mode in {"P", "1", "YCbCr", "HSV"} else picture
    if profile or picture.mode == "LAB":
        with suppress(ImageCms.PyCMSError, OSError, TypeError, ValueError):
            converted = ImageCms.profileToProfile(
                plain,
                ImageCms.ImageCmsProfile(
                    io.BytesIO(profile) if profile else ImageCms.createProfile("LAB")
                ),
                ImageCms.createProfile("sRGB"),
                renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
                outputMode="RGB",
                flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
            )
            if converted is not None:
                return converted
    return plain.convert("RGB")
