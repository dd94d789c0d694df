"""How good the lip-sync is: every face of the test media says every sound, and all is measured.

``.venv/bin/python -m benchmarks.lipsync --quick`` prints tables in Markdown, every figure beside
its bar. Without ``--quick`` all faces say all sounds, which takes an hour of one core. Pairs that
were measured are kept in the work folder under a digest of program and weights, so that a run that
was cut short (``--minutes``) goes on where it stopped. Without the test media beside the checkout
the demo's presenter says the demo's speech, and what needs a real speaker stays unmeasured.
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
"""The face on which speed is measured."""
PARTS = ("hearing", "pairs", "repeats", "costs")


def pairs(faces: list[Face], sounds: list[Sound]) -> Iterator[tuple[Face, Sound]]:
    """Every face with every sound but its own words: those it has said already."""
    for sound in sounds:
        for face in faces:
            if sound.speaker != face.video:
                yield face, sound


def kept_file(face: Face, sound: Sound, studio: Studio) -> Path:
    """Where the figures of a pair are kept."""
    return studio.state / "figures" / f"{face.name}--{sound.name}.json"


def measured(face: Face, sound: Sound, studio: Studio, jitter: float | None) -> Figures:
    """Render a pair, measure it, and keep its figures."""
    speaker = studio.actor(Face(sound.name, sound.speaker)) if sound.speaker else None
    measure = Measure(studio.actor(face), speaker, jitter)
    try:
        row = figures_of(face.name, sound, studio.shoot(face, sound), measure)
    except BadInput as error:
        row = Figures(face.name, sound.name, 0, 0.0, refused=error.reason)
    kept = kept_file(face, sound, studio)
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps(row.to_json(), indent=1))
    return row


def all_measured(
    work: list[tuple[Face, Sound]], studio: Studio, until: float, jitter: float | None
) -> Iterator[Figures]:
    """The figures of all pairs that are kept, and of the others as far as the time goes."""
    for number, (face, sound) in enumerate(work, 1):
        title = f"{number}/{len(work)} {face.name} says {sound.name}"
        kept = kept_file(face, sound, studio)
        if kept.exists():
            yield Figures(**json.loads(kept.read_text()))
        elif time.monotonic() > until:
            print(f"{title}: out of time", file=sys.stderr)
        else:
            print(title, file=sys.stderr, flush=True)
            yield measured(face, sound, studio, jitter)


def report(
    heard: list[hearing.Heard],
    learned: list[Adapted],
    rows: list[Figures],
    again: list[Repeated],
    costs: Costs | None,
) -> str:
    """All tables."""
    lines = [*table.lines_of_hearing(heard, mean_gain(learned))] if heard else []
    lines += table.lines_of_pairs(rows) if rows else []
    lines += table.lines_of_repeats(again) if again else []
    lines += table.lines_of_costs(costs)
    texts = [table.bars_table(lines)]
    if rows:
        texts += [f"Mean over the {len(rows)} pairs, face by face:", table.faces_table(rows)]
    if again:
        texts += ["A mouth that does what it did half a second before:", repeating_table(again)]
    if heard:
        texts += ["The audio model alone, clip by clip:", table.hearing_table(heard)]
        texts += ["Adaptation, second half of each clip:", adapting_table(learned)]
    return "\n\n".join(texts) + "\n"


def write_between(target: Path, text: str) -> None:
    """Replace what stands below the line ``<!-- table -->`` of a Markdown file, up to the next
    ``<!-- end -->``."""
    before, _, rest = target.read_text().partition("<!-- table -->")
    _, _, after = rest.partition("<!-- end -->")
    target.write_text(f"{before}<!-- table -->\n{text}<!-- end -->{after}")


def arguments() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="four faces and four sounds")
    parser.add_argument("--faces", nargs="+", help="faces with one of these in their names")
    parser.add_argument("--sounds", nargs="+", help="sounds with one of these in their names")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--minutes", type=float, default=1e6, help="begin no pair after these")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "lipsync")
    parser.add_argument("--pairs", action="store_true", help="print a row for each pair, too")
    parser.add_argument("--write", type=Path, help="Markdown file whose table is replaced")
    return parser.parse_args()


def cast_of(known: list[Face], options: argparse.Namespace) -> list[Face]:
    """The faces that are asked for; by default all that speak."""
    if options.faces:
        return [face for face in known if any(part in face.name for part in options.faces)]
    if options.quick:
        return [face for face in known if face.name in QUICK_FACES] or known
    return [face for face in known if face.name not in SILENT_FACES]


def texts_of(known: list[Sound], options: argparse.Namespace) -> list[Sound]:
    """The sounds that are asked for; by default all."""
    if options.sounds:
        return [sound for sound in known if any(part in sound.name for part in options.sounds)]
    if options.quick:
        return [sound for sound in known if sound.name in QUICK_SOUNDS] or known
    return known


def main() -> None:
    """Entry point."""
    options = arguments()
    until = time.monotonic() + 60 * options.minutes
    media = media_folder()
    if media is None:
        print("no test media beside the checkout: using demo/", file=sys.stderr)
    known = faces(media)
    studio = Studio(options.work)
    in_sync = [face for face in known if hearing.speaks_in_sync(face.name)]
    heard, rows, again, costs = [], [], list[Repeated](), None
    learned: list[Adapted] = []
    if "hearing" in options.only:
        listener = studio.engine.listener
        heard = [hearing.heard(face, studio, listener) for face in in_sync]
        learned = [adapted_by_halves(hearing.clip_of(face, studio), listener) for face in in_sync]
    if "pairs" in options.only:
        texts = texts_of(sounds(media, options.work / "flite"), options)
        jitter = usual_jitter([studio.actor(face) for face in in_sync])
        work = list(pairs(cast_of(known, options), texts))
        rows = list(all_measured(work, studio, until, jitter))
    if "repeats" in options.only:
        again = [repeated(face, studio) for face in cast_of(known, options)]
    if "costs" in options.only:
        large = next((face for face in known if face.name == LARGE), known[0])
        costs = costs_of(large, ROOT / "demo" / "speech.wav", studio)
    text = report(heard, learned, rows, again, costs)
    print(text)
    if options.pairs:
        print(table.pairs_table(rows))
    if options.write:
        write_between(options.write, text)


if __name__ == "__main__":
    main()
