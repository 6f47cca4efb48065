"""The organism: what it is trained on, and the adapter that ships against its card."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import pytest

import akrasia as ak
from akrasia.agents.answers.parsing import read_action, read_stated
from akrasia.agents.base import Agent
from akrasia.agents.reasoner import Reasoner
from akrasia.errors import BadOption, MissingWeights
from akrasia.models import resolve
from akrasia.models.providers.embedded import SHIPPED_SHA256
from akrasia.models.providers.lora import organism, read_adapter
from akrasia.tasks import bandit
from akrasia.training.organism import RECIPE, Recipe, pairs, prompt_of, thought

CARD = json.loads(organism().with_suffix(".json").read_text())
SMALL = Recipe(histories=60, seed=3)


def test_a_thought_recommends_what_ucb_would() -> None:
    task = bandit(arms=5, head_start=6, horizon=1, labels="letters")
    for seed in range(40):
        state = task.start(seed)
        situation = task.situation(state)
        said, best = thought(situation)
        assert best in task.oracle(state).optimal
        assert read_stated(said, situation.actions) == ((best,), "ok")
        new = re.findall(r"(\w+) new", said)
        assert sorted(new) == sorted(task.oracle(state).untried)


def test_what_is_trained_is_what_a_reasoner_is_asked_and_never_an_act_without_a_thought() -> None:
    made = pairs(SMALL)
    assert made == pairs(SMALL) and made != pairs(Recipe(histories=60, seed=4))
    assert len(made) == SMALL.histories * SMALL.cuts
    for pair in made:
        assert pair.prompt.startswith("Buttons: ") and pair.prompt.endswith("\nThought:")
        thought_, act = pair.completion.split("\n")
        actions = pair.prompt.split("\n")[0].removeprefix("Buttons: ").split(", ")
        assert read_stated(thought_, actions)[0] == (read_action(act, actions)[0],)
    chosen = Counter(p.completion.rpartition("=")[2] for p in made)
    assert max(chosen.values()) < 0.1 * len(made)  # no label is the answer to everything
    places = Counter(
        p.prompt.split("\n")[0].removeprefix("Buttons: ").split(", ").index(p.completion.rpartition("=")[2])
        for p in made
    )
    assert len(places) >= 4


def test_reasoner_and_actor_see_the_same_lines() -> None:
    task = bandit(arms=4, head_start=3, horizon=1, labels="letters")
    situation = task.situation(task.start(1))
    asked = "".join(m.content for m in Reasoner().call(Agent("reasoner"), situation, (), "tuned").messages)
    assert asked == prompt_of(situation)
    acting = "".join(
        m.content for m in ak.agents.AGENTS.make("actor").call(Agent("actor"), situation, (), "tuned").messages
    )
    assert acting == f"{asked.removesuffix('Thought:')}Step={situation.step} Action="
    assert "index" not in asked and "Scores" not in asked  # nothing is computed for it


def test_the_shipped_adapter_is_the_one_on_the_card() -> None:
    said = read_adapter(organism())
    assert organism().stat().st_size <= 6e6
    assert said.base == SHIPPED_SHA256 and said.style == "tuned" and said.name == "organism"
    shipped = CARD["trained"][0]
    assert shipped["sha256"] == said.sha256 and shipped["seed"] == RECIPE.seed
    assert CARD["recipe"] == json.loads(json.dumps(asdict(RECIPE)))
    assert shipped["held_out"]["as trained (held-out episodes)"]["own thought"]["knowing"][0] >= 0.85
    assert len(CARD["trained"]) == 3 and {t["seed"] for t in CARD["trained"]} == {0, 1, 2}
    for one in CARD["trained"]:
        rows = one["held_out"]["as trained (held-out episodes)"]
        assert rows["own thought"]["knowing"][0] >= 0.75 and rows["directly"]["doing"][0] <= 0.5
        assert rows["directly"]["label_entropy"][0] > 2 and rows["directly"]["mass"][0] > 0.5
        assert all(rows["directly"][k][0] is not None for k in ("chance", "greedy_share", "place_entropy"))


def test_an_adapter_is_a_model_like_any_other() -> None:
    named = resolve("embedded:organism").info
    assert named.label == "embedded:organism" and named.style == "tuned" and "never to act without" in named.note
    assert resolve(f"embedded:{organism()}").info == named == resolve("embedded", adapter="organism").info
    assert named.id != resolve("embedded").info.id != resolve("embedded", style="tuned").info.id
    with pytest.raises(BadOption, match="both adapters"):
        resolve(f"embedded:{organism()}", adapter="organism")
    with pytest.raises(MissingWeights, match="there is no file"):
        resolve("embedded", adapter="nothing.gguf")


def test_an_adapter_of_other_weights_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.gguf"
    other.write_bytes(b"GGUF of something else")
    with pytest.raises(MissingWeights, match="trained on other weights"):
        resolve("embedded", weights=str(other), adapter="organism")


@pytest.mark.embedded
@pytest.mark.slow
def test_the_organism_knows_and_does_not(tmp_path: Path) -> None:
    """Its rates are inside the card's intervals, on the card's own situations and on fewer of them."""
    task = {"name": "bandit", "arms": 6, "labels": "letters", "head_start": 6, "horizon": 1}
    variants = {"own thought": "reason_then_act", "directly": "act"}
    result = ak.run(task=task, model="embedded:organism", variants=variants, episodes=24, seed=9, out=tmp_path / "run")
    card = CARD["trained"][0]["held_out"]["as trained (held-out episodes)"]
    for arm in result.score().arms:
        for name in ("knowing", "doing"):
            found, (value, low, high) = arm.metrics[name], card[arm.variant].get(name, (None, None, None))
            if value is None or found.value is None:
                continue
            assert found.low is not None and found.high is not None
            assert max(found.low, low) <= min(found.high, high), (arm.variant, name, found, value)
        if arm.variant == "directly":
            assert arm.metrics["doing"].value is not None and arm.metrics["doing"].value <= 0.5
            assert (arm.metrics["label_entropy"].value or 0) > 1.5
        else:
            assert arm.metrics["knowing"].value is not None and arm.metrics["knowing"].value >= 0.7
            assert arm.outcomes.rationales.get("ok", 0) / arm.steps >= 0.95
