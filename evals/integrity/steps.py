"""Checks of an arm's decisions: those that failed, those that could not be read, and those that asked another model."""

from __future__ import annotations

import polars as pl

from .faults import IntegrityFault

__all__ = ["FAILED", "MOST_FAILED", "MOST_UNREAD", "decision_faults"]

FAILED, UNREAD = ("error", "refused", "truncated"), ("unparsable", "illegal")
MOST_FAILED, MOST_UNREAD = 0.2, 0.5


def decision_faults(steps: pl.DataFrame) -> list[IntegrityFault]:
    """What is wrong with the decisions of an arm, given its rows of the table made by `akrasia.evals.frame`."""
    asked = steps.filter("asked")
    tag = pl.col("integrity").fill_null("")
    found = [
        _fault("model", steps, tag.str.starts_with("another chat model"), 0.0, "Use the run's model: ak.ChatModel()."),
        _fault("model", steps, tag.str.starts_with("no call"), MOST_FAILED, "Let the graph ask ak.ChatModel()."),
        _fault("failed", steps, pl.col("status").is_in(FAILED), MOST_FAILED, "Mend what failed, and resume the run."),
        _fault("unread", steps, pl.col("status").is_in(UNREAD), MOST_UNREAD, "Ask for the form that can be read."),
        _fault(
            "rationale",
            asked,
            pl.col("stated_status").is_in([*FAILED, *UNREAD]),
            MOST_UNREAD,
            "Ask for the form that can be read (BEST=X), or read the rationales with akrasia judge.",
        ),
    ]
    faults = [fault for fault in found if fault is not None]
    checks = [fault.check for fault in faults]
    return [f for f in faults if not (f.check == "rationale" and "failed" in checks)]  # said already


def _fault(check: str, steps: pl.DataFrame, touches: pl.Expr, most: float, remedy: str) -> IntegrityFault | None:
    touched = steps.filter(touches)
    if touched.is_empty() or touched.height / steps.height <= most:
        return None
    column = {"rationale": "stated_status", "model": "integrity"}.get(check, "status")
    (cause, _), *_ = touched[column].value_counts(sort=True).rows()
    noun = {"failed": "the decision is", "unread": "the answer is", "rationale": "the rationale is"}.get(check)
    first = touched.sort("episode", "step").row(0, named=True)
    words = f"{noun} {cause}" if noun else str(cause)
    if first["integrity"] and check != "model":
        words += f" ({first['integrity']})"
    return IntegrityFault(check, touched.height / steps.height, words, remedy, first["episode"], first["step"])
