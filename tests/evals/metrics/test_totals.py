"""Functions of sums over episodes: the bootstrap and the jackknife against scipy."""

from typing import Any

import numpy as np
import pytest
from scipy import stats

from akrasia.errors import NotMeasured
from akrasia.evals.metrics.totals import MANY, of_totals
from akrasia.rng import named_rng


def test_the_bootstrap_of_totals_is_scipys_of_a_ratio() -> None:
    rng = named_rng("totals")
    den = rng.integers(3, 12, 60).astype(float)
    num = rng.binomial(den.astype(int), 0.4).astype(float)
    found = of_totals(np.stack([num, den], axis=1), lambda t: t[..., 0] / t[..., 1], "x", den.sum(), "")
    theirs = stats.bootstrap(
        (num, den),
        lambda a, b, axis: a.sum(axis) / b.sum(axis),
        paired=True,
        vectorized=True,
        n_resamples=20_000,
        rng=np.random.default_rng(0),
    ).confidence_interval
    assert found.value == pytest.approx(num.sum() / den.sum())
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=0.01)
    again = of_totals(np.stack([num, den], axis=1), lambda t: t[..., 0] / t[..., 1], "x", den.sum(), "")
    assert again == found


def test_what_episodes_cannot_say_stays_unknown() -> None:
    def ratio(totals: Any) -> Any:
        with np.errstate(invalid="ignore", divide="ignore"):
            return totals[..., 0] / totals[..., 1]

    alone = of_totals(np.array([[1.0, 2.0]]), ratio, "x", 2.0, "")
    assert (alone.value, alone.low, alone.high) == (0.5, None, None) and "one episode" in alone.why
    alike = of_totals(np.array([[1.0, 2.0]] * 9), ratio, "x", 18.0, "")
    assert (alike.value, alike.low) == (0.5, None) and "do not differ" in alike.why
    rare = of_totals(np.array([[1.0, 2.0]] + [[0.0, 0.0]] * 9), ratio, "x", 2.0, "")
    assert (rare.value, rare.low) == (0.5, None) and "too few" in rare.why
    with pytest.raises(NotMeasured, match="because"):
        of_totals(np.zeros((3, 2)), ratio, "x", 0.0, "because")
    many = np.array([[1.0, 2.0]] + [[0.0, 0.0]] * MANY)
    assert "too few" in of_totals(many, ratio, "x", 2.0, "").why
    assert "do not differ" in of_totals(np.array([[1.0, 2.0]] * (MANY + 1)), ratio, "x", 2.0, "").why


def test_beyond_many_episodes_the_jackknife_goes_on_where_the_bootstrap_ends() -> None:
    rng = named_rng("many")
    den = rng.integers(3, 12, MANY + 1).astype(float)
    parts = np.stack([rng.binomial(den.astype(int), 0.4).astype(float), den], axis=1)
    ends = []
    for cut in (0, 1):
        found = of_totals(parts[cut:], lambda t: t[..., 0] / t[..., 1], "x", 1.0, "")
        assert found.value is not None and found.low is not None and found.high is not None
        ends.append((found.low - found.value, found.high - found.value))
    assert ends[0] == pytest.approx(ends[1], abs=0.004)
