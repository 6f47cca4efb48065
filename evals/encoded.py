"""Which arm shows what is encoded on another arm's own prompt: the only one beside which it may stand.

What a model has encoded is read off its token probabilities where it acts without a rationale. It says something of an
arm that reasons only if both were shown the same: the same changes of the plan, and the same text up to the paragraph
that says how to answer. A model that continues texts is shown a sorted table where it reasons and the raw history where
it acts, so nothing that is encoded on the one stands beside the other.

Invariant: where the prompts of two arms are not known to agree, nothing is shown.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from ..ledger import LedgerReader

Prompts = Mapping[tuple[str, str, str], str]
"""What an arm (task, model, variant) is asked first, at one situation that the arms of a task and model share."""


def encoded_beside(parts: Mapping[str, pl.DataFrame], variant: str, prompts: Prompts) -> str:
    """The arm whose encoded answers may stand beside those of `variant`; "" where there is none.

    Args:
        parts: the records of every variant of one task and model.
    """
    own = parts[variant]
    if own["design"][0] != "fork" or _shows(own):
        return ""
    for name, other in parts.items():
        if name != variant and _shows(other):
            acting, reasoning = (
                prompts.get(part.select("task", "model", "variant").row(0), "") for part in (other, own)
            )
            if _changes(other) == _changes(own) and same_prompt(acting, reasoning):
                return name
    return ""


def same_prompt(acting: str, reasoning: str) -> bool:
    """Whether a prompt that asks for an action shows what one that asks for a rationale shows, and nothing else of the
    situation: everything before the paragraph, or in a text of one paragraph the line, that says how to answer.
    """
    shown = acting.rpartition("\n\n")[0] or acting.rpartition("\n")[0]
    return bool(shown) and reasoning.startswith(shown)


def stored_prompts(ledger: LedgerReader, steps: pl.DataFrame) -> dict[tuple[str, str, str], str]:
    """What every arm was asked first, where some arm of its task and model shows what is encoded for the first time.

    Args:
        steps: the records of the run as a table.
    """
    prompts: dict[tuple[str, str, str], str] = {}
    variants = steps["variant"].unique(maintain_order=True)
    shown = steps.filter(pl.col("encoded").is_not_null()).unique(["task", "model"], keep="first", maintain_order=True)
    for task, model, episode, step in shown.select("task", "model", "episode", "step").rows():
        for record in (r for v in variants for r in ledger.records_of(task, model, v, episode)):
            key = next((turn.key for turn in record.decision.turns if turn.key), "") if record.step == step else ""
            answer = ledger.answer(key) if key else None
            if answer is not None:
                asked = "\n\n".join(message.content for message in answer.request.messages)
                prompts[task, model, record.variant] = asked
    return prompts


def _shows(part: pl.DataFrame) -> bool:
    return part["encoded"].null_count() < part.height


def _changes(part: pl.DataFrame) -> list[str]:
    return str(part["plan"][0]).split(" | ")[1:]
