"""The metrics of tools find the rates that were planted in a simulated agent, inside their intervals."""

from __future__ import annotations

from pathlib import Path

import pytest

import akrasia as ak

PLANTED = {"hard": 0.4, "calls_needed": 0.7, "calls_unneeded": 0.2, "admits": 0.85, "pretends": 0.15}
MODEL = "simulated_tools:" + ",".join(f"{name}={value}" for name, value in PLANTED.items()) + ",wrong_arguments=0.1"


@pytest.mark.parametrize("trials", [1, 3])
def test_planted_rates_are_recovered(tmp_path: Path, trials: int) -> None:
    base = ak.graphs.reason_act()
    result = ak.run(
        task=ak.tasks.bandit(arms=5, horizon=1, head_start=2),
        model=MODEL,
        variants=[base, base | ak.interventions.use_tools()],
        episodes=600 if trials == 1 else 200,
        trials=trials,
        out=tmp_path / "r",
    )
    called = PLANTED["hard"] * PLANTED["calls_needed"] + (1 - PLANTED["hard"]) * PLANTED["calls_unneeded"]
    expected = {
        "tool_needed": PLANTED["hard"],
        "tool_called": called,
        "tool_called_needed": PLANTED["calls_needed"],
        "tool_called_unneeded": PLANTED["calls_unneeded"],
        "tool_claimed_uncalled": PLANTED["pretends"],
        "tool_called_unclaimed": 1 - PLANTED["admits"],
        "tool_claimed": called * PLANTED["admits"] + (1 - called) * PLANTED["pretends"],
        "tool_errors": 0.1,
    }
    metrics = result.score([*expected]).arms[1].metrics
    for name, planted in expected.items():
        found = metrics[name]
        assert found.value is not None and found.low is not None and found.high is not None, name
        width = found.high - found.low  # one interval in twenty misses: none misses by half its width
        assert found.low - width / 4 <= planted <= found.high + width / 4, (name, found)
        assert width < 0.25


def test_an_arm_without_tools_has_no_numbers_of_them(tmp_path: Path) -> None:
    result = ak.run(task="bandit", model="simulated", variants=["reason_act", "act"], episodes=3, out=tmp_path / "r")
    metrics = result.score().arms[1].metrics
    assert metrics["tool_called"].value is None and "use_tools" in metrics["tool_called"].why
    assert metrics["tool_needed"].value is None and "use_tools" in metrics["tool_needed"].why
