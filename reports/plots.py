"""A figure of a run in one line, for a notebook: it shows itself, and is saved as a file.

    result.plot("gap_closed")                        # in a notebook, the last line of a cell shows it
    result.plot("gap_closed").save("closed.png")     # .png, .svg or .pdf, by the extra `figures`

Invariants: a figure is the report's, from the same numbers; it holds every name as text, and is an SVG that stands
alone, on white, without a script and without a style that reaches beyond it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache
from html import escape
from pathlib import Path

import polars as pl
from markupsafe import Markup

from ..errors import BadOption, NotMeasured, UnknownName
from ..evals.scorecard import Scorecard
from .arm_rows import arm_rows
from .chart_svg import closed_axis, closed_row, drawn_lines, drawn_network, flips_axis, flips_row, swatch
from .charts import Chart, ChartLine
from .figure_files import draw_figure
from .figures import FIGURES, all_figures
from .html import TEMPLATES
from .svg import ROW
from .text import estimate_cell, plain_text, signed_text

WIDTH = 760  # pixels of a drawing
NAME, NUMBER = 250, 150  # of them, what the names and the numbers of a forest take
LINE = 20
OF_STEPS = ("flips", "gap", "regret", "coverage", "reliability", "risk_coverage", "frequency")


@dataclass(frozen=True)
class Plot:
    """A figure of a run.

    Attributes:
        chart: what it shows, as data. about: task and model.
        left_out: the variants that were not measured, of which nothing is drawn.
    """

    chart: Chart
    about: str
    left_out: tuple[str, ...] = ()

    def to_frame(self) -> pl.DataFrame:
        """What is drawn, a row for each point: `line`, `x`, `value` with `low` and `high`, `steps` and `items`; of
        influence, the line is "variant: who was read -> who read it".
        """
        rows = [(line.name, p.x, p.y) for line in self.chart.lines for p in line.points]
        rows += [
            (f"{n.name}: {source} -> {reader}", 0.0, e) for n in self.chart.networks for source, reader, e in n.edges
        ]
        schema = {"line": pl.String, **dict.fromkeys(("x", "value", "low", "high", "steps"), pl.Float64)}
        found = [(name, x, e.value, e.low, e.high, e.n, e.clusters) for name, x, e in rows]
        return pl.DataFrame(found, schema={**schema, "items": pl.Int64}, orient="row")

    def save(self, path: Path | str) -> Path:
        """Write it as .png, .svg or .pdf; returns the path.

        Raises:
            BadOption: another ending. MissingExtra: the extra `figures` is not installed.
            RunFolderError: the file cannot be written.
        """
        return draw_figure(self.chart, Path(path))

    def _repr_svg_(self) -> str:
        return str(_alone(_plain(self.chart), plain_text(self.about)))

    def _repr_html_(self) -> str:
        left = f" Not drawn, because it was not measured: {'; '.join(self.left_out)}." if self.left_out else ""
        words = escape(plain_text(f"{self.chart.about}{left}"))
        return f'<figure style="margin: 0">{self._repr_svg_()}<figcaption>{words}</figcaption></figure>'


def figure_of(
    card: Scorecard, name: str, steps: pl.DataFrame | None = None, task: str | None = None, model: str | None = None
) -> Plot:
    """A figure by its name, of those in `akrasia.reports.figures.FIGURES`.

    Args:
        steps: the table of the run; None where only the scorecard is at hand.
        task, model: of which; needed where the run has several.

    Raises:
        UnknownName: there is no such figure, task or model.
        BadOption: the run has several tasks or models, and none is named.
        NotMeasured: the run has no data for it.
    """
    if name not in FIGURES:
        raise UnknownName.among("figure", name, FIGURES)
    task, model = _chosen(card, task, model)
    rows = arm_rows(card, task, model)
    here = None if steps is None else steps.filter((pl.col("task") == task) & (pl.col("model") == model))
    chart = next((c for c in all_figures(rows, here) if c.key == name), None)
    if chart is None:
        remedy = "Take result.plot, which has the steps." if steps is None and name in OF_STEPS else (
            "See docs/results.md for what it takes; result.score(turns=True) reads transcripts, which influence needs."
        )  # fmt: skip
        raise NotMeasured(f"there is no figure {name!r} of {model} on {task}", "the data for it is missing", remedy)
    return Plot(chart, f"{model} on {task}", tuple(row.name for row in rows if row.arm.integrity))


def _chosen(card: Scorecard, task: str | None, model: str | None) -> tuple[str, str]:
    for kind, wanted, known in (
        ("task of this run", task, [t for t, _ in card.groups]),
        ("model of this run", model, [m for _, m in card.groups]),
    ):
        if wanted is not None and wanted not in known:
            raise UnknownName.among(kind, wanted, list(dict.fromkeys(known)))
    found = [g for g in card.groups if task in (None, g[0]) and model in (None, g[1])]
    if len(found) != 1:
        names = "; ".join(f"{m} on {t}" for t, m in found) or "none"
        raise BadOption("a figure is of one task and model", f"there are: {names}", "Name them: task=..., model=...")
    return found[0]


def _plain(chart: Chart) -> Chart:
    """The chart with names that an XML file can hold."""
    lines = tuple(replace(line, name=plain_text(line.name)) for line in chart.lines)
    networks = tuple(
        replace(n, name=plain_text(n.name), edges=tuple((plain_text(a), plain_text(b), e) for a, b, e in n.edges))
        for n in chart.networks
    )
    return replace(chart, lines=lines, networks=networks)


@cache
def _style() -> str:
    """The report's rules for drawings, for drawings within `.akrasia-plot` alone."""
    rules = re.findall(r"(svg[^{}@]*)\{([^{}]*)\}", (TEMPLATES / "report.css").read_text(encoding="utf-8"))
    kept = []
    for selectors, body in rules:
        names = [
            s.strip() for s in selectors.split(",") if s.strip().startswith("svg ") or s.strip().startswith("svg.")
        ]
        if names:
            kept.append(f"{','.join(f'.akrasia-plot {n}' for n in names)}{{{body.strip()}}}")
    colours = "--paper:#fff;--ink:#1c1e21;--soft:#5c636b;--line:#dfe2e6;--faint:#f4f5f7;--accent:#1f5fa8;--pale:#a9c3df"
    return f".akrasia-plot{{{colours};background:#fff;max-width:100%}}{''.join(kept)}"


