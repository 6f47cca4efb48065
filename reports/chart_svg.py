"""Charts drawn as inline SVG, as `svg.py` draws: places across in percent, places down in pixels, colours by class."""

from __future__ import annotations

from collections.abc import Callable
from math import cos, hypot, pi, sin

from markupsafe import Markup

from .charts import Chart, ChartLine, Network, Strip
from .svg import ROW, drawing, ended_line, line_at, mark_at, percent, scale
from .text import rate_text, signed_rate_text, tick_text

Place = Callable[[float], float]
HEIGHT = 200
LEFT, RIGHT = 0.11, 0.96
ASIDE = 0.006  # share of the width by which lines stand aside, so that no interval covers another
CELL = 14
COLOURS = 8
SIDE, DISC = 260, 15  # pixels of the drawing of a network, and of an agent in it
_WORDS = {
    "b": "knows and does", "g": "knows and does not", "d": "does and does not know", "n": "neither",
    "D": "does, nobody was asked", "N": "does not, nobody was asked", "x": "no legal action", " ": "not decided",
}  # fmt: skip


def closed_row(line: ChartLine, chart: Chart) -> Markup:
    """One row of the forest of gap closed; 0 stands in the middle."""
    estimate, at = line.points[0].y, chart.place
    parts = [line_at(at(0), at(0), 0, ROW, "reference")]
    if estimate.low is not None and estimate.high is not None:
        parts += ended_line(at(estimate.low), at(estimate.high))
    if estimate.value is not None:
        parts.append(mark_at(at(estimate.value), line.kind))
    value = "not measured" if estimate.value is None else signed_rate_text(estimate.value)
    return drawing(ROW, f"dots {line.kind}", f"{line.name}: gap closed {value}", parts)


def closed_axis(chart: Chart) -> Markup:
    """The scale under the forest."""
    ends = [(0.0, "start", chart.low), (0.5, "middle", (chart.low + chart.high) / 2), (1.0, "end", chart.high)]
    written = signed_rate_text if chart.low < 0 else tick_text
    marks = [(x, anchor, written(v) if v else "0") for x, anchor, v in ends]
    return scale(marks, f"from {chart.low:g} to {chart.high:g}")


def flips_row(line: ChartLine, chart: Chart) -> Markup:
    """One row of flips: a bar to the right for what turned right, one to the left for what turned wrong."""
    at, middle, parts, told = chart.place, ROW / 2, [], []
    for point in line.points:
        e, gained = point.y, point.x > 0
        if e.value is None:
            continue
        ends = sorted((at(0), at(point.x * e.value)))
        bar = Markup('<rect class="{}" x="{}" width="{}" y="{:g}" height="14"/>')
        kind = "gained" if gained else "spoiled"
        parts.append(bar.format(kind, percent(ends[0]), percent(ends[1] - ends[0]), middle - 7))
        if e.low is not None and e.high is not None:
            low, high = at(point.x * e.low), at(point.x * e.high)
            parts.append(line_at(low, high, middle, middle, "whisker"))
        told.append(f"{rate_text(e.value)} {'wrong to right' if gained else 'right to wrong'}")
    parts.append(line_at(at(0), at(0), 0, ROW, "reference"))
    return drawing(ROW, f"flips {line.kind}", f"{line.name}: {', '.join(told) or 'not measured'}", parts)


def flips_axis(chart: Chart) -> Markup:
    """The scale under the flips: shares grow to both sides."""
    ends = tick_text(chart.high)
    marks = [(0.0, "start", f"{ends} \N{LEFTWARDS ARROW} right to wrong"), (0.5, "middle", "0")]
    marks.append((1.0, "end", f"wrong to right \N{RIGHTWARDS ARROW} {ends}"))
    return scale(marks, f"to {chart.high:g} on both sides")


def swatch(number: int) -> Markup:
    """The sign of a line in a legend."""
    return Markup(
        '<svg class="lines" width="18" height="8"><line class="{}" x1="0" x2="18" y1="4" y2="4"/></svg>'
    ).format(_look(number))


def _look(number: int) -> str:
    """The class of a line; after eight colours they are dashed."""
    return f"l{number % COLOURS}" + (" dashed" if number >= COLOURS else "")


def drawn_lines(chart: Chart, begin: float | None = None, end: float | None = None) -> Markup:
    """Lines against steps, or the points of a reliability diagram, with their intervals.

    Args:
        begin, end: of the axis below, where these are not the ends of what is drawn.
    """
    xs = [p.x for line in chart.lines for p in line.points]
    if begin is None or end is None:
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
    elif chart.shape == "plane":
        parts.append(line_at(LEFT, RIGHT, down(0), down(0), "reference"))
    for number, line in enumerate(chart.lines):
        aside = 0.0 if chart.shape in ("reliability", "plane") else ASIDE * (number - (len(chart.lines) - 1) / 2)
        parts += _line(line, number, lambda x, aside=aside: across(x) + aside, down)  # type: ignore[misc]
    label = Markup('<text class="tick" x="{}" y="{}" text-anchor="{}">{}</text>')
    for x, anchor in ((begin, "start"), (end, "end")):
        parts.append(label.format(percent(across(x)), HEIGHT + 12, anchor, f"{x:g}" if x < 1000 else f"{x:,.0f}"))
    said = []
    for line in chart.lines:
        values = (f"{p.x:g} {rate_text(p.y.value)}" for p in line.points if p.y.value is not None)
        said.append(f"{line.name}: {', '.join(values)}")
    return drawing(HEIGHT + 16, "lines", f"{chart.title}. {'; '.join(said)}", parts)


