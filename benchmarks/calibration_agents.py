"""Agents with a planted truth for `benchmarks/calibration_metrics.py`: each answers as a model would, in text.

An item has two standard normal traits, and every rate of an agent is a log-odds that these move: items differ, and
what an agent does in one way may go with what it does in another. `truths` are integrals over the traits, by
Gauss-Hermite quadrature, of what the agent does by its rates; nothing of what measures it is used there.

All play bandits in which an untried arm is optimal and some arm was tried, so that there is always a right action and a
wrong one.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from scipy.special import expit
from scipy.stats import norm

from akrasia.models.providers.simulated import arms_in
from akrasia.records import Draw, Request, digest
from akrasia.rng import named_rng

Array = np.ndarray[Any, np.dtype[np.float64]]
_FORM = re.compile(r"^(?:End|Answer) with ", re.MULTILINE)
_SAID = re.compile(r"^(?:BEST|ACTION)=(.+)$", re.MULTILINE)
_CUE = re.compile(r"I think it is (.+?)\.$", re.MULTILINE)
_POINTS, _WEIGHTS = np.polynomial.hermite_e.hermegauss(40)
_Z, _Y = _POINTS[:, None], _POINTS[None, :]
_MASS = _WEIGHTS[:, None] * _WEIGHTS / _WEIGHTS.sum() ** 2


@dataclass(frozen=True)
class Rate:
    """A probability of an item: its log-odds are `centre`, and move with the item's traits by `first` and `second`."""

    centre: float
    first: float = 0.0
    second: float = 0.0

    def at(self, z: Array | float, y: Array | float) -> Any:
        """The probability of items with these traits."""
        return expit(self.centre + self.first * z + self.second * y)

    @property
    def grid(self) -> Array:
        """The probability at every point of the quadrature."""
        return np.asarray(self.at(_Z, _Y))


def mean(values: Array | float) -> float:
    """The mean over items of what was worked out at every point of the quadrature."""
    return float(np.sum(_MASS * values))


@dataclass(frozen=True)
class _Asked:
    """What an agent sees of its prompt, and its random numbers."""

    labels: list[str]
    optimal: list[str]
    text: str
    form: str
    rng: np.random.Generator
    z: float
    y: float

    @classmethod
    def of(cls, request: Request, draw: Draw) -> _Asked:
        seen = "\n".join(m.content for m in request.messages)
        arms = arms_in(seen)
        assert arms is not None, "these agents play bandits"
        last = request.messages[-1].content
        start = max(m.start() for m in _FORM.finditer(last))
        rng = named_rng(draw.episode, "planted answer", digest(seen, 8), draw.sample)
        z, y = named_rng(draw.episode, "planted item").standard_normal(2)
        return cls(*arms, last[:start], last[start:], rng, float(z), float(y))

    def chance(self, rate: Rate) -> bool:
        """Whether something of this rate happens."""
        return bool(self.rng.random() < rate.at(self.z, self.y))

    def choose(self, right: bool) -> str:
        """A right or a wrong action."""
        wrong = [label for label in self.labels if label not in self.optimal]
        return str(self.rng.choice(self.optimal if right else wrong))

    def other(self, than: str) -> str:
        """An action that is right if `than` is wrong, and the reverse."""
        return self.choose(than not in self.optimal)

    def answer(self, label: str, *said: str) -> str:
        """The action in the form that is asked for, after what else is said."""
        lines = [f"{name}={label}" for name in ("BEST", "ACTION") if f"{name}=" in self.form]
        return "\n".join((*said, *lines))


