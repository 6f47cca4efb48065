"""The demo's experiment at reduced size on the embedded model: a real measurement, end to end."""

from __future__ import annotations

from pathlib import Path

import pytest

import akrasia as ak
from akrasia.experiments.config import load

ROOT = Path(__file__).parents[1]


@pytest.mark.embedded
@pytest.mark.slow
def test_the_demo_measures_a_gap_that_is_not_degenerate(tmp_path: Path) -> None:
    settings = load(ROOT / "examples" / "demo.toml", ["episodes=6"])
    settings["variants"] = ["reason_then_act", "reason_then_act | placebo", "reason_then_act | execute_stated"]
    result = ak.run(**settings, out=tmp_path / "demo")
    assert result.outcome is not None and result.outcome.stopped is None
    baseline, *others = result.score().arms
    assert baseline.variant == "reason_then_act" and baseline.steps == 12
    rates = {name: baseline.metrics[name] for name in ("knowing", "doing", "gap")}
    assert all(e.value is not None and 0 < e.value < 1 for e in rates.values()), rates
    assert all(e.low is not None and e.high is not None and e.low < e.high for e in rates.values())
    for arm in (baseline, *others):
        assert arm.statuses.get("ok", 0) / arm.steps >= 0.95
        assert arm.stated_statuses.get("ok", 0) / arm.steps >= 0.9
    assert baseline.labels is not None and baseline.labels > 0.5
    ceiling = next(a for a in others if a.control == "execute_stated")
    assert ceiling.metrics["gap"].value == 0
    assert result.report().stat().st_size > 5000
    replayed = ak.run(**settings, out=tmp_path / "demo", offline=True)
    assert replayed.outcome is not None and replayed.outcome.tally.made == 0
