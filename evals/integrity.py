"""Whether an arm was measured at all: what stands between its estimates and a verdict.

Invariant: everything here follows from the stored rows, so any ledger can be asked. A fault says which share of the
steps it touches, where to look at the first of them, and what to do; an arm with a fault has no verdict and no place on
a front, and neither has an arm that is compared with it.

Checks, and the share of steps from which each is a fault:
    failed    the decision is an error, refused or truncated                              20 %
    unread    no legal action could be read from an answer that was given                  50 %
    rationale a rationale was asked for and failed, or none could be read                  50 %
    model     a graph called another chat model (any step), or never asked the run's       20 %
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from .inference import Contrast, Estimate

__all__ = ["FAILED", "IntegrityFault", "integrity_faults", "unmeasured_contrast"]

FAILED, UNREAD = ("error", "refused", "truncated"), ("unparsable", "illegal")
MOST_FAILED, MOST_UNREAD = 0.2, 0.5


@dataclass(frozen=True, slots=True)
class IntegrityFault:
    """A reason why an arm was not measured.

    Attributes:
        check: which check failed: "failed", "unread", "rationale" or "model".
        share: of the arm's steps (of those with a rationale asked for), in (0, 1].
        cause: what happened; `remedy`: what to do.
        episode, step: the first step that it touches, as in `akrasia show RUN EPISODE STEP`.
    """

    check: str
    share: float
    cause: str
    remedy: str
    episode: int
    step: int

    def bears_on(self, metric: str) -> bool:
        """Whether it takes a metric's meaning away: rationales that failed leave what was done as it is."""
        return not (self.check == "rationale" and metric == "doing")

    def __str__(self) -> str:
        return f"{self.cause} on {self.share:.0%} of its steps, first at episode {self.episode}, step {self.step}"


def integrity_faults(steps: pl.DataFrame) -> tuple[IntegrityFault, ...]:
    """The faults of one arm, the gravest first.

    Args:
        steps: its rows of the table made by `akrasia.evals.frame`.
    """
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
    return tuple(fault for fault in found if fault is not None)


def unmeasured_contrast(
    metric: str, a: str, b: str, faults: tuple[Sequence[IntegrityFault], Sequence[IntegrityFault]]
) -> Contrast | None:
    """The contrast of two arms of which one was not measured in this metric; None where both were.

    Args:
        a, b: the names of the arms; faults: of each.
    """
    broken = dict.fromkeys(
        name for name, its in zip((a, b), faults, strict=True) if any(f.bears_on(metric) for f in its)
    )
    if not broken:
        return None
    return Contrast(metric, a, b, Estimate(None, why=f"{' and '.join(broken)} was not measured"))


def _fault(check: str, steps: pl.DataFrame, touches: pl.Expr, most: float, remedy: str) -> IntegrityFault | None:
    touched = steps.filter(touches)
    if touched.is_empty() or touched.height / steps.height <= most:
        return None
    column = {"rationale": "stated_status", "model": "integrity"}.get(check, "status")
    (cause, _), *_ = touched[column].value_counts(sort=True).rows()
    noun = {"failed": "the decision is", "unread": "the answer is", "rationale": "the rationale is"}.get(check)
    first = touched.sort("episode", "step").row(0, named=True)
    words = f"{noun} {cause}" if noun else str(cause)
    if first["integrity"] and check == "failed":
        words += f" ({first['integrity']})"
    return IntegrityFault(check, touched.height / steps.height, words, remedy, first["episode"], first["step"])