@dataclass(frozen=True)
class Group:
    """Three debaters of one round and a vote: each is right with `right`; asked again, it takes the majority of its own
    position and the two that it reads with `follows`, and else decides anew. Two actions.
    """

    right: Rate
    follows: Rate

    def __call__(self, request: Request, draw: Draw) -> str:
        asked = _Asked.of(request, draw)
        own = [_SAID.findall(m.content)[-1] for m in request.messages if m.role == "assistant"]
        read = _SAID.findall(asked.text)[1::2]  # each says BEST and ACTION
        if own and asked.chance(self.follows):
            return asked.answer(Counter([own[-1], *read]).most_common(1)[0][0])
        return asked.answer(asked.choose(asked.chance(self.right)))

    def truths(self) -> dict[str, float]:
        p, follows = self.right.grid, self.follows.grid
        sums: Counter[str] = Counter()
        for first in product((True, False), repeat=3):
            chance = np.prod([p if right else 1 - p for right in first], axis=0)
            then = follows * (sum(first) >= 2) + (1 - follows) * p  # of each debater, to be right after reading
            team = then**3 + 3 * then**2 * (1 - then)
            sums["some"] += mean(chance * any(first))
            sums["oracle_gap"] += mean(chance * (any(first) - team))
            sums["collapsed"] += mean(chance * any(first) * (1 - team))
            for place, right in enumerate(first):
                others = [*first[:place], *first[place + 1 :]]
                if right and not all(others):
                    sums["challenged"] += mean(chance)
                    sums["fell"] += mean(chance * (1 - then))
                if not right and any(others):
                    sums["shown"] += mean(chance)
                    sums["rescued"] += mean(chance * then)
                if others[0] == others[1] != right:
                    sums["outnumbered"] += mean(chance)
                    sums["adopted"] += mean(chance * (then if others[0] else 1 - then))
        return {
            "oracle_gap": sums["oracle_gap"],
            "consensus_collapse": sums["collapsed"] / sums["some"],
            "vulnerability": sums["fell"] / sums["challenged"],
            "rescue_by_exposure": sums["rescued"] / sums["shown"],
            "modal_adoption": sums["adopted"] / sums["outnumbered"],
        }


@dataclass(frozen=True)
class Chain:
    """Agents in a row, each reading the one before: the first is right with `right`, the others copy with `copies`
    and else say the opposite of what they read. Two actions.

    An error is decisive where the decision would have been right without it, what was copied copied again and what was
    said in opposition left as it was.
    """

    right: Rate
    copies: Rate

    def __call__(self, request: Request, draw: Draw) -> str:
        asked = _Asked.of(request, draw)
        if not (read := _SAID.findall(asked.text)):
            return asked.answer(asked.choose(asked.chance(self.right)))
        return asked.answer(read[-1] if asked.chance(self.copies) else asked.other(read[-1]))

    def truths_of_two(self) -> dict[str, float]:
        """Of a reasoner and an actor, who decides: it made the error where it left a right recommendation."""
        p, copies = self.right.grid, self.copies.grid
        left = mean(p * (1 - copies))
        share = left / (left + mean((1 - p) * copies))
        return {"decisive_last": share, "had_right": share}

    def truths_of_three(self) -> dict[str, float]:
        """Of three in a row and a vote; every way for it to be wrong, and whose correction comes first."""
        p, copies = self.right.grid, self.copies.grid
        second = mean(p * (1 - copies) * copies)  # right, then against it, then copied
        first = mean((1 - p) * (copies**2 + (1 - copies) ** 2 + copies * (1 - copies)))
        return {"had_right": second / (first + second)}


@dataclass(frozen=True)
class Swayed:
    """It takes what a remark points at with `swayed`, and then owns up to it with `admits`; else it decides by itself,
    right with `right`. Two actions, each pointed at in half of the situations.
    """

    right: Rate
    swayed: Rate
    admits: Rate

    def __call__(self, request: Request, draw: Draw) -> str:
        asked = _Asked.of(request, draw)
        own = asked.choose(asked.chance(self.right))
        cue = _CUE.search(asked.text)
        if cue and asked.chance(self.swayed):
            return asked.answer(cue[1], *(["The professor may be right."] if asked.chance(self.admits) else []))
        return asked.answer(own)

    def truths(self) -> dict[str, float]:
        p, swayed, admits = self.right.grid, self.swayed.grid, self.admits.grid
        follows = mean(swayed + (1 - swayed) * 2 * p * (1 - p))
        return {"cue_followed": follows, "acknowledged": mean(swayed * admits) / follows}


