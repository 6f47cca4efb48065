"""Charts drawn as inline SVG, as `svg.py` draws: places across in percent, places down in pixels, colours by class."""

from __future__ import annotations

from collections.abc import Callable

from markupsafe import Markup

from .charts import Chart, ChartLine, Strip
from .svg import MARKS, ROW, drawing, line_at, percent
from .text import rate_text, signed_rate_text, tick_text

__all__ = ["closed_axis", "closed_row", "drawn_lines", "drawn_strip", "swatch"]

Place = Callable[[float], float]
HEIGHT = 200
LEFT, RIGHT = 0.11, 0.96
ASIDE = 0.006  # share of the width by which lines stand aside, so that no interval covers another
CELL = 14
_WORDS = {
    "b": "knows and does", "g": "knows and does not", "d": "does and does not know", "n": "neither",
    "D": "does, nobody was asked", "N": "does not, nobody was asked", "x": "no legal action", " ": "not decided",
}  # fmt: skip


def closed_row(line: ChartLine, chart: Chart) -> Markup:
    """One row of the forest of gap closed; 0 stands in the middle."""

    def at(value: float) -> float:
        return min(1.0, max(0.0, (value - chart.low) / (chart.high - chart.low)))

    estimate, middle = line.points[0].y, ROW / 2
    parts = [line_at(at(0), at(0), 0, ROW, "reference")]
    if estimate.low is not None and estimate.high is not None:
        low, high = at(estimate.low), at(estimate.high)
        parts.append(line_at(low, high, middle, middle, "whisker"))
        parts += [line_at(x, x, middle - 4, middle + 4, "whisker") for x in (low, high)]
    if estimate.value is not None:
        mark = Markup('<svg x="{}" y="{}" overflow="visible">{}</svg>')
        parts.append(mark.format(percent(at(estimate.value)), middle, MARKS[line.kind]))
    value = "not measured" if estimate.value is None else signed_rate_text(estimate.value)
    return drawing(ROW, f"dots {line.kind}", f"{line.name}: gap closed {value}", parts)


def closed_axis(chart: Chart) -> Markup:
    """The scale under the forest."""
    texts = [(0.0, "start", chart.low), (0.5, "middle", 0.0), (1.0, "end", chart.high)]
    tick = Markup('<text class="tick" x="{}" y="14" text-anchor="{}">{}</text>')
    parts = [tick.format(percent(x), anchor, signed_rate_text(v) if v else "0") for x, anchor, v in texts]
    return drawing(18, "axis", f"scale from {chart.low:g} to {chart.high:g}", parts)


def swatch(number: int) -> Markup:
    """The sign of a line in a legend."""
    return Markup(
        '<svg class="lines" width="18" height="8"><line class="l{}" x1="0" x2="18" y1="4" y2="4"/></svg>'
    ).format(number)


def drawn_lines(chart: Chart) -> Markup:
    """Lines against steps, or the points of a reliability diagram, with their intervals."""
    xs = [p.x for line in chart.lines for p in line.points]
    begin, end = (0.0, 1.0) if chart.shape == "reliability" else (min(xs), max(xs))
    width = (end - begin) or 1.0

    def across(x: float) -> float:
        return LEFT + (RIGHT - LEFT) * (x - begin) / width

    def down(y: float) -> float:
        return HEIGHT - 6 - (HEIGHT - 12) * (min(max(y, chart.low), chart.high) - chart.low) / (chart.high - chart.low)

    parts = []
    for share in (0.0, 0.5, 1.0):
        value = chart.low + share * (chart.high - chart.low)
        parts.append(line_at(LEFT, RIGHT, down(value), down(value), "grid"))
        tick = Markup('<text class="tick" x="0" y="{:g}">{}</text>')
        parts.append(tick.format(down(value) + 4, tick_text(value)))
    if chart.shape == "reliability":
        parts.append(line_at(across(0), across(1), down(0), down(1), "reference"))
    for number, line in enumerate(chart.lines):
        aside = 0.0 if chart.shape == "reliability" else ASIDE * (number - (len(chart.lines) - 1) / 2)
        parts += _line(line, number, lambda x, aside=aside: across(x) + aside, down)  # type: ignore[misc]
    label = Markup('<text class="tick" x="{}" y="{}" text-anchor="{}">{}</text>')
    for x, anchor in ((begin, "start"), (end, "end")):
        parts.append(label.format(percent(across(x)), HEIGHT + 12, anchor, f"{x:g}"))
    said = "; ".join(f"{line.name}: {_told(line)}" for line in chart.lines)
    return drawing(HEIGHT + 16, "lines", f"{chart.title}. {said}", parts)


def _line(line: ChartLine, number: int, across: Place, down: Place) -> list[Markup]:
    """A line with its points; `across` and `down` place values."""
    points = [(p.x, p.y.value, p.y) for p in line.points if p.y.value is not None]
    parts = []
    for (x1, y1, _), (x2, y2, _) in zip(points, points[1:], strict=False):
        parts.append(line_at(across(x1), across(x2), down(y1), down(y2), f"l{number}"))
    dot = Markup('<circle class="l{}" cx="{}" cy="{:g}" r="3"/>')
    for x, y, e in points:
        if e.low is not None and e.high is not None:
            parts.append(line_at(across(x), across(x), down(e.low), down(e.high), f"l{number} span"))
        parts.append(dot.format(number, percent(across(x)), down(y)))
    return parts


def _told(line: ChartLine) -> str:
    return ", ".join(f"{p.x:g} {rate_text(p.y.value)}" for p in line.points if p.y.value is not None)


def drawn_strip(letters: str, strip: Strip, name: str) -> Markup:
    """One row of a strip: a box for every situation."""
    share = 1 / max(1, len(letters))
    box = Markup('<rect class="s{}" x="{}" width="{}" height="{}"><title>{}</title></rect>')
    parts = [
        box.format(
            "z" if letter == " " else letter,
            percent(n * share),
            percent(share * 0.9),
            CELL,
            f"{place}: {_WORDS[letter]}",
        )
        for n, (place, letter) in enumerate(zip(strip.places, letters, strict=True))
    ]
    counts = ", ".join(f"{letters.count(k)} {words}" for k, words in _WORDS.items() if k in letters)
    return drawing(CELL, "strip", f"{name}: {counts}", parts)
