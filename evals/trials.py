"""The repeated draws of each decision as a table: one row per decision, with what its k draws came to.

Draws are in the order of their trials: draw 0 is the decision that the steps table holds, and by its samples draw i is
lane i of the variant's `self_consistency`. So the plurality of the first n draws is what `self_consistency(n)` decides.

Columns beside the identity (task, model, variant, control, baseline, design, episode, item, step, situation, question):
    trials        k, how often the decision was drawn
    asked         a rationale was asked for
    right, known  in how many draws the action taken, and the recommendation, is optimal
    unread        in how many draws no legal action was given; they count as wrong
    draws         whether each draw is right
    actions       what each draw does; null where it gives no legal action; of a text its normal form
    voted         whether the plurality of the first 1, 2, ... k draws is right; ties go to the earliest, as in
                  `self_consistency`, and a draw without a legal action abstains
    agree         share of the pairs of draws that do the same; two that give no legal action do the same
    sequence      of the episode: mean likeness of two trials, 1 - edit distance of their actions / number of steps
    distribution  of the episode: mean over two trials of 1 - Jensen-Shannon distance (base 2) of how often each action
                  was taken
    verbatim      all draws have word for word the same texts, as at temperature 0

Invariant: a draw that could not be read is a draw that is wrong, never one that is left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import orjson
import polars as pl

from ..ledger.step_columns import COLUMNS
from ..ledger.step_rows import drawn_action, step_row
from ..records import Record, encode
from .inference import Array
from .step_table import without_probes
from .turns import DECISION

VERDICTS = ("right", "wrong")  # what stands for an answer where a source tells only whether it is right
_WHO = ["task", "model", "variant", "control", "baseline", "design", "episode", "item", "step", "situation", "question"]
_EPISODE = ["task", "model", "variant", "episode"]
TRIALS: dict[str, Any] = {
    **{name: COLUMNS[name] for name in _WHO},
    "trials": pl.Int64, "asked": pl.Boolean, "right": pl.Int64, "known": pl.Int64, "unread": pl.Int64,
    "draws": pl.List(pl.Boolean), "actions": pl.List(pl.String), "voted": pl.List(pl.Boolean), "agree": pl.Float64,
    "sequence": pl.Float64, "distribution": pl.Float64, "verbatim": pl.Boolean,
}  # fmt: skip
ASKED: dict[str, Any] = {
    "task": pl.String, "model": pl.String, "variant": pl.String, "key": pl.String, "cost": pl.Float64,
}  # fmt: skip


def trials(records: Iterable[Record | bytes]) -> pl.DataFrame:
    """The table of repeated draws, from records given as values or as canonical JSON; empty where all drew once."""
    columns: dict[str, list[Any]] = {name: [] for name in (*COLUMNS, "trial", "action_text", "said")}
    for record in records:
        data = orjson.loads(record if isinstance(record, bytes) else encode(record))
        for number, draw in enumerate(_draws(data)):
            row = step_row(draw)
            for name in COLUMNS:
                columns[name].append(row[name])
            columns["trial"].append(number)
            columns["action_text"].append(drawn_action(draw["decision"], draw["tags"].get("answer", "action")))
            columns["said"].append("\x00".join(turn["text"] for turn in draw["decision"]["turns"]))
    schema = {**COLUMNS, "trial": pl.Int64, "action_text": pl.String, "said": pl.String}
    rows = pl.DataFrame(columns, schema=schema)
    if rows.is_empty():
        return pl.DataFrame(schema=TRIALS)
    return _with_episodes(_decisions(_without_probes(rows))).select(pl.col(n).cast(t) for n, t in TRIALS.items())


def trials_of_items(steps: pl.DataFrame) -> pl.DataFrame:
    """The same of an imported run, where each draw of an item is an episode of its own: the item is the decision.

    An arm counts as often as its rarest item was drawn: the first draws of every item. Arms of which some item was
    drawn once have none.

    Args:
        steps: the table made by `akrasia.evals.step_table`; only runs of one step an episode repeat a decision.
    """
    if steps["item_trial"].null_count() or steps["step"].n_unique() > 1:
        return pl.DataFrame(schema=TRIALS)
    arm = ["task", "model", "variant"]
    fewest = pl.col("item").len().over(*arm, "item").min().over(arm)
    first = pl.int_range(pl.len()).over(*arm, "item") < pl.col("fewest")
    drawn = steps.with_columns(fewest=fewest).filter(pl.col("fewest") > 1).sort("item_trial").filter(first)
    if drawn.is_empty():
        return pl.DataFrame(schema=TRIALS)
    drawn = drawn.sort("episode").with_columns(
        trial=pl.col("item_trial"), action_text=pl.when("valid").then("done"), said=pl.format("{}", "item_trial")
    )
    renamed = drawn.with_columns(own=pl.col("episode"), episode=pl.col("episode").min().over("task", "item"))
    decisions = _decisions(renamed.with_columns(situation=pl.col("situation").first().over("task", "item")))
    told = ~pl.col("actions").list.drop_nulls().list.eval(pl.element().is_in(VERDICTS)).list.all()
    decisions = decisions.with_columns(  # of a verdict alone nobody knows what was answered
        agree=pl.when(told).then("agree"), voted=pl.when(told).then("voted"), actions=pl.when(told).then("actions")
    )
    alike = decisions.with_columns(sequence="agree", distribution="agree")  # of episodes of one decision
    return alike.select(pl.col(n).cast(t) for n, t in TRIALS.items()).sort(arm + ["episode"])


def asked_by_trials(records: Iterable[Record | bytes]) -> pl.DataFrame:
    """The answers behind the further draws: task, model, variant, key and cost of each."""
    found: list[tuple[str, str, str, str, float | None]] = []
    for record in records:
        data = orjson.loads(record if isinstance(record, bytes) else encode(record))
        who = data["task"], data["model"], data["variant"]
        turns = (turn for trial in data.get("trials", ()) for turn in trial["decision"]["turns"])
        found += [(*who, turn["key"], turn["cost"]) for turn in turns if turn["key"]]
    return pl.DataFrame(found, schema=ASKED, orient="row")


def _draws(record: dict[str, Any]) -> list[dict[str, Any]]:
    """The record of each draw of a decision; none where it was drawn once."""
    more = record.get("trials", ())
    own = ("decision", "regret", "calls", "usage", "cost")
    again = [{**record, **{name: t[name] for name in own}, "tags": record["tags"] | t["tags"]} for t in more]
    return [record, *again] if more else []


def _without_probes(rows: pl.DataFrame) -> pl.DataFrame:
    """The draws with what the probes of the same trial say of knowing."""
    extra = ["trial", "action_text", "said"]
    parts = []
    for part in rows.partition_by("trial", maintain_order=True):
        steps = without_probes(part.drop(extra))
        parts.append(steps.join(part.select(*DECISION, *extra), on=DECISION, how="left", maintain_order="left"))
    return pl.concat(parts)


def _decisions(rows: pl.DataFrame) -> pl.DataFrame:
    """One row per decision."""
    grouped = rows.sort("trial", maintain_order=True).group_by(DECISION, maintain_order=True)
    decisions = grouped.agg(
        *(pl.col(name).first() for name in _WHO if name not in DECISION),
        trials=pl.len(),
        asked=pl.col("asked").any(),
        right=pl.col("does").sum(),
        known=pl.col("knows").sum(),
        unread=(~pl.col("valid")).sum(),
        draws=pl.col("does"),
        actions=pl.col("action_text"),
        verbatim=pl.col("said").n_unique() == 1,
    )
    votes, likeness = [], []
    for actions, right in decisions.select("actions", "draws").rows():
        votes.append(plurality_votes(actions, right))
        likeness.append(_same_pairs(actions))
    return decisions.with_columns(
        voted=pl.Series(votes, dtype=pl.List(pl.Boolean)), agree=pl.Series(likeness, dtype=pl.Float64)
    )


def plurality_votes(actions: Sequence[str | None], right: Sequence[bool]) -> list[bool]:
    """Whether the plurality of the first n draws is right, for every n."""
    counts: Counter[str] = Counter()
    judged: dict[str, bool] = {}
    votes = []
    for action, is_right in zip(actions, right, strict=True):
        if action is not None:
            counts[action] += 1
            judged.setdefault(action, is_right)
        votes.append(bool(counts) and judged[max(counts, key=counts.__getitem__)])  # the earliest of those that tie
    return votes


def _same_pairs(actions: Sequence[str | None]) -> float:
    pairs = len(actions) * (len(actions) - 1) / 2
    return sum(n * (n - 1) / 2 for n in Counter(actions).values()) / pairs


def _with_episodes(decisions: pl.DataFrame) -> pl.DataFrame:
    """The decisions with how alike the trials of their episode are, as sequences and as distributions of actions."""
    found = []
    for (*who,), part in decisions.group_by(_EPISODE, maintain_order=True):
        ways = list(zip(*part.sort("step")["actions"].to_list(), strict=True))  # by trial, the actions step after step
        pairs = list(combinations(ways, 2))
        found.append((*who, float(np.mean([_likeness(a, b) for a, b in pairs])), _distribution_likeness(pairs)))
    schema = {**{n: COLUMNS[n] for n in _EPISODE}, "sequence": pl.Float64, "distribution": pl.Float64}
    whole = pl.DataFrame(found, schema=schema, orient="row")
    return decisions.join(whole, on=_EPISODE, how="left", maintain_order="left")


def _likeness(a: Sequence[str | None], b: Sequence[str | None]) -> float:
    """1 - Levenshtein distance / length of the longer."""
    row = list(range(len(b) + 1))
    for i, one in enumerate(a, start=1):
        above, row = row, [i]
        for j, other in enumerate(b, start=1):
            row.append(min(row[j - 1] + 1, above[j] + 1, above[j - 1] + (one != other)))
    return 1 - row[-1] / max(len(a), len(b))


def _distribution_likeness(pairs: Sequence[tuple[Sequence[str | None], Sequence[str | None]]]) -> float:
    distances = []
    for a, b in pairs:
        labels = list(dict.fromkeys((*a, *b)))
        p, q = (np.array([side.count(label) / len(side) for label in labels]) for side in (a, b))
        distances.append(_jensen_shannon(p, q))
    return 1 - float(np.mean(distances))


def _jensen_shannon(p: Array, q: Array) -> float:
    """Distance of two distributions, in base 2: the root of their mean divergence from their mean (Lin 1991)."""
    middle = (p + q) / 2
    divergence = sum(float((part * np.log2(np.where(part, part / middle, 1.0))).sum()) for part in (p, q)) / 2
    return float(max(divergence, 0.0) ** 0.5)
