"""The transcripts as a table: one row per turn of a decision, with what stood before it and whom it read.

A speaker is known by role and sample, which a node keeps however often it speaks: `reason` and `reason.revise` are one
speaker, two debaters are two. Its turns are numbered by `round`, from 0.

Columns beside the identity (task, model, variant, control, baseline, design, episode, item, step, situation):
    turn          place in the transcript, from 0; agent: name of the node; role, lane
    speaker       name of the speaker's first turn; round: how many turns it took before this one
    position      the action it takes, or the first it recommends if it was not asked to act; null is an abstention;
                  a text is in its normal form
    right         the position is optimal; null where answers are texts, which are graded at the end alone
    before        the speaker's position in its round before; right_before; spoken_before: there was such a round
    confidence    what it says of its own answer, in [0, 1]
    reads         names of the nodes it read, its own earlier turn among them
    asked         a model was asked; skipped: it passed on what it read, see `Turn`
    key           names the answer in the ledger; prompt_tokens, completion_tokens, cost: what that answer took
    planted       what a tampered rationale recommends
    said          a hash of the text of its answer: alike in two turns that say the same; null where it said nothing

A readout is no turn: it measures what was said and says nothing to anybody (`akrasia.agents.readout`).

Invariant: everything is read off the records' JSON, by polars, in batches: the texts are never held all at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import polars as pl

from ..records import Record, encode, normal_form
from .items import with_items

DECISION = ["task", "model", "variant", "episode", "step"]
_TURN = pl.Struct({
    "agent": pl.String, "role": pl.String, "lane": pl.Int64, "sample": pl.Int64, "text": pl.String,
    "stated": pl.List(pl.String),
    "action": pl.String, "status": pl.String, "key": pl.String, "cost": pl.Float64, "confidence": pl.Float64,
    "reads": pl.List(pl.String), "planted": pl.List(pl.String), "skipped": pl.Boolean,
    "usage": pl.Struct({"prompt_tokens": pl.Int64, "completion_tokens": pl.Int64}),
})  # fmt: skip
_RECORD = pl.Struct({
    "task": pl.String, "model": pl.String, "variant": pl.String, "design": pl.String, "episode": pl.Int64,
    "step": pl.Int64, "situation": pl.String, "oracle": pl.Struct({"optimal": pl.List(pl.String)}),
    "decision": pl.Struct({"turns": pl.List(_TURN)}), "item": pl.String,
    "tags": pl.Struct({"control": pl.String, "arm": pl.String, "answer": pl.String}),
})  # fmt: skip
TURNS: dict[str, Any] = {
    "task": pl.String, "model": pl.String, "variant": pl.String, "control": pl.String, "baseline": pl.Boolean,
    "design": pl.String, "episode": pl.Int64, "item": pl.String, "step": pl.Int64, "situation": pl.String,
    "turn": pl.Int64, "agent": pl.String, "role": pl.String, "lane": pl.Int64, "speaker": pl.String, "round": pl.Int64,
    "position": pl.String, "right": pl.Boolean, "before": pl.String, "right_before": pl.Boolean,
    "spoken_before": pl.Boolean, "confidence": pl.Float64, "reads": pl.List(pl.String), "asked": pl.Boolean,
    "skipped": pl.Boolean, "key": pl.String, "prompt_tokens": pl.Int64, "completion_tokens": pl.Int64,
    "cost": pl.Float64, "planted": pl.List(pl.String), "said": pl.UInt64,
}  # fmt: skip
BATCH = 20_000  # records whose JSON is held at once


def turns(records: Iterable[Record | bytes]) -> pl.DataFrame:
    """The table of turns, from records given as values or as canonical JSON."""
    parts: list[pl.DataFrame] = []
    batch: list[str] = []
    for record in records:
        batch.append((record if isinstance(record, bytes) else encode(record)).decode())
        if len(batch) == BATCH:
            parts.append(_table(batch))
            batch = []
    parts += [_table(batch)] if batch or not parts else []
    return with_items(pl.concat(parts, rechunk=False))


def _table(data: list[str]) -> pl.DataFrame:
    records = pl.Series("record", data, dtype=pl.String).str.json_decode(_RECORD).struct.unnest()
    rows = (
        records.with_columns(
            pl.col("oracle").struct.field("optimal"),
            pl.col("decision").struct.field("turns").alias("spoken"),
            pl.col("tags").struct.field("control"),
            baseline=(pl.col("tags").struct.field("arm") == "baseline").fill_null(False),
            graded=(pl.col("tags").struct.field("answer") == "text").fill_null(False),
            item=pl.col("item").replace("", None),
        )
        .drop("oracle", "decision", "tags")
        .with_row_index("record")
        .filter(pl.col("spoken").list.len() > 0)
        .explode("spoken")
        .unnest("spoken")
        .unnest("usage")
        .filter(pl.col("role") != "readout")
    )
    own = ["record", "role", "sample"]
    position = pl.when(pl.col("status") != "absent").then("action").otherwise(pl.col("stated").list.first())
    one_form = position.map_elements(normal_form, return_dtype=pl.String)
    return (
        rows.with_columns(
            position=pl.when("graded").then(one_form).otherwise(position) if rows["graded"].any() else position,
            turn=pl.int_range(pl.len()).over("record"),
            round=pl.int_range(pl.len()).over(own),
            speaker=pl.col("agent").first().over(own),
            asked=pl.col("key") != "",
            said=pl.when(pl.col("text") != "").then(pl.col("text").hash()),
        )
        .with_columns(
            right=pl.when("graded").then(None).otherwise(
                pl.col("position").is_in(pl.col("optimal")).fill_null(False)
            ),
        )
        .with_columns(
            before=pl.col("position").shift(1).over(own),
            right_before=pl.col("right").shift(1).over(own),
            spoken_before=pl.col("round") > 0,
        )
        .select(pl.col(name).cast(kind) for name, kind in TURNS.items())
    )  # fmt: skip
