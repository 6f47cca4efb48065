"""Checks of an arm's decisions: those that failed, those that could not be read, and those that asked another model."""

from __future__ import annotations

import polars as pl

from ...records import FAILURES
from ..step_table import OUTSIDE
from .faults import IntegrityFault, first_step

UNREAD = ("unparsable", "illegal", "undecided", "absent")
MOST_FAILED, MOST_UNREAD = 0.2, 0.5
_OTHER_MODEL, _NO_CALL, _NO_ANSWER = OUTSIDE
_READ = (
    "Let the adapter read the model's last answer, and the nodes decide by what a model said; look at one with akrasia "
    "show."
)
_ASK = "Ask for the form that can be read; where votes have no winner, let ties or a second count decide."


def decision_faults(steps: pl.DataFrame) -> list[IntegrityFault]:
    """What is wrong with the decisions of an arm, given its rows of the table made by `akrasia.evals.step_table`."""
    probed = (pl.col("stated_status") == "absent") & (pl.col("probes") > 0)  # what is known was asked in probes
    asked = steps.filter(pl.col("asked") & ~probed)
    tag = pl.col("integrity").fill_null("")
    suspects = [
        ("model", tag.str.starts_with(_OTHER_MODEL), 0.0, "Use the run's model: ak.ChatModel()."),
        ("model", tag.str.starts_with(_NO_CALL), MOST_FAILED, "Let the graph ask ak.ChatModel()."),
        ("answer", tag.str.starts_with(_NO_ANSWER), MOST_FAILED, _READ),
        ("failed", pl.col("status").is_in(FAILURES), MOST_FAILED, _mend(steps)),
        ("unread", pl.col("status").is_in(UNREAD), MOST_UNREAD, _ASK),
    ]
    met = steps.select(touches.any().alias(str(i)) for i, (_, touches, _, _) in enumerate(suspects)).row(0)
    found = [
        *(_fault(s[0], steps, *s[1:]) for s, hit in zip(suspects, met, strict=True) if hit),
        _fault(
            "rationale",
            asked,
            pl.col("stated_status").is_in([*FAILURES, *UNREAD]),
            MOST_UNREAD,
            "Ask for the form that can be read (BEST=X), or read the rationales with akrasia judge.",
        ),
    ]
    faults = [fault for fault in found if fault is not None]
    checks = {fault.check for fault in faults}
    beside = {"rationale"} if "failed" in checks else set()  # said already
    if "model" in checks:  # what the run's model was not asked for, no wording of the question mends
        beside = {"unread", "rationale"}
    return [f for f in faults if f.check not in beside]


def _mend(steps: pl.DataFrame) -> str:
    status = steps["status"]
    waits = (status == "interrupted").sum() > (status == "error").sum()
    return "Let its adapter answer (resume), or human='approve'." if waits else "Mend what failed, and resume the run."


def decision_cautions(steps: pl.DataFrame) -> list[str]:
    """Steps that the run's model did not decide, too few for a fault."""
    tag = pl.col("integrity").fill_null("")
    lines = []
    for begin, what in (
        (_NO_CALL, "asked no model"),
        (_NO_ANSWER, "decided what no answer of the run's model holds"),
    ):
        touched = steps.filter(tag.str.starts_with(begin))
        share = touched.height / steps.height
        if 0 < share <= MOST_FAILED:
            episode, step = first_step(touched)
            first = f"episode {episode}, step {step}"
            lines.append(f"it {what} on {share:.0%} of its steps, first at {first}; they count as missing")
    return lines


def _fault(check: str, steps: pl.DataFrame, touches: pl.Expr, most: float, remedy: str) -> IntegrityFault | None:
    touched = steps.filter(touches)
    if touched.is_empty():
        return None
    share, of = touched.height / steps.height, "its steps"
    if check != "rationale" and (lost := _lost(steps, touches)) > share:
        share, of = lost, "its episodes' last decisions"
    if share <= most:
        return None
    column = {"rationale": "stated_status", "model": "integrity", "answer": "integrity"}.get(check, "status")
    said = touched[column].str.split("; ").list.first() if column == "integrity" else touched[column]
    (cause, _), *_ = said.value_counts(sort=True).rows()
    noun = {"failed": "the decision is", "unread": "the answer is", "rationale": "the rationale is"}.get(check)
    first = touched.sort("episode", "step").row(0, named=True)
    words = f"{noun} {cause}" if noun else str(cause)
    if first["integrity"] and column != "integrity":
        words += f" ({first['integrity']})"
    return IntegrityFault(check, share, words, remedy, first["episode"], first["step"], of=of)


def _lost(steps: pl.DataFrame, touches: pl.Expr) -> float:
    """The share of the episodes that a failure may have ended: their last decision failed. 0 in a fork, which plays on.

    A game that is forfeited is one step where others are many, so the share of the steps would make little of it.
    """
    if steps["design"][0] != "rollout":
        return 0.0
    last = steps.sort("step").group_by("episode").agg(touches.fill_null(False).last().alias("failed"))
    return int(last["failed"].sum()) / last.height
