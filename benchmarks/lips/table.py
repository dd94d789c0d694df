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
    percent = [
        ("closed at the middle of /m b p/, flite", "≥ 90 %", 90, "lips"),
        ("closed in silence longer than 0.3 s", "≥ 97 %", 97, "silence"),
    ]
    speaker = [("aperture", 0.70), ("width", 0.55), ("jaw", 0.55)]
    talking = [row for row in rows if row.face not in WORDLESS_FACES]
    wordless = [row for row in rows if row.face in WORDLESS_FACES]
    return [
        line(
            "published against wanted aperture: worst face",
            "≥ 0.90",
            Bar(0.90),
            per_face(rows, "obeys", min),
        ),
        line(
            "published against wanted aperture: worst pair",
            "≥ 0.90",
            Bar(0.90),
            summary(rows, "obeys", min),
        ),
        line(
            "its lag: worst pair",
            "0 ± 1 frame",
            Bar(-1, 1),
            summary(rows, "late", worst_offset),
            " frames",
        ),
        *(
            line(what, text, Bar(bar), pooled(rows, name), " %", 1)
            for what, text, bar, name in percent
        ),
        line(
            "jitter over a real speaker's: mean", "≤ 1.2", Bar(maximum=1.2), summary(rows, "jitter")
        ),
        line(
            "jitter over a real speaker's: worst face",
            "≤ 1.2",
            Bar(maximum=1.2),
            per_face(rows, "jitter", max),
        ),
        line("range over the person's own: mean", "0.8-1.3", Bar(0.8, 1.3), summary(rows, "range")),
        line(
            "range over the person's own in speech: lowest face",
            "0.8-1.3",
            Bar(0.8, 1.3),
            per_face(talking, "range", min),
        ),
        line(
            "range over the person's own in speech: highest face",
            "0.8-1.3",
            Bar(0.8, 1.3),
            per_face(talking, "range", max),
        ),
        line(
            "… of faces that do not speak in their video: lowest",
            "",
            Bar(),
            per_face(wordless, "range", min),
        ),
        line(
            "… of faces that do not speak in their video: highest",
            "",
            Bar(),
            per_face(wordless, "range", max),
        ),
        line(
            "sharpness over the source's: mean",
            "0.85-1.2",
            Bar(0.85, 1.2),
            summary(rows, "sharpness"),
        ),
        line(
            "sharpness over the source's: lowest face",
            "0.85-1.2",
            Bar(0.85, 1.2),
            per_face(rows, "sharpness", min),
        ),
        line(
            "sharpness over the source's: highest face",
            "0.85-1.2",
            Bar(0.85, 1.2),
            per_face(rows, "sharpness", max),
        ),
        line(
            "… of a source that is as wide open: lowest face",
            "0.85-1.2",
            Bar(0.85, 1.2),
            per_face(rows, "alike", min),
        ),
        line(
            "… of a source that is as wide open: highest face",
            "0.85-1.2",
            Bar(0.85, 1.2),
            per_face(rows, "alike", max),
        ),
        line(
            "samples changed outside the region",
            "0",
            Bar(0, 0),
            summary(rows, "outside", max),
            digits=0,
        ),
        *(
            line(
                f"end to end, {name} against the real speaker's, lag 0",
                f"≥ {bar:.2f}",
                Bar(bar),
                summary(rows, name),
            )
            for name, bar in speaker
        ),
        line(
            "closed where the real speaker is closed",
            "≥ 85 %",
            Bar(85),
            pooled(rows, "closures"),
            " %",
            1,
        ),
    ]


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