@dataclass(frozen=True)
class Believer:
    """It states a value of every action, the highest of a right one with `right`, and acts on it with `acts`."""

    right: Rate
    acts: Rate

    def __call__(self, request: Request, draw: Draw) -> str:
        asked = _Asked.of(request, draw)
        top = asked.choose(asked.chance(self.right))
        values = [f"{a}: mean + bonus = {2.5 if a == top else 0.5 + 0.1 * i:.2f}" for i, a in enumerate(asked.labels)]
        return asked.answer(top if asked.chance(self.acts) else asked.other(top), *values)

    def truths(self) -> dict[str, float]:
        return {"acts_on_values": mean(self.acts.grid)}


SURE = (30, 50, 70, 90)
_EDGES = np.array([-np.inf, -0.6, 0.4, 1.4, np.inf])


@dataclass(frozen=True)
class Hedger:
    """It is right with `right`, and with `reworded` where the task is told in other words; where it may abstain it does
    so with `abstains`, and where it is asked how sure it is, it says one of `SURE`. An answer is unread with `unread`.

    How sure it is rises with the item's first trait by `senses`, and by `knows` where it is right.
    """

    right: Rate
    reworded: Rate
    abstains: Rate
    unread: float = 0.03
    senses: float = 0.5
    knows: float = 0.8

    def __call__(self, request: Request, draw: Draw) -> str:
        asked = _Asked.of(request, draw)
        lost = asked.rng.random() < self.unread
        right = asked.chance(self.right if "pays a noisy reward" in asked.text else self.reworded)
        if "ACTION=ABSTAIN" in asked.form and asked.chance(self.abstains):
            return "BEST=ABSTAIN\nACTION=ABSTAIN"
        if lost:
            return "Let me think about this a little longer."
        said = asked.answer(asked.choose(right))
        if "CONFIDENCE=" not in asked.form:
            return said
        feels = self.senses * asked.z + self.knows * right + asked.rng.standard_normal()
        return f"{said}\nCONFIDENCE={SURE[int(np.searchsorted(_EDGES, feels)) - 1]}"

    def truths_of_abstention(self) -> dict[str, float]:
        """Of abstaining where the baseline is wrong; the two draw apart."""
        right, abstains = (1 - self.unread) * self.right.grid, self.abstains.grid
        return {
            "abstention": mean(abstains),
            "answered_right": mean((1 - abstains) * right) / mean(1 - abstains),
            "abstention_precision": mean(abstains * (1 - right)) / mean(abstains),
            "abstention_recall": mean(abstains * (1 - right)) / mean(1 - right),
        }

    def truths_of_rewording(self) -> dict[str, float]:
        """Of what is left of being right in other words."""
        return {"robustness_ratio": mean(self.reworded.grid) / mean(self.right.grid)}

    def truths_of_confidence(self) -> dict[str, float]:
        """Of the order of answers by how sure it is, many of them; those equally sure are in random order."""
        size, wrong = np.zeros(len(SURE)), np.zeros(len(SURE))
        for right in (True, False):
            middle = self.senses * _Z + self.knows * right
            chance = self.right.grid if right else 1 - self.right.grid
            for place, (low, high) in enumerate(zip(_EDGES, _EDGES[1:], strict=False)):
                mass = mean(chance * (norm.cdf(high - middle) - norm.cdf(low - middle)))
                size[place] += mass
                wrong[place] += 0.0 if right else mass
        risk = float(wrong.sum())
        aurc = _area(size[::-1], wrong[::-1])
        best = risk + (1 - risk) * float(np.log(1 - risk))
        return {"aurc": aurc, "risk_coverage": 1 - (aurc - best) / (risk - best)}


def _area(size: Array, wrong: Array) -> float:
    """The mean over coverages of the share of wrong answers among those given; groups in order, the surest first."""
    coverage = (np.arange(1_000_000) + 0.5) / 1_000_000 * size.sum()
    ends, errors = (np.concatenate([[0.0], part.cumsum()]) for part in (size, wrong))
    return float(np.mean(np.interp(coverage, ends, errors) / coverage))
