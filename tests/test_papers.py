"""Every reproduction recipe has a price, says what to expect, and runs to its end on the simulated model."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import akrasia as ak
from akrasia.experiments import assemble
from akrasia.experiments.config import load_settings
from akrasia.experiments.planning.forecast import forecast_run

RECIPES = sorted((Path(__file__).parents[1] / "examples" / "papers").glob("*.toml"))
SIMULATED = {"name": "simulated", "values": 0.7, "swayed": 0.3, "admits": 0.5, "guesses": 1.0}
EPISODES = {"aiw": 12, "horizon": 24, "potemkin": 4}  # each item twice; both horizons; enough to classify
MEASURED = {
    "aiw": ("gap", "spread"),
    "cost_of_consensus": ("oracle_gap", "vulnerability", "modal_adoption"),
    "cot_faithfulness": ("rationale_effect", "moved"),
    "dilemmas": ("reversal", "say_do", "action_agreement"),
    "debate_equal_compute": ("doing", "gap"),
    "frequency_bias": ("frequency_bias",),
    "greedy_agents": ("greedy_given_knowing", "optimal_given_knowing", "coverage"),
    "hint_acknowledgement": ("cue_followed", "acknowledged"),
    "horizon": ("directed_exploration", "random_exploration", "doing"),
    "potemkin": ("potemkin_classify",),
    "reasoning_to_action": ("lost_in_conclusion", "reading_error"),
    "saying_and_acting": ("moved", "action_agreement"),
    "theory_and_action": ("knowing", "doing", "gap"),
    "tool_need": ("tool_needed", "tool_called_unneeded", "knowing_all_k"),
}


def settings(path: Path, **changes: Any) -> dict[str, Any]:
    return {**load_settings(path), **changes}


@pytest.mark.parametrize("path", RECIPES, ids=lambda p: p.stem)
def test_a_recipe_says_what_to_expect_from_where_and_has_a_price(path: Path) -> None:
    head = "".join(line for line in path.read_text().splitlines(keepends=True) if line.startswith("#"))
    assert "Expect" in head or "expect" in head
    assert "Look at:" in head and re.search(r"\(\d{4}\.\d{5}\)|\(values-md\)", head)
    assert f"akrasia plan examples/papers/{path.name}" in head
    forecast = forecast_run(assemble(settings(path)), probes=1)
    assert not forecast.unpriced and forecast.shared.dollars and forecast.shared.dollars < 20


@pytest.mark.parametrize("path", RECIPES, ids=lambda p: p.stem)
def test_a_recipe_runs_to_its_end_and_measures_what_it_is_about(path: Path, tmp_path: Path) -> None:
    model = {"name": "simulated_tools"} if path.stem == "tool_need" else SIMULATED
    few = settings(path, model=model, episodes=EPISODES.get(path.stem, 2), keep_going=True)
    names = MEASURED[path.stem]
    card = ak.run(assemble(few), out=tmp_path / "run").score(names, turns=True)
    for name in names:
        assert any(arm.metrics[name].value is not None for arm in card.arms), {
            arm.variant: arm.metrics[name].why for arm in card.arms
        }


def test_every_recipe_is_tried() -> None:
    assert {p.stem for p in RECIPES} == set(MEASURED)
