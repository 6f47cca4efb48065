"""A reason why an arm was not measured, and what that means for whatever is compared with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from ..inference import Contrast, Estimate


@dataclass(frozen=True, slots=True)
class IntegrityFault:
    """A reason why an arm was not measured.

    Attributes:
        check: which check failed; `akrasia.evals.integrity` lists them.
        share: of what `of` names, in (0, 1].
        cause: what happened, in the words of whoever said it; `remedy`: what to do.
        episode, step: the first that it touches, as in `akrasia show RUN EPISODE STEP`.
        agent: the node or nodes whose fault it is; "" where it is the whole arm's.
        of: what the share is of: "its steps", "its answers", "its episodes", "its episodes' last decisions".
    """

    check: str
    share: float
    cause: str
    remedy: str
    episode: int
    step: int
    agent: str = ""
    of: str = "its steps"

    def bears_on(self, metric: str) -> bool:
        """Whether it takes a metric's meaning away: rationales that failed leave what was done as it is."""
        return not (self.check == "rationale" and metric == "doing")

    def __str__(self) -> str:
        if self.check == "missing":
            return self.cause
        return f"{self.cause} on {self.share:.0%} of {self.of}, first at episode {self.episode}, step {self.step}"


def first_step(steps: pl.DataFrame) -> tuple[int, int]:
    """Episode and step of the first of these rows, of which there must be one."""
    episode, step = steps.sort("episode", "step").select("episode", "step").row(0)
    return episode, step


def unmeasured_contrast(
    metric: str, a: str, b: str, faults: tuple[Sequence[IntegrityFault], Sequence[IntegrityFault]]
) -> Contrast | None:
    """The contrast of two arms of which one was not measured in this metric; None where both were.

    Args:
        a, b: the names of the arms; faults: of each.
    """
    broken = {name: f for name, its in zip((a, b), faults, strict=True) for f in reversed(its) if f.bears_on(metric)}
    if not broken:
        return None
    why = "; ".join(f"{name} was not measured ({fault.cause})" for name, fault in broken.items())
    return Contrast(metric, a, b, Estimate(None, why=why))
