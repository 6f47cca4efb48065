"""What an agent's rationale is: its answer, what the model thought before it, or both.

A model that thinks shows two texts: its thought and its answer. Either can be what is scored as "stated", and what
other agents read as the rationale; the action is always that of the answer. So what a model thinks and what it does can
be compared, and so can what it thinks and what it says.

Invariant: a thought that the provider does not show is no rationale. Its turn has the fault `UNSHOWN`, and nothing is
read in its place.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..records import Response, Situation, Status
from .answers.parsing import read_recommendation
from .options import ModelOptions, name_of, option

RATIONALES = ("answer", "reasoning", "both")
UNSHOWN = "unshown"
"""The fault of a turn whose rationale is the thought, where the provider shows none."""

Stated = tuple[tuple[str, ...], Status]


@dataclass(frozen=True, kw_only=True)
class RationaleOptions(ModelOptions):
    """What an agent takes that may have a rationale.

    Attributes:
        rationale: "answer", "reasoning" (what the model thought before it, where its provider shows that) or "both",
            the thought first.
    """

    rationale: str = option("answer", name_of("rationale", RATIONALES))


def rationale_of(
    kind: str, response: Response, situation: Situation, cut: Callable[[str], str] = str
) -> tuple[str, Stated]:
    """(the rationale, what it recommends) where it is not the answer alone.

    Args:
        kind: one of `RATIONALES`.
        cut: what is read of a text whose last line may not be whole.
    """
    thought = response.reasoning.strip()
    if not thought:
        return "", ((), "unparsable")
    text = thought if kind == "reasoning" else f"{thought}\n\n{response.text}".strip()
    return text, read_recommendation(cut(text), situation)
