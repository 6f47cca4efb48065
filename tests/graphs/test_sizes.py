"""A size that would fill the memory is refused at once, in words, before anything is built."""

from __future__ import annotations

import time

import pytest

import akrasia as ak
from akrasia.interventions import parse


@pytest.mark.parametrize(
    "expression",
    [
        "reason_act | self_consistency(n=1000000)",
        "reason_act | best_of_n(n=1000000)",
        "reason_act | retry(n=1000000)",
        "reason_act | self_consistency(n=5000) | self_consistency(n=5000)",
        "reason_act | critique(rounds=1000000)",
        "reason_act | re_evaluate(rounds=1000000)",
        "reason_act | debate(agents=1000000)",
        "reason_then_act | debate(rounds=1000000)",
        "society(agents=1000000)",
        "society(rounds=1000000)",
        "mallm_memory(rounds=1000000)",
    ],
)
def test_a_decision_has_a_size(expression: str) -> None:
    began = time.monotonic()
    with pytest.raises(ak.errors.UsageError) as refused:
        parse(expression)
    assert refused.value.remedy and time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("task", "option"),
    [
        ("bandit", "arms"), ("bandit", "horizon"), ("bandit", "head_start"), ("frequency", "repeats"),
        ("contextual", "users"), ("contextual", "arms"), ("contextual", "horizon"),
    ],
)  # fmt: skip
def test_an_episode_has_a_size(task: str, option: str) -> None:
    with pytest.raises(ak.errors.BadOption, match="Use a whole number from"):
        getattr(ak.tasks, task)(**{option: 10**9})


@pytest.mark.parametrize("setting", ["episodes", "workers", "concurrency"])
def test_an_experiment_has_a_size(setting: str) -> None:
    with pytest.raises(ak.errors.BadOption, match="Use a whole number from"):
        ak.forecast(model="simulated", **{setting: 10**12})  # type: ignore[arg-type]