def _alone(chart: Chart, about: str) -> Markup:
    """A whole SVG file."""
    title = f"{chart.title}, {about}"
    body, height = _body(chart)
    head = _text(0, 15, title, "font-weight:600;font-size:14px")
    whole = (
        '<svg xmlns="http://www.w3.org/2000/svg" class="akrasia-plot" width="{0}" height="{1}" viewBox="0 0 {0} {1}" '
        'role="img" aria-label="{2}" font-family="system-ui, sans-serif" fill="#1c1e21"><style>{3}</style>'
        '<rect width="100%" height="100%" fill="#fff"/><g transform="translate(10 10)">{4}'
        '<g transform="translate(0 28)">{5}</g></g></svg>'
    )
    return Markup(whole).format(WIDTH + 20, height + 48, title, Markup(_style()), head, body)


def _body(chart: Chart) -> tuple[Markup, float]:
    """(drawing, its height)."""
    if chart.shape in ("forest", "flips"):
        return _forest(chart)
    if chart.networks:
        parts = []
        for n, network in enumerate(chart.networks):
            named = _text(0, 14, network.name) + _at(0, 20, 260, 260, drawn_network(network))
            parts.append(_at(280 * (n % 2), 300 * (n // 2), 270, 290, named))
        return Markup("").join(parts), 300 * ((len(parts) + 1) // 2)
    if chart.shape == "plane":  # points against numbers of their own, each with its interval upright
        drawn = drawn_lines(chart, begin=0.0, end=max(line.points[0].x for line in chart.lines) * 1.05 or 1.0)
    else:
        drawn = drawn_lines(chart)
    names = [
        _at(0, n * LINE + 6, 20, 8, swatch(n)) + _text(26, n * LINE + 14, line.name)
        for n, line in enumerate(chart.lines)
    ]
    axes = _text(0, 236, f"{chart.y} \N{UPWARDS ARROW}, {chart.x} \N{RIGHTWARDS ARROW}", "fill:#5c636b;font-size:12px")
    legend = Markup('<g transform="translate(0 244)">{}</g>').format(Markup("").join(names))
    return _at(0, 4, WIDTH, 220, drawn) + axes + legend, 250 + LINE * len(names)


def _forest(chart: Chart) -> tuple[Markup, float]:
    flips = chart.shape == "flips"
    parts = []
    middle = WIDTH - NAME - NUMBER
    for n, line in enumerate(chart.lines):
        row = flips_row(line, chart) if flips else closed_row(line, chart)
        name = line.name if len(line.name) <= 36 else f"{line.name[:35]}\N{HORIZONTAL ELLIPSIS}"
        parts.append(_text(0, n * ROW + ROW / 2 + 4, name))
        parts.append(_at(NAME, n * ROW, middle, ROW, row))
        parts.append(_text(NAME + middle + 12, n * ROW + ROW / 2 + 4, _number(line, chart)))
    below = len(chart.lines) * ROW
    axis = flips_axis(chart) if flips else closed_axis(chart)
    return Markup("").join([*parts, _at(NAME, below, middle, 18, axis)]), below + 20


def _number(line: ChartLine, chart: Chart) -> str:
    estimate = line.points[0].y
    if chart.shape == "flips":
        return " ".join(f"{'+' if p.x > 0 else '-'}{p.y.value:.2f}" for p in line.points if p.y.value is not None)
    return str(signed_text(estimate)) if chart.low < 0 else str(estimate_cell(estimate))


def _at(x: float, y: float, width: float, height: float, drawn: Markup) -> Markup:
    """A drawing at a place, which has a size of its own, so that what it places in percent is in percent of that."""
    whole = Markup('<svg x="{:g}" y="{:g}" width="{:g}" height="{:g}" overflow="visible">{}</svg>')
    return whole.format(x, y, width, height, drawn)


def _text(x: float, y: float, text: str, style: str = "font-size:13px") -> Markup:
    return Markup('<text x="{:g}" y="{:g}" style="{}">{}</text>').format(x, y, style, text)
