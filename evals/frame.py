"""Records as a table: one row per step of a variant, every membership in the oracle's sets worked out once.

Columns beside the identity (task, model, variant, control, baseline, design, episode, step):
    asked         a rationale was asked for; `knows` is defined only here
    knows         the rationale recommends an optimal action (set intersection; ties are logged in `stated_ties`)
    does          the action taken is optimal
    greedy        the action taken is greedy and not optimal; `other` is neither; `valid` is neither of these failing
    follows       the action taken is among those recommended
    encoded       the likeliest action by token probability, before any rationale, is optimal; null where unseen
    untried_left  some action was never tried; `separable`: optimal, greedy and other actions all exist and differ
    chance        share of the legal actions that are optimal
    tried_after   share of the actions tried once this one is taken
    status, stated_status, calls, prompt_tokens, completion_tokens, cost, mass, reward, regret
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson
import polars as pl

from ..records import Record, encode

__all__ = ["PAIR", "SCHEMA", "frame"]

PAIR = ["task", "model", "episode", "step"]
SCHEMA: dict[str, Any] = {
    "task": pl.String, "model": pl.String, "variant": pl.String, "control": pl.String, "baseline": pl.Boolean,
    "design": pl.String, "episode": pl.Int64, "step": pl.Int64,
    "asked": pl.Boolean, "knows": pl.Boolean, "does": pl.Boolean, "greedy": pl.Boolean, "other": pl.Boolean,
    "valid": pl.Boolean, "stated_valid": pl.Boolean, "follows": pl.Boolean, "encoded": pl.Boolean,
    "stated_ties": pl.Int64, "untried_left": pl.Boolean, "separable": pl.Boolean, "chance": pl.Float64,
    "tried_after": pl.Float64, "stated": pl.String, "done": pl.String, "status": pl.String,
    "stated_status": pl.String, "calls": pl.Int64, "prompt_tokens": pl.Int64, "completion_tokens": pl.Int64,
    "cost": pl.Float64, "mass": pl.Float64, "reward": pl.Float64, "regret": pl.Float64,
}  # fmt: skip


def frame(records: Iterable[Record | bytes]) -> pl.DataFrame:
    """The table of records, given as values or as canonical JSON."""
    columns: dict[str, list[Any]] = {name: [] for name in SCHEMA}
    for record in records:
        row = _row(orjson.loads(record if isinstance(record, bytes) else encode(record)))
        for name, column in columns.items():
            column.append(row[name])
    return pl.DataFrame(columns, schema=SCHEMA)


def _row(record: dict[str, Any]) -> dict[str, Any]:
    decision, oracle, usage = record["decision"], record["oracle"], record["usage"]
    actions, optimal, greedy = set(record["actions"]), set(oracle["optimal"]), set(oracle["greedy"])
    untried, stated, done = set(oracle["untried"]), set(decision["stated"]), decision["done"]
    valid, asked = done is not None, decision["stated_status"] != "absent"
    probs = decision["probs"]
    does = valid and done in optimal
    is_greedy = valid and not does and done in greedy
    tags = record["tags"]
    return {
        **{k: record[k] for k in ("task", "model", "variant", "design", "episode", "step", "calls", "cost", "reward")},
        "control": tags.get("control"),
        "baseline": tags.get("arm") == "baseline",
        "asked": asked,
        "knows": bool(stated & optimal),
        "does": does,
        "greedy": is_greedy,
        "other": valid and not does and not is_greedy,
        "valid": valid,
        "stated_valid": decision["stated_status"] == "ok",
        "follows": valid and done in stated,
        "encoded": None if probs is None or asked else max(probs, key=probs.__getitem__) in optimal,
        "stated_ties": len(stated),
        "untried_left": bool(untried),
        "separable": bool(greedy - optimal) and bool(actions - optimal - greedy),
        "chance": len(optimal) / len(actions),
        "tried_after": 1 - len(untried - {done}) / len(actions),
        "stated": "|".join(decision["stated"]) or None,
        "done": done,
        "status": decision["status"],
        "stated_status": decision["stated_status"],
        "prompt_tokens": usage["prompt_tokens"],
        "completion_tokens": usage["completion_tokens"],
        "mass": decision["mass"],
        "regret": record["regret"],
    }
