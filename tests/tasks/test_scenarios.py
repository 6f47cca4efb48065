"""A bandit's words: every label is its own, and is read back as it was told."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from akrasia.agents import read_action, read_stated
from akrasia.agents.rendering import render_situation
from akrasia.tasks import TASKS, bandit
from akrasia.tasks.scenarios import LABELS, SCENARIOS, label_pool

SEED = st.integers(0, 2**40)
WORDS = st.fixed_dictionaries({
    "scenario": st.sampled_from(sorted(SCENARIOS)),
    "rewards": st.sampled_from(["gaussian", "bernoulli"]),
    "arms": st.integers(2, 40),
})  # fmt: skip


@given(SEED, WORDS)
def test_every_label_survives_from_prompt_to_parser(seed: int, words: dict[str, Any]) -> None:
    task = bandit(**words)
    seen = task.situation(task.start(seed))
    assert len({a.casefold() for a in seen.actions}) == words["arms"]
    assert f"You face {words['arms']} " in seen.instruction
    for label in seen.actions:
        assert label in render_situation(seen)
        assert read_action(f"I think so.\nACTION={label}", seen.actions) == (label, "ok")
        assert read_stated(f"The best {seen.noun} now is {label}.", seen.actions) == ((label,), "ok")
        assert read_stated(f"BEST={label}\nACTION={label}", seen.actions) == ((label,), "ok")


@pytest.mark.parametrize("name", sorted(LABELS))
@pytest.mark.parametrize("arms", [2, 20, 26, 33, 100])
def test_a_list_that_is_too_short_goes_on_without_collisions(name: str, arms: int) -> None:
    labels = label_pool(name, arms)
    assert len({a.casefold() for a in labels}) == len(labels) >= arms
    state = bandit(arms=arms, labels=name).start(3)
    assert set(state.labels) <= set(labels)
    if name == "numbers":
        assert state.labels == tuple(map(str, range(arms)))
    else:
        assert read_action(f"ACTION={labels[0]}-999", labels) == (None, "illegal")


def test_scenarios_have_words_of_their_own() -> None:
    told = [bandit(scenario=s, rewards=r) for s in SCENARIOS for r in ("gaussian", "bernoulli")]
    texts = {t.situation(t.start(0)).instruction for t in told}
    assert len(texts) == len(told) == 10
    assert all(len(LABELS[s.labels]) >= 30 for n, s in SCENARIOS.items() if n not in ("buttons", "numbered"))
    mine = bandit(scenario="clothes", labels=["Hat", "Tie", "Cap"], arms=3)
    assert set(mine.start(0).labels) == {"Hat", "Tie", "Cap"}
    assert TASKS.make("bandit", **mine.options) == mine
    assert "an advert that was never tried" in bandit(scenario="adverts").situation(told[0].start(0)).rule
