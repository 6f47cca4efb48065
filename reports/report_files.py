"""The report's charts and tables as files, for a paper: PNG, SVG and PDF; CSV, Markdown and LaTeX.

Matplotlib draws: it is what most papers are drawn with, it writes all three formats without a browser or a network, and
its SVG and PDF are the same bytes for the same chart. It is an extra, since nothing else here needs it.

Invariants: every name is plain text, never a formula or markup; the same run gives the same files.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import MissingExtra
from ..evals.scorecard import Scorecard
from ..files import replacing, write_file
from .charts import Chart, charts_of
from .columns import arm_rows
from .item_charts import item_charts
from .measure_charts import measure_charts
from .page import page_of
from .page_charts import RunSteps
from .page_values import PageTable
from .text import plain_text

__all__ = ["write_report_files"]

FORMATS = ("png", "svg", "pdf")
DOTS = 200  # per inch, of PNG
_COLOURS = ("#1c1e21", "#2f7fd6", "#c4572e", "#2e9460", "#9a5fc4", "#b08a1e", "#2f9aa8", "#c45a8d")
_MARKERS = {"baseline": "D", "control": "o", "variant": "o"}
_TEX = str.maketrans({
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "%": r"\%", "#": r"\#", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "|": r"\textbar{}", "<": r"\textless{}",
    ">": r"\textgreater{}", "\N{MINUS SIGN}": "$-$", "\N{RIGHTWARDS ARROW}": r"$\to$", "\n": " ",
})  # fmt: skip


def write_report_files(card: Scorecard, experiment: Mapping[str, Any], run: RunSteps, folder: Path) -> list[Path]:
    """Write every chart and the main tables of a run into a folder.

    Returns:
        The files, by name.

    Raises:
        MissingExtra: matplotlib is not installed.
        RunFolderError: a file cannot be written; each is written whole or not at all.
    """
    written = []
    for group, (task, model) in zip(page_of(card, experiment).groups, card.groups, strict=True):
        rows = arm_rows(card, task, model)
        steps = run.of(task, model)
        for chart in (*charts_of(rows, steps), *measure_charts(rows, steps), *item_charts(rows)):
            for form in FORMATS:
                written.append(_draw(chart, folder / f"{group.code}-{chart.key}.{form}"))
        tables = {"variants": group.table, "outcomes": group.outcomes}
        if group.contrasts is not None:
            tables["contrasts"] = group.contrasts
        if group.effects is not None:
            tables["effects"] = group.effects
        for name, table in tables.items():
            for ending, text in _texts(table, f"{model} on {task}"):
                written.append(write_file(folder / f"{group.code}-{name}.{ending}", text.encode()))
    return written


def _texts(table: PageTable, about: str) -> Iterator[tuple[str, str]]:
    """(ending, text) of a table in every format."""
    head = [table.heading, *(_title(over, c.heading) for over, columns in table.overs for c in columns)]
    rows = [[line.name, *_cells(line.cells)] for line in table.lines]
    lines = io.StringIO()
    csv.writer(lines, lineterminator="\n").writerows([[plain_text(cell) for cell in row] for row in [head, *rows]])
    yield "csv", lines.getvalue()
    yield "md", _markdown([head, ["---"] * len(head), *rows])
    yield "tex", _latex(head, rows, f"{table.label}, {about}")


def _title(over: str, heading: str) -> str:
    return f"{over}: {heading}" if over else heading


def _cells(cells: Sequence[Any]) -> Iterator[str]:
    """The texts of a row; one that stands for several columns is written once, and the others are empty."""
    for spanned in cells:
        yield spanned.cell.missing or " ".join(part for part in spanned.cell.written() if part)
        yield from [""] * (spanned.span - 1)


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    def cell(text: str) -> str:
        return plain_text(text).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")

    return "".join(f"| {' | '.join(map(cell, row))} |\n" for row in rows)


def _latex(head: Sequence[str], rows: Sequence[Sequence[str]], caption: str) -> str:
    def line(cells: Sequence[str]) -> str:
        return " & ".join(plain_text(c).translate(_TEX) for c in cells) + r" \\" + "\n"

    body = "".join(map(line, rows))
    return (
        "% needs \\usepackage{booktabs}\n\\begin{table}\n"
        f"\\caption{{{plain_text(caption).translate(_TEX)}}}\n\\begin{{tabular}}{{l{'r' * (len(head) - 1)}}}\n"
        f"\\toprule\n{line(head)}\\midrule\n{body}\\bottomrule\n\\end{{tabular}}\n\\end{{table}}\n"
    )


def _draw(chart: Chart, path: Path) -> Path:
    """Draw one chart into a file, by its ending."""
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra.of("matplotlib", "figures") from error
    plain = {"text.parse_math": False, "svg.hashsalt": "akrasia", "svg.fonttype": "none", "font.size": 9}
    with mpl.rc_context(plain):
        forest = chart.shape in ("forest", "items")
        figure = Figure(figsize=(6.5, 0.6 + 0.35 * len(chart.lines)) if forest else (6.5, 3.4), layout="constrained")
        axes = figure.subplots()
        _forest(axes, chart) if forest else _lines(axes, chart)
        axes.spines[["top", "right"]].set_visible(False)
        dates = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
        form = path.suffix[1:]
        with replacing(path) as part:
            figure.savefig(part, format=form, dpi=DOTS, metadata=dates.get(form))
    return path


def _forest(axes: Any, chart: Chart) -> None:
    for place, line in enumerate(chart.lines):
        e, control = line.points[0].y, line.kind == "control"
        edge, face = ("#5c636b", "white") if control else ("#1f5fa8", "#1f5fa8")
        if e.low is not None and e.high is not None:
            axes.plot([e.low, e.high], [place, place], color=edge, lw=1.2)
        axes.plot([e.value], [place], marker=_MARKERS[line.kind], ms=5, mfc=face, mec=edge)
        for observed in line.points[1:]:
            axes.plot([observed.y.value], [place], marker="|", ms=9, color=edge)
    axes.axvline(0, color="#1c1e21", lw=0.8, ls=":")
    axes.set_yticks(range(len(chart.lines)), [plain_text(line.name) for line in chart.lines])
    axes.set_ylim(len(chart.lines) - 0.5, -0.5)
    axes.set_xlim(chart.low, chart.high)
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
