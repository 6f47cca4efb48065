"""What a model has encoded of a choice, read off the log-probabilities of the tokens in which it named one.

An answer names its choice behind `ACTION=`, in the JSON object of a bound answer, or as its whole text. Along the
tokens of the name that was given, every alternative token that leads to one choice alone counts for that choice.

Invariant: what could be several choices is never dealt out among them: where that is more than `UNRESOLVED` of the
whole, nothing is measured.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from ...records import TokenLogprob

UNRESOLVED = 0.01
_BEFORE = re.compile(r'(?:ACTION\s*=\s*|"action"\s*:\s*")')


def choice_probs(
    logprobs: Sequence[TokenLogprob], choices: Sequence[str]
) -> tuple[dict[str, float] | None, float | None]:
    """(probability of each choice, renormalised; their total before that, in [0, 1]); None where nothing is measured.

    Args:
        logprobs: of the tokens of an answer.
        choices: the labels that it may name.
    """
    text = "".join(one.token for one in logprobs)
    begins = _begin(text, choices)
    if begins is None:
        return None, None
    walk = _Walk(choices)
    place = 0
    for one in logprobs:
        ends = place + len(one.token)
        if ends > begins and walk.open:
            walk.step(one, one.token[: max(0, begins - place)])
        place = ends
    return walk.result()


def _begin(text: str, choices: Sequence[str]) -> int | None:
    """Where the name of the choice begins; None where the answer names none."""
    found = list(_BEFORE.finditer(text))
    if found:
        return found[-1].end()
    bare = text.strip()
    return text.index(bare) if any(bare == c or bare.startswith(f"{c}\n") for c in choices) else None


class _Walk:
    """Goes along the tokens of the choice that was named.

    Attributes:
        path: what of the name was written so far; chance: its probability; open: whether it can still be several.
    """

    def __init__(self, choices: Sequence[str]) -> None:
        self._raw = dict.fromkeys(choices, 0.0)
        self.path, self.chance, self.open, self._unresolved = "", 1.0, True, 0.0

    def step(self, one: TokenLogprob, before: str) -> None:
        """Take one token, and its alternatives.

        Args:
            before: what of the token stands before the name.
        """
        likely = dict(one.top) | {one.token: one.logprob}
        for token, logprob in likely.items():
            if not token.startswith(before):
                continue
            chance = self.chance * math.exp(min(0.0, logprob))
            meant = self._meant(token[len(before) :])
            if len(meant) == 1:
                self._raw[meant[0]] += chance
            elif meant and token != one.token:
                self._unresolved += chance
        meant = self._meant(one.token[len(before) :])
        self.open = len(meant) > 1
        self.chance *= math.exp(min(0.0, one.logprob))
        self.path = self._with(one.token[len(before) :])

    def result(self) -> tuple[dict[str, float] | None, float | None]:
        """The probabilities, once the answer has ended."""
        if self.open and self.path in self._raw:  # it ended with a name that others begin with
            self._raw[self.path] += self.chance
        mass = sum(self._raw.values())
        if mass <= 0 or self._unresolved > UNRESOLVED * (mass + self._unresolved):
            return None, None
        return {label: round(p / mass, 6) for label, p in self._raw.items()}, round(min(mass, 1.0), 6)

    def _with(self, token: str) -> str:
        return self.path + token if self.path else token.lstrip()

    def _meant(self, token: str) -> list[str]:
        """The choices that a name can be, if it goes on with a token."""
        name = self._with(token)
        ended = [c for c in self._raw if name.startswith(c) and len(name) > len(c) and not name[len(c)].isalnum()]
        open_ = [c for c in self._raw if c.startswith(name)] if name else list(self._raw)
        if ended and not open_:
            return [max(ended, key=len)]
        return open_
