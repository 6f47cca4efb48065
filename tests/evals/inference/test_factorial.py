"""Contrasts of several cells: the interaction is found where it is planted, and only there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from akrasia.errors import BadOption
from akrasia.evals.inference import cell_contrast, contrast
from akrasia.evals.two_way import EFFECTS

INTERACTION = EFFECTS["interaction"]


def cells(rng: np.random.Generator, episodes: int, shares: Any, equal: bool = True) -> list[Any]:
    """Right steps and steps per episode of four cells; the steps of an episode have a mood in common."""
    mood = rng.normal(0, 0.12, episodes)
    steps = np.full((4, episodes), 4) if equal else rng.integers(1, 8, (4, episodes))
    right = [rng.binomial(n, np.clip(p + mood, 0, 1)) for p, n in zip(shares, steps, strict=True)]
    return [(num.astype(float), den.astype(float)) for num, den in zip(right, steps, strict=True)]


def test_two_cells_are_the_paired_contrast() -> None:
    """An interaction whose second row is empty of change is a contrast of two; also with unequal denominators."""
    rng = np.random.default_rng(1)
    for equal in (True, False):
        a, b, *_ = cells(rng, 30, (0.4, 0.6, 0.5, 0.5), equal)
        mine, theirs = cell_contrast([a, b], (1, -1), "m", "v", "w"), contrast(a, b, "m", "v", "w")
        assert mine.difference.value == pytest.approx(theirs.difference.value)
        assert (mine.difference.low, mine.difference.high) == pytest.approx(
            (theirs.difference.low, theirs.difference.high)
        )
        assert mine.d_z == pytest.approx(theirs.d_z)
        assert mine.p == pytest.approx(theirs.p, abs=0.0 if equal else 0.03)


@pytest.mark.parametrize("equal", [True, False])
@pytest.mark.parametrize("effect", list(EFFECTS))
def test_the_interval_is_that_of_a_regression_with_clustered_errors(equal: bool, effect: Any) -> None:
    """Independent implementation: a linear probability model of single steps, errors clustered by episode."""
    import pandas as pd
    import statsmodels.formula.api as smf

    data = cells(np.random.default_rng(2), 25, (0.3, 0.5, 0.4, 0.9), equal)
    rows = [
        (int(step < num), i // 2, i % 2, episode)
        for i, (nums, dens) in enumerate(data)
        for episode, (num, den) in enumerate(zip(nums, dens, strict=True))
        for step in range(int(den))
    ]
    table = pd.DataFrame(rows, columns=["y", "model", "variant", "episode"])
    if effect != "interaction":  # centred, so that a main effect is the average over the other factor
        table[["model", "variant"]] -= 0.5
    fit = smf.ols("y ~ model * variant", table).fit(
        cov_type="cluster", cov_kwds={"groups": table["episode"], "use_correction": False}
    )
    name = "model:variant" if effect == "interaction" else effect
    found = cell_contrast(data, EFFECTS[effect], "m", "v", "w").difference
    error = fit.bse[name] * (25 / 24) ** 0.5
    assert found.value == pytest.approx(fit.params[name])
    assert found.high == pytest.approx(fit.params[name] + stats.t.ppf(0.975, 24) * error)
    boot = cell_contrast(data, EFFECTS[effect], "m", "v", "w", interval="bootstrap").difference
    assert boot.low == pytest.approx(found.low, abs=0.06) and boot.high == pytest.approx(found.high, abs=0.06)


@pytest.mark.parametrize("equal", [True, False])
def test_without_an_interaction_the_test_keeps_its_level(equal: bool) -> None:
    """Strong main effects that add up; 400 experiments of 24 episodes. 5 % of 400 is 20, its upper 99.9 % bound 35."""
    rng = np.random.default_rng(3)
    made = [cells(rng, 24, (0.2, 0.5, 0.4, 0.7), equal) for _ in range(400)]
    found = [cell_contrast(data, INTERACTION, "doing", "interaction", str(i)) for i, data in enumerate(made)]
    assert 4 <= sum(c.p <= 0.05 for c in found) <= 35
    assert sum(c.difference.low <= 0 <= c.difference.high for c in found) >= 365


@pytest.mark.parametrize("equal", [True, False])
def test_the_interval_covers_a_planted_interaction(equal: bool) -> None:
    """400 experiments in which the intervention does 0.3 less for the second model."""
    rng = np.random.default_rng(4)
    made = [cells(rng, 24, (0.2, 0.6, 0.5, 0.6), equal) for _ in range(400)]
    found = [cell_contrast(data, INTERACTION, "doing", "interaction", str(i)) for i, data in enumerate(made)]
    assert 365 <= sum(c.difference.low <= -0.3 <= c.difference.high for c in found) <= 396
    assert sum(c.p <= 0.05 for c in found) > 240
    assert np.mean([c.difference.value for c in found]) == pytest.approx(-0.3, abs=0.02)


def test_what_cannot_be_measured_is_said() -> None:
    ones, none = np.ones(5), np.zeros(5)
    lost = cell_contrast([(ones, ones), (ones, ones), (none, none), (ones, ones)], INTERACTION, "m", "v", "w")
    assert lost.difference.value is None and lost.p is None and "no step" in lost.difference.why
    alike = cell_contrast([(ones, ones)] * 4, INTERACTION, "m", "v", "w")
    assert alike.p == 1 and alike.difference.low < 0 < alike.difference.high
    alone = cell_contrast([(ones[:1], ones[:1])] * 4, INTERACTION, "m", "v", "w")
    assert (alone.difference.value, alone.difference.low, alone.p) == (0.0, None, None)
    with pytest.raises(BadOption, match="add up to 0"):
        cell_contrast([(ones, ones)] * 4, (1, 1, -1, 0), "m", "v", "w")
