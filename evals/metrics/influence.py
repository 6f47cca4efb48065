"""Influence in debates: who moves whom along the edges of the topology.

Invariant: an edge counts where a speaker that has spoken before reads another speaker's turn; its own earlier turn is
no edge, nor is what a vote reads. All positions are compared as they are; only conformity asks what is right.

    persuasion    P(takes the position it read | read one that is not its own), over all edges
    conformity    P(leaves a right position for a wrong one | a majority of those it read disagrees), over turns;
                  Asch 1956; for agents, Weng et al. 2025 (2501.13381)
    rescue        P(reaches a right position from a wrong one | a majority of those it read is right), over turns

A majority is more than half of those who were read, and two at least: one voice alone is no majority.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from ...errors import NotMeasured, UnknownName
from ..inference import Array, Estimate, Interval
from ..inference.resampling import average_ranks
from ..turns import DECISION
from .base import CLUSTER, METRICS, RANGES, Metric, Table, once_if_short, share_metric
from .totals import blocks, by_item, of_totals, quotient, summed

if TYPE_CHECKING:
    import networkx as nx

_NOBODY = "nobody who had spoken reads another: it belongs to debates"


def debate_edges(turns: pl.DataFrame) -> pl.DataFrame:
    """One row per edge along which a speaker read another before it spoke again.

    Columns: those of a decision, turn, reader, source, before, after, source_position (what was read), right_before,
    right, source_right; exposed: what was read is a position and not the reader's own; adopted: the reader took it.
    """
    return once_if_short(turns, _debate_edges)


def _debate_edges(turns: pl.DataFrame) -> pl.DataFrame:
    again = turns.filter(pl.col("spoken_before") & ~pl.col("skipped") & (pl.col("role") != "voter"))
    edges = again.select(
        *DECISION,
        "item",
        "turn",
        "lane",
        "before",
        "right_before",
        "right",
        reader=pl.col("speaker"),
        after=pl.col("position"),
        agent=pl.col("reads"),
    ).explode("agent")
    read = turns.select(
        *DECISION,
        "agent",
        "lane",
        source=pl.col("speaker"),
        source_position=pl.col("position"),
        source_right=pl.col("right"),
    )
    joined = edges.join(read, on=[*DECISION, "agent", "lane"], how="inner").filter(pl.col("source") != pl.col("reader"))
    exposed = pl.col("source_position").is_not_null() & pl.col("source_position").ne_missing(pl.col("before"))
    return joined.with_columns(
        exposed=exposed, adopted=exposed & (pl.col("source_position") == pl.col("after")).fill_null(False)
    )


def influenced_turns(turns: pl.DataFrame) -> pl.DataFrame:
    """One row per turn that read others: how many, and which share of them disagreed with the reader or was right."""
    return (
        debate_edges(turns)
        .group_by(*DECISION, "turn")
        .agg(
            pl.col("item", "right_before", "right").first(),
            sources=pl.len(),
            disagreed=pl.col("exposed").mean(),
            sources_right=pl.col("source_right").mean(),
        )
    )


_WAS, _IS = pl.col("right_before").fill_null(False), pl.col("right").fill_null(False)
_KNOWN, _SEVERAL = pl.col("right").is_not_null(), pl.col("sources") >= 2
persuasion = share_metric(
    "persuasion",
    "persuasion",
    "P(takes the position it heard | heard one that is not its own)",
    pl.col("adopted"),
    pl.col("exposed"),
    _NOBODY,
    of="turns",
    view=debate_edges,
)
conformity = share_metric(
    "conformity",
    "conformity",
    "Weng et al. 2025 (2501.13381): P(right -> wrong | most of those heard disagree)",
    ~_IS,
    _KNOWN & _WAS & _SEVERAL & (pl.col("disagreed") > 0.5),
    "nobody right faced a majority that disagreed",
    of="turns",
    view=influenced_turns,
)
rescue = share_metric(
    "rescue",
    "rescue",
    "P(wrong -> right | most of those heard are right)",
    _IS,
    _KNOWN & ~_WAS & _SEVERAL & (pl.col("sources_right") > 0.5),
    "nobody wrong faced a majority that was right",
    of="turns",
    view=influenced_turns,
)


def persuasion_by_edge(turns: pl.DataFrame, interval: Interval = "robust") -> dict[tuple[str, str], Estimate]:
    """Persuasion along each edge of one variant: {(source, reader): share of positions heard that were taken}.

    Raises:
        NotMeasured: nobody who had spoken reads another.
    """
    edges = debate_edges(turns)
    if edges.is_empty():
        raise NotMeasured(_NOBODY)
    along = Metric("influence", "influence", "share", "", pl.col("adopted"), pl.col("exposed"), "nobody disagreed")
    grouped = sorted(edges.group_by("source", "reader"), key=lambda group: str(group[0]))
    return {(str(source), str(reader)): along(part, interval) for (source, reader), part in grouped}


def pagerank(graph: nx.DiGraph[str]) -> dict[str, float]:
    """PageRank as networkx has it, for which that needs scipy: where a random walk along the edges spends its time.

    Solved and not iterated, and given to 12 digits, so that speakers who are alike are equal.

    Source: Page, Brin, Motwani and Winograd 1999, The PageRank citation ranking; damping 0.85.
    """
    import networkx as nx

    size, damping = len(graph), 0.85
    along = nx.google_matrix(graph, alpha=1.0)
    shares = np.linalg.solve(np.eye(size) - damping * along.T, np.full(size, (1 - damping) / size))
    return dict(zip(graph, shares.round(12).tolist(), strict=True))


def _centrality(edges: pl.DataFrame, name: str) -> dict[str, float]:
    """By speaker; by networkx's functions of these names, but for the share of the others who read a speaker."""
    reads = edges.select("reader", "source").unique()  # an edge reader -> source
    if name == "degree":  # networkx takes longer to load than most runs take to score
        speakers = {*edges["reader"], *edges["source"]}
        read_by = {source: count / (len(speakers) - 1) for source, count in reads.group_by("source").len().iter_rows()}
        return dict.fromkeys(speakers, 0.0) | read_by
    import networkx as nx

    graph: nx.DiGraph[str] = nx.DiGraph(sorted(reads.rows()))
    of: dict[str, Callable[[nx.DiGraph[str]], dict[str, float]]] = {
        "closeness": nx.closeness_centrality,
        "betweenness": nx.betweenness_centrality,
        "pagerank": pagerank,
    }
    return of[name](graph)