def _line(line: ChartLine, number: int, across: Place, down: Place) -> list[Markup]:
    """A line with its points; `across` and `down` place values."""
    points = [(p.x, p.y.value, p.y) for p in line.points if p.y.value is not None]
    parts = []
    for (x1, y1, _), (x2, y2, _) in zip(points, points[1:], strict=False):
        parts.append(line_at(across(x1), across(x2), down(y1), down(y2), _look(number)))
    dot = Markup('<circle class="{}" cx="{}" cy="{:g}" r="3"/>')
    for x, y, e in points:
        if e.low is not None and e.high is not None:
            parts.append(line_at(across(x), across(x), down(e.low), down(e.high), f"l{number % COLOURS} span"))
        parts.append(dot.format(_look(number), percent(across(x)), down(y)))
    return parts


def drawn_strip(letters: str, strip: Strip, name: str, address: Callable[[int, int], str] | None = None) -> Markup:
    """One row of a strip: a box for every situation.

    Args:
        address: where a situation is shown, by episode and step; a box that is not empty leads there.
    """
    share = 1 / max(1, len(letters))
    box = Markup('<rect class="s{}" x="{}" width="{}" height="{}"><title>{}</title></rect>')
    leading = Markup('<a href="{}" tabindex="-1" aria-label="{}">{}</a>')
    parts = []
    for n, ((episode, step), letter) in enumerate(zip(strip.places, letters, strict=True)):
        css, told = "z" if letter == " " else letter, f"{episode}.{step}: {_WORDS[letter]}"
        part = box.format(css, percent(n * share), percent(share * 0.9), CELL, told)
        parts.append(part if address is None or css == "z" else leading.format(address(episode, step), told, part))
    counts = ", ".join(f"{letters.count(k)} {words}" for k, words in _WORDS.items() if k in letters)
    return drawing(CELL, "strip", f"{name}: {counts}", parts, "img" if address is None else "group")


def drawn_network(network: Network) -> Markup:
    """Agents on a circle, and an arrow from each that was read to each that it may have moved."""
    names = network.speakers
    middle, radius = SIDE / 2, SIDE / 2 - DISC - 28
    turn = 2 * pi / max(1, len(names))
    places = {n: (middle + radius * sin(i * turn), middle - radius * cos(i * turn)) for i, n in enumerate(names)}
    parts, told = [], []
    for source, reader, moved in network.edges:
        parts += _arrow(places[source], places[reader], moved.value)
        share = "nothing to be moved by" if moved.value is None else rate_text(moved.value)
        told.append(f"{source} moves {reader}: {share}")
    disc = Markup('<circle class="disc" cx="{:.1f}" cy="{:.1f}" r="{}"/>')
    text = Markup('<text class="{}" x="{:.1f}" y="{:.1f}" text-anchor="middle">{}</text>')
    for n, (name, (x, y)) in enumerate(places.items(), 1):
        parts += [disc.format(x, y, DISC), text.format("who", x, y + 4, str(n))]
        below = y > middle + 1
        parts.append(
            text.format("tick", min(max(x, 40), SIDE - 40), y + (DISC + 14 if below else -DISC - 5), name[:24])
        )
    label = f"{network.name}. {'; '.join(told)}"
    whole = '<svg class="network" width="{0}" height="{0}" viewBox="0 0 {0} {0}" role="img" aria-label="{1}">{2}</svg>'
    return Markup(whole).format(SIDE, label, Markup("").join(parts))


def _arrow(start: tuple[float, float], end: tuple[float, float], share: float | None) -> list[Markup]:
    """A bent arrow, so that the one back stands beside it; its share stands near its head."""
    (x1, y1), (x2, y2) = start, end
    length = hypot(x2 - x1, y2 - y1) or 1.0
    along, across = ((x2 - x1) / length, (y2 - y1) / length), (-(y2 - y1) / length, (x2 - x1) / length)
    bend = 0.14 * length
    mx, my = (x1 + x2) / 2 + bend * across[0], (y1 + y2) / 2 + bend * across[1]
    gap = DISC + 3
    tx, ty = x2 - mx, y2 - my
    reach = hypot(tx, ty) or 1.0
    ex, ey = x2 - gap * tx / reach, y2 - gap * ty / reach
    sx, sy = x1 + gap * (mx - x1) / reach, y1 + gap * (my - y1) / reach
    width = 1.0 if share is None else 1.0 + 5 * share
    css = "edge none" if share is None else "edge"
    path = Markup('<path class="{}" stroke-width="{:.1f}" d="M{:.1f} {:.1f}Q{:.1f} {:.1f} {:.1f} {:.1f}"/>')
    hx, hy = tx / reach, ty / reach
    size = 5 + width / 2
    left, right = (ex - size * hx - size * 0.6 * hy, ey - size * hy + size * 0.6 * hx), (
        ex - size * hx + size * 0.6 * hy, ey - size * hy - size * 0.6 * hx,
    )  # fmt: skip
    head = Markup('<path class="head" d="M{:.1f} {:.1f}L{:.1f} {:.1f} {:.1f} {:.1f}z"/>')
    parts = [path.format(css, width, sx, sy, mx, my, ex - 4 * hx, ey - 4 * hy), head.format(ex, ey, *left, *right)]
    if share is not None:
        lx, ly = x1 + 0.62 * length * along[0] + (bend * 0.9 + 10) * across[0], y1 + 0.62 * length * along[1]
        number = Markup('<text class="share" x="{:.1f}" y="{:.1f}" text-anchor="middle">{}</text>')
        parts.append(number.format(lx, ly + (bend * 0.9 + 10) * across[1] + 4, rate_text(share)))
    return parts
