"""The situations of a run that a reader asks for, page by page, and the steps of all variants in them.

Invariant: what is listed, counted and gone through with "next" is one list in one order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import ceil
from typing import Any
from urllib.parse import urlencode

import polars as pl

from ...errors import BadOption, UnknownName
from ..arm_rows import group_id
from .filters import FILTERS, SITUATION
from .search import TextHits
from .viewed_run import RunState

PER_PAGE = 50


@dataclass(frozen=True, slots=True)
class Place:
    """One situation of a run: a task and model, an episode and a step."""

    group: str
    task: str
    model: str
    episode: int
    step: int

    @property
    def code(self) -> str:
        """Its name in addresses."""
        return f"{self.group}-{self.episode}-{self.step}"


@dataclass(frozen=True, slots=True)
class Query:
    """What a reader asks for.

    Attributes:
        show: the name of a filter; variant: only where this one is meant; "" is any. group: code of a task and model.
        words: to be found in what agents were asked, thought or said. page: from 1. other: a second run beside it.
    """

    show: str = "all"
    variant: str = ""
    group: str = ""
    words: str = ""
    page: int = 1
    other: str = ""

    def address(self, **changes: Any) -> str:
        """The query as the end of an address; what is not asked for is left out."""
        new = replace(self, **changes)
        pairs = [("show", new.show), ("variant", new.variant), ("group", new.group), ("q", new.words)]
        pairs += [("page", str(new.page)), ("with", new.other)]
        kept = [(k, v) for k, v in pairs if v and (k, v) not in (("show", "all"), ("page", "1"))]
        return f"?{urlencode(kept)}" if kept else ""


@dataclass(frozen=True, slots=True)
class Listing:
    """The situations that a query asks for.

    Attributes:
        places: all of them, as a table by `SITUATION`, in order. steps: how many steps of variants are meant.
        marked: those steps, by variant and `SITUATION`.
    """

    query: Query
    places: pl.DataFrame
    marked: pl.DataFrame

    @property
    def pages(self) -> int:
        """How many pages they take, at least 1."""
        return max(1, ceil(self.places.height / PER_PAGE))

    def on_page(self) -> pl.DataFrame:
        """The situations of the page that is asked for."""
        return self.places.slice((self.query.page - 1) * PER_PAGE, PER_PAGE)

    def beside(self, place: Place) -> tuple[Place | None, Place | None, int | None]:
        """The situations before and after one, and its number from 1; (None, None, None) where it is not listed."""
        numbered = self.places.with_row_index("at").filter(
            task=place.task, model=place.model, episode=place.episode, step=place.step
        )
        if numbered.is_empty():
            return None, None, None
        at = int(numbered["at"][0])
        before = self._place(at - 1) if at else None
        return before, self._place(at + 1) if at + 1 < self.places.height else None, at + 1

    def all_places(self) -> Iterator[Place]:
        """Every situation, in order."""
        for row in range(self.places.height):
            yield self._place(row)

    def _place(self, row: int) -> Place:
        task, model, episode, step = self.places.row(row)
        return Place(group_id(task, model), task, model, episode, step)


def read_query(values: Any, state: RunState) -> Query:
    """A query from the parameters of an address.

    Raises:
        UnknownName: no such filter, variant, or task and model.
        BadOption: the page is no number.
    """
    query = Query(
        values.get("show") or "all",
        values.get("variant") or "",
        values.get("group") or "",
        (values.get("q") or "").strip()[:200],
        1,
        values.get("with") or "",
    )
    page = values.get("page") or "1"
    if not page.isascii() or not page.isdigit() or len(page) > 9 or not int(page):
        raise BadOption(f"there is no page {page!r}", remedy="Pages are numbered from 1.")
    for kind, name, known in (
        ("filter", query.show, list(FILTERS)),
        ("variant", query.variant, ["", *state.variants]),
        ("task and model", query.group, ["", *state.groups]),
    ):
        if name not in known:
            raise UnknownName.among(kind, name, filter(None, known))
    return replace(query, page=int(page))


def list_situations(state: RunState, query: Query, hits: TextHits | None = None) -> Listing:
    """The situations that a query asks for.

    Args:
        hits: the steps in whose texts the query's words stand; None where it has none.
    """
    meant = state.steps
    if query.group:
        task, model = state.groups[query.group]
        meant = meant.filter((pl.col("task") == task) & (pl.col("model") == model))
    if (where := FILTERS[query.show].where) is not None:
        meant = meant.filter(where)
    if query.variant:
        meant = meant.filter(pl.col("variant") == query.variant)
    if hits is not None:
        meant = meant.join(hits.steps, on=["variant", *SITUATION], how="semi")
    marked = meant.select("variant", *SITUATION)
    order = {model: n for n, (_, model) in enumerate(dict.fromkeys(state.groups.values()))}
    places = meant.select(SITUATION).unique(maintain_order=True)
    rank = pl.col("model").replace_strict(order, default=len(order), return_dtype=pl.Int64)
    return Listing(query, places.sort("task", rank, "episode", "step"), marked)