CENTRALITIES = ("degree", "closeness", "betweenness", "pagerank")
"""Of a speaker in the graph of reads: being read by many, near to all readers, between them, or by those who are."""


ALIKE = "all speakers move others equally often"


class CentralityInfluence:
    """Does who is read more persuade more? Spearman's rank correlation over the speakers of a variant.

    Args:
        centrality: one of `CENTRALITIES`, of the graph of who reads whom.
    """

    name, title, unit = "centrality_influence", "centrality ~ influence", "correlation"
    of: Table = "turns"
    source = "Spearman's rho of a speaker's centrality in the graph of reads with the share of readers it moves"

    def __init__(self, centrality: str = "degree") -> None:
        if centrality not in CENTRALITIES:
            raise UnknownName.among("centrality", centrality, CENTRALITIES)
        self.centrality = centrality

    def __call__(self, turns: pl.DataFrame, interval: Interval = "robust") -> Estimate:
        edges = debate_edges(turns)
        if edges.is_empty():
            raise NotMeasured(_NOBODY)
        central = _centrality(edges, self.centrality)
        sources = edges.filter("exposed")["source"].unique().sort()
        ranks = average_ranks(np.array([central[s] for s in sources]))
        if len(sources) < 3 or np.ptp(ranks) == 0:
            raise NotMeasured("fewer than three speakers were heard, or all are equally central")
        edges = edges.filter("exposed").select(*CLUSTER, "episode", "source", "adopted")
        codes, items = by_item(edges)
        place = sources.search_sorted(edges["source"]).to_numpy().astype(np.intp)
        moved = summed(codes, items, place, len(sources), edges["adopted"].to_numpy().astype(np.float64))
        parts = np.concatenate([moved, summed(codes, items, place, len(sources))], axis=1)

        def spearman(totals: Array) -> Array:
            share = quotient(*blocks(totals))
            mine = average_ranks(share) - (len(sources) + 1) / 2
            theirs = ranks - ranks.mean()
            size = np.sqrt((mine**2).sum(-1) * (theirs**2).sum())
            both = np.where(np.isnan(share).any(-1), np.nan, (mine * theirs).sum(-1))
            return quotient(both, size)

        return of_totals(parts, spearman, self.name, float(edges.height), ALIKE, RANGES[self.unit])


METRICS.register("centrality_influence", CentralityInfluence)
