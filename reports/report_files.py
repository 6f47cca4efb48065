"""The report's charts and tables as files, for a paper: PNG, SVG and PDF; CSV, Markdown and LaTeX.

Invariants: every name is plain text, never a formula or markup; the same run gives the same files.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..evals.scorecard import Scorecard
from ..files import write_file
from .arm_rows import arm_rows
from .figure_files import FORMATS, draw_figure
from .figures import all_figures
from .page import page_of
from .page_charts import RunSteps
from .page_values import PageTable
from .text import plain_text

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
        for chart in all_figures(rows, run.of(task, model)):
            for form in FORMATS:
                written.append(draw_figure(chart, folder / f"{group.code}-{chart.key}.{form}"))
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
    head = [
        table.heading,
        *(f"{over}: {c.heading}" if over else c.heading for over, columns in table.overs for c in columns),
    ]
    rows = [[line.name, *_cells(line.cells)] for line in table.lines]
    lines = io.StringIO()
    csv.writer(lines, lineterminator="\n").writerows([[plain_text(cell) for cell in row] for row in [head, *rows]])
    yield "csv", lines.getvalue()
    yield "md", _markdown([head, ["---"] * len(head), *rows])
    yield "tex", _latex(head, rows, f"{table.label}, {about}")


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
