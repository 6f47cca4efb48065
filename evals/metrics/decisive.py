"""Who made the decisive error: where a wrong decision of several turns came from.

The decisive error is the one without which the decision would have been right (Who&When, Zhang et al. 2025,
2505.00212). Nobody plays the decision again here: what a correction would have done is worked out from the positions
alone.

    A turn *follows* where it holds the most frequent position of those read, its own before among them; it *keeps*
    where it holds its own; it *takes* where it holds that of one it read; else, and where a vote goes against its
    ballots, it is *free*. A turn is corrected by putting the right position in its place. Those who follow then follow
    what they read now, those who keep or take have what is there now, the free stay as they are. The decisive error is
    the earliest wrong turn whose correction makes the decision right; a vote that follows its ballots makes none, and
    neither does a turn that passes on what all agreed on. Where no single correction does, it is the turn at which the
    decided position entered: from the end back along the earliest of those read who hold it.

Another wrong position that somebody held and nobody took is no decisive error, however early it was. How often this
names the right turn is measured on transcripts with one planted error each (`benchmarks/decisive.py`, figures in
docs/measures.md): agents that follow for no visible reason, and errors that need each other, are where it errs.

    decisive_last     P(the turn that decides made it | wrong, after other turns)
    had_right         P(whoever made it had read somebody right, itself before among them | wrong, after other turns)

`by_agent` gives the share of each agent. Decisions of one turn tell nothing and are left out; texts, which are graded
at the end alone, are not measured.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

import polars as pl

from ...errors import NotMeasured
from ..inference import Estimate, Interval
from ..turns import DECISION
from .base import Metric, metric, once_per_table

RIGHT = "\x00right"  # stands for whatever position is right
_NONE = "no decision of several turns is wrong, or the answers are texts"
_WHO_AND_WHEN = "Who&When, Zhang et al. 2025 (2505.00212), read off positions"
_SAID = ("agent", "speaker", "lane", "position", "right", "reads", "role", "round", "turn", "skipped")
_SCHEMA: dict[str, Any] = {
    **dict.fromkeys(DECISION, pl.String), "episode": pl.Int64, "step": pl.Int64, "item": pl.String,
    "decisive": pl.Int64, "agent": pl.String, "role": pl.String, "round": pl.Int64, "last": pl.Boolean,
    "had_right": pl.Boolean,
}  # fmt: skip


def trace(turns: Sequence[dict[str, Any]]) -> tuple[int, bool]:
    """(place of the decisive error, whether it had read somebody right) of one wrong decision, its turns in order.

    Args:
        turns: each with `agent`, `speaker`, `role`, `lane`, `position`, `right` and `reads`, the nodes it read;
            `skipped`, if it passes on what it read.
    """
    read = [_read_by(turns, at) for at in range(len(turns))]
    held = [RIGHT if turn["right"] else turn["position"] for turn in turns]
    ways = [_way(turns, read, held, at) for at in range(len(turns))]
    wrong = [at for at, position in enumerate(held) if position != RIGHT and _errs(turns[at], ways[at])]
    found = next((at for at in wrong if _corrected(turns, read, held, ways, at) == RIGHT), None)
    at = _entered(held, read) if found is None else found
    return at, any(held[i] == RIGHT for i in read[at])


def _read_by(turns: Sequence[dict[str, Any]], at: int) -> list[int]:
    """The places of the turns that a turn read, the earliest first; a vote reads every lane, others their own."""
    own, names = turns[at], set(turns[at]["reads"])
    votes = own["role"] == "voter"
    return [i for i in range(at) if turns[i]["agent"] in names and (votes or turns[i]["lane"] == own["lane"])]


def _errs(turn: dict[str, Any], way: str) -> bool:
    """Whether a wrong turn can be an error of its own: neither a vote that counts its ballots nor a turn passed on."""
    return not turn.get("skipped") and not (turn["role"] == "voter" and way == "follows")


def _before(turns: Sequence[dict[str, Any]], at: int) -> int | None:
    """The speaker's turn before."""
    who = turns[at]["speaker"], turns[at]["lane"]
    return next((i for i in reversed(range(at)) if (turns[i]["speaker"], turns[i]["lane"]) == who), None)


