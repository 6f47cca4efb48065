"""What becomes of requests that a model's provider rejects: kept as outcomes, held back, or the end of the run.

A rejected request says something about its prompt only where the provider answers others. So a rejection is held back,
not stored, until the model answers some request after it; then it is stored like any outcome. Where the model answers
nothing in between and `FIRST` different requests are rejected with the same sentence (`LATER`, once it has answered),
the run ends with that sentence, and what is held back is dropped: a resumed run asks again.

Invariant: a rejection that is held back is in no store, and no episode that holds one counts as finished.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from ..errors import Denied
from ..records import Draw, Request, Response
from .account_faults import is_about_the_prompt

__all__ = ["FIRST", "LATER", "REJECTED", "HeldAnswer", "Refusals"]

FIRST = 8
LATER = 24
REJECTED = "rejected"
"""The finish reason of a request that the provider refused."""

_VARYING = re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]*`|\b(?=\w*\d)[\w\-]+")  # quotations, numbers, ids of requests


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
        answered: whether the model has answered anything, in this session or in one whose answers are stored.
        answers_now: whether it has in this session.
        reason: why the run ends, once it does.
    """

    label: str
    held: dict[str, HeldAnswer] = field(default_factory=dict)
    answered: bool = False
    answers_now: bool = False
    reason: Denied | None = None
    _alike: Counter[str] = field(default_factory=Counter)

    def hold(self, answer: HeldAnswer) -> bool:
        """Take note of a rejection: returns whether it is held back; False where it may be stored at once.

        Raises:
            Denied: every request is rejected alike.
        """
        if self.answered and (answer.response.status == "refused" or is_about_the_prompt(answer.response.error)):
            return False
        self.held[answer.key] = answer
        sentence = _VARYING.sub("...", answer.response.error)
        self._alike[sentence] += 1
        if self._alike[sentence] >= (LATER if self.answers_now else FIRST):
            self.reason = Denied(
                f"{self.label!r} rejected {self._alike[sentence]} requests in a row alike",
                answer.response.error.rstrip("."),
                "None of these answers is kept. Mend what it names, and resume the run: they are asked for again.",
            )
            raise self.reason
        return True

    def release(self) -> list[HeldAnswer]:
        """The model has answered a request: what may be stored now."""
        self.answered = self.answers_now = True
        self._alike.clear()
        held, self.held = list(self.held.values()), {}
        return held

    def rest(self) -> list[HeldAnswer]:
        """What may be stored at the end of a run that nothing stopped: few rejections of a model that does answer."""
        if self.reason is None and self.answers_now and max(self._alike.values(), default=0) < FIRST:
            return self.release()
        return []
