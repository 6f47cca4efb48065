"""What missing outcomes could have changed: bounds hold whatever they were."""

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from akrasia.errors import BadOption
from akrasia.evals.inference import (
    Contrast,
    bounds,
    contrast,
    difference_bounds,
    estimate,
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


counts = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(0, 2)), min_size=2, max_size=6)


@settings(deadline=None, max_examples=40)
@given(counts, counts, st.randoms(use_true_random=False))
def test_bounds_hold_whatever_the_missing_answers_were(one: Any, two: Any, dice: Any) -> None:
    size = min(len(one), len(two))
    arms, filled = [], []
    for steps in (one[:size], two[:size]):
        right, wrong, missing = (np.array(x, float) for x in zip(*steps, strict=True))
        arms.append((right, right + wrong + missing, missing))
        filled.append((right + [dice.randint(0, int(m)) for m in missing], right + wrong + missing))
    (a, b), (full_a, full_b) = arms, filled
    if a[1].sum() == 0 or b[1].sum() == 0:
        assert difference_bounds(a, b, "m", "v", "b").low.value is None
        return
    whole, found = full_a[0].sum() / full_a[1].sum(), bounds(a, "m")
    assert found.low.value is not None and found.high.value is not None
    assert found.low.value - 1e-12 <= whole <= found.high.value + 1e-12
    assert found.missing == pytest.approx(found.high.value - found.low.value)
    change, apart = whole - full_b[0].sum() / full_b[1].sum(), difference_bounds(a, b, "m", "v", "b")
    assert apart.low.value is not None and apart.high.value is not None
    assert apart.low.value - 1e-12 <= change <= apart.high.value + 1e-12
    other = bounds(b, "m")
    assert other.low.value is not None and other.high.value is not None
    assert apart.low.value == pytest.approx(found.low.value - other.high.value)
    assert apart.high.value == pytest.approx(found.high.value - other.low.value)


def test_without_missing_answers_the_bounds_are_the_estimate() -> None:
    (num, den), none = episodes("none", 12), np.zeros(12)
    found = bounds((num, den, none), "x")
    assert found.low == found.high == estimate(num, den, "x") and found.missing == 0.0
    other = episodes("none b", 12)
    apart = difference_bounds((num, den, none), (*other, none), "doing", "v", "base")
    assert apart.low == apart.high == compared((num, den), other).difference


def test_bounds_of_a_conditional_share_hold_whatever_belonged_to_the_condition() -> None:
    """Three steps known to belong, one of them right; two of which nothing is known."""
    found = bounds((np.array([1.0]), np.array([5.0]), np.array([2.0])), "x")
    possible = [
        (1 + sum(n for n, _ in two), 3 + sum(d for _, d in two))
        for two in itertools.product([(0, 0), (0, 1), (1, 1)], repeat=2)
    ]
    assert found.low.value == min(n / d for n, d in possible) and found.high.value == max(n / d for n, d in possible)


@pytest.mark.parametrize("bad", [(3.0, 2.0, 0.0), (1.0, 2.0, 2.0), (-1.0, 2.0, 0.0), (1.0, 2.0, -1.0)])
def test_bounds_refuse_what_is_no_count(bad: tuple[float, float, float]) -> None:
    with pytest.raises(BadOption, match="no counts"):
        bounds(tuple(np.array([x]) for x in bad), "x")  # type: ignore[arg-type]
