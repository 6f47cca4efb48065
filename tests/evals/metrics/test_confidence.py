"""Confidence against accuracy: against scikit-learn, scipy and the published draws."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from akrasia.errors import NotMeasured
from akrasia.evals import METRICS, frame
from akrasia.evals.metrics.confidence import BINS, LEVELS, binned, brier_of, debiased_of, ece_of
from akrasia.records import Turn
from akrasia.rng import named_rng

SURE = st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.2, 0.5, 0.8, 1.0]))
STEPS = st.lists(st.tuples(SURE, st.booleans()), min_size=2, max_size=60).filter(
    lambda steps: len({right for _, right in steps}) == 2
)


@settings(deadline=None, max_examples=40)
@given(STEPS)
def test_calibration_metrics_are_those_of_scikit_learn(
    value: Any, confident: Any, steps: list[tuple[float, bool]]
) -> None:
    from sklearn.calibration import calibration_curve
    from sklearn.metrics import brier_score_loss, roc_auc_score

    sure, right = np.array([c for c, _ in steps]), np.array([r for _, r in steps], float)
    table = confident(steps)
    totals = binned(table, "confidence", "")[0].sum(axis=0)
    rate, said = calibration_curve(right, sure, n_bins=BINS, strategy="uniform")
    place = np.searchsorted(np.linspace(0, 1, BINS + 1)[1:-1], sure)
    sizes = np.bincount(place, minlength=BINS)
    sizes = sizes[sizes > 0]
    assert float(ece_of(totals)) == pytest.approx((sizes * np.abs(rate - said)).sum() / len(sure), abs=1e-9)
    brier, reliability, resolution, uncertainty = (float(x) for x in brier_of(totals))
    assert brier == pytest.approx(brier_score_loss(right, sure), abs=1e-9)
    assert brier == pytest.approx(reliability - resolution + uncertainty, abs=1e-9)
    assert reliability == pytest.approx((sizes * (rate - said) ** 2).sum() / len(sure), abs=1e-9)
    assert uncertainty == pytest.approx(right.mean() * (1 - right.mean()), abs=1e-9)
    assert value("auroc", table) == pytest.approx(roc_auc_score(right, sure), abs=1e-9)
    u = stats.mannwhitneyu(sure[right == 1], sure[right == 0]).statistic
    assert value("auroc", table) == pytest.approx(u / (right.sum() * (1 - right).sum()), abs=1e-9)
    assert value("brier", table) == pytest.approx(brier, abs=1e-9)
    assert value("overconfidence", table) == pytest.approx(sure.mean() - right.mean(), abs=1e-9)


def test_with_one_confidence_per_bin_murphys_resolution_is_the_textbooks(value: Any, confident: Any) -> None:
    """Three levels of confidence: resolution is the spread of their accuracies around the base rate."""
    steps = [(0.1, i == 0) for i in range(5)] + [(0.5, i < 2) for i in range(4)] + [(0.9, i > 0) for i in range(6)]
    base = (1 + 2 + 5) / 15
    expected = (5 * (0.2 - base) ** 2 + 4 * (0.5 - base) ** 2 + 6 * (5 / 6 - base) ** 2) / 15
    assert value("resolution", confident(steps)) == pytest.approx(expected, abs=1e-12)
    assert value("reliability", confident(steps)) == pytest.approx((5 * 0.1**2 + 6 * (0.9 - 5 / 6) ** 2) / 15)
    assert value("ece", confident(steps)) == pytest.approx((5 * 0.1 + 0 + 6 * (0.9 - 5 / 6)) / 15)


def test_the_debiased_error_is_the_mean_of_its_published_draws(confident: Any) -> None:
    """Kumar et al. 2019 draw each bin's accuracy from a normal; the closed form is the mean of their draws."""
    rng = named_rng("debias")
    sure = rng.random(300)
    right = rng.random(300) < np.clip(sure + 0.1, 0, 1)
    totals = binned(confident(list(zip(sure, right, strict=True))), "confidence", "")[0].sum(axis=0)
    n, p, y = totals[: 3 * BINS].reshape(3, BINS)
    rate = y / n
    draws = rng.normal(rate, np.sqrt(rate * (1 - rate) / n), (40_000, BINS))
    resampled = (n / n.sum() * np.abs(draws - p / n)).sum(axis=1).mean()
    assert float(debiased_of(totals)) == pytest.approx(2 * float(ece_of(totals)) - resampled, abs=5e-4)


