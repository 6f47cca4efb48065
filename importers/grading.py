"""Whether an answer is right: by the source's own verdict where it has one, else by comparing it with the key.

Invariant: a verdict that is no verdict, and an answer that cannot be read, are told and never taken for wrong or right.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from ..agents.answers import read_answer
from ..records import Situation, Status, normal_form

RIGHT = frozenset(
    ("true", "1", "1.0", "yes", "y", "t", "correct", "right", "pass", "passed", "success", "c", "resolved")
)
WRONG = frozenset(
    ("false", "0", "0.0", "no", "n", "f", "incorrect", "wrong", "fail", "failed", "failure", "i", "unresolved")
)
_SAID = re.compile(r"answer(?:\s+is|\s*[:=])\s*|####\s*|^A:\s*", re.IGNORECASE | re.MULTILINE)
BARE = 80  # characters
LABELS = 12  # different keys from which on answers are no multiple choice


@dataclass(frozen=True, slots=True)
class GradedAnswer:
    """An answer against its key.

    Attributes:
        done: what counts as the answer, None where it cannot be read; optimal: the right ones.
        form: how it was compared; graded: whether it was read out of a longer text.
    """

    done: str | None
    status: Status
    optimal: tuple[str, ...]
    form: Literal["action", "number", "text"]
    graded: Literal["match", "reader"]
    actions: tuple[str, ...] = ()


def as_text(value: Any) -> str:
    """A cell as text: "" for none, whole numbers without a point, everything that is no text as JSON writes it."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return "" if math.isnan(value) else format(int(value), "d") if value.is_integer() else repr(value)
    if isinstance(value, int):
        return str(value)
    import orjson

    return orjson.dumps(value, default=str).decode()


def is_verdict(value: str) -> bool:
    """Whether a text says right or wrong and nothing else."""
    return value.strip().casefold() in RIGHT or value.strip().casefold() in WRONG


def as_verdict(value: Any, threshold: float | None = None) -> bool | None:
    """Right or wrong; None where the value says neither.

    Args:
        threshold: the least score that is right, where verdicts are scores.
    """
    if isinstance(value, bool):
        return value
    text = as_text(value).strip().casefold()
    if threshold is not None:
        try:
            score = float(text)
        except ValueError:
            score = math.nan
        if not math.isnan(score):
            return score >= threshold
    return True if text in RIGHT else False if text in WRONG else None


def judged(done: str, right: bool) -> tuple[str, tuple[str, ...]]:
    """(answer, right answers) of a row that its source judges; an answer that it does not hold is its verdict."""
    name = done.strip() or ("right" if right else "wrong")
    return name, (name,) if right else ()


def compared(answer: str, key: str, labels: Sequence[str] = ()) -> GradedAnswer:
    """An answer against its key: equal as it stands, or read out of a longer text.

    Args:
        labels: the different keys of the source, where they are few: of a multiple choice.
    """
    return (_remembered if len(answer) + len(key) <= BARE else _compared)(answer, key, tuple(labels))


def _compared(answer: str, key: str, labels: tuple[str, ...]) -> GradedAnswer:
    choices = labels if key in labels and 1 < len(labels) <= LABELS else ()
    number = None if choices else _number(key)
    form: Literal["action", "number", "text"] = "action" if choices else "number" if number is not None else "text"
    if form == "text":
        whole, right = normal_form(answer), (normal_form(key),)
        said = None if whole in right else _read(answer, Situation("imported", 0, 1, "", (), answer="text"))[0]
        if said is not None:
            return GradedAnswer(normal_form(said), "ok", right, form, "reader")
        return GradedAnswer(whole or None, "ok" if whole else "unparsable", right, form, "match")
    alike = next((label for label in choices or (number or "",) if normal_form(label) == normal_form(answer)), None)
    if alike is not None:
        return GradedAnswer(alike, "ok", (key,) if choices else (number or key,), form, "match", choices)
    situation = Situation("imported", 0, 1, "", choices, answer=form)
    done, status = _read(answer, situation)
    return GradedAnswer(done, status, (key,) if choices else (number or key,), form, "reader", choices)


_remembered = lru_cache(maxsize=65_536)(_compared)


def _read(answer: str, situation: Situation) -> tuple[str | None, Status]:
    """What a text answers. Nobody asked for our markers there: what stands behind "the answer is", "####" or "A:", and
    a bare answer, as tables hold it, are read as if they stood behind one.
    """
    done, status = read_answer(answer, situation)
    said = [m.end() for m in _SAID.finditer(answer)] if done is None else []
    bare = "\n" not in answer.strip() and len(answer) <= BARE
    pieces = [answer[said[-1] :].strip().partition("\n")[0]] if said else [answer.strip()] if bare else []
    for piece in pieces if done is None else ():
        value = piece.strip(" .*_$")
        marked = f"ACTION={value.strip('()[]')}" if situation.answer == "action" else f"ANSWER={value}"
        done, status = read_answer(marked, situation)
    return done, status


def _number(key: str) -> str | None:
    """A number in the canonical form in which answers are read; None where the key is none."""
    bare = key.strip()
    if not bare or not any(c.isdigit() for c in bare) or any(c.isalpha() for c in bare):
        return None
    done, _ = read_answer(f"ANSWER={bare}", Situation("imported", 0, 1, "", (), answer="number"))
    return done
