"""What makes a good template video, shown on real results.

``.venv/bin/python -m benchmarks.template_videos docs/images/template-videos.png`` films the demo's
presenter anew in several ways, good and bad, lets each speak the demo's speech, and draws source
above result.
"""

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from benchmarks.lips.material import ROOT, Face, Sound
from benchmarks.lips.studio import Studio
from heygem_daemon.errors import BadInput

Picture = NDArray[np.uint8]
"""(height, width, 3), RGB."""

SHEET_WIDTH = 640
SECONDS = 5
FPS = 25
SHOWN = (0, 2, 4, 6)
"""Which of the strip's eight moments are shown."""

MOUTH = (0.52, 0.68)
"""Where the presenter's mouth is on average, as shares of width and height."""


@dataclass(frozen=True, slots=True)
class Take:
    """A way to film the presenter."""

    name: str
    title: str
    change: Callable[[Picture], Picture]
    crf: int = 12


def as_filmed(picture: Picture) -> Picture:
    """Return the presenter: the face fills a third of the height, evenly lit, the mouth free."""
    return picture


def too_small(picture: Picture) -> Picture:
    """Return the presenter at a fifth of his size."""
    height, width = picture.shape[:2]
    small = Image.fromarray(picture).resize((width // 5, height // 5), Image.Resampling.LANCZOS)
    wall = Image.new("RGB", (width, height), (120, 125, 130))
    wall.paste(small, (2 * width // 5, 2 * height // 5))
    return np.asarray(wall)


def too_dark(picture: Picture) -> Picture:
    """Return the presenter in the dark, with the noise of a phone's sensor."""
    noise = np.random.default_rng(int(picture[0, 0, 0])).normal(0, 9, picture.shape)
    dark = 255 * (picture / 255) ** 1.6 * 0.28 + noise
    return np.clip(dark, 0, 255).astype(np.uint8)


def hand_at_mouth(picture: Picture) -> Picture:
    """Return the presenter with something of the colour of a hand before his mouth."""
    height, width = picture.shape[:2]
    image = Image.fromarray(picture.copy())
    x, y = MOUTH[0] * width, MOUTH[1] * height
    box = (x - 0.11 * width, y - 0.07 * height, x + 0.11 * width, y + 0.22 * height)
    ImageDraw.Draw(image).rounded_rectangle(box, radius=0.04 * width, fill=(196, 150, 128))
    return np.asarray(image)


def cut_off(picture: Picture) -> Picture:
    """Return the presenter with the mouth at the lower border."""
    height = picture.shape[0]
    shift = int((1 - MOUTH[1]) * height)
    return np.concatenate([np.repeat(picture[:1], shift, axis=0), picture[: height - shift]])


TAKES = (
    Take("good", "good: near, light from the front, the mouth free", as_filmed),
    Take("small", "far away: few pixels for the mouth", too_small),
    Take("dark", "dark: noise instead of lips", too_dark),
    Take("hand", "a hand before the mouth", hand_at_mouth),
    Take("cut", "the mouth at the border", cut_off),
    Take("rate", "compressed too much", as_filmed, crf=40),
)


def film(take: Take, target: Path) -> None:
    """Write the presenter, filmed in that way."""
    with (
        av.open(str(ROOT / "demo" / "presenter.mp4")) as source,
        av.open(str(target), "w") as container,
    ):
        stream = container.add_stream("libx264", rate=FPS, options={"crf": str(take.crf)})
        for number, frame in enumerate(source.decode(video=0)):
            if number == SECONDS * FPS:
                break
            changed = av.VideoFrame.from_ndarray(
                take.change(frame.to_ndarray(format="rgb24").astype(np.uint8))
            )
            if number == 0:
                stream.width, stream.height = changed.width, changed.height
                stream.pix_fmt = "yuv420p"
            changed.pts, changed.time_base = number, Fraction(1, FPS)
            container.mux(stream.encode(changed.reformat(format="yuv420p")))
        container.mux(stream.encode())


def rows(folder: Path) -> Iterator[tuple[Take, Image.Image, str]]:
    """Yield each take, its pictures, and what the daemon says of the result."""
    studio = Studio(folder)
    for take in TAKES:
        video = folder / f"{take.name}.mp4"
        film(take, video)
        try:
            shot = studio.shoot(
                Face(take.name, video), Sound("speech", ROOT / "demo" / "speech.wav")
            )
        except BadInput as error:
            yield take, _stills(video), f"refused: {error.reason}"
            continue
        strip = next((studio.state / f"{take.name}--speech").glob("*.png"))
        print(take.name, json.dumps(shot.report.get("quality")), shot.report.get("warnings"))
        yield take, _moments(strip), "; ".join(shot.report.get("warnings", [])) or "no warning"


def draw(found: list[tuple[Take, Image.Image, str]], target: Path) -> None:
    """Draw a sheet: for each take its title, the moments of its strip, and what was said."""
    font = ImageFont.load_default(15)
    panels = []
    for take, picture, said in found:
        panel = Image.new("RGB", (picture.width, picture.height + 48), "white")
        panel.paste(picture, (0, 24))
        pen = ImageDraw.Draw(panel)
        pen.text((4, 3), take.title, fill="black", font=font)
        pen.text((4, picture.height + 27), said[:110], fill=(150, 60, 0), font=font)
        panels.append(panel)
    sheet = Image.new("RGB", (max(p.width for p in panels), sum(p.height for p in panels)), "white")
    top = 0
    for panel in panels:
        sheet.paste(panel, (0, top))
        top += panel.height
    sheet.quantize(256).save(target, optimize=True)


def _stills(video: Path) -> Image.Image:
    """Return some pictures of a video that was refused."""
    with av.open(str(video)) as container:
        arrays = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    frames = [Image.fromarray(each.astype(np.uint8)) for each in arrays]
    size = (SHEET_WIDTH // len(SHOWN), SHEET_WIDTH // len(SHOWN) * 3 // 4)
    picture = Image.new("RGB", (size[0] * len(SHOWN), size[1]))
    for place, number in enumerate(SHOWN):
        picture.paste(frames[number * len(frames) // 8].resize(size), (place * size[0], 0))
    return picture


def _moments(strip: Path) -> Image.Image:
    """Return some of the eight columns of a before/after picture."""
    with Image.open(strip) as whole:
        image = whole.convert("RGB")
    width = image.width // 8
    picture = Image.new("RGB", (width * len(SHOWN), image.height))
    for place, number in enumerate(SHOWN):
        column = image.crop((number * width, 0, (number + 1) * width, image.height))
        picture.paste(column, (place * width, 0))
    return picture.resize((SHEET_WIDTH, round(picture.height * SHEET_WIDTH / picture.width)))


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", type=Path)
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "template-videos")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    draw(list(rows(options.work)), options.target)


if __name__ == "__main__":
    main()
