"""Markdown tables of the measurements: each figure beside its target, and clip by clip."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.lips.costs import Costs
from benchmarks.lips.figures import FIGURES, Figures
from benchmarks.lips.hearing import Prediction
from benchmarks.lips.material import WORDLESS_FACES
from benchmarks.lips.repeating import Repeated
from heygem_daemon.render.quality import AcceptableRange as Bar

Values = list[float]
Summary = Callable[[Values], float]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the table of targets."""

    what: str
    bar: str
    """The target as text; empty if there is none."""
    value: float | None
    """None if it was not measured."""
    holds: bool
    """Whether the value meets the target."""
    unit: str = ""
    digits: int = 2

    def __str__(self) -> str:
        if self.value is None:
            return f"| {self.what} | {self.bar} | | not measured |"
        judged = "holds" if self.holds else "**falls short**"
        verdict = judged if self.bar else "no bar"
        return f"| {self.what} | {self.bar} | {self.value:.{self.digits}f}{self.unit} | {verdict} |"


def line(
    what: str, text: str, bar: Bar, value: float | None, unit: str = "", digits: int = 2
) -> Line:
    """Return a line with its verdict."""
    return Line(what, text, value, value is not None and bar.accepts(value), unit, digits)


def mean(values: Values) -> float:
    """Return the arithmetic mean."""
    return float(np.mean(values))


def worst_offset(values: Values) -> float:
    """Return the value farthest from 0, with its sign."""
    return max(values, key=abs)


def column(rows: Iterable[Figures], name: str) -> Values:
    """Return the known values of one figure."""
    return [value for row in rows if (value := getattr(row, name)) is not None]


def summary(rows: Sequence[Figures], name: str, how: Summary = mean) -> float | None:
    """Return one number for a figure over all pairs; None if no pair has it."""
    values = column(rows, name)
    return how(values) if values else None


def pooled(rows: Sequence[Figures], name: str) -> float | None:
    """Return a share in per cent over the phones or frames of all pairs, with equal weight."""
    measured = [row for row in rows if getattr(row, name) is not None]
    counts = [getattr(row, f"{name}_count") for row in measured]
    if not sum(counts):
        return None
    return 100 * float(np.average([getattr(row, name) for row in measured], weights=counts))


def per_face(rows: Sequence[Figures], name: str, how: Summary) -> float | None:
    """Return ``how`` over the faces' mean figures."""
    faces = dict.fromkeys(row.face for row in rows)
    means = [summary([row for row in rows if row.face == face], name) for face in faces]
    values = [value for value in means if value is not None]
    return how(values) if values else None


def lines_of_hearing(predictions: Sequence[Prediction], gain: float | None) -> list[Line]:
    """Return the lines of the audio model."""

    def group(name: str) -> float | None:
        values = [row.aperture for row in predictions if row.group == name]
        return mean(values) if values else None

    bars = "correlation of heard with true aperture, lag 0"
    return [
        line(f"{bars}: free speech", "≥ 0.63", Bar(0.63), group("free")),
        line(f"{bars}: GRID", "≥ 0.87", Bar(0.87), group("GRID")),
        line("gain by adaptation, second halves", "≥ 0.08", Bar(0.08), gain, digits=3),
    ]


def lines_of_pairs(rows: Sequence[Figures]) -> list[Line]:
    """Return the lines of the rendered pairs."""
    return [
        *_lines_of_movement(rows),
        *_lines_of_range(rows),
        *_lines_of_pixels(rows),
        *_lines_of_speakers(rows),
    ]


def _lines_of_movement(rows: Sequence[Figures]) -> list[Line]:
    """Return how the mouth follows its targets, closes, and trembles."""
    follows, jitter = "published against wanted aperture", "jitter over a real speaker's"
    at_least, at_most = Bar(0.90), Bar(maximum=1.2)
    lips, silence = "closed at the middle of /m b p/, flite", "closed in silence longer than 0.3 s"
    lag = summary(rows, "late", worst_offset)
    return [
        line(f"{follows}: worst face", "≥ 0.90", at_least, per_face(rows, "obeys", min)),
        line(f"{follows}: worst pair", "≥ 0.90", at_least, summary(rows, "obeys", min)),
        line("its lag: worst pair", "0 ± 1 frame", Bar(-1, 1), lag, " frames"),
        line(lips, "≥ 90 %", Bar(90), pooled(rows, "lips"), " %", 1),
        line(silence, "≥ 97 %", Bar(97), pooled(rows, "silence"), " %", 1),
        line(f"{jitter}: mean", "≤ 1.2", at_most, summary(rows, "jitter")),
        line(f"{jitter}: worst face", "≤ 1.2", at_most, per_face(rows, "jitter", max)),
    ]


