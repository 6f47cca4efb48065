"""The metrics of tools find the rates that were planted in a simulated agent, inside their intervals."""

from __future__ import annotations

from pathlib import Path
from statistics import mean

import pytest
from scipy.stats import binomtest

import akrasia as ak

PLANTED = {"hard": 0.4, "calls_needed": 0.7, "calls_unneeded": 0.2, "admits": 0.85, "pretends": 0.15}
MODEL = "simulated_tools:" + ",".join(f"{name}={value}" for name, value in PLANTED.items()) + ",wrong_arguments=0.1"


CALLED = PLANTED["hard"] * PLANTED["calls_needed"] + (1 - PLANTED["hard"]) * PLANTED["calls_unneeded"]
EXPECTED = {
    "tool_needed": PLANTED["hard"],
    "tool_called": CALLED,
    "tool_called_needed": PLANTED["calls_needed"],
    "tool_called_unneeded": PLANTED["calls_unneeded"],
    "tool_claimed_uncalled": PLANTED["pretends"],
    "tool_called_unclaimed": 1 - PLANTED["admits"],
    "tool_claimed": CALLED * PLANTED["admits"] + (1 - CALLED) * PLANTED["pretends"],
    "tool_errors": 0.1,
}
UNLUCKY = 0.005  # the probability with which a right interval would be called wrong here


@pytest.mark.parametrize(("trials", "episodes", "seeds"), [(1, 60, 3), (3, 40, 3)])
def test_planted_rates_lie_inside_their_intervals(tmp_path: Path, trials: int, episodes: int, seeds: int) -> None:
    base = ak.graphs.reason_act()
    missed = 0
    values: dict[str, list[float]] = {name: [] for name in EXPECTED}
    widths: dict[str, list[float]] = {name: [] for name in EXPECTED}
    for seed in range(seeds):
        result = ak.run(
            task=ak.tasks.bandit(arms=5, horizon=1, head_start=2),
            model=MODEL,
            variants=[base, base | ak.interventions.use_tools()],
            episodes=episodes,
            trials=trials,
            seed=seed,
            out=tmp_path / f"{seed}",
        )
        metrics = result.score([*EXPECTED]).arms[1].metrics
        for name, planted in EXPECTED.items():
            found = metrics[name]
            assert found.value is not None and found.low is not None and found.high is not None, name
            missed += not found.low <= planted <= found.high
            values[name].append(found.value)
            widths[name].append(found.high - found.low)
    assert binomtest(missed, seeds * len(EXPECTED), 0.05, "greater").pvalue > UNLUCKY, missed
    for name, planted in EXPECTED.items():  # their mean is nearer, as the root of the number of seeds
        assert max(widths[name]) < 0.6, name
        standard_error = mean(widths[name]) / (2 * 1.96) / seeds**0.5
        assert abs(mean(values[name]) - planted) < 3 * standard_error, (name, values[name])


def test_an_arm_without_tools_has_no_numbers_of_them(tmp_path: Path) -> None:
    result = ak.run(task="bandit", model="simulated", variants=["reason_act", "act"], episodes=3, out=tmp_path / "r")
    metrics = result.score().arms[1].metrics
    assert metrics["tool_called"].value is None and "use_tools" in metrics["tool_called"].why
    assert metrics["tool_needed"].value is None and "use_tools" in metrics["tool_needed"].why
