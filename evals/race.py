"""A race of arms: which can no longer be among the best k, at any look, with one error rate for all of it.

Every two arms are compared on the situations that both decided. Per item, with n and m the steps that are better and
worse in the first arm and d all steps, x = (n - m + d) / 2 of d steps has ratio 1/2 where the two are alike. Against
"the first is no better" a gambler bets that it is more, with constant bets in a uniform mixture; his capital is a
supermartingale there, so it ever reaches K (K - 1) / alpha for any of the K (K - 1) ordered pairs with probability
alpha at most (Ville's inequality, and Bonferroni over pairs). An arm is dropped where k others were shown to be better.

So in at least 1 - alpha of races no arm of the truly best k is dropped, whenever one looks and stops: to drop one of
them takes k better arms, of which one at least is none. Items count once, by their first episode, in their order.

Per dollar, an arm's improvement over the baseline is divided by what a decision costs beside the baseline's. These
costs are fixed before the first episode, so the comparison stays one of bounded values.

Source: the betting capital of Waudby-Smith and Ramdas 2024 (2010.09686), as in `akrasia.evals.inference.sequences`;
racing as successive elimination (Maron and Moore 1997; Even-Dar et al. 2006).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..errors import BadOption
from .inference import LEVEL, Array

BETS = (np.arange(20) + 0.5) / 20
BLOCK = 128  # items that are multiplied up at once: 2^128 is far from overflow
_NONE, _START = np.zeros(0), np.zeros(len(BETS))


@dataclass(frozen=True, slots=True)
class Dropped:
    """An arm that left a race: after how many episodes, and why.

    `beaten_by` names the arms that were shown to be better; empty where it was not measured, which `why` then says.
    """

    variant: str
    episodes: int
    beaten_by: tuple[str, ...] = ()
    why: str = ""


@dataclass(frozen=True, slots=True)
class RaceResult:
    """How a race stands.

    Attributes:
        keep: how many are wanted; metric, per: what they are compared in.
        looks: after how many episodes it was looked at.
        contenders: those that may still be among the best, the best so far first; dropped: the others, in order.
        decided: no more contenders are left than are wanted.
    """

    keep: int
    metric: str
    per: str
    looks: tuple[int, ...]
    contenders: tuple[str, ...]
    dropped: tuple[Dropped, ...] = ()
    decided: bool = False

    def __str__(self) -> str:
        measure = self.metric if self.per == "point" else f"{self.metric} per dollar"
        ended = "decided" if self.decided else "not decided"
        lines = [
            f"Race for the best {self.keep} by {measure}, {ended} after {self.looks[-1] if self.looks else 0} episodes "
            f"({len(self.looks)} looks): {', '.join(self.contenders) or 'nobody'}."
        ]
        for gone in self.dropped:
            reason = gone.why or f"shown to be worse than {', '.join(gone.beaten_by)}"
            lines.append(f"  dropped after {gone.episodes}: {gone.variant}, {reason}")
        return "\n".join(lines)


@dataclass
class RaceEvidence:
    """The evidence of a race over its looks.

    Args:
        arms: who takes part; more never join, because the error rate is shared among all pairs.
        keep: how many are wanted.
        bound: the most steps that an item's first episode can have.
        lower: whether less of the metric is better, as of the gap.
        costs: what a decision of each arm costs beside the baseline's; None to compare points alone.
        level: probability that no arm of the best `keep` is ever dropped.

    Raises:
        BadOption: fewer arms than are wanted, or a cost that is not positive.
    """

    arms: Sequence[str]
    keep: int
    bound: float
    lower: bool = True
    costs: Mapping[str, float] | None = None
    level: float = LEVEL
    shown: dict[tuple[str, str], float] = field(default_factory=dict)
    _seen: dict[tuple[str, str], tuple[Array, Array]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if not 1 <= self.keep < len(self.arms):
            raise BadOption(
                f"a race for the best {self.keep} of {len(self.arms)} arms",
                "there is nobody to drop" if self.keep >= len(self.arms) else "somebody must be left",
                "Race more variants, or keep fewer.",
            )
        for name, cost in (self.costs or {}).items():
            if not cost > 0:
                raise BadOption(
                    f"{name!r} costs no more than the baseline",
                    "its gain per dollar has no bound",
                    "Race by points, or leave it out.",
                )

    @property
    def threshold(self) -> float:
        """The log of the capital at which an arm counts as shown to be better than another."""
        pairs = len(self.arms) * (len(self.arms) - 1)
        return float(np.log(pairs / (1 - self.level)))

    def look(
        self,
        sums: Mapping[str, tuple[Array, Array]],
        contenders: Sequence[str],
        base: tuple[Array, Array] | None = None,
    ) -> dict[str, tuple[str, ...]]:
        """The contenders that are to be dropped, each with the arms that were shown to be better.

        Args:
            sums: (num, den) per item, in the order of the episodes, of every contender, over the same items.
            base: the same of the baseline, where arms are compared per dollar.
        """
        pairs = [(one, other) for one in contenders for other in contenders if one != other]
        self._bet(pairs, np.stack([self._gains(one, other, sums, base) for one, other in pairs]))
        beaten = {
            arm: tuple(b for b in self.arms if self.shown.get((b, arm), -np.inf) >= self.threshold)
            for arm in contenders
        }
        return {arm: by for arm, by in beaten.items() if len(by) >= self.keep}

    def _gains(
        self, one: str, other: str, sums: Mapping[str, tuple[Array, Array]], base: tuple[Array, Array] | None
    ) -> Array:
        """By how much `one` is better than `other` on each item, in [-1/2, 1/2]."""
        (a, den), (b, den_b) = sums[one], sums[other]
        if not np.array_equal(den, den_b):
            raise BadOption(
                f"{one!r} and {other!r} have not the same steps",
                "a race compares them step by step",
                "Race variants that all state a recommendation, in the fork design.",
            )
        gained = b - a if self.lower else a - b
        if self.costs is not None and base is not None:
            mine, theirs = 1 / self.costs[one], 1 / self.costs[other]
            sign = 1.0 if self.lower else -1.0
            gained = sign * (mine * (base[0] - a) - theirs * (base[0] - b)) / (mine + theirs)
        return np.asarray(gained / 2 / self.bound)  # (num - den / 2) / bound, where num = (gained + den) / 2

    def _bet(self, pairs: Sequence[tuple[str, str]], gains: Array) -> None:
        """Let every pair's capital grow by the items that are new, and keep the greatest that it ever was.

        Args:
            gains: of every pair over all items, shape (pairs, items). Items that were seen at the look before are not
                bet on again; where they are not the same any more, all of them are.
        """
        seen = [self._seen.get(pair, (_NONE, _START)) for pair in pairs]
        known = len(seen[0][0])
        if any(not np.array_equal(row[:known], before) for row, (before, _) in zip(gains, seen, strict=True)):
            known, seen = 0, [(_NONE, _START)] * len(pairs)
        logs = np.stack([capital for _, capital in seen])
        best = np.full(len(pairs), -np.inf)
        for start in range(known, gains.shape[1], BLOCK):
            grown = np.cumprod(1 + 2 * BETS[:, None] * gains[:, None, start : start + BLOCK], axis=2)
            top = logs.max(axis=1)
            total = np.einsum("pb,pbi->pi", np.exp(logs - top[:, None]), grown)
            with np.errstate(divide="ignore"):  # capital that is lost stays lost
                best = np.maximum(best, top + np.log(total.max(axis=1) / len(BETS)))
                logs = logs + np.log(grown[..., -1])
        for pair, row, capital, most in zip(pairs, gains, logs, best, strict=True):
            self._seen[pair] = (row, capital)
            self.shown[pair] = max(self.shown.get(pair, -np.inf), float(most))
