"""The drawings of the report, as inline SVG: a dot with its whisker, a bar with its marks, a plane of numbered dots.

Invariants: horizontal places are percentages and vertical ones pixels, so that a drawing fills whatever width it is
given and its text never scales; colours are classes, so that light, dark and print are decided in the style sheet; an
estimate that was not measured draws no mark at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import ceil

from markupsafe import Markup

from ..evals.inference import Estimate
from ..evals.pareto import Point
from .text import signed_rate_text, tick_text

ROW = 34  # pixels of a row of the gap figure
PLANE = 240  # pixels of the plane, without its scale
LEFT = 0.11  # share of the plane's width that the numbers of its upright scale take
TYPICAL = 640.0  # pixels of width by which numbers are placed beside dots
_AROUND = ((1, 0), (0, -1), (0, 1), (-1, 0), (1, -1), (-1, -1), (1, 1), (-1, 1))
BAR = 22  # pixels of a bar of the funnel
STEPS = (0.1, 0.2, 0.25, 0.5)
MARKS = {
    "baseline": Markup('<path class="mark" d="M-6.5 0L0-6.5 6.5 0 0 6.5z"/>'),
    "control": Markup('<circle class="mark" r="4.5"/>'),
    "variant": Markup('<circle class="mark" r="5"/>'),
}


def reach(estimates: Iterable[Estimate]) -> float:
    """The upper end of a scale from 0 that holds every estimate: a round number, at most 1."""
    highest = max((e.value if e.high is None else e.high for e in estimates if e.value is not None), default=1.0)
    return min(1.0, max(0.2, ceil(highest * 10 - 1e-9) / 10))


def whisker(estimate: Estimate, kind: str, reference: float | None, top: float, label: str) -> Markup:
    """One row of the gap figure.

    Args:
        kind: "baseline", "control" or "variant"; each has its own mark.
        reference: the baseline's value, drawn as a line through every row.
        top: the scale's upper end; label: what a reader who cannot see the drawing is told.
    """
    parts = [line_at(x, x, 0, ROW, "grid") for x in _ticks(top)]
    if reference is not None:
        parts.append(line_at(reference / top, reference / top, 0, ROW, "reference"))
    if estimate.low is not None and estimate.high is not None:
        parts += ended_line(estimate.low / top, estimate.high / top)
    if estimate.value is not None:
        parts.append(mark_at(estimate.value / top, kind))
    return drawing(ROW, f"dots {kind}", label, parts)


def axis(top: float) -> Markup:
    """The scale under the gap figure."""
    return scale([(x, "middle", tick_text(x * top)) for x in _ticks(top)], f"from 0 to {top:g}")


def scale(marks: Iterable[tuple[float, str, str]], words: str) -> Markup:
    """A scale under rows: (share of the width, which side of it the text stands, text) of every mark."""
    tick = Markup('<text class="tick" x="{}" y="14" text-anchor="{}">{}</text>')
    return drawing(18, "axis", f"scale {words}", [tick.format(percent(x), anchor, text) for x, anchor, text in marks])


def ended_line(low: float, high: float) -> list[Markup]:
    """The interval of a row, as a line with strokes at its ends."""
    middle = ROW / 2
    strokes = [line_at(x, x, middle - 4, middle + 4, "whisker") for x in (low, high)]
    return [line_at(low, high, middle, middle, "whisker"), *strokes]


def mark_at(x: float, kind: str) -> Markup:
    """The mark of a baseline, control or variant, in a row."""
    return Markup('<svg x="{}" y="{}" overflow="visible">{}</svg>').format(percent(x), ROW / 2, MARKS[kind])


def bar(value: float | None, estimate: Estimate | None, chance: float | None, kind: str, label: str) -> Markup:
    """One bar of a funnel on a scale from 0 to 1, with its interval and a line where blind choice would end."""
    parts = [Markup('<rect class="track" width="100%" height="{}" rx="2"/>').format(BAR)]
    if value is not None:
        filled = Markup('<rect class="fill" width="{}" height="{}" rx="2"/>')
        parts.append(filled.format(percent(value), BAR))
    if chance is not None:
        parts.append(line_at(chance, chance, -2, BAR + 2, "chance"))
    if estimate is not None and estimate.low is not None and estimate.high is not None:
        parts.append(line_at(estimate.low, estimate.high, BAR / 2, BAR / 2, "whisker"))
    return drawing(BAR, f"bar {kind}", label, parts)


def plane(points: Sequence[Point], label: str, closed: Mapping[str, Estimate] | None = None) -> Markup:
    """Gap closed (upwards) against tokens (rightwards), one dot an arm with its number beside; a line joins the front.

    Args:
        points: at least one, cheapest first. closed: gap closed by variant, whose intervals are drawn.
    """
    spans = {p.variant: e for p in points if (e := (closed or {}).get(p.variant)) is not None and e.low is not None}
    ends = [0.0, *(p.closed for p in points), *(v for e in spans.values() for v in (e.low, e.high) if v is not None)]
    right = max(p.tokens for p in points) * 1.08 or 1.0
    low, high = min(ends), max(ends)
    room = 0.12 * (high - low) or 0.05
    low, high = low - room, high + room

    def across(tokens: float) -> float:
        return LEFT + (0.98 - LEFT) * tokens / right

    def down(value: float) -> float:
        return PLANE * (high - value) / (high - low)

    parts = [line_at(LEFT, 1, y, y, "grid") for y in (0.5, PLANE - 0.5)]
    parts.append(line_at(LEFT, 1, down(0), down(0), "reference"))
    tick = Markup('<text class="tick" x="{}" y="{:g}" text-anchor="{}">{}</text>')
    parts.append(tick.format(0, down(0) + 4, "start", "0"))
    for value in {min(p.closed for p in points), max(p.closed for p in points)} - {0.0}:
        if abs(down(value) - down(0)) > 14:
            parts.append(tick.format(0, down(value) + 4, "start", signed_rate_text(value)))
    front = [p for p in points if p.best]
    for a, b in zip(front, front[1:], strict=False):
        parts.append(line_at(across(a.tokens), across(b.tokens), down(a.closed), down(b.closed), "front"))
    for p in points:
        if (e := spans.get(p.variant)) is not None and e.low is not None and e.high is not None:
            parts.append(line_at(across(p.tokens), across(p.tokens), down(e.low), down(e.high), f"whisker {p.kind}"))
    dot = Markup(
        '<svg class="dots {}" x="{}" y="{:g}" overflow="visible"><circle class="mark" r="5"/>'
        '<text class="beside" x="{:g}" y="{:g}" text-anchor="middle">{}</text></svg>'
    )
    places = [(across(p.tokens) * TYPICAL, down(p.closed)) for p in points]
    for i, (p, (x, y)) in enumerate(zip(points, numbers_beside(places), strict=True), 1):
        parts.append(dot.format(p.kind, percent(across(p.tokens)), down(p.closed), x, y, i))
    for x in (0.0, right / 1.08):
        anchor = "start" if x == 0 else "end"
        parts.append(tick.format(percent(across(x)), PLANE + 15, anchor, f"{x:,.0f}"))
    return drawing(PLANE + 18, "plane", label, parts)


def numbers_beside(dots: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Where the number of each dot stands, as pixels from it, so that no number covers a dot or another number."""
    taken = list(dots)
    chosen = []
    for x, y in dots:
        tried = [(13.0 * dx * far, 13.0 * dy * far + 4) for far in (1, 1.9, 2.8) for dx, dy in _AROUND]
        free = [(a, b) for a, b in tried if all(abs(x + a - u) > 11 or abs(y + b - 4 - v) > 11 for u, v in taken)]
        place = free[0] if free else tried[0]
        taken.append((x + place[0], y + place[1] - 4))
        chosen.append(place)
    return chosen


def drawing(height: int, kind: str, label: str, parts: list[Markup], role: str = "img") -> Markup:
    """A whole drawing.

    Args:
        kind: its class; label: what a reader who cannot see it is told.
        role: "group" where its parts lead somewhere.
    """
    whole = Markup('<svg class="{}" width="100%" height="{}" role="{}" aria-label="{}" overflow="visible">{}</svg>')
    return whole.format(kind, height, role, label, Markup("").join(parts))


def line_at(x1: float, x2: float, y1: float, y2: float, kind: str) -> Markup:
    """A line; across as shares of the width, down in pixels."""
    line = Markup('<line class="{}" x1="{}" x2="{}" y1="{:g}" y2="{:g}"/>')
    return line.format(kind, percent(x1), percent(x2), y1, y2)


def _ticks(top: float) -> list[float]:
    """Where the grid lines stand, as shares of the scale: at most five intervals, ending at the top."""
    step = next(s for s in STEPS if top / s <= 5.01)
    count = int(top / step + 1e-9)
    places = [i * step / top for i in range(count + 1)]
    return [*places[:-1], 1.0] if abs(places[-1] - 1) < 1e-9 else places


def percent(part: float) -> str:
    """A share of the width."""
    return f"{100 * part:.2f}%"
