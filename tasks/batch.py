"""Reference players on many bandit episodes at once: lower and upper bounds with a small Monte-Carlo error.

Invariant: an episode has the true means that the task gives its seed, and players follow the rules of `players.py`,
without labels, texts and oracles. Rewards and ties are drawn from one stream per batch and are not rounded, so a batch
is another sample of the same distribution, not a replay of `run_player`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from ..errors import BadOption, UnknownName
from ..records import digest
from ..rng import named_rng
from .bandit import Bandit
from .players import posterior
from .rules import TRUTH, rule_named

Floats = NDArray[np.float64]
Scores = Callable[[Floats, Floats, int, np.random.Generator], Floats]

EPSILON = 0.1
BLOCK = 1024  # episodes, so few that the arrays of a step fit into a processor's cache

BATCHED = ("ucb", "greedy", "epsilon_greedy", "thompson", "uniform")


def regrets(task: Bandit, player: str, seeds: Sequence[int]) -> Floats:
    """Expected regret of each step, from the true means: shape (episodes, horizon), in reward units.

    Args:
        task: a bandit; its head start is left out.
        player: "ucb" (the task's rule; UCB1 where that is the truth), "greedy", "epsilon_greedy", "thompson" or
            "uniform", as in `akrasia.tasks.players`.
        seeds: the episodes.

    Raises:
        UnknownName: no such player.
        BadOption: there are no seeds.
    """
    if player not in BATCHED:
        raise UnknownName.among("batched player", player, BATCHED)
    if not seeds:
        raise BadOption("there are no seeds", remedy="Give at least one.")
    blocks = [seeds[i : i + BLOCK] for i in range(0, len(seeds), BLOCK)]
    return np.concatenate([_block(task, player, block) for block in blocks])


def _block(task: Bandit, player: str, seeds: Sequence[int]) -> Floats:
    means = np.array([task.means(seed) for seed in seeds])
    rng = named_rng(player, "batch", digest([task.options, list(seeds)]))
    scores = _scores(task, player)
    pulls, sums = np.zeros_like(means), np.zeros_like(means)
    lost = np.empty((len(seeds), task.horizon))
    rows, top = np.arange(len(seeds)), means.max(axis=1)
    for t in range(task.horizon):
        arm = _highest(scores(pulls, sums, t, rng), rng)
        mean = means[rows, arm]
        if task.rewards == "gaussian":
            reward = mean + task.sigma * rng.standard_normal(len(rows))
        else:
            reward = (rng.random(len(rows)) < mean).astype(float)
        pulls[rows, arm] += 1
        sums[rows, arm] += reward
        lost[:, t] = top - mean
    return lost


def _highest(scores: Floats, rng: np.random.Generator) -> NDArray[np.intp]:
    """A column of the highest score per row, ties at random."""
    ties = scores == scores.max(axis=1, keepdims=True)
    if np.count_nonzero(ties) == len(scores):
        return np.asarray(ties.argmax(axis=1))
    return np.asarray((ties * rng.random(scores.shape, dtype=np.float32)).argmax(axis=1))


def _scores(task: Bandit, player: str) -> Scores:
    """(pulls, sums, steps so far, rng) -> score per arm, all of shape (episodes, arms); the highest is pulled."""

    def ucb(pulls: Floats, sums: Floats, t: int, rng: np.random.Generator) -> Floats:
        rule = rule_named("ucb" if task.rule == TRUTH else task.rule)
        # All episodes have made t pulls, so an arm's bonus is one of t numbers.
        bonus = np.array([np.inf, *(rule.value(0.0, n, t) for n in range(1, t + 1))])
        return np.asarray(sums / np.maximum(pulls, 1) + bonus[pulls.astype(np.intp)])

    def greedy(pulls: Floats, sums: Floats, t: int, rng: np.random.Generator) -> Floats:
        means = np.where(pulls > 0, sums / np.maximum(pulls, 1), -np.inf)
        return means if t else np.zeros_like(pulls)

    def uniform(pulls: Floats, sums: Floats, t: int, rng: np.random.Generator) -> Floats:
        return np.zeros_like(pulls)

    def epsilon_greedy(pulls: Floats, sums: Floats, t: int, rng: np.random.Generator) -> Floats:
        scores = greedy(pulls, sums, t, rng)
        scores[rng.random(len(pulls)) < EPSILON] = 0.0
        return scores

    def thompson(pulls: Floats, sums: Floats, t: int, rng: np.random.Generator) -> Floats:
        if task.rewards == "bernoulli":
            return rng.beta(1 + sums, 1 + pulls - sums)
        mean, sd = posterior(pulls, sums, task.sigma)
        return mean + sd * rng.standard_normal(mean.shape)

    known: dict[str, Scores] = {
        "ucb": ucb,
        "greedy": greedy,
        "epsilon_greedy": epsilon_greedy,
        "thompson": thompson,
        "uniform": uniform,
    }
    return known[player]