def test_debiasing_takes_from_a_calibrated_model_what_theory_says(confident: Any) -> None:
    """Where nothing is off, a bin's distance is N(0, s): 2 E|N(0, s)| - E|N(0, s sqrt 2)| = (2 - sqrt 2) E|N(0, s)|."""
    raw, debiased = [], []
    for i in range(60):
        rng = named_rng("calibrated", i)
        sure = rng.random(200)
        totals = binned(confident(list(zip(sure, rng.random(200) < sure, strict=True))), "confidence", "")[0].sum(0)
        raw.append(float(ece_of(totals)))
        debiased.append(float(debiased_of(totals)))
    assert np.mean(raw) > 0.06
    assert np.mean(debiased) / np.mean(raw) == pytest.approx(2 - 2**0.5, abs=0.05)


@pytest.mark.parametrize("prefix", ["", "token_"])
def test_confidence_that_nobody_gave_is_not_measured(record: Any, confident: Any, prefix: str) -> None:
    names = ["ece", "ece_debiased", "reliability", "resolution", "uncertainty", "auroc", "brier", "overconfidence"]
    for name in names:
        try:
            found = METRICS.make(prefix + name)(frame([record()]))
        except NotMeasured as error:
            assert "confidence" in str(error) or "token prob" in str(error)
        else:
            assert found.value is None and ("confidence" in found.why or "token prob" in found.why)
    for outcome in (True, False):
        with pytest.raises(NotMeasured, match="all steps"):
            METRICS.make("auroc")(confident([(0.2, outcome), (0.7, outcome)]))


def test_confidence_is_read_from_the_last_who_said_it_and_from_the_action_taken(record: Any) -> None:
    said = (Turn("x", "debater", confidence=0.3), Turn("y", "debater", confidence=0.8), Turn("vote", "voter"))
    row = frame([record("b", turns=said, probs={"a": 0.5, "b": 0.25, "c": 0.25, "d": 0.0})]).row(0, named=True)
    assert (row["confidence"], row["p_done"]) == (0.8, 0.25)
    assert row["entropy"] == pytest.approx(stats.entropy([0.5, 0.25, 0.25]))
    voted = [Turn(n, "debater", action=a, status="ok", confidence=c) for n, a, c in (("x", "b", 0.6), ("y", "c", 0.9))]
    outvoted = (*voted, Turn("vote", "voter", action="b", status="ok"))
    assert frame([record("b", turns=outvoted)]).row(0, named=True)["confidence"] == 0.6
    assert frame([record(None, probs={"a": 1.0})]).row(0, named=True)["p_done"] is None


def test_the_interval_of_the_auroc_holds_the_truth_and_hardly_feels_its_quantiles(confident: Any) -> None:
    """Normal scores with means 0 and 1: the truth is Phi(1 / sqrt 2)."""
    truth, held = float(stats.norm.cdf(2**-0.5)), 0
    for i in range(40):
        rng = named_rng("auroc", i)
        right = rng.random(400) < 0.5
        sure = stats.norm.cdf(rng.standard_normal(400) + right - 0.5)
        assert len(np.unique(sure)) > LEVELS
        found = METRICS.make("auroc")(confident(list(zip(sure, right, strict=True)), per=4))
        assert found.low is not None and found.high is not None and 0.05 < found.high - found.low < 0.15
        held += found.low <= truth <= found.high
    assert held >= 35
