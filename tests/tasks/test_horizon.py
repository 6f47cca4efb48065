"""The Horizon task: its balance, its exact oracle in a second way, and planted exploration recovered."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

import akrasia as ak
from akrasia.errors import BadOption
from akrasia.models.providers.scripted import Scripted
from akrasia.records import Draw, Request
from akrasia.rng import named_rng
from akrasia.tasks.horizon import FORCED, MIDDLE, SPREAD, horizon
from akrasia.tasks.horizon_values import choice_values, posterior_mean

SIGMA = 8.0


def test_conditions_are_balanced_and_forced_pulls_are_the_same_for_everybody() -> None:
    task = horizon()
    starts = [task.start(seed) for seed in range(400)]
    kinds = [task.situation(s).item for s in starts]
    assert set(kinds) == {f"{i}, horizon {h}" for i in ("equal", "unequal") for h in (1, 6)}
    assert all(60 < kinds.count(kind) < 140 for kind in set(kinds))
    assert all(len(s.history) == FORCED == s.turn for s in starts)
    for state in starts:
        pulls = [t.action for t in state.history]
        expected = {2} if task.situation(state).item.startswith("equal") else {1, 3}
        assert {pulls.count(label) for label in state.labels} == expected


def test_at_the_last_choice_the_best_posterior_mean_is_best() -> None:
    means = posterior_mean([60.0], MIDDLE, SPREAD, SIGMA), posterior_mean([58.0, 60.0, 62.0], MIDDLE, SPREAD, SIGMA)
    assert means[0] < means[1] < 60.0  # one reward is shrunk further to the middle than three
    assert choice_values(means, (1, 3), 1, SPREAD, SIGMA) == pytest.approx(means, abs=1e-9)


@lru_cache(maxsize=100_000)
def two_dimensional(one: int, other: int, a: int, b: int, left: int) -> tuple[float, float]:
    """Q of both arms by plain recursion over both posterior means, on a lattice of a tenth of a point."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(9)
    weights = weights / weights.sum()

    def variance(n: int) -> float:
        return 1 / (1 / SPREAD**2 + n / SIGMA**2)

    def after(arm: int) -> float:
        if left == 1:
            return 0.0
        total = 0.0
        for node, weight in zip(nodes, weights, strict=True):
            n = a if arm == 0 else b
            step = round(10 * node * (variance(n) - variance(n + 1)) ** 0.5)
            moved = (one + step, other) if arm == 0 else (one, other + step)
            total += weight * max(two_dimensional(*moved, a + (arm == 0), b + (arm == 1), left - 1))
        return total

    return one / 10 + after(0), other / 10 + after(1)


@pytest.mark.parametrize(("means", "pulls"), [((52.0, 55.0), (1, 3)), ((40.0, 60.0), (2, 2)), ((50.0, 50.5), (3, 1))])
def test_the_value_agrees_with_recursion_over_both_means(means: tuple[float, float], pulls: tuple[int, int]) -> None:
    plain = two_dimensional(round(10 * means[0]), round(10 * means[1]), *pulls, 3)
    assert choice_values(means, pulls, 3, SPREAD, SIGMA) == pytest.approx(plain, abs=0.15)


def test_the_value_is_what_playing_by_it_earns() -> None:
    """Simulated from the prior: the sum of six choices by the oracle, beside what it says that they are worth."""
    rng = named_rng(0, "test", "horizon values")
    worth, earned = [], []
    for _ in range(400):
        truth = rng.normal(MIDDLE, SPREAD, 2)
        rewards = [list(rng.normal(m, SIGMA, n)) for m, n in zip(truth, (1, 3), strict=True)]
        total = 0.0
        for left in range(6, 0, -1):
            means = tuple(posterior_mean(r, MIDDLE, SPREAD, SIGMA) for r in rewards)
            values = choice_values(means, tuple(map(len, rewards)), left, SPREAD, SIGMA)
            if left == 6:
                worth.append(max(values))
            arm = int(np.argmax(values))
            rewards[arm].append(rng.normal(truth[arm], SIGMA))
            total += truth[arm]
        earned.append(total)
    differences = np.array(earned) - np.array(worth)
    assert abs(differences.mean()) < 3 * differences.std() / np.sqrt(len(differences))


def test_the_less_known_lever_is_worth_more_the_longer_the_horizon() -> None:
    def margin(left: int) -> float:
        unknown, known = choice_values((50.0, 50.0), (1, 3), left, SPREAD, SIGMA)
        return unknown - known

    assert margin(1) == pytest.approx(0, abs=1e-9)
    assert 0 < margin(2) < margin(6)


def test_planted_exploration_is_recovered(tmp_path: Path) -> None:
    """A model that takes the less known lever in 30 % of short and 70 % of long games, and errs in 10 and 30 %."""

    def script(request: Request, draw: Draw) -> str:
        text = request.messages[-1].content
        state = next(s for s in (horizon().start(seed) for seed in [draw.episode]) if s.labels[0] in text)
        rng = named_rng(draw.episode, "script", draw.sample, len(text))
        rewards = {a: [t.reward for t in state.history if t.action == a] for a in state.labels}
        long = state.choices > 1
        if {len(r) for r in rewards.values()} == {2}:
            low, high = sorted(rewards, key=lambda a: sum(rewards[a]))
            done = low if rng.random() < (0.3 if long else 0.1) else high
        else:
            rare, often = sorted(rewards, key=lambda a: len(rewards[a]))
            done = rare if rng.random() < (0.7 if long else 0.3) else often
        return f"BEST={done}\nACTION={done}"

    result = ak.run(
        task=horizon(choices=2), model=Scripted(script, "explorer"), variants=["reason_act"], episodes=200,
        out=tmp_path / "run",
    )  # fmt: skip
    found = result.score(["directed_exploration", "random_exploration"]).arms[0].metrics
    for name, truth in (("directed_exploration", 0.4), ("random_exploration", 0.2)):
        e = found[name]
        assert e.value is not None and e.low is not None and e.high is not None
        assert e.low - (e.high - e.low) / 4 <= truth <= e.high + (e.high - e.low) / 4  # an interval of 99.7 %


def test_the_simulated_agent_knows_the_oracle(tmp_path: Path) -> None:
    result = ak.run(
        task="horizon", model="simulated:knowing=1,optimal=1,greedy=0", variants=["reason_act"], episodes=30,
        out=tmp_path / "run",
    )  # fmt: skip
    arm = result.score(["knowing", "doing"]).arms[0]
    assert arm.metrics["knowing"].value == arm.metrics["doing"].value == 1.0


@pytest.mark.parametrize("options", [{"choices": 1}, {"choices": 21}, {"sigma": 0}, {"sigma": -1}])
def test_bad_options_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(BadOption):
        horizon(**options)  # type: ignore[arg-type]
