"""A figure as a file, for a paper: PNG, SVG or PDF.

Matplotlib draws: it is what most papers are drawn with, it writes all three formats without a browser or a network, and
its SVG and PDF are the same bytes for the same chart. It is an extra, since nothing else here needs it.

Invariant: every name is plain text, never a formula or markup.
"""

from __future__ import annotations

import warnings
from math import cos, pi, sin
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import BadOption, MissingExtra
from ..files import replacing
from .charts import Chart, Network
from .text import plain_text

FORMATS = ("png", "svg", "pdf")
DOTS = 200  # per inch, of PNG
_COLOURS = ("#1c1e21", "#2f7fd6", "#c4572e", "#2e9460", "#9a5fc4", "#b08a1e", "#2f9aa8", "#c45a8d")
_MARKERS = {"baseline": "D", "control": "o", "variant": "o"}


def draw_figure(chart: Chart, path: Path) -> Path:
    """Draw one chart into a file, by its ending: .png, .svg or .pdf.

    Raises:
        BadOption: another ending.
        MissingExtra: matplotlib is not installed.
        RunFolderError: the file cannot be written; one that was there before is kept.
    """
    form = path.suffix[1:].lower()
    if form not in FORMATS:
        raise BadOption(f"{path.name!r} is no figure", "it is written by its ending", "Choose .png, .svg or .pdf.")
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra.of("matplotlib", "figures") from error
    plain = {"text.parse_math": False, "svg.hashsalt": "akrasia", "svg.fonttype": "none", "font.size": 9}
    with mpl.rc_context(plain):
        if chart.shape == "network":
            figure = Figure(figsize=(3.4 * len(chart.networks), 3.4), layout="constrained")
            for axes, network in zip(np.ravel(figure.subplots(1, len(chart.networks))), chart.networks, strict=True):
                _network(axes, network)
        else:
            rows = chart.shape in ("forest", "items", "flips")
            figure = Figure(figsize=(6.5, 0.6 + 0.35 * len(chart.lines)) if rows else (6.5, 3.4), layout="constrained")
            axes = figure.subplots()
            _DRAWN.get(chart.shape, _lines)(axes, chart)
            axes.spines[["top", "right"]].set_visible(False)
        dates = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
        with replacing(path) as part, warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing")  # of a name: a box stands for it
            figure.savefig(part, format=form, dpi=DOTS, metadata=dates.get(form))
    return path


def _forest(axes: Any, chart: Chart) -> None:
    for place, line in enumerate(chart.lines):
        e, control = line.points[0].y, line.kind == "control"
        edge, face = ("#5c636b", "white") if control else ("#1f5fa8", "#1f5fa8")
        if e.low is not None and e.high is not None:
            axes.plot([e.low, e.high], [place, place], color=edge, lw=1.2)
        axes.plot([e.value], [place], marker="o", ms=5, mfc=face, mec=edge)
        for observed in line.points[1:]:
            axes.plot([observed.y.value], [place], marker="|", ms=9, color=edge)
    _rows(axes, chart)
    axes.set_xlabel(chart.x)


def _lines(axes: Any, chart: Chart) -> None:
    for number, line in enumerate(chart.lines):
        points = [p for p in line.points if p.y.value is not None]
        aside = 0.0 if chart.shape == "reliability" else 0.02 * (number - (len(chart.lines) - 1) / 2)
        colour = _COLOURS[number % len(_COLOURS)]
        xs = [p.x + aside for p in points]
        axes.plot(xs, [p.y.value for p in points], color=colour, lw=1.3, marker=_MARKERS[line.kind], ms=3.5,
                  label=plain_text(line.name))  # fmt: skip
        for x, p in zip(xs, points, strict=True):
            if p.y.low is not None and p.y.high is not None:
                axes.plot([x, x], [p.y.low, p.y.high], color=colour, lw=0.8, alpha=0.6)
    if chart.shape == "reliability":
        axes.plot([0, 1], [0, 1], color="#1c1e21", lw=0.8, ls=":")
        axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(chart.low - 0.02 * (chart.high - chart.low), chart.high * 1.02)
    axes.set_xlabel(chart.x)
    axes.set_ylabel(chart.y)
    axes.legend(fontsize=7, frameon=False, ncols=2)


