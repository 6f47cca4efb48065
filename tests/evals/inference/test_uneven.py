"""Items that repeat unevenly: intervals cover what they say, and even designs keep their numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from akrasia.evals.inference import FEW, Estimate, cell_contrast, contrast, estimate
from akrasia.evals.inference.ratios import effective_clusters, linearised, standard_error, uneven_error
from akrasia.rng import named_rng

TWO_HEAVY = [1] * 10 + [15] * 2
THREE_HEAVY = [1] * 20 + [20] * 3
MANY_HEAVY = [1] * 60 + [12] * 12
RUNS = 500
MOST = 0.08  # of 0.05, three standard errors of so many runs


def holds(found: Estimate, truth: float) -> bool:
    assert found.low is not None and found.high is not None
    return found.low - 1e-9 <= truth <= found.high + 1e-9


def draw(rng: np.random.Generator, weights: Any, share: float, alike: bool) -> Any:
    """Right steps per item: all steps of an item alike, or items with a share of their own."""
    if alike:
        return weights * (rng.random(len(weights)) < share)
    return rng.binomial(weights.astype(int), rng.beta(4 * share, 4 * (1 - share), len(weights))).astype(float)


@pytest.mark.parametrize("sizes", [TWO_HEAVY, THREE_HEAVY, MANY_HEAVY], ids=["two", "three", "many"])
@pytest.mark.parametrize("share", [0.5, 0.8])
@pytest.mark.parametrize("alike", [True, False])
def test_uneven_items_keep_coverage_and_level(sizes: list[int], share: float, alike: bool) -> None:
    rng, weights = named_rng("uneven", len(sizes), share, alike), np.array(sizes, float)
    covered = excluded = 0
    for _ in range(RUNS):
        a, b = (draw(rng, weights, share, alike) for _ in range(2))
        covered += holds(estimate(a, weights, "x"), share)
        excluded += not holds(contrast((a, weights), (b, weights), "x", "a", "b").difference, 0.0)
    assert covered / RUNS >= 0.92
    assert excluded / RUNS <= MOST


@pytest.mark.parametrize("sizes", [TWO_HEAVY, THREE_HEAVY], ids=["two", "three"])
def test_an_interaction_over_uneven_items_keeps_its_level(sizes: list[int]) -> None:
    rng, weights, excluded = named_rng("uneven cells", len(sizes)), np.array(sizes, float), 0
    for _ in range(RUNS):
        cells = [(draw(rng, weights, 0.5, alike=True), weights) for _ in range(4)]
        excluded += not holds(cell_contrast(cells, [1, -1, -1, 1], "x", "a", "b").difference, 0.0)
    assert excluded / RUNS <= MOST


def test_with_two_cells_an_uneven_contrast_is_the_paired_one() -> None:
    rng, weights = named_rng("two cells"), np.array(THREE_HEAVY, float)
    a, b = ((draw(rng, weights, 0.5, alike=False), weights) for _ in range(2))
    assert cell_contrast([a, b], [1, -1], "x", "a", "b").difference == contrast(a, b, "x", "a", "b").difference


def test_items_that_weigh_alike_keep_their_numbers() -> None:
    rng = named_rng("even")
    den = rng.integers(3, 12, 30).astype(float)  # episodes of somewhat different lengths
    num, other = (rng.binomial(den.astype(int), 0.4).astype(float) for _ in range(2))
    assert effective_clusters([den]) is None and estimate(num, den, "x").effective is None
    assert contrast((num, den), (other, den), "x", "a", "b").difference.effective is None
    same = np.full(30, 5.0)
    parts = rng.binomial(5, 0.4, 30).astype(float)
    assert uneven_error([(1.0, parts, same)]) == pytest.approx(standard_error(linearised(parts, same)))


def test_the_number_that_counts_is_that_of_equally_heavy_items() -> None:
    weights = np.array(TWO_HEAVY, float)
    found = estimate(weights * (np.arange(12) % 2), weights, "x")
    assert found.clusters == 12 and found.effective == pytest.approx(40**2 / 460)
    assert found.counted == 3 < FEW and found.how_many == "12 that weigh like 3"
    even = estimate(np.arange(12.0) % 2, np.ones(12), "x")
    assert (even.counted, even.how_many) == (12, "12")


def test_one_item_that_holds_nearly_everything_says_nothing_of_others() -> None:
    weights = np.array([1e9] + [1.0] * 11)
    found = estimate(weights * ([0.5] + [0, 1] * 5 + [1]), weights, "x", proportion=False)
    assert found.effective == 2 and found.low is not None and np.isfinite(found.low)
    level = estimate(weights * ([1] + [0] * 11), weights, "x")
    assert level.low is not None and level.high is not None and level.high - level.low > 0.5


def test_the_bootstrap_is_widened_too() -> None:
    rng, weights = named_rng("uneven bootstrap"), np.array(THREE_HEAVY, float)
    num = draw(rng, weights, 0.5, alike=False)
    found = estimate(num, weights, "x", interval="bootstrap")
    assert found.effective is not None and found.counted == 5
