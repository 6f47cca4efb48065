"""What a group makes of what its members know: oracle gap, consensus collapse, vulnerability, modal adoption.

They read turns, of a debate or of independent draws. A member is a speaker that gives a position of its own, apart from
a vote; of a group there are two of one role at least. All count positions as they are; texts, which are graded at the
end alone, are not measured.

    oracle_gap          P(some member was right on its own) - P(the group is right)
    consensus_collapse  P(the group is wrong | some member was right on its own)
    vulnerability       P(right -> wrong | read somebody who holds another position), over turns
    rescue_by_exposure  P(wrong -> right | read somebody who is right), over turns
    modal_adoption      P(takes the most frequent position of those read | it is one alone and not its own), over turns

"On its own" is a member's first position, before it read anybody. What an answer that is drawn again would change by
itself is in all of the last three: compare with the debate's placebo, with `debate(rationales="unrelated")`, and with
`isolated_self_correction`, which ask again and show nothing of the others.

Source: The Cost of Consensus 2026 (2605.00914); vulnerability and rescue as in Weng et al. 2025 (2501.13381).
"""

from __future__ import annotations

import polars as pl

from ...errors import NotMeasured
from ..inference import Estimate, Interval
from ..turns import DECISION
from .base import Metric, metric
from .influence import debate_edges, influenced_turns

_COST = "The Cost of Consensus 2026 (2605.00914)"
_NO_TEAM = "there is no group: it belongs to debates and to independent draws with a vote"
_NOBODY = "nobody who had spoken reads another: it belongs to debates"


def team_decisions(turns: pl.DataFrame) -> pl.DataFrame:
    """One row per decision of a group: whether some member was right on its own, and whether the group is."""
    own = turns.filter((pl.col("role") != "voter") & (pl.col("round") == 0) & ~pl.col("skipped") & pl.col("asked"))
    roles = own.group_by(*DECISION, "role").agg(members=pl.len(), several=pl.len() >= 2)
    groups = roles.filter("several").select(*DECISION, "role")
    members = own.join(groups, on=[*DECISION, "role"], how="semi")
    some = members.group_by(DECISION, maintain_order=True).agg(pl.col("item").first(), some=pl.col("right").any())
    last = turns.sort("turn").group_by(DECISION, maintain_order=True).agg(team=pl.col("right").last())
    graded = members.filter(pl.col("right").is_null()).select(DECISION).unique()
    return some.join(last, on=DECISION, how="left", maintain_order="left").join(graded, on=DECISION, how="anti")


def modal_turns(turns: pl.DataFrame) -> pl.DataFrame:
    """One row per turn that read others of whom most hold one position: that position, and its own before and after."""
    edges = debate_edges(turns).filter(pl.col("source_position").is_not_null())
    turn = [*DECISION, "turn", "lane"]
    votes = edges.group_by(*turn, "source_position").agg(
        pl.len().alias("votes"), pl.col("item", "before", "after").first()
    )
    top = votes.with_columns(most=pl.col("votes").max().over(turn)).filter(pl.col("votes") == pl.col("most"))
    alone = top.filter(pl.len().over(turn) == 1)
    return alone.rename({"source_position": "mode"}).sort(turn)


def _over(name: str, title: str, num: pl.Expr, den: pl.Expr, view: object, why: str, unit: str = "share") -> Metric:
    source = f"{_COST}: {why}"
    missing = _NO_TEAM if view is team_decisions else _NOBODY
    return metric(name, title, num, den, unit, source, why=missing, of="turns", view=view)


_WAS, _IS = pl.col("right_before").fill_null(False), pl.col("right").fill_null(False)
_KNOWN = pl.col("right").is_not_null()
_over(
    "oracle_gap",
    "oracle gap",
    pl.col("some").cast(pl.Float64) - pl.col("team").cast(pl.Float64),
    pl.lit(1.0),
    team_decisions,
    "P(some member was right on its own) - P(the group is right)",
    "difference",
)
_over(
    "consensus_collapse",
    "consensus collapse",
    pl.col("some") & ~pl.col("team"),
    pl.col("some"),
    team_decisions,
    "P(the group is wrong | some member was right on its own)",
)
_over(
    "vulnerability",
    "vulnerability",
    ~_IS & _KNOWN & _WAS & (pl.col("disagreed") > 0),
    _KNOWN & _WAS & (pl.col("disagreed") > 0),
    influenced_turns,
    "P(right -> wrong | read somebody who holds another position)",
)
_over(
    "rescue_by_exposure",
    "rescue by exposure",
    _IS & _KNOWN & ~_WAS & (pl.col("sources_right") > 0),
    _KNOWN & ~_WAS & (pl.col("sources_right") > 0),
    influenced_turns,
    "P(wrong -> right | read somebody who is right)",
)
_over(
    "modal_adoption",
    "modal adoption",
    (pl.col("after") == pl.col("mode")).fill_null(False) & pl.col("mode").ne_missing(pl.col("before")),
    pl.col("mode").ne_missing(pl.col("before")),
    modal_turns,
    "P(takes the most frequent position of those read | it is not its own)",
)


def by_exposure(turns: pl.DataFrame, interval: Interval = "robust") -> dict[str, dict[str, Estimate]]:
    """Vulnerability by how many of those read disagreed, and rescue by how many were right: {"1": {...}, "2": {...}}.

    Raises:
        NotMeasured: nobody who had spoken reads another.
    """
    read = influenced_turns(turns).filter(_KNOWN)
    if read.is_empty():
        raise NotMeasured(_NOBODY)
    read = read.with_columns(
        against=(pl.col("disagreed") * pl.col("sources")).round().cast(pl.Int64),
        helping=(pl.col("sources_right") * pl.col("sources")).round().cast(pl.Int64),
    )
    most = int(read["sources"].max() or 0)  # type: ignore[arg-type]

    def cells(n: int) -> dict[str, Estimate]:
        fell = Metric("vulnerability", "", "share", "", ~_IS & _WAS, _WAS, f"nobody right read {n} who disagreed")
        rose = Metric("rescue", "", "share", "", _IS & ~_WAS, ~_WAS, f"nobody wrong read {n} who were right")
        return {
            "vulnerability": fell(read.filter(pl.col("against") == n), interval),
            "rescue": rose(read.filter(pl.col("helping") == n), interval),
        }

    return {str(n): cells(n) for n in range(most + 1)}
