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

__all__ = ["Dropped", "RaceEvidence", "RaceResult"]

BETS = (np.arange(20) + 0.5) / 20


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
        for one in contenders:
            for other in contenders:
                if one != other:
                    evidence = self._evidence(one, other, sums, base)
                    self.shown[one, other] = max(self.shown.get((one, other), -np.inf), evidence)
        beaten = {
            arm: tuple(b for b in self.arms if self.shown.get((b, arm), -np.inf) >= self.threshold)
            for arm in contenders
        }
        return {arm: by for arm, by in beaten.items() if len(by) >= self.keep}

    def _evidence(
        self, one: str, other: str, sums: Mapping[str, tuple[Array, Array]], base: tuple[Array, Array] | None
    ) -> float:
        """The greatest log capital so far of the bet that `one` is better than `other`."""
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
        x = gained / 2 / self.bound  # (num - den / 2) / bound, where num = (gained + den) / 2
        logs = np.log1p(2 * BETS[:, None] * x[None, :]).cumsum(axis=1)
        return float(np.logaddexp.reduce(logs, axis=0).max() - np.log(len(BETS))) if len(x) else -np.inf
