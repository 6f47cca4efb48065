"""The four levels of one decision, as marks: encoded -> implied -> stated -> done, with where it was lost.

Invariant: what a mark says is what the table of steps says, which the filters read too; what is not known of a level
says why, and never looks like a level that was missed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from ...evals.encoded import encoded_beside, stored_prompts
from ...ledger import LedgerReader
from ...records import Record

EncodedFrom = Mapping[tuple[str, str, str], str]
"""(task, model, variant) -> the variant that shows what is encoded on this one's own prompt."""


@dataclass(frozen=True, slots=True)
class LevelMark:
    """One level of a decision.

    Attributes:
        name: "encoded", "implied", "stated" or "done". labels: the actions there; "" where they are not known.
        right: whether one of them is optimal; None where that is not known. note: how it is known, or why not.
        lost: what was right a level before is lost here.
    """

    name: str
    labels: str
    right: bool | None
    note: str
    lost: bool = False


def encoded_sources(ledger: LedgerReader, steps: pl.DataFrame) -> EncodedFrom:
    """Which variant shows what is encoded on the prompt of another; empty where none does.

    Args:
        steps: the table of the run.
    """
    if steps["encoded"].null_count() == steps.height:
        return {}
    prompts, found = stored_prompts(ledger, steps), {}
    for (task, model), part in steps.group_by("task", "model", maintain_order=True):
        parts = {str(v): rows for (v,), rows in part.group_by("variant", maintain_order=True)}
        for variant in parts:
            if source := encoded_beside(parts, variant, prompts):
                found[str(task), str(model), variant] = source
    return found


def level_marks(row: Mapping[str, Any], record: Record, source: Record | None) -> list[LevelMark]:
    """The levels of a decision.

    Args:
        row: of the decision, with the columns of `akrasia.ledger.step_columns`, and `m_judged` in the viewer.
        source: the record of the same situation that shows what is encoded, where that is another one.
    """
    marks = [_encoded(row, record, source), _implied(row), _stated(row), _done(row)]
    where = _lost_at(row)
    return [replace(mark, lost=mark.name == where) for mark in marks]


def _lost_at(row: Mapping[str, Any]) -> str:
    """The level at which something right was lost; "" where nothing was."""
    match row["lost_at"]:
        case "conclusion":
            return "stated"
        case "action":
            return "done"
        case "reading":
            return "stated" if row["concluded"] is None else "done"
        case "nothing":
            return ""
    return "done" if row["asked"] and row["knows"] and row["does"] is False else ""


def _encoded(row: Mapping[str, Any], record: Record, source: Record | None) -> LevelMark:
    shown = record if row["encoded"] is not None else source
    probs = None if shown is None else shown.decision.probs
    if shown is None or not probs:
        return LevelMark("encoded", "", None, "not known: no token probabilities on this prompt, before any rationale")
    label = max(probs, key=probs.__getitem__)
    right = label in shown.oracle.optimal if row["does"] is not None else None
    whose = "" if shown is record else f", as {shown.variant} shows it on the same prompt"
    return LevelMark("encoded", label, right, f"the likeliest action by token probability, {probs[label]:.2f}{whose}")


def _implied(row: Mapping[str, Any]) -> LevelMark:
    if row["implied"] is None:
        why = "no value is stated for every action, and no judge read it" if row["asked"] else "nobody was asked"
        return LevelMark("implied", "", None, f"not known: {why}")
    how = "judges read it so" if row.get("m_judged") else "the highest of the values that it states"
    return LevelMark("implied", _listed(row["implied"]), row["implies"], f"with the conclusion cut off: {how}")


def _stated(row: Mapping[str, Any]) -> LevelMark:
    if row["concluded"] is not None:
        return LevelMark("stated", _listed(row["concluded"]), row["concludes"], "what the conclusion recommends")
    if not row["asked"]:
        return LevelMark("stated", "", None, "not known: nobody was asked")
    if not row["stated"]:
        return LevelMark("stated", "", None, f"not read: {row['stated_status']}")
    return LevelMark("stated", _listed(row["stated"]), row["knows"], "what the rationale recommends")


def _done(row: Mapping[str, Any]) -> LevelMark:
    if row["done"] is None:
        return LevelMark("done", "", None, f"no legal action: {row['status']}")
    return LevelMark("done", row["done"], row["does"], "the action taken")


def _listed(labels: str) -> str:
    return labels.replace("|", ", ")
