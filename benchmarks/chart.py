"""Draw the times of jobs as an SVG: groups of bars, and a line at each bar to meet."""

from dataclasses import dataclass
from xml.sax.saxutils import escape

from benchmarks.sizes import ClipCosts

WARM_BAR, COLD_BAR = 1.25, 1.9
"""The most that a warm and a cold job may take, as multiples of the plain transcode."""
BAR_WIDTH, GROUP_WIDTH, LEFT, TOP, HEIGHT = 20, 64, 48, 36, 220
"""Pixels."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of job."""

    title: str
    colour: str
    limit: float


WARM = Kind("warm", "#2a9d8f", WARM_BAR)
COLD = Kind("cold, without the engine's load", "#457b9d", COLD_BAR)


def ratio_chart(costs: list[ClipCosts]) -> str:
    """Return an SVG with each clip's job times as multiples of its plain transcode."""
    ratios = [(clip.warm.over(clip.plain)[0], clip.cold.over(clip.plain)[0]) for clip in costs]
    top = max(COLD_BAR, *(max(pair) for pair in ratios)) * 1.1
    width = LEFT + GROUP_WIDTH * len(costs) + 16
    parts = [_limit(kind, top, width) for kind in (WARM, COLD)]
    for number, (clip, pair) in enumerate(zip(costs, ratios, strict=True)):
        left = LEFT + GROUP_WIDTH * number + 8
        for offset, (kind, ratio) in enumerate(zip((WARM, COLD), pair, strict=True)):
            parts.append(_bar(left + offset * (BAR_WIDTH + 2), kind, ratio, top))
        parts.append(_text(left + BAR_WIDTH, TOP + HEIGHT + 16, clip.size))
        parts.append(_text(left + BAR_WIDTH, TOP + HEIGHT + 32, f"{clip.seconds} s"))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{TOP + HEIGHT + 44}" '
        f'font-family="sans-serif" font-size="12">\n'
        f'<rect width="100%" height="100%" fill="white"/>\n'
        + "\n".join([*_legend(), *parts])
        + "\n</svg>\n"
    )


def _legend() -> list[str]:
    parts, left = [_text(LEFT, 14, "time of a job / plain transcode", "start")], LEFT + 210
    for kind in (WARM, COLD):
        parts.append(f'<rect x="{left}" y="5" width="10" height="10" fill="{kind.colour}"/>')
        parts.append(_text(left + 14, 14, kind.title, "start"))
        left += 70
    return parts


def _bar(left: float, kind: Kind, ratio: float, top: float) -> str:
    height = HEIGHT * ratio / top
    y = TOP + HEIGHT - height
    return (
        f'<rect x="{left}" y="{y:.1f}" width="{BAR_WIDTH}" height="{height:.1f}" '
        f'fill="{kind.colour}"/>' + _text(left + BAR_WIDTH / 2, y - 3, f"{ratio:.2f}")
    )


def _limit(kind: Kind, top: float, width: int) -> str:
    y = TOP + HEIGHT - HEIGHT * kind.limit / top
    return (
        f'<line x1="{LEFT}" x2="{width - 8}" y1="{y:.1f}" y2="{y:.1f}" stroke="{kind.colour}" '
        f'stroke-dasharray="4 3"/>' + _text(LEFT - 4, y + 4, f"{kind.limit:g}", "end")
    )


def _text(x: float, y: float, text: str, anchor: str = "middle") -> str:
    return f'<text x="{x}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