def _lines_of_range(rows: Sequence[Figures]) -> list[Line]:
    """Return how far the mouth opens, compared with the person's own range."""
    talking = [row for row in rows if row.face not in WORDLESS_FACES]
    wordless = [row for row in rows if row.face in WORDLESS_FACES]
    own, text, bar = "range over the person's own", "0.8-1.3", Bar(0.8, 1.3)
    silent = "… of faces that do not speak in their video"
    return [
        line(f"{own}: mean", text, bar, summary(rows, "range")),
        line(f"{own} in speech: lowest face", text, bar, per_face(talking, "range", min)),
        line(f"{own} in speech: highest face", text, bar, per_face(talking, "range", max)),
        line(f"{silent}: lowest", "", Bar(), per_face(wordless, "range", min)),
        line(f"{silent}: highest", "", Bar(), per_face(wordless, "range", max)),
    ]


def _lines_of_pixels(rows: Sequence[Figures]) -> list[Line]:
    """Return how sharp the mouth is, and whether anything else changed."""
    source, text, bar = "sharpness over the source's", "0.85-1.2", Bar(0.85, 1.2)
    alike = "… of a source that is as wide open"
    changed = summary(rows, "outside", max)
    still, steady = "change while the aperture is still, over the source's", Bar(maximum=1.12)
    worst = Bar(maximum=1.30)
    talking = [row for row in rows if row.face not in WORDLESS_FACES]
    near, alive = "distance to the nearest real mouth, over real ones', who talk", Bar(maximum=1.08)
    farthest = Bar(maximum=1.20)
    return [
        line(f"{source}: mean", text, bar, summary(rows, "sharpness")),
        line(f"{source}: lowest face", text, bar, per_face(rows, "sharpness", min)),
        line(f"{source}: highest face", text, bar, per_face(rows, "sharpness", max)),
        line(f"{alike}: lowest face", text, bar, per_face(rows, "alike", min)),
        line(f"{alike}: highest face", text, bar, per_face(rows, "alike", max)),
        line(f"{still}: mean", "≤ 1.12", steady, per_face(rows, "flicker", mean)),
        line(f"{still}: worst face", "≤ 1.30", worst, per_face(rows, "flicker", max)),
        line(f"{near}: mean", "≤ 1.08", alive, per_face(talking, "nearness", mean)),
        line(f"{near}: worst face", "≤ 1.20", farthest, per_face(talking, "nearness", max)),
        line("samples changed outside the region", "0", Bar(0, 0), changed, digits=0),
    ]


def _lines_of_speakers(rows: Sequence[Figures]) -> list[Line]:
    """Return how the mouth agrees with the real speaker's."""
    least = {"aperture": 0.70, "width": 0.55, "jaw": 0.55}
    correlations = [
        line(
            f"end to end, {name} against the real speaker's, lag 0",
            f"≥ {bar:.2f}",
            Bar(bar),
            summary(rows, name),
        )
        for name, bar in least.items()
    ]
    closed, wide = "closed where the real speaker is closed", "closed where he is wide open"
    return [
        *correlations,
        *_lines_of_losses(rows),
        line(closed, "≥ 92 %", Bar(92), pooled(rows, "closures"), " %", 1),
        line(wide, "≤ 8 %", Bar(maximum=8), pooled(rows, "mute"), " %", 1),
    ]


