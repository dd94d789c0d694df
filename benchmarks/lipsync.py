"""How good the lip-sync is: every face of the test media speaks every audio file, and all is
measured.

``.venv/bin/python -m benchmarks.lipsync --quick`` prints tables in Markdown, each figure beside its
target. Without ``--quick`` all faces speak all audio files, which takes an hour on one core.
Measured pairs are stored in the work folder under a digest of program and weights, so that an
interrupted run (``--minutes``) continues where it stopped. Without the test media beside the
checkout, the demo's presenter speaks the demo's speech, and what needs a real speaker is not
measured.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.lips import hearing, table
from benchmarks.lips.adapting import Adapted, adapted_by_halves, adapting_table, mean_gain
from benchmarks.lips.costs import Costs, costs_of
from benchmarks.lips.figures import Figures, Measure, figures_of, usual_jitter
from benchmarks.lips.material import (
    QUICK_FACES,
    QUICK_SOUNDS,
    ROOT,
    SILENT_FACES,
    Face,
    Sound,
    faces,
    media_folder,
    sounds,
)
from benchmarks.lips.repeating import Repeated, repeated, repeating_table
from benchmarks.lips.studio import Studio
from heygem_daemon.errors import BadInput

LARGE = "portrait_1080x1920_hevc"
"""The face with which speed is measured."""
PARTS = ("hearing", "pairs", "repeats", "costs")


def pairs(faces: list[Face], sounds: list[Sound]) -> Iterator[tuple[Face, Sound]]:
    """Yield every face with every sound except its own words, which it has spoken already."""
    for sound in sounds:
        for face in faces:
            if sound.speaker != face.video:
                yield face, sound


def figures_file(face: Face, sound: Sound, studio: Studio) -> Path:
    """Return the file in which the figures of a pair are stored."""
    return studio.state / "figures" / f"{face.name}--{sound.name}.json"


def measure_pair(face: Face, sound: Sound, studio: Studio, jitter: float | None) -> Figures:
    """Render a pair, measure it, and store its figures."""
    speaker = studio.actor(Face(sound.name, sound.speaker)) if sound.speaker else None
    measure = Measure(studio.actor(face), speaker, jitter)
    try:
        row = figures_of(face.name, sound, studio.shoot(face, sound), measure)
    except BadInput as error:
        row = Figures(face.name, sound.name, 0, 0.0, refused=error.reason)
    target = figures_file(face, sound, studio)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(row.to_json(), indent=1))
    return row


def measure_pairs(
    work: list[tuple[Face, Sound]], studio: Studio, until: float, jitter: float | None
) -> Iterator[Figures]:
    """Yield the stored figures of all pairs, and measure the others until the time is over."""
    for number, (face, sound) in enumerate(work, 1):
        title = f"{number}/{len(work)} {face.name} says {sound.name}"
        stored = figures_file(face, sound, studio)
        if stored.exists():
            yield Figures(**json.loads(stored.read_text()))
        elif time.monotonic() > until:
            print(f"{title}: out of time", file=sys.stderr)
        else:
            print(title, file=sys.stderr, flush=True)
            yield measure_pair(face, sound, studio, jitter)


def report(
    predictions: list[hearing.Prediction],
    learned: list[Adapted],
    rows: list[Figures],
    repeats: list[Repeated],
    costs: Costs | None,
) -> str:
    """Return all tables."""
    lines = [*table.lines_of_hearing(predictions, mean_gain(learned))] if predictions else []
    lines += table.lines_of_pairs(rows) if rows else []
    lines += table.lines_of_repeats(repeats) if repeats else []
    lines += table.lines_of_costs(costs)
    texts = [table.bars_table(lines)]
    if rows:
        texts += [f"Mean over the {len(rows)} pairs, face by face:", table.faces_table(rows)]
    if repeats:
        texts += ["A mouth that does what it did half a second before:", repeating_table(repeats)]
    if predictions:
        texts += ["The audio model alone, clip by clip:", table.hearing_table(predictions)]
        texts += ["Adaptation, second half of each clip:", adapting_table(learned)]
    return "\n\n".join(texts) + "\n"


def replace_table(target: Path, text: str) -> None:
    """Replace the part of a Markdown file between two comments.

    They are ``<!-- table -->`` and ``<!-- end -->``.
    """
    before, _, rest = target.read_text().partition("<!-- table -->")
    _, _, after = rest.partition("<!-- end -->")
    target.write_text(f"{before}<!-- table -->\n{text}<!-- end -->{after}")


def parse_arguments() -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="four faces and four sounds")
    parser.add_argument("--faces", nargs="+", help="faces with one of these in their names")
    parser.add_argument("--sounds", nargs="+", help="sounds with one of these in their names")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--minutes", type=float, default=1e6, help="start no pair after this time")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "lipsync")
    parser.add_argument("--pairs", action="store_true", help="also print a row per pair")
    parser.add_argument("--write", type=Path, help="Markdown file whose table is replaced")
    return parser.parse_args()


def select_faces(all_faces: list[Face], options: argparse.Namespace) -> list[Face]:
    """Return the faces that the options name; by default all that speak."""
    if options.faces:
        return [face for face in all_faces if any(part in face.name for part in options.faces)]
    if options.quick:
        return [face for face in all_faces if face.name in QUICK_FACES] or all_faces
    return [face for face in all_faces if face.name not in SILENT_FACES]


def select_sounds(all_sounds: list[Sound], options: argparse.Namespace) -> list[Sound]:
    """Return the sounds that the options name; by default all."""
    if options.sounds:
        return [sound for sound in all_sounds if any(part in sound.name for part in options.sounds)]
    if options.quick:
        return [sound for sound in all_sounds if sound.name in QUICK_SOUNDS] or all_sounds
    return all_sounds


def main() -> None:
    """Entry point."""
    options = parse_arguments()
    until = time.monotonic() + 60 * options.minutes
    media = media_folder()
    if media is None:
        print("no test media beside the checkout: using demo/", file=sys.stderr)
    all_faces = faces(media)
    studio = Studio(options.work)
    in_sync = [face for face in all_faces if hearing.speaks_in_sync(face.name)]
    predictions, rows, repeats, costs = [], [], list[Repeated](), None
    learned: list[Adapted] = []
    if "hearing" in options.only:
        listener = studio.engine.listener
        predictions = [hearing.predict(face, studio, listener) for face in in_sync]
        learned = [adapted_by_halves(hearing.clip_of(face, studio), listener) for face in in_sync]
    if "pairs" in options.only:
        texts = select_sounds(sounds(media, options.work / "flite"), options)
        jitter = usual_jitter([studio.actor(face) for face in in_sync])
        work = list(pairs(select_faces(all_faces, options), texts))
        rows = list(measure_pairs(work, studio, until, jitter))
    if "repeats" in options.only:
        repeats = [repeated(face, studio) for face in select_faces(all_faces, options)]
    if "costs" in options.only:
        large = next((face for face in all_faces if face.name == LARGE), all_faces[0])
        costs = costs_of(large, ROOT / "demo" / "speech.wav", studio)
    text = report(predictions, learned, rows, repeats, costs)
    print(text)
    if options.pairs:
        print(table.pairs_table(rows))
    if options.write:
        replace_table(options.write, text)


if __name__ == "__main__":
    main()
