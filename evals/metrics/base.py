"""What a metric is: a function of a table to an estimate, most often a ratio of sums over items.

A metric says which table it reads:
    steps   the records of one variant (`akrasia.evals.step_table`); the default
    turns   the turns of one variant (`akrasia.evals.turns`): who changed, and who had read whom
    pairs   one row per situation that a variant and its baseline both decided; the baseline's columns end in `_base`
    trials  one row per decision that was drawn several times (`akrasia.evals.trials`)

All of them are in one registry, `METRICS`. Write your own as
`Metric(name, title, "share", "source", num=pl.col("knows"), den=pl.lit(True))`, or as any function
`(polars.DataFrame) -> Estimate` with an attribute `of` where it does not read steps; register either with
`METRICS.register(name, lambda: metric)`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, update_wrapper
from typing import Any, Concatenate, Literal, ParamSpec, Protocol, TypeVar, get_args
from weakref import ReferenceType, ref

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ...errors import BadOption
from ...registry import Registry
from ..inference import Array, Bounds, Estimate, Interval, bounds, estimate

Table = Literal["steps", "turns", "pairs", "trials"]
TABLES: tuple[Table, ...] = get_args(Table)
CLUSTER = ["task", "model", "item"]
_EPISODE = ["task", "model", "episode"]
ANYWHERE = (-np.inf, np.inf)
RANGES = {
    "share": (0.0, 1.0),
    "correlation": (-1.0, 1.0),
    "consistency": (-1.0, 1.0),
    **dict.fromkeys(("actions", "calls", "ratio", "seconds", "tokens", "US dollars"), (0.0, np.inf)),
}
"""What a metric of a unit can be; its interval does not leave that."""


@dataclass(frozen=True)
class Metric:
    """A ratio of sums: sum(num) / sum(den) over the rows of its table, with the item as the cluster.

    Args:
        name: registered name.
        title: heading in tables.
        unit: "share", "difference", "score", "consistency", "variance", "ratio", "actions", "reward", "tokens", "calls"
            or "US dollars".
        source: definition or paper.
        num, den: polars expressions over the columns of the table.
        why: what is said where the denominator is 0 everywhere.
        of: which table it reads, see above.
        missing: rows of which it is not known whether they belong to the denominator, or to the numerator, such as
            steps with an answer that cannot be read; `pl.lit(False)` if there are none. `bounds` says what they could
            have changed. By default the metric does not say, and has no bounds.
        per: "step" sums the expressions over rows; "episode" takes them at the last step of each episode; "play" are
            expressions over all steps of an episode, in order, such as `pl.col("regret").sum()`.
        view: made of the table first, such as one row per edge of a debate.
    """

    name: str
    title: str
    unit: str
    source: str
    num: pl.Expr
    den: pl.Expr
    why: str = "no step to measure it on"
    of: Table = "steps"
    per: str = "step"
    view: Callable[[pl.DataFrame], pl.DataFrame] | None = None
    missing: pl.Expr | None = None

    def __call__(self, table: pl.DataFrame, interval: Interval = "robust") -> Estimate:
        made = _sums_made_together(table).get(id(self))
        if made is None:
            result = estimate_of(self.sums(table), self.name, self.unit == "share", interval)
        else:
            result = estimate(*made, self.name, self.unit == "share", interval)
        return Estimate(None, why=self.why) if result.value is None else _within(result, self.unit)

    @property
    def columns(self) -> set[str]:
        """The columns that numerator and denominator read."""
        return {*self.num.meta.root_names(), *self.den.meta.root_names()}

    def sums(self, table: pl.DataFrame) -> pl.DataFrame:
        """Per item: its columns `num` and `den`, in the order in which the episodes take the items up."""
        return per_item(self.episode_sums(table))

    def episode_sums(self, table: pl.DataFrame) -> pl.DataFrame:
        """Per episode: `num` and `den`, with its item, in the order of task, model and episode."""
        return once_if_short(table, self._episode_sums)

    def _episode_sums(self, table: pl.DataFrame) -> pl.DataFrame:
        if self.view is not None:
            table = once_if_short(table, self.view)
        if self.per == "play":
            names = {*_EPISODE, "item", "step", *self.columns}
            steps = table.select(name for name in table.columns if name in names).sort("step")
            item = [] if "item" in self.columns else [pl.col("item").first()]
            whole = steps.group_by(_EPISODE, maintain_order=True).agg(*item, num=self.num, den=self.den)
            return whole.with_columns(pl.col("num", "den").cast(pl.Float64).fill_null(0.0)).sort(_EPISODE)
        if self.per == "episode":
            parts = table.select(*_EPISODE, "item", "step", *self._values).sort("step")
            parts = parts.group_by(_EPISODE, maintain_order=True).last().drop("step")
            return _Episodes.of(parts).sums(parts)
        return _episodes_of(table).sums(table.select("episode", *self._values))

    @cached_property
    def _values(self) -> list[pl.Expr]:
        """Numerator and denominator of a row, as numbers."""
        parts = {"num": self.num, "den": self.den}
        return [e.cast(pl.Float64).fill_null(0.0).alias(name) for name, e in parts.items()]

    @property
    def bounded(self) -> bool:
        """Whether it has bounds: it is a share of steps, and says which of them are missing."""
        return self.missing is not None and self.unit == "share" and self.per == "step" and self.view is None

    def bounds(self, table: pl.DataFrame, interval: Interval = "robust") -> Bounds | None:
        """What missing outcomes could have made of the estimate; None where none is missing, or it has no bounds."""
        if not self.bounded or not table.select(self.missing).to_series().any():
            return None
        counts = self.counts(table)
        return bounds((_array(counts, "num"), _array(counts, "den"), _array(counts, "missing")), self.name, interval)

    def counts(self, table: pl.DataFrame) -> pl.DataFrame:
        """Per item: `num` (known to be 1), `den` (all steps) and `missing` (outcome not known)."""
        return per_item(self.episode_counts(table))

    def episode_counts(self, table: pl.DataFrame) -> pl.DataFrame:
        """The same per episode, with its item, in the order of task, model and episode."""
        missing = pl.lit(False) if self.missing is None else self.missing.fill_null(False)
        den = self.den.cast(pl.Boolean).fill_null(False) | missing
        known = self.num.cast(pl.Boolean).fill_null(False) & den & ~missing
        columns = {"num": known, "den": den, "missing": missing}
        floats = {name: e.cast(pl.Float64) for name, e in columns.items()}
        return _episodes_of(table).sums(table.select("episode", **floats))


FEW_METRICS = 8
SHORT = 10_000  # rows up to which all sums over them are made at once
METRICS: Registry[Any] = Registry("metric", "akrasia.metrics")


class _Named(Protocol):
    @property
    def name(self) -> str: ...


M = TypeVar("M", bound=_Named)


def register_metric(made: M) -> M:
    """Register a metric under its own name."""
    METRICS.register(made.name, lambda: made)
    return made


def metric(
    name: str, title: str, num: pl.Expr, den: pl.Expr, unit: str = "share", source: str = "", **more: Any
) -> Metric:
    """Define a ratio of sums and register it; `more` are further arguments of `Metric`."""
    return register_metric(Metric(name, title, unit, source, num, den, **more))


def share_metric(name: str, title: str, source: str, num: pl.Expr, den: pl.Expr, why: str, **more: Any) -> Metric:
    """Define P(num | den) and register it; what is null counts as false, and `more` is as for `metric`."""
    known = den.fill_null(False)
    return metric(name, title, num.fill_null(False) & known, known, source=source, why=why, **more)


def table_read(made: Any) -> Table:
    """Which table a metric reads; a plain function, and a user's evaluator, read steps."""
    of = getattr(made, "of", "steps")
    return of if of in TABLES else "steps"


