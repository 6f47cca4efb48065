"""The planted world of `benchmarks/calibration.py`: episodes that differ, two arms that play them, the true values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from akrasia.rng import named_rng

SEED = 5


@dataclass(frozen=True)
class Arm:
    """Steps of one arm; boolean, shape (experiments, episodes, most steps). `would` is what an unread answer holds."""

    knows: np.ndarray
    would: np.ndarray
    lost: np.ndarray
    here: np.ndarray

    def counts(self, quantity: str) -> tuple[np.ndarray, np.ndarray]:
        """(num, den) per step; an answer that cannot be read counts as not done."""
        does = self.would & ~self.lost
        num, den = {
            "knowing": (self.knows, self.here),
            "doing": (does, self.here),
            "gap": (self.knows & ~does, self.here),
            "does if knows": (self.knows & does, self.knows),
        }[quantity]
        return num & self.here, den & self.here

    def sums(self, quantity: str) -> tuple[np.ndarray, np.ndarray]:
        """(num, den) per episode, each of shape (experiments, episodes)."""
        num, den = self.counts(quantity)
        return num.sum(-1).astype(float), den.sum(-1).astype(float)


@dataclass(frozen=True)
class World:
    """Episodes that differ: log-odds of knowing and of doing vary between them, and their number of steps does too.

    A second arm plays the same episodes; of its steps a share `anew` is drawn anew, the others repeat the draws of the
    first arm, and its log-odds of doing are higher by `shift`. Without a shift the two arms are exchangeable.

    Attributes:
        knows, does, blind: log-odds of knowing, of doing what is known, and of doing right without knowing.
        spread: standard deviation of all log-odds between episodes; tied: how much longer episodes know more.
        lost: probability that a right and that a wrong answer cannot be read; most: steps an episode can have.
    """

    knows: float = 2.0
    does: float = 0.0
    blind: float = -1.5
    spread: float = 0.8
    shift: float = 0.8
    anew: float = 0.6
    tied: float = 0.0
    lost: tuple[float, float] = (0.03, 0.03)
    most: int = 8

    @property
    def fewest(self) -> int:
        return min(3, self.most)

    def rates(self, z: np.ndarray, y: np.ndarray, shift: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Probabilities of knowing, doing when knowing, doing when not, in an episode with traits z and y."""
        does = self.does + shift + self.spread * (y + 0.5 * z) / np.sqrt(1.25)
        return expit(self.knows + self.spread * z), expit(does), expit(self.blind + shift + self.spread * y)

    def arms(
        self, rng: np.random.Generator, experiments: int, episodes: int, shifts: tuple[float, ...] | None = None
    ) -> list[Arm]:
        """The first arm and, for each of `shifts` (by default the world's own), one to compare with it."""
        z, y = rng.standard_normal((2, experiments, episodes, 1))
        more = rng.binomial(self.most - self.fewest, expit(self.tied * z))
        shape = (experiments, episodes, self.most)
        here = np.broadcast_to(np.arange(self.most) < self.fewest + more, shape)
        first = rng.random((3, *shape))
        made = []
        for shift in (None, *((self.shift,) if shifts is None else shifts)):
            again = rng.random(shape) < (0.0 if shift is None else self.anew)
            u = np.where(again, rng.random((3, *shape)), first)
            knowing, doing, blind = self.rates(z, y, shift or 0.0)
            knows = u[0] < knowing
            would = u[1] < np.where(knows, doing, blind)
            made.append(Arm(knows & here, would & here, (u[2] < np.where(would, *self.lost)) & here, here))
        return made

    def truth(self, quantity: str, second: bool = False) -> float:
        """The planted value, by Gauss-Hermite quadrature over the traits."""
        points, weights = np.polynomial.hermite_e.hermegauss(60)
        z, y = points[:, None], points[None, :]
        knows, does, blind = self.rates(z, y, self.shift if second else 0.0)
        read = 1 - self.lost[0]
        num, den = {
            "knowing": (knows, 1.0),
            "doing": (read * (knows * does + (1 - knows) * blind), 1.0),
            "gap": (knows * (1 - read * does), 1.0),
            "does if knows": (knows * read * does, knows),
        }[quantity]
        mass = weights[:, None] * weights * (self.fewest + (self.most - self.fewest) * expit(self.tied * z))
        return float(np.sum(mass * num) / np.sum(mass * den))


COMMON = World()
RARE = World(does=-2.5, blind=-3.5)
OFTEN = World(does=3.0, blind=1.5)
TIED = World(tied=1.0)
FEW = World(anew=0.1)
PLACEBO = World(shift=0.0)
QUIET = World(shift=0.0, anew=0.1)
ITEMS = World(shift=0.0, most=1)
UNREAD = World(lost=(0.3, 0.05))
NAMES = {
    COMMON: "common",
    RARE: "rarely right",
    OFTEN: "mostly right",
    TIED: "longer episodes know more",
    UNREAD: "unread",
    FEW: "few steps differ",
    PLACEBO: "placebo",
    QUIET: "placebo, few steps differ",
    ITEMS: "placebo, one step each",
}


def batches(
    world: World, episodes: int, replicates: int, *name: str | int, shifts: tuple[float, ...] | None = None
) -> Iterator[list[Arm]]:
    """All experiments of a row, as many at a time as fit in memory."""
    batch = max(1, 20_000 // episodes)
    for start in range(0, replicates, batch):
        rng = named_rng(SEED, "calibration", NAMES[world], episodes, *name, start)
        yield world.arms(rng, min(batch, replicates - start), episodes, shifts)
