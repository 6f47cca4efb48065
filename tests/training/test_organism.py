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
from akrasia.training.organism import RECIPE, OrganismRecipe, reasoner_prompt, training_pairs, ucb_thought

CARD = json.loads(organism().with_suffix(".json").read_text())
SMALL = OrganismRecipe(histories=60, seed=3)


def test_a_thought_recommends_what_ucb_would() -> None:
    task = bandit(arms=5, head_start=6, horizon=1, labels="letters")
    for seed in range(40):
        state = task.start(seed)
        situation = task.situation(state)
        said, best = ucb_thought(situation)
        assert best in task.oracle(state).optimal
        assert read_stated(said, situation.actions) == ((best,), "ok")
        new = re.findall(r"(\w+) new", said)
        assert sorted(new) == sorted(task.oracle(state).untried)


def test_what_is_trained_is_what_a_reasoner_is_asked_and_never_an_act_without_a_thought() -> None:
    made = training_pairs(SMALL)
    assert made == training_pairs(SMALL) and made != training_pairs(OrganismRecipe(histories=60, seed=4))
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
    asked = "".join(m.content for m in Reasoner().prompt(Agent("reasoner"), situation, (), "tuned").messages)
    assert asked == reasoner_prompt(situation)
    acting = "".join(
        m.content for m in ak.agents.AGENTS.make("actor").prompt(Agent("actor"), situation, (), "tuned").messages
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