def _lines_of_losses(rows: Sequence[Figures]) -> list[Line]:
    """Return how much of the heard aperture is in the result."""
    stages = [
        line(f"aperture against the real speaker's: {name}", "", Bar(), summary(rows, name))
        for name in ("heard", "wanted")
    ]
    kept = "aperture as shown over as heard"
    faces = dict.fromkeys(row.face for row in rows)
    each = [share_kept([row for row in rows if row.face == face]) for face in faces]
    worst = min((share for share in each if share is not None), default=None)
    return [
        *stages,
        line(f"{kept}: mean", "≥ 0.97", Bar(0.97), share_kept(rows)),
        line(f"{kept}: worst face", "≥ 0.90", Bar(0.90), worst),
    ]


def share_kept(rows: Sequence[Figures]) -> float | None:
    """Return the mean correlation with the real speaker's aperture as shown, over that as heard."""
    known = [row for row in rows if row.heard is not None]
    heard, shown = summary(known, "heard"), summary(known, "aperture")
    return shown / heard if heard and shown is not None else None


def lines_of_repeats(again: Sequence[Repeated]) -> list[Line]:
    """Return the lines of mouths that repeat themselves."""
    values = [row.sharpness for row in again]
    what, bar = "sharpness of a mouth that repeats itself", Bar(0.85, 1.2)
    return [
        line(f"{what}: lowest face", "0.85-1.2", bar, min(values)),
        line(f"{what}: highest face", "0.85-1.2", bar, max(values)),
    ]


def lines_of_costs(costs: Costs | None) -> list[Line]:
    """Return the lines of speed and size."""
    if costs is None:
        return []
    return [
        line(
            f"tracking, one core, {costs.size}", "≤ 12 ms", Bar(maximum=12), costs.track, " ms", 1
        ),
        line(f"drawing, one core, {costs.size}", "≤ 12 ms", Bar(maximum=12), costs.draw, " ms", 1),
        line("weights", "≤ 25 MB", Bar(maximum=25), costs.weights, " MB", 1),
        line(
            "audio model, one core, of the sound's duration",
            "≤ 4 %",
            Bar(maximum=4),
            100 * costs.listen,
            " %",
            1,
        ),
    ]


def bars_table(lines: Iterable[Line]) -> str:
    """Return the table of targets: what, target, figure, verdict."""
    return "\n".join(["| what | bar | measured | |", "|---|---|---|---|", *map(str, lines)])


def faces_table(rows: Sequence[Figures]) -> str:
    """Return a table with a row per face, the mean over all its audio, and a row for all."""
    rendered = [row for row in rows if row.refused is None]
    names = ["pairs", *(name for name in FIGURES if name != "frames")]
    table = [f"| face | {' | '.join(names)} |", "|---|" + "---:|" * len(names)]
    names_of_faces = dict.fromkeys(row.face for row in rendered)
    table += [
        _face_row(face, [row for row in rendered if row.face == face]) for face in names_of_faces
    ]
    table.append(_face_row("**mean**", rendered))
    refused = [row for row in rows if row.refused]
    table += [f"| {row.face} says {row.sound} | refused: {row.refused} |" for row in refused]
    return "\n".join(table)


def pairs_table(rows: Sequence[Figures]) -> str:
    """Return a table with a row per pair."""
    names = list(FIGURES)
    table = [f"| face | sound | {' | '.join(names)} |", "|---|---|" + "---:|" * len(names)]
    for row in rows:
        cells = " | ".join(_cell(name, getattr(row, name)) for name in names)
        table.append(f"| {row.face} | {row.sound} | {cells} |")
    return "\n".join(table)


def hearing_table(predictions: Sequence[Prediction]) -> str:
    """Return a table with a row per clip whose own audio was processed."""
    rows = [
        f"| {row.name} | {row.group} | {row.aperture:.2f} | {row.width:.2f} | {row.jaw:.2f} |"
        for row in predictions
    ]
    return "\n".join(
        ["| clip | group | aperture | width | jaw |", "|---|---|---:|---:|---:|", *rows]
    )


def _face_row(title: str, rows: Sequence[Figures]) -> str:
    cells = [_cell(name, summary(rows, name)) for name in FIGURES if name != "frames"]
    return f"| {title} | {len(rows)} | {' | '.join(cells)} |"


def _cell(name: str, value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.0f}" if name in {"frames", "outside"} else f"{value:.2f}"
