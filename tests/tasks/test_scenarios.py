"""A bandit's words: every label is its own, and is read back as it was told."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import akrasia as ak
from akrasia.agents import read_action, read_stated
from akrasia.agents.rendering import render_situation
from akrasia.errors import BadOption
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


CALLS = [
    ["press(red)", "press(blue)", "press(red, twice)", "press"],
    ["buy(item=3, n=2)", "buy(item=3, n=1)", "buy(item=3)", "buy(item=3, n=12)"],
    ["move[1, 2]", "move[2, 1]", "move[1]", "(1, 2)"],
    ["get_weather(city='Paris')", "get_weather(city='Rome')", "wait()", "get_weather()"],
    ['{"press": "red"}', '{"press": "blue"}', "a=1", "a=12"],
    ["Alien", "Alien (3)", "Aliens, again", "Mr. Bean"],
]


@pytest.mark.parametrize("labels", CALLS)
def test_labels_that_are_calls_are_read_in_every_form(labels: list[str]) -> None:
    seen = bandit(arms=4, labels=labels).situation(bandit(arms=4, labels=labels).start(1))
    assert set(seen.actions) == set(labels)
    assert ("; ".join(seen.actions) in seen.instruction) == any("," in label for label in labels)
    for label in labels:
        for form in ("{}", "{}.", "`{}`", "**{}**", "{} because it pays most", "{}\nCONFIDENCE=80", "the {} button"):
            assert read_action(f"So it is.\nACTION={form.format(label)}", seen.actions) == (label, "ok"), form
        assert read_stated(f"The best button now is {label}.", seen.actions) == ((label,), "ok")
        for part, end in (("; ", ""), ("\n", ""), ("\n", " (n=3)")):
            values = part.join(f"{a}{end} = {2 if a == label else 1}.5" for a in labels)
            assert read_stated(f"<values>\n{values}\n</values>", seen.actions) == ((label,), "ok"), values


PIECES = st.lists(
    st.sampled_from(["red", "blue", "go", "1", "12", "(", ")", "[", "]", ", ", "=", "_", "'", "n"]), max_size=6
)


@given(st.lists(PIECES.map("".join), min_size=3, max_size=5))
def test_a_label_of_any_signs_that_is_taken_is_never_read_as_another(labels: list[str]) -> None:
    try:
        actions = bandit(arms=len(labels), labels=labels).start(0).labels
    except BadOption:
        return
    for label in actions:
        for text in (f"ACTION={label}", f"ACTION=`{label}`", f"**ACTION={label}**", f"ACTION={label}."):
            assert read_action(text, actions)[0] in (label, None), text
        values = "\n".join(f"{a} = {2 if a == label else 1}.5" for a in actions)
        assert read_stated(f"<values>\n{values}\n</values>", actions)[0] in ((label,), ()), values


def test_a_run_whose_labels_are_calls_of_a_tool(tmp_path: Path) -> None:
    task = bandit(arms=4, horizon=4, labels=CALLS[1])
    run = ak.run(task=task, model="simulated", variants=["reason_act", "reason_then_act"], episodes=8, out=tmp_path)
    assert set(run.records["status"]) == {"ok"} and set(run.records["stated_status"]) == {"ok"}
    assert set(run.records["done"]) <= set(CALLS[1]) and set(run.records["answer_kind"]) == {"tool calls"}
    assert all(arm.metrics["doing"].value is not None for arm in run.score().arms)
