"""What becomes of requests that a model's provider rejects: kept as outcomes, held back, or the end of the run.

A rejected request says something about its prompt only where the provider answers others. So a rejection is held back,
not stored, until the model answers a request that began after it; then it is stored like any outcome. After `FIRST`
rejections with the same sentence and no answer in between (`LATER`, once the model has answered in this session), the
run ends with that sentence, and what is held back is dropped: a resumed run asks again. Rejections come faster than
answers, so requests that began before the first of them are waited for. What a prompt is refused for by itself
(its length, a filter) is stored at once where the model is known to answer.

Invariant: a rejection that is held back is in no store, and no episode that holds one counts as finished.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from ..errors import Denied
from ..records import Draw, Request, Response
from .account_faults import is_about_the_prompt

FIRST = 8
LATER = 24
REJECTED = "rejected"
"""The finish reason of a request that the provider refused."""

_VARYING = re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]*`|\b(?=\w*\d)[\w\-]+")  # quotations, numbers, ids of requests


def without_details(sentence: str) -> str:
    """What is alike in an error that is said again: without quotations, numbers and ids."""
    return _VARYING.sub("...", sentence)


@dataclass(frozen=True, slots=True)
class HeldAnswer:
    """A rejection that is not stored yet."""

    key: str
    request: Request
    draw: Draw
    response: Response


@dataclass
class Refusals:
    """The rejections of one model.

    Attributes:
        held: what is held back, by key.
        count: how many were held back so far; a call notes it when it begins.
        answered: whether the model has answered anything, in this session or in one whose answers are stored.
        answers_now: whether it has in this session.
        reason: why the run ends, once it does.
    """

    label: str
    held: dict[str, tuple[int, HeldAnswer]] = field(default_factory=dict)
    count: int = 0
    answered: bool = False
    answers_now: bool = False
    reason: Denied | None = None
    _under_way: Counter[int] = field(default_factory=Counter)  # calls, by the count at which they began
    _alike: Counter[str] = field(default_factory=Counter)  # rejections since the last answer, by their sentence
    _streak_began: int = 0

    def begin(self) -> int:
        """A call begins: returns the count so far."""
        self._under_way[self.count] += 1
        return self.count

    def end(self, began: int) -> None:
        """A call that began at that count has ended."""
        self._under_way[began] -= 1
        if not self._under_way[began]:
            del self._under_way[began]

    def hold(self, answer: HeldAnswer) -> bool:
        """Take note of a rejection: returns whether it is held back; False where it may be stored at once.

        Raises:
            Denied: every request is rejected alike.
        """
        error = answer.response.error
        if self.answered and (answer.response.status == "refused" or is_about_the_prompt(error)):
            return False
        sentence = without_details(error)
        self.held[answer.key] = self.count, answer
        self.count += 1
        self._alike[sentence] += 1
        alike = self._alike[sentence]
        others_may_answer = any(began <= self._streak_began for began in self._under_way)
        if alike >= (LATER if self.answers_now else FIRST) and not others_may_answer:
            self.reason = Denied(
                f"{self.label!r} rejected {alike} requests alike and answered none in between",
                error.rstrip("."),
                "None of these answers is kept. Mend what it names, and resume the run: they are asked for again.",
            )
            raise self.reason
        return True

    def release(self, count: int) -> list[HeldAnswer]:
        """The model has answered a request that began after `count` rejections: what may be stored now."""
        self.answered = self.answers_now = True
        self._alike.clear()
        self._streak_began = self.count
        if not self.held or self.reason is not None:
            return []
        released = [answer for number, answer in self.held.values() if number < count]
        self.held = {key: held for key, held in self.held.items() if held[0] >= count}
        return released

    def rest(self) -> list[HeldAnswer]:
        """What may be stored at the end of a run that nothing stopped: few rejections of a model that does answer."""
        if self.answers_now and max(self._alike.values(), default=0) < FIRST:
            return self.release(self.count)
        return []
