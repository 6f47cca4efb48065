"""Rows of `benchmarks/calibration.py` on items that are asked again and again: 20 items in 20, 100 and 800 episodes.

An item has a log-odds of being done right and an effect of the variant of its own; its episodes draw from these. So
more episodes of the same items say more of these items, and no more of others: the item is the cluster. What happens
where each episode is taken for a cluster is shown beside it.

Twenty single steps have 21 results, so at any one share the coverage of an interval jumps between some 92 and 98 %
(Brown, Cai and DasGupta 2001, Statistical Science 16(2)). What is measured is its mean over shares nearby: every
experiment has a centre of its own in a band of log-odds, and its truth is the one of that centre.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from akrasia.evals import inference as inf
from akrasia.rng import named_rng

ITEMS = 20
REPEATS = (1, 5, 40)
AT_ONCE = 400_000  # decisions
BAND = np.linspace(-0.4, 0.4, 33)  # log-odds by which the centre of an experiment is off its world's

Sums = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class ItemWorld:
    """Items that differ, each asked in several episodes of one decision, in two arms.

    The arms of an item lie half of its own effect below and above its log-odds; these effects are symmetric around
    `shift`, so that without a shift the two arms are exchangeable within an item. Of the decisions of the second arm a
    share `anew` is drawn anew; the others repeat the draws of the first.

    Attributes:
        name: in the table; centre: mean log-odds of doing right.
        intercept: standard deviation of the items' log-odds; own_effect: of the variant's effect on the items.
        shift: mean effect of the variant, in log-odds.
    """

    name: str
    centre: float = 0.0
    intercept: float = 1.2
    own_effect: float = 0.8
    shift: float = 0.0
    anew: float = 0.6

    def rates(self, z: np.ndarray, v: np.ndarray, off: np.ndarray | float = 0.0) -> tuple[np.ndarray, np.ndarray]:
        """Probability of doing right in both arms, of items with standard normal traits z and v; `off` of BAND."""
        middle = self.centre + off + self.intercept * z
        reach = (self.own_effect * v + self.shift) / 2
        return expit(middle - reach), expit(middle + reach)

    def draw(self, rng: np.random.Generator, offs: np.ndarray, repeats: int) -> np.ndarray:
        """What is right in experiments with these `offs`: boolean, shape (arms, experiments, items, episodes)."""
        experiments = len(offs)
        z, v = rng.standard_normal((2, experiments, ITEMS, 1))
        shape = (experiments, ITEMS, repeats)
        first = rng.random(shape)
        second = np.where(rng.random(shape) < self.anew, rng.random(shape), first)
        base, arm = self.rates(z, v, offs[:, None, None])
        return np.stack([first < base, second < arm])

    def truth(self, off: float = 0.0) -> tuple[float, float]:
        """(share of the first arm, difference of the second from it), by Gauss-Hermite quadrature; `off` of BAND."""
        points, weights = np.polynomial.hermite_e.hermegauss(60)
        mass = weights[:, None] * weights / weights.sum() ** 2
        base, arm = (float(np.sum(mass * r)) for r in self.rates(points[:, None], points[None, :], off))
        return base, round(arm - base, 12)


ITEM_WORLDS = (
    ItemWorld("no change on average"),
    ItemWorld("helps", shift=0.8),
    ItemWorld("no change on average, items differ more", centre=-1.0, intercept=2.0, own_effect=1.5),
    ItemWorld("no change, items alike", intercept=0.0, own_effect=0.0),
)
KEPT = 0.93, 0.97


@dataclass
class _Kept:
    """How many experiments held the truth and how many found something."""

    share: int = 0
    difference: int = 0
    found: int = 0

    def take(self, base: Sums, arm: Sums, truth: tuple[float, float], name: str) -> None:
        one, other = inf.estimate(*base, name), inf.contrast(arm, base, "doing", name, "base")
        self.share += one.low <= truth[0] <= one.high
        self.difference += other.difference.low <= truth[1] <= other.difference.high
        self.found += other.p <= 0.05


def _batches(world: ItemWorld, repeats: int, replicates: int, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Where in BAND each of some experiments lies, and what is right in them."""
    batch = max(1, AT_ONCE // (ITEMS * repeats))
    for start in range(0, replicates, batch):
        rng = named_rng(seed, "calibration", "items", world.name, repeats, start)
        places = rng.integers(len(BAND), size=min(batch, replicates - start))
        yield places, world.draw(rng, BAND[places], repeats)


Measured = tuple[str, str, float, float | None, float | None]


def item_clusters(world: ItemWorld, repeats: int, replicates: int, seed: int) -> list[Measured]:
    """(section, what, measured share, least and most that is claimed) of 20 items in `repeats` episodes each."""
    by_item, by_episode = _Kept(), _Kept()
    truths = [world.truth(off) for off in BAND]
    for places, right in _batches(world, repeats, replicates, seed):
        per_item, den = right.sum(-1).astype(float), np.full(ITEMS, float(repeats))
        ones = np.ones(ITEMS * repeats)
        for i, place in enumerate(places):
            truth = truths[place]
            base, arm = ((per_item[side, i], den) for side in (0, 1))
            by_item.take(base, arm, truth, f"{i}")
            if repeats > 1:
                base, arm = ((right[side, i].ravel().astype(float), ones) for side in (0, 1))
                by_episode.take(base, arm, truth, f"{i}")
    where = f"{world.name}, {ITEMS} items in {ITEMS * repeats} episodes"
    return [*_claimed(world, by_item, where, replicates), *_beside(world, by_episode, where, replicates, repeats)]


def _claimed(world: ItemWorld, kept: _Kept, where: str, replicates: int) -> Iterator[Measured]:
    share, change = world.truth()
    least, most = KEPT
    section = "the item as cluster"
    what = f"doing = {share:.3f}, {where}"
    yield f"robust interval of a share, {section}", what, kept.share / replicates, least, most
    what = f"doing {change + 0.0:+.3f}, {where}"
    yield f"robust interval of a paired difference, {section}", what, kept.difference / replicates, least, most
    if world.shift == 0:
        yield f"sign-flip test, error at 0.05, {section}", what, kept.found / replicates, None, 0.055


def _beside(world: ItemWorld, kept: _Kept, where: str, replicates: int, repeats: int) -> Iterator[Measured]:
    if repeats == 1:
        return
    what = f"doing {world.truth()[1] + 0.0:+.3f}, {where}"
    section = "the episode as cluster, for comparison"
    yield f"robust interval of a paired difference, {section}", what, kept.difference / replicates, None, None
    if world.shift == 0:
        yield f"sign-flip test, error at 0.05, {section}", what, kept.found / replicates, None, None
