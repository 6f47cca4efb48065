"""The importer `greedy-table`: the published table of the greedy agents (Schmied et al. 2025, 2504.16078, Fig. 5).

Its six cells, greedy, optimal and other of correct rationales and then of wrong ones, are shares of *all* steps: 58.1,
21.6, 10.6, 7.2, 0.6, 2.0. What is quoted from it as "64 % greedy" is a share of the steps with a correct rationale. As
a run, the table shows both: the joint shares as rates, and the conditionals as `greedy_given_knowing` and its like.

A file holds six numbers, with anything between them. Whole numbers are counts of steps. Shares are not: each record
then stands for a part of the steps, as fine as the finest cell. Either way the table does not say which steps belong
together, so all of them are one item, and nothing has an interval.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import partial
from pathlib import Path

from ..errors import BadOption
from .base import IMPORTERS, Intake, SourceRow
from .sources import beginning, files_of

ACTIONS = ("optimal", "greedy", "other")
COLUMNS = ("greedy", "optimal", "other")
MOST = 10_000_000  # records
_CELL = re.compile(r"[-+]?[0-9][0-9.]*(?:e[-+]?[0-9]+)?", re.IGNORECASE)
_REMEDY = (
    "Give six numbers: greedy, optimal, other of correct rationales, then of wrong ones, such as "
    "58.1 21.6 10.6 7.2 0.6 2.0."
)


@dataclass(frozen=True)
class GreedyTableImporter:
    """Six cells, correct and wrong rationales by greedy, optimal and other actions, as counts or shares."""

    def recognises(self, source: Path) -> bool:
        """Six numbers and little else."""
        head = beginning(source)
        return len(head) < 500 and len(_CELL.findall(head.decode("utf-8", "replace"))) == 6

    def read(self, source: Path, intake: Intake) -> Iterator[SourceRow]:
        """As many decisions as the cells hold steps, or parts of them."""
        intake.name = "greedy table"
        (path,) = files_of(source, (".txt", ".csv", ".json"), intake)[:1]
        cells = _cells(beginning(path).decode("utf-8", "replace"), str(path))
        finest = min((int(c.as_tuple().exponent) for c in cells), default=0)
        scale = Decimal(10) ** -min(finest, 0)
        if finest < 0:
            intake.note(
                f"the cells are shares, which add up to {sum(cells):f}: a record stands for {1 / scale:f} of them"
            )
        intake.note("the table does not say which steps belong together: it is one item, and nothing has an interval")
        counts = [int(cell * scale) for cell in cells]
        if sum(counts) > MOST:
            raise BadOption(f"the cells of {str(path)!r} are {sum(counts):,} records", remedy=f"Give at most {MOST:,}.")
        yield from _decisions(counts, path.name, intake)


def _decisions(counts: Sequence[int], name: str, intake: Intake) -> Iterator[SourceRow]:
    number = 0
    for row, half in enumerate((counts[:3], counts[3:])):
        knows = row == 0
        for action, count in zip(COLUMNS, half, strict=True):
            where = f"{name}, cell {'correct' if knows else 'wrong'} rationale and {action} action"
            for _ in range(count):
                intake.rows += 1
                step = partial(SourceRow, where, item="the table", trial=number)
                yield step(probe="rationale", done="right" if knows else "wrong", optimal=("right",))
                yield step(
                    step=1, done=action, optimal=("optimal",), greedy=("greedy",), actions=ACTIONS, form="action"
                )
                number += 1


def _cells(text: str, path: str) -> list[Decimal]:
    """The six numbers of a text."""
    found = _CELL.findall(text)
    if len(found) != 6:
        raise BadOption(f"{path!r} holds {len(found)} numbers", "the table has six cells", _REMEDY)
    try:
        cells = [Decimal(cell) for cell in found]
    except InvalidOperation:
        raise BadOption(f"a cell of {path!r} is no number", remedy=_REMEDY) from None
    if any(cell < 0 or not math.isfinite(cell) for cell in cells):
        raise BadOption(f"a cell of {path!r} is below 0", remedy=_REMEDY)
    if not sum(cells):
        raise BadOption(f"all cells of {path!r} are 0", remedy=_REMEDY)
    return cells


IMPORTERS.register("greedy-table", GreedyTableImporter)
