"""What holds for every task: how many decisions an episode has, and states reached by random play."""

import pytest

from akrasia.errors import BadOption
from akrasia.tasks import aiw, bandit, frequency
from akrasia.tasks.base import action_index, max_decisions, random_state_after


def test_an_episode_has_the_decisions_that_its_horizon_leaves_or_that_it_names() -> None:
    assert max_decisions(bandit(horizon=7, head_start=3)) == 7
    assert max_decisions(frequency(repeats=20)) == 1  # its first situation is far from the horizon, and the only one
    assert max_decisions(aiw()) == 4


def test_random_play_is_named_by_its_purpose_and_stops_before_the_end() -> None:
    task = bandit(horizon=6)
    assert random_state_after(task, 3, 4, "a") == random_state_after(task, 3, 4, "a")
    assert random_state_after(task, 3, 4, "a") != random_state_after(task, 3, 4, "b")
    assert len(random_state_after(task, 3, 4, "a").history) == 4
    assert len(random_state_after(task, 3, 99, "a").history) == 5
    assert random_state_after(aiw(), 0, 99, "a").turn == 3  # open questions are passed


def test_an_illegal_action_is_refused_with_the_legal_ones() -> None:
    assert action_index("B", ("A", "B")) == 1
    with pytest.raises(BadOption, match="Legal: A, B"):
        action_index("C", ("A", "B"))