def _rows(axes: Any, chart: Chart) -> None:
    axes.axvline(0, color="#1c1e21", lw=0.8, ls=":")
    axes.set_yticks(range(len(chart.lines)), [plain_text(line.name) for line in chart.lines])
    axes.set_ylim(len(chart.lines) - 0.5, -0.5)
    axes.set_xlim(chart.low, chart.high)


def _flips(axes: Any, chart: Chart) -> None:
    for place, line in enumerate(chart.lines):
        for p in line.points:
            if p.y.value is None:
                continue
            axes.barh([place], [p.x * p.y.value], height=0.5, color="#2e9460" if p.x > 0 else "#c4572e")
            if p.y.low is not None and p.y.high is not None:
                axes.plot([p.x * p.y.low, p.x * p.y.high], [place, place], color="#1c1e21", lw=1)
    _rows(axes, chart)
    axes.xaxis.set_major_formatter(lambda value, _: f"{abs(value):g}")
    axes.set_xlabel("right to wrong | wrong to right, share of situations")


def _plane(axes: Any, chart: Chart) -> None:
    for number, line in enumerate(chart.lines):
        (p,), colour = line.points, _COLOURS[number % len(_COLOURS)]
        if p.y.low is not None and p.y.high is not None:
            axes.plot([p.x, p.x], [p.y.low, p.y.high], color=colour, lw=0.9, alpha=0.7)
        face = "white" if line.kind == "control" else colour
        look = {"marker": _MARKERS[line.kind], "color": colour, "mfc": face, "ls": "", "ms": 5}
        axes.plot([p.x], [p.y.value], label=plain_text(line.name), **look)
    axes.axhline(0, color="#1c1e21", lw=0.8, ls=":")
    axes.set_xlim(left=0)
    axes.set_xlabel(chart.x)
    axes.set_ylabel(chart.y)
    axes.legend(fontsize=7, frameon=False)


def _network(axes: Any, network: Network) -> None:
    names = network.speakers
    turn = 2 * pi / len(names)
    places = {name: (sin(i * turn), cos(i * turn)) for i, name in enumerate(names)}
    for source, reader, moved in network.edges:
        share = moved.value
        look = {"arrowstyle": "-|>", "connectionstyle": "arc3,rad=0.2", "shrinkA": 14, "shrinkB": 14}
        style = {"color": "#1f5fa8", "lw": 0.8 + 3 * share} if share is not None else {"color": "#5c636b", "ls": "--"}
        axes.annotate("", places[reader], places[source], arrowprops=look | style)
        if share is not None:
            (x1, y1), (x2, y2) = places[source], places[reader]
            x, y = x1 + 0.62 * (x2 - x1) - 0.19 * (y1 - y2), y1 + 0.62 * (y2 - y1) - 0.19 * (x2 - x1)
            axes.text(x, y, f"{share:.2f}", fontsize=7, ha="center", va="center")
    for name, (x, y) in places.items():
        axes.plot([x], [y], marker="o", ms=14, mfc="#f4f5f7", mec="#1c1e21")
        axes.text(x, y + (0.24 if y > -0.01 else -0.24), plain_text(name), fontsize=8, ha="center", va="center")
    axes.set_title(plain_text(network.name), fontsize=9)
    axes.set_xlim(-1.5, 1.5)
    axes.set_ylim(-1.5, 1.5)
    axes.set_aspect("equal")
    axes.axis("off")


_DRAWN = {"forest": _forest, "items": _forest, "flips": _flips, "plane": _plane}
