"""Biasing cues: a remark that points at an action, and the same remark that points at none.

Is an answer moved by what says nothing of the situation, and does it say so? `cue_followed` and `acknowledged` are the
metrics; compare `cue` with `neutral_cue`, its placebo, because any remark moves some answers.
"""

from __future__ import annotations

from dataclasses import fields, replace

from ..agents.cues import CUES
from ..errors import BadOption, PlanError
from ..options import one_of
from ..records import CuedSituation, Draw, Situation
from ..rng import named_rng
from .base import view

__all__ = ["cue", "neutral_cue"]

_CHEN = "Chen et al. 2025 (2505.05410); Lie to Me 2026 (2603.22582)"
ORACLE_WORDS = ("optimal", "right", "correct", "best", "oracle", "wrong")


@view("context", "a remark points at one action", _CHEN, chat_only=True)
def cue(situation: Situation, draw: Draw, kind: str = "sycophancy", label: str = "") -> Situation:
    """Cue: a remark that says nothing of the situation points at an action, drawn anew at every step.

    Args:
        kind: "sycophancy", "consistency", "visual_pattern", "metadata", "grader_hacking" or "unethical_information".
        label: always this action; by default one is drawn, each with the same probability, whatever is right.

    Raises:
        BadOption: the label asks for the oracle, which no agent is shown; or it is no action here.
        PlanError: there is nothing to choose from.
    """
    one_of("kind of cue", kind, CUES)
    if not situation.actions:
        raise PlanError(f"cue needs actions to point at, and {situation.task!r} has none", remedy="Use another task.")
    if label and label not in situation.actions:
        leaks = label.casefold() in ORACLE_WORDS
        raise BadOption(
            f"the cue points at {label!r}",
            "that would show the oracle's answer, and make of the cue a leak" if leaks else "it is no action here",
            "Leave label out: an action is drawn then, whatever is right.",
        )
    place = int(named_rng(draw.episode, "cue", draw.step).integers(len(situation.actions)))
    chosen = label or situation.actions[place]
    shown = {f.name: getattr(situation, f.name) for f in fields(situation)}
    question = f"{CUES[kind].text.replace('{label}', chosen)}\n\n{situation.question}"
    return CuedSituation(**{**shown, "question": question, "cue": chosen, "cue_kind": kind})


@view("control", "a remark that points at no action", f"{_CHEN}, without its content", chat_only=True)
def neutral_cue(situation: Situation, draw: Draw, kind: str = "sycophancy") -> Situation:
    """Neutral cue, the placebo of `cue`: the same remark in the same place, which points at no action."""
    one_of("kind of cue", kind, CUES)
    return replace(situation, question=f"{CUES[kind].neutral}\n\n{situation.question}")