def _most(read: Sequence[int], held: Sequence[str | None], own: int | None) -> str | None:
    """The most frequent position; of several the speaker's own, else the earliest."""
    said = [p for i in dict.fromkeys([*([] if own is None else [own]), *read]) if (p := held[i]) is not None]
    counts = Counter(said)
    top = max(counts.values(), default=0)
    return next((position for position in said if counts[position] == top), None)


def _way(turns: Sequence[dict[str, Any]], read: list[list[int]], held: list[str | None], at: int) -> str:
    own = _before(turns, at)
    if read[at] and held[at] == _most(read[at], held, own):
        return "follows"
    if own is not None and held[at] == held[own]:
        return "keeps"
    return "takes" if _carriers(read, held, at) and turns[at]["role"] != "voter" else "free"


def _carriers(read: Sequence[Sequence[int]], held: Sequence[str | None], at: int) -> list[int]:
    """The places of the turns read that hold the same position."""
    return [i for i in read[at] if held[i] == held[at] and held[at] is not None]


def _corrected(
    turns: Sequence[dict[str, Any]], read: list[list[int]], held: list[str | None], ways: list[str], place: int
) -> str | None:
    """What the decision would be with one turn corrected."""
    now = list(held)
    now[place] = RIGHT
    for at in range(place + 1, len(turns)):
        own = _before(turns, at)
        if ways[at] == "follows":
            now[at] = _most(read[at], now, own)
        elif ways[at] == "keeps" and own is not None:
            now[at] = now[own]
        elif ways[at] == "takes" and (carriers := _carriers(read, held, at)):
            now[at] = now[carriers[0]]
    return now[-1]


def _entered(held: Sequence[str | None], read: Sequence[Sequence[int]]) -> int:
    """Where the decided position entered."""
    at = len(held) - 1
    while carriers := _carriers(read, held, at):
        at = carriers[0]
    return at


@once_per_table
def decisive_turns(turns: pl.DataFrame) -> pl.DataFrame:
    """One row per wrong decision of several turns: which turn made the decisive error.

    Columns: those of a decision, item; decisive: its place in the transcript, agent, role, round: whose it is; last: it
    is the turn that decides; had_right: it had read a right position.
    """
    rows = []
    spoken = turns.sort(*DECISION, "turn")
    graded = pl.col("right").is_null().any().over(DECISION)
    decisions = spoken.filter(~graded).select(*DECISION, "item", *_SAID).iter_rows(named=True)
    for decision, group in groupby(decisions, key=itemgetter(*DECISION)):
        said = list(group)
        own = sum(not turn["skipped"] for turn in said) - (said[-1]["role"] == "voter")
        if own < 2 or said[-1]["right"]:
            continue
        place, had_right = trace(said)
        who = said[place]
        last = place == len(said) - 1
        rows.append((*decision, who["item"], who["turn"], who["agent"], who["role"], who["round"], last, had_right))
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


for _name, _title, _num, _what in (
    ("decisive_last", "decided wrong at the end", pl.col("last"), "P(the turn that decides made it | wrong)"),
    ("had_right", "left a right position", pl.col("had_right"), "P(who made it had read a right position | wrong)"),
):
    metric(
        _name,
        _title,
        _num,
        pl.col("decisive").is_not_null(),
        source=f"{_WHO_AND_WHEN}: {_what}",
        why=_NONE,
        of="turns",
        view=decisive_turns,
    )


def by_agent(turns: pl.DataFrame, interval: Interval = "robust") -> dict[str, dict[str, Estimate]]:
    """By agent: the share of the wrong decisions whose decisive error it made, {"reason": {"decisive": ...}, ...}.

    Raises:
        NotMeasured: no decision of several turns is wrong, or the answers are texts.
    """
    made = decisive_turns(turns)
    if made.is_empty():
        raise NotMeasured(_NONE)
    agents = sorted(made["agent"].unique(), key=lambda a: (-made.filter(agent=a).height, a))
    return {
        agent: {"decisive": Metric("decisive", "", "share", "", pl.col("agent") == agent, pl.lit(1.0))(made, interval)}
        for agent in agents
    }
