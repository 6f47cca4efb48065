"""Rewards and returns of a training, without torch."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from akrasia import errors
from akrasia.tasks import bandit
from akrasia.tasks.base import TASKS
from akrasia.training.returns import RewardScale, RewardShaping, StepReward, advantages, reward_scale, reward_to_go

rewards = st.lists(st.floats(-10, 10), min_size=1, max_size=12)


@given(rewards, st.floats(0.1, 1))
def test_reward_to_go_is_what_is_still_to_come(paid: list[float], discount: float) -> None:
    expected = [sum(discount ** (k - t) * paid[k] for k in range(t, len(paid))) for t in range(len(paid))]
    assert reward_to_go(paid, discount) == pytest.approx(expected)


@given(st.lists(rewards, min_size=1, max_size=8))
def test_the_baseline_is_the_mean_of_a_step_over_the_episodes_under_way(returns: list[list[float]]) -> None:
    found = advantages(returns)
    for t in range(max(map(len, returns))):
        here = [(r[t], a[t]) for r, a in zip(returns, found, strict=True) if t < len(r)]
        mean = sum(g for g, _ in here) / len(here)
        assert [a for _, a in here] == pytest.approx([g - mean for g, _ in here])


def test_a_step_without_an_action_earns_the_penalty_and_a_new_arm_the_bonus() -> None:
    shaping, scale = RewardShaping(penalty=-5, bonus=1), RewardScale(mean=0.5, deviation=0.25)
    assert shaping.shaped(StepReward(None), scale) == -5
    assert shaping.shaped(StepReward(1.0), scale) == 2
    assert shaping.shaped(StepReward(1.0, new=True), scale) == 3


def test_the_scale_is_that_of_random_play() -> None:
    scale = reward_scale(bandit(arms=5, sigma=0.5, horizon=20), seed=0)
    assert scale.mean == pytest.approx(0.5, abs=0.06)
    assert scale.deviation == pytest.approx(np.sqrt(1 / 12 + 0.25), rel=0.08)
    assert scale == reward_scale(bandit(arms=5, sigma=0.5, horizon=20), seed=0)


def test_what_cannot_be_trained_on_is_refused() -> None:
    with pytest.raises(errors.BadOption, match="open questions"):
        reward_scale(TASKS.make("aiw"), seed=0)
    with pytest.raises(errors.BadOption, match="discount"):
        RewardShaping(discount=0)