def ratio_metric(name: str, what: str, known: Sequence[str]) -> Metric:
    """The metric of this name, where it is a ratio over the steps of episodes.

    Args:
        what: what cannot be made of any other, as in "has no two-way table"; known: metrics that are fit for it.

    Raises:
        UnknownName: there is no such metric.
        BadOption: it is no such ratio.
    """
    made = METRICS.make(name)
    if not isinstance(made, Metric) or made.of != "steps":
        raise BadOption(
            f"the metric {name!r} {what}",
            "it is no ratio of sums" if table_read(made) == "steps" else f"it reads {table_read(made)}, not steps",
            f"Use others, such as {', '.join(known)}.",
        )
    return made


def _within(result: Estimate, unit: str) -> Estimate:
    low, high = RANGES.get(unit, ANYWHERE)
    if result.value is None or result.low is None or result.high is None or not low <= result.value <= high:
        return result
    return replace(result, low=max(result.low, low), high=min(result.high, high))


def per_item(sums: pl.DataFrame) -> pl.DataFrame:
    """Sums per episode added up per item; `episode` is then the first of the item's."""
    if sums["task"].n_unique() == sums["model"].n_unique() == 1 and sums["item"].n_unique() == sums.height:
        return sums
    totals = [pl.col(c).sum() for c in sums.columns if c not in (*CLUSTER, "episode")]
    return sums.group_by(CLUSTER, maintain_order=True).agg(pl.col("episode").min(), *totals)


