"""Effects of items: the shrunk ones are nearer to the truth, and their intervals hold it in 95 of 100."""

from __future__ import annotations

import numpy as np
import pytest

from akrasia.evals.inference.shrinkage import Shrunk, shrunk_effects
from akrasia.rng import named_rng


def simulated(tau: float, i: int, items: int = 40) -> tuple[Shrunk, np.ndarray]:
    """Items of 2 to 12 paired decisions with differences in {-1, 0, 1}, and their true effects."""
    rng = named_rng(i, "test", "shrinkage", str(tau))
    true = np.clip(-0.2 + tau * rng.standard_normal(items), -0.8, 0.8)
    codes = np.repeat(np.arange(items), rng.integers(2, 13, items))
    loses = rng.random(len(codes)) < (0.8 - true[codes]) / 1.6
    differences = np.where(loses, -0.8, 0.8)
    found = shrunk_effects(differences, codes, items)
    assert found is not None
    return found, true


@pytest.mark.parametrize("tau", [0.15, 0.3])
def test_intervals_of_items_hold_their_true_effects_and_shrinking_helps(tau: float) -> None:
    held, shrunk, raw, spreads = [], [], [], []
    for i in range(300):
        found, true = simulated(tau, i)
        held.append(np.mean((found.low <= true) & (true <= found.high)))
        shrunk.append(np.mean((found.effect - true) ** 2))
        raw.append(np.mean((found.raw - true) ** 2))
        spreads.append(found.tau**2)
    assert 0.90 <= np.mean(held) <= 0.98
    assert np.mean(shrunk) < 0.6 * np.mean(raw)
    assert np.mean(spreads) == pytest.approx(tau**2, abs=0.02)


def test_where_items_do_not_differ_the_test_says_so_at_its_level() -> None:
    p = [simulated(0.0, i)[0].p for i in range(400)]
    assert 0.02 <= np.mean(np.array(p) < 0.05) <= 0.085


def test_items_that_were_decided_once_tell_nothing() -> None:
    assert shrunk_effects(np.array([1.0, 0, 0]), np.arange(3), 3) is None
    assert shrunk_effects(np.array([1.0, 0, 0, 1]), np.array([0, 0, 1, 1]), 2) is None


def test_equal_differences_have_no_spread() -> None:
    found = shrunk_effects(np.zeros(12), np.repeat(np.arange(4), 3), 4)
    assert found is not None and found.tau == 0 and found.p == 1 and (found.effect == 0).all()
