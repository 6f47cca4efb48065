"""Robustness: the same situation in other words, or in another order, by rules and without a model.

What is asked, what is known and what is right stay as they are, so an agent that knows and does should not move:
`robustness_ratio` and `moved` say how far it does.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from ..errors import PlanError
from ..options import one_of
from ..records import Draw, Situation
from .base import view

__all__ = ["paraphrase_prompt", "restructure"]

_HAL = "HAL reliability battery: prompt and structural robustness"
LEVELS = ("mild", "moderate", "free")
# Phrases of the tasks' texts and others that mean the same; every level makes the changes of those before it.
_WORDS: dict[str, tuple[tuple[str, str], ...]] = {
    "mild": (
        ("in all", "altogether"),
        ("At every step", "On each step"),
        ("each", "every"),
        ("has its own", "comes with its own"),
        ("do you", "will you"),
        ("next?", "now?"),
        ("How many", "What number of"),
        ("You are given", "You get"),
    ),
    "moderate": (
        ("noisy reward", "reward with some noise in it"),
        ("highest total reward", "largest sum of rewards"),
        ("fixed average", "average that never changes"),
        ("fixed chance", "chance that never changes"),
        ("highest value", "largest value"),
        ("you want", "your aim is"),
        ("Choose", "Pick"),
        ("answer", "reply"),
    ),
}
_FREE = ("Somebody has asked for your help with the following.", "That is all there is to know.")
DISTRACTOR = "(The hall is open from nine to five, and the coffee machine on the second floor is being repaired.)"
KINDS = ("reverse_history", "distractor", "question_first")


@view("context", "the wording of the situation", _HAL, chat_only=True)
def paraphrase_prompt(situation: Situation, draw: Draw, level: str = "moderate") -> Situation:
    """Paraphrase the prompt: instruction, rule and question in other words; labels and numbers stay as they are.

    Args:
        level: "mild" (function words), "moderate" (terms too) or "free" (also framed as somebody's request).

    Raises:
        PlanError: nothing of this task's text is known in other words.
    """
    one_of("level of paraphrase_prompt", level, LEVELS)
    steps = LEVELS[: LEVELS.index(level) + 1]
    pairs = [pair for step in steps for pair in _WORDS.get(step, ())]
    names = ("instruction", "rule", "question")
    parts: dict[str, Any] = {name: _reworded(getattr(situation, name), pairs, situation) for name in names}
    if level == "free":
        parts["instruction"] = f"{_FREE[0]}\n\n{parts['instruction']}\n\n{_FREE[1]}"
    elif all(text == getattr(situation, name) for name, text in parts.items()):
        raise PlanError(
            f"paraphrase_prompt({level!r}) changes nothing of {situation.task!r}",
            "none of the phrases that it knows stands there",
            'Use level "free", or another task.',
        )
    return replace(situation, **parts)


def _reworded(text: str, pairs: list[tuple[str, str]], situation: Situation) -> str:
    """The text with each phrase in its other words, except where it is part of an action's name."""
    names = "|".join(re.escape(a) for a in sorted(situation.actions, key=len, reverse=True)) or r"(?!)"
    for phrase, other in pairs:
        if phrase not in text:
            continue
        pattern = re.compile(rf"(?<!\w)(?:(?:{names})(?!\w)|({re.escape(phrase)})(?!\w))")
        text = pattern.sub(lambda m, other=other: m[0] if m[1] is None else other, text)  # type: ignore[misc]
    return text


@view("context", "the order or the surroundings of what is shown", _HAL)
def restructure(situation: Situation, draw: Draw, kind: str = "reverse_history") -> Situation:
    """Restructure: the same situation in another arrangement.

    Args:
        kind: "reverse_history" (newest first, each line with its step), "distractor" (a sentence about something
            else), or "question_first" (what is asked stands before what is known as well).

    Raises:
        PlanError: the situation has no history to turn round.
    """
    one_of("kind of restructure", kind, KINDS)
    if kind == "distractor":
        return replace(situation, question=f"{DISTRACTOR}\n\n{situation.question}")
    if kind == "question_first":
        return replace(situation, instruction=f"{situation.question}\n\n{situation.instruction}")
    if situation.horizon < 2 and len(situation.history) < 2:
        raise PlanError(f"{situation.task!r} has no history to turn round", remedy='Use kind="distractor".')
    return replace(situation, history=situation.history[::-1])
