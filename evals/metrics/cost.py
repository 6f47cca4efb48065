"""What a decision costs: a variant that runs alone (nominal), what the run really paid, and how long it takes.

Records hold nominal costs, since they must not depend on what else was run; `paid_by_variant` counts a shared answer
once. Latency is in the ledger's responses alone: `with_latency` joins it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

import numpy as np
import polars as pl

from ...errors import BadOption
from ..turns import DECISION
from .base import Metric, metric

_ABSENT = "the source of the imported run does not hold it"


def _per_decision(
    name: str, title: str, unit: str, source: str = "per decision", why: str = _ABSENT, column: str = ""
) -> Metric:
    """The mean of a column over the decisions that hold it."""
    value = pl.col(column or name)
    return metric(name, title, value, value.is_not_null(), unit=unit, source=source, why=why)


calls = _per_decision("calls", "calls", "calls", "model calls per decision")
prompt_tokens = _per_decision("prompt_tokens", "tokens in", "tokens")
completion_tokens = _per_decision("completion_tokens", "tokens out", "tokens")
dollars = _per_decision("dollars", "$", "US dollars", "nominal, per decision", "no price is known", column="cost")
latency = _per_decision(
    "latency",
    "seconds",
    "seconds",
    "per decision: agents that do not read each other are asked at once; waiting for a free slot is not in it",
    "records hold no clock: join the latency of the run's responses",
)


def with_latency(frame: pl.DataFrame, turns: pl.DataFrame, seconds: Mapping[str, float]) -> pl.DataFrame:
    """The records table with its column `latency` filled.

    Agents at the same depth of a plan speak at once, and the next depth waits for the slowest: a decision takes the sum
    over depths of the longest answer.

    Args:
        frame, turns: the tables of the same records.
        seconds: latency of the answer that each key names; a decision that misses one stays null.
    """
    asked = turns.filter("asked")
    known = pl.DataFrame(
        {"key": list(seconds), "seconds": list(seconds.values())}, schema={"key": pl.String, "seconds": pl.Float64}
    )
    per_depth = (
        asked.join(_depths(turns), on=["variant", "agent"], how="left")
        .join(known, on="key", how="left")
        .group_by(*DECISION, "depth")
        .agg(pl.col("seconds").max(), missing=pl.col("seconds").is_null().any())
        .sort(*DECISION, "depth")  # the order of a sum shows in its last digits: the same run has the same scorecard
    )
    whole = per_depth.group_by(DECISION, maintain_order=True).agg(
        latency=pl.when(~pl.col("missing").any()).then(pl.col("seconds").sum()),
    )
    columns = frame.columns
    return frame.drop("latency").join(whole, on=DECISION, how="left", maintain_order="left").select(columns)


def _depths(turns: pl.DataFrame) -> pl.DataFrame:
    """How many turns must precede each agent's, per variant: columns variant, agent, depth.

    Agents that read each other in a circle, as a graph that was not built here may tell, speak one after the other.
    """
    rows: list[tuple[str, str, int]] = []
    nodes = turns.select("variant", "agent", "reads").unique().sort("variant", "agent")
    for (variant,), part in nodes.group_by("variant", maintain_order=True):
        read: dict[str, set[str]] = {}
        for _, agent, reads in part.rows():
            read.setdefault(agent, set()).update(source for source in reads if source != agent)
        depth = 0
        for layer in _layers(read):
            rows += [(str(variant), agent, depth + i) for group in layer for i, agent in enumerate(group)]
            depth += max(map(len, layer))
    return pl.DataFrame(rows, schema={"variant": pl.String, "agent": pl.String, "depth": pl.Int64}, orient="row")


def _layers(read: Mapping[str, set[str]]) -> Iterator[list[list[str]]]:
    """Groups of agents that may speak at once, layer by layer; agents that read each other in a circle are one group.

    Args:
        read: whom each agent reads.
    """
    order = TopologicalSorter(read)
    try:
        order.prepare()
    except CycleError:
        yield from _layers_with_circles(read)
        return
    while order.is_active():
        layer = order.get_ready()
        yield [[agent] for agent in layer]
        order.done(*layer)


def _layers_with_circles(read: Mapping[str, set[str]]) -> Iterator[list[list[str]]]:
    import networkx as nx  # takes longer to load than most runs take to score

    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(read)
    graph.add_edges_from((source, agent) for agent, sources in read.items() for source in sources)
    whole = nx.condensation(graph)
    for layer in nx.topological_generations(whole):
        yield [sorted(whole.nodes[group]["members"]) for group in layer]


def paid_by_variant(answers: pl.DataFrame) -> pl.DataFrame:
    """What a run really pays, per variant: an answer that several decisions share is paid once, in equal parts.

    Args:
        answers: a table with the columns model, variant, key and cost, and asked where some rows are no answers, such
            as that of turns.

    Columns: variant, calls (answers, in parts), dollars (null where a price is unknown), nominal_calls,
    nominal_dollars. The sum of `dollars` over variants is what the run costs.
    """
    asked = answers.filter("asked") if "asked" in answers.columns else answers
    asked = asked.with_columns(part=1 / pl.len().over("model", "key"))
    whole = pl.col("cost").is_not_null().all()
    return (
        asked.group_by("variant", maintain_order=True)
        .agg(
            calls=pl.col("part").sum(),
            dollars=pl.when(whole).then((pl.col("part") * pl.col("cost")).sum()),
            nominal_calls=pl.len().cast(pl.Int64),
            nominal_dollars=pl.when(whole).then(pl.col("cost").sum()),
        )
        .sort("variant")
    )


def on_pareto_front(points: Sequence[tuple[float, float]]) -> list[bool]:
    """Which (gap closed, cost) are on the Pareto front: none closes as much or more for less, or more for as much.

    Raises:
        BadOption: a number is not finite.
    """
    if not points:
        return []
    closed, cost = np.asarray(points, dtype=np.float64).T
    if not np.isfinite([closed, cost]).all():
        raise BadOption("a point of the Pareto front is not finite", remedy="Leave out what was not measured.")
    no_worse = (closed[:, None] >= closed) & (cost[:, None] <= cost)
    better = no_worse & ((closed[:, None] > closed) | (cost[:, None] < cost))
    return [not beaten for beaten in better.any(axis=0).tolist()]
