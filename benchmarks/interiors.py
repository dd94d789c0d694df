"""Whether photographs that speak show a mouth like real ones.

``.venv/bin/python -m benchmarks.interiors`` makes a photograph of the most closed mouth of each
clip of the test media, lets it speak, and measures the inside of its open mouth before encoding
(see ``benchmarks.lips.openings``). Each statistic is compared with the openings that other people
really have in their clips: it should lie between the 5th and the 95th percentile, as a real one
does in nine of ten cases. ``--sheets FOLDER`` draws the mouths at full resolution.
"""

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.lips.material import ROOT, SILENT_FACES, Face, faces, media_folder
from benchmarks.lips.openings import (
    BANDS,
    STATISTICS,
    Opening,
    inside_shares,
    measure_openings,
    real_ranges,
)
from benchmarks.lips.studio import Studio
from benchmarks.sheet import square
from heygem_daemon.engines.base import Template
from heygem_daemon.engines.builtin.warp.person import Person, measure_person
from heygem_daemon.face.tracking.mouth import APERTURE
from heygem_daemon.media.image_files import rgb_from_picture, write_png
from heygem_daemon.media.picture import Picture
from heygem_daemon.media.timeline import Timeline
from heygem_daemon.media.video_reader import VideoReader
from heygem_daemon.media.waveform import read_waveform
from heygem_daemon.protocol import RenderOptions
from heygem_daemon.render.draw import RenderContext, paint
from heygem_daemon.render.template import prepare_template
from heygem_daemon.system.checksum import sha256_of

Floats = NDArray[np.float32]

UNSUITABLE = ("whole_body_720x1080", *SILENT_FACES)
"""Clips of mouths that are too small, or never closed, or drawn."""
SOUND = "english_8s"
FPS, FRAMES = 25, 100
REAL_STEP, DRAWN_STEP = 3, 4
"""Every third picture of a real mouth is measured, and every fourth drawn one."""
MOST_REAL = 90
"""Real pictures of a clip that are measured at most."""
SHOWN = (0.4, 0.55, 0.7, 0.85, 1.0)
"""Ranks of the apertures that a sheet shows."""
SIDE = 0.8
"""Side of a tile of a sheet, IOD."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """A photograph that spoke."""

    name: str
    openings: list[Opening]
    tiles: NDArray[np.uint8]
    """Some of its mouths beside each other, (h, w, 3), RGB."""


def prepared(video: Path, studio: Studio) -> tuple[Template, Person]:
    """Return a tracked video or photograph."""
    with VideoReader(video) as reader:
        template = prepare_template(
            reader,
            sha256_of(video),
            reader.frame_count,
            studio.engine.tracker,
            studio.cache,
            lambda *_: None,
        )
    return template, measure_person(template.track, studio.engine.reference_face)


def real_openings(video: Path, person: Person) -> list[Opening]:
    """Measure the open mouths that a clip shows."""
    count = min(len(person.track), MOST_REAL * REAL_STEP)
    shown = [k for k in range(0, count, REAL_STEP) if person.track.present[k]]
    with VideoReader(video) as reader:
        return measure_openings(person, reader.read_indices(shown))


def photograph(face: Face, person: Person, folder: Path) -> Path:
    """Write the picture of a clip in which the mouth is closed most."""
    number = int(np.nanargmin(person.parameters[:, APERTURE]))
    target = folder / f"{face.name}.png"
    with VideoReader(face.video) as reader:
        (picture,) = reader.read_indices([number])
    write_png(target, rgb_from_picture(picture))
    return target


def speak(photo: Path, sound: Path, studio: Studio) -> Spoken:
    """Let a photograph speak, and measure its mouth."""
    template, person = prepared(photo, studio)
    engine = studio.engine
    speech = engine.extract_features(read_waveform(sound))
    with VideoReader(photo) as reader:
        timeline = Timeline(reader.info.fps, np.zeros(FRAMES, np.int32))
        timeline = replace(timeline, fps=type(timeline.fps)(FPS))
        performance = engine.plan_performance(template, speech, timeline)
        context = RenderContext(reader, timeline, engine, performance, RenderOptions())
        (source,) = reader.read_indices([0])
        assert performance.target_parameters is not None
        apertures = performance.target_parameters[:, APERTURE]
        open_frames = np.flatnonzero(apertures > BANDS[0])[::DRAWN_STEP]
        drawn = [paint(context, [(frame, source)])[0] for frame in open_frames.tolist()]
        ranks = np.argsort(apertures, kind="stable")
        shown = ranks[[round(share * (FRAMES - 1)) for share in SHOWN]].tolist()
        seen = [source, *(paint(context, [(frame, source)])[0] for frame in shown)]
    numbered = [replace(picture, index=k) for k, picture in enumerate(drawn)]
    track = engine.tracker.track(numbered)
    openings = measure_openings(measure_person(track, engine.reference_face), numbered)
    return Spoken(photo.stem, openings, tiles(seen, person))


def tiles(pictures: list[Picture], person: Person) -> NDArray[np.uint8]:
    """Cut the mouth out of pictures that show the photograph's only picture, side by side."""
    side = int(SIDE * float(person.pose.scale[0])) // 2 * 2
    centre = person.planes.origin[0]
    return np.concatenate([square(rgb_from_picture(p), centre, side) for p in pictures], axis=1)


def row(name: str, count: int, shares: Floats) -> str:
    """Return a row of the table."""
    cells = " | ".join(f"{share:.2f}" for share in (*shares, shares.mean()))
    return f"| {name} | {count} | {cells} |"


def person_of(clip: Path) -> str:
    """Return the name of the person in a clip: several of GRID's show the same."""
    return clip.stem.split("_")[0] if clip.parent.name == "grid_more" else clip.stem


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "interiors")
    parser.add_argument("--sheets", type=Path, help="folder for a picture of each face's mouths")
    parser.add_argument("--faces", nargs="+", help="names of the clips that speak; default: all")
    options = parser.parse_args()
    media = media_folder()
    if media is None:
        parser.error("the test media are not beside the checkout")
    options.work.mkdir(parents=True, exist_ok=True)
    studio = Studio(options.work)
    clips = [face for face in faces(media) if face.name not in UNSUITABLE]
    others = [Face(path.stem, path) for path in sorted((media / "grid_more").glob("*.mpg"))]
    people: dict[str, list[Opening]] = {}
    photos = {}
    for face in (*clips, *others):
        _, person = prepared(face.video, studio)
        people.setdefault(person_of(face.video), []).extend(real_openings(face.video, person))
        if face in clips and (options.faces is None or face.name in options.faces):
            photos[face.name] = (photograph(face, person, options.work), person_of(face.video))
    print(f"| face | openings | {' | '.join(STATISTICS)} | mean |")
    print("|---|" + "---:|" * (len(STATISTICS) + 2))
    real = [inside_shares(seen, real_ranges(people, name)) for name, seen in people.items() if seen]
    counted = sum(map(len, people.values()))
    print(row(f"real mouths of {len(real)} people", counted, np.mean(real, axis=0)), flush=True)
    shares = []
    for photo, name in photos.values():
        spoken = speak(photo, media / "speech" / f"{SOUND}.wav", studio)
        shares.append(inside_shares(spoken.openings, real_ranges(people, name)))
        print(row(spoken.name, len(spoken.openings), shares[-1]), flush=True)
        if options.sheets:
            options.sheets.mkdir(parents=True, exist_ok=True)
            write_png(options.sheets / f"{spoken.name}.png", spoken.tiles)
    print(row("**mean of the photographs**", len(shares), np.mean(shares, axis=0)))


if __name__ == "__main__":
    main()
