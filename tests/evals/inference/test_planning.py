"""Power and sample size: against statsmodels, and each plan against the other."""

from typing import Any

import numpy as np
import pytest

from akrasia.errors import BadOption
from akrasia.evals.inference import (
    Contrast,
    assumed_spread,
    contrast,
    episodes_needed,
    minimum_detectable_effect,
    pilot_spread,
    power,
)
from akrasia.rng import named_rng

Pair = tuple[Any, Any]


def episodes(name: str, clusters: int, rate: float = 0.4, steps: int = 0) -> Pair:
    """(num, den) per episode with rates of their own; `steps` fixes the denominators."""
    rng = named_rng("inference", name, clusters)
    den = np.full(clusters, float(steps)) if steps else rng.integers(3, 12, clusters).astype(float)
    return rng.binomial(den.astype(int), rng.beta(4 * rate, 4 * (1 - rate), clusters)).astype(float), den


def compared(a: Pair, b: Pair, **more: Any) -> Contrast:
    return contrast(a, b, "doing", "v", "base", **more)


@pytest.mark.parametrize(
    ("episodes_", "effect", "alpha", "family"), [(8, 0.2, 0.05, 1), (40, 0.1, 0.05, 6), (300, 0.03, 0.01, 2)]
)
def test_power_is_that_of_statsmodels_paired_t_test(episodes_: int, effect: float, alpha: float, family: int) -> None:
    from statsmodels.stats.power import TTestPower

    theirs = TTestPower().power(effect / 0.25, episodes_, alpha / family)
    assert power(effect, episodes_, 0.25, alpha, family) == pytest.approx(theirs, abs=1e-9)


@pytest.mark.parametrize("steps", [None, 4.0])
@pytest.mark.parametrize(
    ("effect", "sd", "target", "family"), [(0.1, 0.3, 0.8, 1), (0.05, 0.2, 0.9, 6), (0.5, 0.2, 0.8, 3)]
)
def test_plans_agree_with_each_other(effect: float, sd: float, target: float, family: int, steps: float | None) -> None:
    needed = episodes_needed(effect, sd, target, family=family, steps=steps)
    assert power(effect, needed, sd, family=family, steps=steps) >= target
    assert power(effect, needed - 1, sd, family=family, steps=steps) < target
    assert power(-effect, needed, sd, family=family, steps=steps) == power(
        effect, needed, sd, family=family, steps=steps
    )
    least = minimum_detectable_effect(needed, sd, target, family=family, steps=steps)
    assert least is not None and least <= effect
    assert power(least, needed, sd, family=family, steps=steps) == pytest.approx(target, abs=1e-6)
    if steps is not None:
        assert needed >= episodes_needed(effect, sd, target, family=family)


def test_too_few_episodes_have_no_power_at_all() -> None:
    assert power(10.0, 5, 0.1) == 0.0 and power(10.0, 6, 0.1) > 0.99  # 2 of 2^5 swaps are 0.0625
    assert power(10.0, 7, 0.1, family=6) == 0.0 and power(10.0, 1, 0.1) == 0.0
    assert minimum_detectable_effect(5, 0.1) is None
    assert power(0.0, 50, 0.1) == pytest.approx(0.05)
    assert power(1e6, 50, 0.1) == 1.0


def test_the_spread_of_a_pilot_is_that_of_its_differences() -> None:
    a, b = episodes("pilot a", 20, steps=6), episodes("pilot b", 20, steps=6)
    assert pilot_spread(a, b) == pytest.approx(np.std((a[0] - b[0]) / 6, ddof=1), abs=1e-12)
    a, b = episodes("pilot a", 20), episodes("pilot c", 20)
    found = compared(a, b)
    assert found.difference.value is not None and found.d_z == pytest.approx(
        found.difference.value / pilot_spread(a, b)
    )


def test_the_assumed_spread_is_that_of_such_steps() -> None:
    steps, discordance, effect, own = 6, 0.4, 0.1, 0.2
    rng = named_rng("assumed")
    mean = effect + own * rng.choice((-1.0, 1.0), (200_000, 1))
    u = rng.random((200_000, steps))
    difference = (u < (discordance + mean) / 2).astype(float) - (u >= 1 - (discordance - mean) / 2)
    correlation = own**2 / (discordance - effect**2)
    assert assumed_spread(steps, discordance, correlation, effect) == pytest.approx(difference.mean(1).std(), rel=0.01)
    assert assumed_spread(1, 0.25) == 0.5


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: power(0.1, 20, 0.0),
        lambda: power(0.1, 20, 0.2, alpha=0.0),
        lambda: power(0.1, 20, 0.2, family=0),
        lambda: power(0.1, 20, 0.2, steps=0),
        lambda: episodes_needed(0.0, 0.2),
        lambda: episodes_needed(1e-6, 0.2),
        lambda: episodes_needed(0.1, 0.2, target=1.0),
        lambda: minimum_detectable_effect(20, 0.2, target=0.01),
        lambda: assumed_spread(0.5, 0.2),
        lambda: assumed_spread(4, 0.2, 1.5),
        lambda: assumed_spread(4, 0.2, 0.0, 0.3),
        lambda: assumed_spread(4, 0.0),
        lambda: assumed_spread(4, 1.0, 0.0, 1.0),
        lambda: pilot_spread(episodes("one", 1), episodes("one", 1)),
        lambda: pilot_spread(*[episodes("same", 9)] * 2),
        lambda: pilot_spread(episodes("x", 9), (np.zeros(9), np.zeros(9))),
    ],
)
def test_plans_that_cannot_be_are_refused(wrong: Any) -> None:
    with pytest.raises(BadOption):
        wrong()
