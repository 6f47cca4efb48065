"""The drawings of the report, as inline SVG: a dot with its whisker, a bar with its marks, a plane of numbered dots.

Invariants: horizontal places are percentages and vertical ones pixels, so that a drawing fills whatever width it is
given and its text never scales; colours are classes, so that light, dark and print are decided in the style sheet; an
estimate that was not measured draws no mark at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import ceil

from markupsafe import Markup

from ..evals.inference import Estimate
from ..evals.pareto import Point
from .text import signed_rate_text, tick_text

__all__ = ["axis", "bar", "plane", "reach", "whisker"]

ROW = 34  # pixels of a row of the gap figure
PLANE = 240  # pixels of the plane, without its scale
LEFT = 0.11  # share of the plane's width that the numbers of its upright scale take
BAR = 22  # pixels of a bar of the funnel
STEPS = (0.1, 0.2, 0.25, 0.5)
_MARKS = {
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
    middle = ROW / 2
    parts = [_line(x, x, 0, ROW, "grid") for x in _ticks(top)]
    if reference is not None:
        parts.append(_line(reference / top, reference / top, 0, ROW, "reference"))
    if estimate.low is not None and estimate.high is not None:
        low, high = estimate.low / top, estimate.high / top
        parts.append(_line(low, high, middle, middle, "whisker"))
        parts += [_line(x, x, middle - 4, middle + 4, "whisker") for x in (low, high)]
    if estimate.value is not None:
        at = _percent(estimate.value / top)
        parts.append(Markup('<svg x="{}" y="{}" overflow="visible">{}</svg>').format(at, middle, _MARKS[kind]))
    return _svg(ROW, f"dots {kind}", label, parts)


def axis(top: float) -> Markup:
    """The scale under the gap figure."""
    parts = [
        Markup('<text class="tick" x="{}" y="14" text-anchor="middle">{}</text>').format(
            _percent(x), tick_text(x * top)
        )
        for x in _ticks(top)
    ]
    return _svg(18, "axis", f"scale from 0 to {top:g}", parts)


def bar(value: float | None, estimate: Estimate | None, chance: float | None, kind: str, label: str) -> Markup:
    """One bar of a funnel on a scale from 0 to 1, with its interval and a line where blind choice would end."""
    parts = [Markup('<rect class="track" width="100%" height="{}" rx="2"/>').format(BAR)]
    if value is not None:
        filled = Markup('<rect class="fill" width="{}" height="{}" rx="2"/>')
        parts.append(filled.format(_percent(value), BAR))
    if chance is not None:
        parts.append(_line(chance, chance, -2, BAR + 2, "chance"))
    if estimate is not None and estimate.low is not None and estimate.high is not None:
        parts.append(_line(estimate.low, estimate.high, BAR / 2, BAR / 2, "whisker"))
    return _svg(BAR, f"bar {kind}", label, parts)


def plane(points: Sequence[Point], label: str) -> Markup:
    """Gap closed (upwards) against tokens (rightwards), one numbered dot an arm; a line joins the front.

    Args:
        points: at least one, cheapest first.
    """
    right = max(p.tokens for p in points) * 1.08 or 1.0
    low, high = min(0.0, *(p.closed for p in points)), max(0.0, *(p.closed for p in points))
    room = 0.15 * (high - low) or 0.05
    low, high = low - room, high + room

    def across(tokens: float) -> float:
        return LEFT + (0.98 - LEFT) * tokens / right

    def down(closed: float) -> float:
        return PLANE * (high - closed) / (high - low)

    parts = [_line(LEFT, 1, y, y, "grid") for y in (0.5, PLANE - 0.5)]
    parts.append(_line(LEFT, 1, down(0), down(0), "reference"))
    tick = Markup('<text class="tick" x="{}" y="{:g}" text-anchor="{}">{}</text>')
    parts.append(tick.format(0, down(0) + 4, "start", "0"))
    for value in {min(p.closed for p in points), max(p.closed for p in points)} - {0.0}:
        if abs(down(value) - down(0)) > 14:
            parts.append(tick.format(0, down(value) + 4, "start", signed_rate_text(value)))
    front = [p for p in points if p.best]
    for a, b in zip(front, front[1:], strict=False):
        parts.append(_line(across(a.tokens), across(b.tokens), down(a.closed), down(b.closed), "front"))
    dot = Markup(
        '<svg class="dots {}" x="{}" y="{:g}" overflow="visible"><circle class="mark" r="9"/>'
        '<text class="inside" text-anchor="middle" y="4">{}</text></svg>'
    )
    for i, p in enumerate(points, 1):
        parts.append(dot.format(p.kind, _percent(across(p.tokens)), down(p.closed), i))
    for x in (0.0, right / 1.08):
        anchor = "start" if x == 0 else "end"
        parts.append(tick.format(_percent(across(x)), PLANE + 15, anchor, f"{x:,.0f}"))
    return _svg(PLANE + 18, "plane", label, parts)


def _svg(height: int, kind: str, label: str, parts: list[Markup]) -> Markup:
    whole = Markup('<svg class="{}" width="100%" height="{}" role="img" aria-label="{}" overflow="visible">{}</svg>')
    return whole.format(kind, height, label, Markup("").join(parts))


def _line(x1: float, x2: float, y1: float, y2: float, kind: str) -> Markup:
    line = Markup('<line class="{}" x1="{}" x2="{}" y1="{:g}" y2="{:g}"/>')
    return line.format(kind, _percent(x1), _percent(x2), y1, y2)


def _ticks(top: float) -> list[float]:
    """Where the grid lines stand, as shares of the scale: at most five intervals, ending at the top."""
    step = next(s for s in STEPS if top / s <= 5.01)
    count = int(top / step + 1e-9)
    places = [i * step / top for i in range(count + 1)]
    return [*places[:-1], 1.0] if abs(places[-1] - 1) < 1e-9 else places


def _percent(part: float) -> str:
    return f"{100 * part:.2f}%"