@dataclass(frozen=True, eq=False)
class _Episodes:
    """Which rows of a table are which episode.

    In a stored run the rows of an episode lie together: runs of equal episodes are summed first, which is all there is
    to do where no episode comes twice; otherwise what is left is small.

    Attributes:
        rows: of the table; starts: the first row of each run.
        keys: task, model, episode and item of each run.
        in_order: whether the runs are the episodes, in the order of task, model and episode.
    """

    rows: int
    starts: NDArray[np.intp]
    keys: pl.DataFrame
    in_order: bool

    @classmethod
    def of(cls, table: pl.DataFrame) -> _Episodes:
        keys = table.select(*_EPISODE, "item")
        another = pl.any_horizontal(pl.col(c).ne_missing(pl.col(c).shift()) for c in _EPISODE)
        starts = keys.select(another.arg_true()).to_series().to_numpy().astype(np.intp)
        first = keys[starts]
        alone = first["task"].n_unique() <= 1 and first["model"].n_unique() <= 1
        return cls(table.height, starts, first, alone and first["episode"].is_sorted())

    def sums(self, values: pl.DataFrame) -> pl.DataFrame:
        """Every value of the table's rows summed per episode, beside the episode and its item, in order."""
        columns = [c for c in values.iter_columns() if c.name not in self.keys.columns]
        if not len(self.starts):
            return self.keys.hstack(columns)
        sums = self.keys.hstack([pl.Series(c.name, np.add.reduceat(c.to_numpy(), self.starts)) for c in columns])
        return sums if self.in_order else sums.group_by(*_EPISODE, "item").sum().sort(_EPISODE)


P = ParamSpec("P")
V = TypeVar("V")


def once_per_table(
    made_of: Callable[Concatenate[pl.DataFrame, P], V],
) -> Callable[Concatenate[pl.DataFrame, P], V]:
    """The function, computed once for each table that is in use: many metrics read one table.

    Its further arguments must be hashable and given by place.
    """
    known: dict[tuple[Any, ...], tuple[ReferenceType[pl.DataFrame], int, V]] = {}

    def remembered(table: pl.DataFrame, /, *args: P.args, **kwargs: P.kwargs) -> V:
        place = (id(table), *args)
        found = known.get(place)
        if found is not None and found[0]() is table and found[1] == table.height:
            return found[2]
        made = made_of(table, *args, **kwargs)
        if made is not table:  # which would keep itself alive
            known[place] = ref(table, lambda _: known.pop(place, None)), table.height, made
        return made

    update_wrapper(remembered, made_of)
    return remembered


_episodes_of = once_per_table(_Episodes.of)


@once_per_table
def _view_of(table: pl.DataFrame, view: Callable[[pl.DataFrame], pl.DataFrame]) -> pl.DataFrame:
    return view(table)


def once_if_short(table: pl.DataFrame, view: Callable[[pl.DataFrame], pl.DataFrame]) -> pl.DataFrame:
    """What a function makes of a table: kept while the table is in use, unless that takes much memory."""
    return _view_of(table, view) if table.height <= SHORT else view(table)


@once_per_table
def _times_read(table: pl.DataFrame) -> list[int]:
    return [0]


def _sums_made_together(table: pl.DataFrame) -> dict[int, tuple[Array, Array]]:
    """`_step_sums` of a table that many metrics read; a part that few read is not worth all of them."""
    times = _times_read(table)
    times[0] += 1
    return _step_sums(table) if times[0] > FEW_METRICS else {}


@once_per_table
def _step_sums(table: pl.DataFrame) -> dict[int, tuple[Array, Array]]:
    """Numerators and denominators per item of the registered metrics over steps, by the metric's `id`, made together.

    Asking polars for each costs more than the sums do where the table is short. Where it is long, where an item has
    several episodes or where one of the metrics fails, each is asked for by itself, and this is empty.
    """
    if not 0 < table.height <= SHORT:
        return {}
    episodes = _episodes_of(table)
    if not episodes.in_order or episodes.keys["item"].n_unique() != len(episodes.starts):
        return {}
    known, made = set(table.columns), [METRICS.factory(name)() for name in METRICS.names()]
    plain = [m for m in made if isinstance(m, Metric) and m.per == "step" and m.view is None and m.columns <= known]
    values = [e.alias(f"{e.meta.output_name()} {i}") for i, m in enumerate(plain) for e in m._values]
    try:
        each = table.select("episode", *values)
    except pl.exceptions.PolarsError:
        return {}
    sums = [np.add.reduceat(column.to_numpy(), episodes.starts) for column in each.iter_columns()][1:]
    return {id(m): (sums[2 * i], sums[2 * i + 1]) for i, m in enumerate(plain)}


def estimate_of(sums: pl.DataFrame, name: str, proportion: bool = True, interval: Interval = "robust") -> Estimate:
    """A ratio with its interval, from a table with the columns `num` and `den`, one row per item."""
    return estimate(_array(sums, "num"), _array(sums, "den"), name, proportion, interval)


def _array(table: pl.DataFrame, column: str) -> Array:
    return np.asarray(table[column].to_numpy(), dtype=np.float64)
