"""The demo at reduced size on the embedded model: a real measurement, end to end, that agrees with the card."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import akrasia as ak
from akrasia.experiments.config import load_settings
from akrasia.models.providers.lora import organism

ROOT = Path(__file__).parents[1]


@pytest.mark.embedded
@pytest.mark.slow
def test_the_demo_measures_a_gap_that_is_not_degenerate(tmp_path: Path) -> None:
    settings = load_settings(ROOT / "examples" / "demo.toml", ["episodes=7"])
    kept = ("acts directly", "reads its thought", "executes its thought")
    settings["variants"] = {name: settings["variants"][name] for name in kept}
    result = ak.run(**settings, out=tmp_path / "demo")
    assert result.outcome is not None and result.outcome.stopped is None
    arms = {(a.model, a.variant): a for a in result.score().arms}
    assert {model for model, _ in arms} == {"embedded:organism", "embedded"}
    seen = result.records.group_by("model").agg(result.records["situation"].unique().sort()).sort("model")["situation"]
    assert seen[0].to_list() == seen[1].to_list()  # both decide the same situations
    direct, thought = arms["embedded:organism", "acts directly"], arms["embedded:organism", "reads its thought"]
    knowing, gap, doing = direct.metrics["knowing"], direct.metrics["gap"], thought.metrics["doing"]
    assert knowing.value is not None and knowing.value >= 0.6 and direct.metrics["doing"].value is not None
    assert direct.metrics["doing"].value <= 0.5 and gap.value is not None and gap.value >= 0.3
    assert gap.low is not None and gap.high is not None and gap.low < gap.high
    assert doing.value is not None and doing.value >= 0.6
    card = json.loads(organism().with_suffix(".json").read_text())["trained"][0]["held_out"]
    expected = card["as trained (held-out episodes)"]
    for arm, row, metric in (
        (thought, "own thought", "knowing"),
        (thought, "own thought", "doing"),
        (direct, "directly", "doing"),
    ):  # the demo's situations have the form on the card, and the measured intervals meet those of the card
        measured, (_, low, high) = arm.metrics[metric], expected[row][metric]
        assert measured.low is not None and measured.high is not None
        assert max(measured.low, low) <= min(measured.high, high), (row, metric, measured)
    for arm in arms.values():
        assert arm.outcomes.actions.get("ok", 0) / arm.steps >= 0.95
        assert arm.outcomes.rationales.get("ok", 0) / arm.steps >= 0.8
    assert direct.outcomes.label_entropy is not None and direct.outcomes.label_entropy > 0.5
    assert thought.outcomes.rationales.get("ok", 0) / thought.steps >= 0.95
    for model in ("embedded:organism", "embedded"):
        assert arms[model, "executes its thought"].metrics["gap"].value == 0
    assert result.report().stat().st_size > 5000
    replayed = ak.run(**settings, out=tmp_path / "demo", offline=True)
    assert replayed.outcome is not None and replayed.outcome.run_usage.made == 0
