"""Reference players: policies that need no model, as upper and lower bounds and for sanity checks.

Each is a function from the situation and a random generator to a legal action; ties are broken at random. What a player
knows besides the situation (the noise of a reward, its own exploration) is an argument of the function that makes it;
`players_for(task)` makes the players of a task.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import BadOption, NotMeasured
from ..options import real
from ..records import Oracle, Situation
from ..rng import named_rng
from .base import Task
from .rules import RULES, best_labels, linucb_values

Player = Callable[[Situation, np.random.Generator], str]
Floats = NDArray[np.float64]

PRIOR_MEAN, PRIOR_VARIANCE = 0.5, 1 / 12  # of a mean that is uniform on (0, 1)


def ucb_player(situation: Situation, rng: np.random.Generator) -> str:
    """Highest index under the task's rule, untried arms first: the published upper bound; UCB1 where it has no rule."""
    if situation.quantity("index"):
        return _pick(best_labels(situation.actions, _column(situation, "index")), rng)
    pulls, means = _column(situation, "pulls"), _column(situation, "mean")
    total = len(situation.history)
    index = [RULES["ucb"](m, int(n or 0), total) for n, m in zip(pulls, means, strict=True)]
    return _pick(best_labels(situation.actions, index), rng)


def greedy_player(situation: Situation, rng: np.random.Generator) -> str:
    """Highest mean reward among tried arms; the first pull is random: never explores on purpose."""
    means = _column(situation, "mean")
    tried = [(a, m) for a, m in zip(situation.actions, means, strict=True) if m is not None]
    return _pick(best_labels([a for a, _ in tried], [m for _, m in tried]) or situation.actions, rng)


def uniform_player(situation: Situation, rng: np.random.Generator) -> str:
    """Any legal action with equal probability: the published lower bound."""
    return _pick(situation.actions, rng)


def epsilon_greedy_player(epsilon: float = 0.1) -> Player:
    """With probability `epsilon` any action, else the greedy one."""
    real("epsilon", epsilon, 0, 1)

    def player(situation: Situation, rng: np.random.Generator) -> str:
        return uniform_player(situation, rng) if rng.random() < epsilon else greedy_player(situation, rng)

    return player


def thompson_player(
    sigma: float = 1.0, prior_mean: float = PRIOR_MEAN, prior_variance: float = PRIOR_VARIANCE
) -> Player:
    """Best of a draw from each arm's posterior: Gaussian rewards of known `sigma`, Gaussian prior of the means."""
    real("sigma", sigma, 0)
    real("prior_variance", prior_variance, 0)
    if prior_variance == 0:
        raise BadOption("prior_variance is 0", "no reward could change the estimate", "Use a number above 0.")

    def player(situation: Situation, rng: np.random.Generator) -> str:
        pulls, sums = _counts(situation)
        mean, sd = posterior(pulls, sums, sigma, prior_mean, prior_variance)
        return _pick(best_labels(situation.actions, list(rng.normal(mean, sd))), rng)

    return player


def thompson_beta_player(prior: float = 1.0) -> Player:
    """Best of a draw from each arm's posterior: rewards 0 or 1, prior Beta(prior, prior)."""

    def player(situation: Situation, rng: np.random.Generator) -> str:
        pulls, sums = _counts(situation)
        if not all(t.reward in (0.0, 1.0) for t in situation.history):
            raise NotMeasured("thompson_beta needs rewards of 0 or 1", remedy="Use thompson.")
        return _pick(best_labels(situation.actions, list(rng.beta(prior + sums, prior + pulls - sums))), rng)

    return player


def linucb_player(alpha: float = 1.0, ridge: float = 1.0) -> Player:
    """Highest LinUCB value, from the preferences of this user and of the earlier ones; for contextual bandits."""

    def player(situation: Situation, rng: np.random.Generator) -> str:
        now = _numbers(situation, "preference")
        arm = {a: i for i, a in enumerate(situation.actions)}
        past = [
            (arm[t.action], _numbers(situation, f"preference {t.step}")[arm[t.action]], t.reward)
            for t in situation.history
        ]
        return _pick(best_labels(situation.actions, linucb_values(now, past, alpha, ridge)), rng)

    return player


PLAYERS: dict[str, Player] = {
    "ucb": ucb_player,
    "greedy": greedy_player,
    "epsilon_greedy": epsilon_greedy_player(),
    "thompson": thompson_player(),
    "thompson_beta": thompson_beta_player(),
    "linucb": linucb_player(),
    "uniform": uniform_player,
}


def players_for(task: Task) -> dict[str, Player]:
    """The players of a task, with what they may know of it: noise, kind of reward, LinUCB's weights."""
    options = task.options
    fit: dict[str, Player] = {"uniform": uniform_player}
    if task.name == "bandit":
        bayes = thompson_beta_player() if options["rewards"] == "bernoulli" else thompson_player(options["sigma"])
        fit |= {
            "ucb": ucb_player,
            "greedy": greedy_player,
            "epsilon_greedy": epsilon_greedy_player(),
            "thompson": bayes,
        }
    if task.name == "contextual":
        fit |= {"ucb": ucb_player, "greedy": greedy_player, "epsilon_greedy": epsilon_greedy_player()}
        fit |= {"linucb": linucb_player(options["alpha"], options["ridge"])}
    return fit


def posterior(
    pulls: ArrayLike,
    sums: ArrayLike,
    sigma: float,
    prior_mean: float = PRIOR_MEAN,
    prior_variance: float = PRIOR_VARIANCE,
) -> tuple[Floats, Floats]:
    """Mean and standard deviation of each arm's mean reward, given pulls and sums of rewards of any shape."""
    pulls, sums = np.asarray(pulls, float), np.asarray(sums, float)
    # Multiplied through by sigma squared, so that sigma 0 is an arm known exactly after one pull.
    weight = sigma**2 / prior_variance
    precision = weight + pulls
    known = precision > 0
    safe = np.where(known, precision, 1.0)
    mean = np.where(known, (weight * prior_mean + sums) / safe, prior_mean)
    return mean, np.sqrt(np.where(known, sigma**2 / safe, prior_variance))


def run_player(task: Task, player: Player, seed: int) -> Iterator[tuple[Situation, Oracle, str, float]]:
    """Play one episode: yields (situation, oracle, action, reward) per step."""
    state, over = task.start(seed), False
    while not over:
        situation, oracle = task.situation(state), task.oracle(state)
        action = player(situation, named_rng(seed, "player", situation.step))
        state, reward, over = task.step(state, action)
        yield situation, oracle, action, reward


def _column(situation: Situation, name: str) -> tuple[float | None, ...]:
    column = situation.quantity(name)
    if column is None:
        raise NotMeasured(f"task {situation.task!r} has no column {name!r}", remedy="Use the uniform player.")
    return column.values


def _numbers(situation: Situation, name: str) -> tuple[float, ...]:
    return tuple(v or 0.0 for v in _column(situation, name))


def _counts(situation: Situation) -> tuple[Floats, Floats]:
    """Pulls and sums of rewards per action."""
    pulls = np.array(_numbers(situation, "pulls"))
    return pulls, pulls * np.array(_numbers(situation, "mean"))


def _pick(actions: tuple[str, ...], rng: np.random.Generator) -> str:
    return actions[int(rng.integers(len(actions)))]
