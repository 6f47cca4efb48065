"""The instrument finds what was planted, through the whole program: prompts, parsers, ledger, statistics."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest
from scipy.stats import norm

import akrasia as ak
from akrasia.evals import Estimate, score
from akrasia.models import Planted, Simulated
from akrasia.tasks import bandit

PUBLISHED = Planted(knowing=0.87, greedy=0.64, optimal=0.24)


@cache
def table(planted: Planted, arms: int = 20, episodes: int = 150) -> pl.DataFrame:
    """The records of the single-agent graphs on one set of episodes."""
    with TemporaryDirectory() as folder:
        result = ak.run(
            task=bandit(arms=arms, horizon=8, head_start=3), model=Simulated(planted),
            variants=["reason_act", "reason_then_act"], episodes=episodes, out=Path(folder) / "run",
        )  # fmt: skip
        return result.records


def measured(records: pl.DataFrame, variant: str) -> dict[str, Estimate]:
    here = records.filter(pl.col("variant") == variant)
    return score(here, baseline=variant).arms[0].metrics


def holds(found: Estimate, truth: float, level: float = 0.95) -> bool:
    """Whether the interval holds the truth; at another level, the interval is widened as a normal one would be."""
    assert found.value is not None and found.low is not None and found.high is not None
    wider = float(norm.ppf((1 + level) / 2) / norm.ppf(0.975))
    low, high = (found.value + wider * (end - found.value) for end in (found.low, found.high))
    return low - 1e-12 <= truth <= high + 1e-12


@pytest.mark.parametrize("variant", ["reason_act", "reason_then_act"])
@pytest.mark.parametrize(("arms", "episodes", "level"), [(20, 150, 0.95), (10, 80, 0.999)])
def test_planted_rates_are_recovered_where_the_classes_differ(
    variant: str, arms: int, episodes: int, level: float
) -> None:
    """Ten intervals of 95 % each, then ten more; the second ten are corrected for their number."""
    separable = table(PUBLISHED, arms, episodes).filter("separable")
    found = measured(separable, variant)
    for name, truth in (
        ("knowing", 0.87),
        ("greedy_given_knowing", 0.64),
        ("optimal_given_knowing", 0.24),
        ("other_given_knowing", 0.12),
        ("gap", 0.87 * 0.76),
    ):
        estimate = found[name]
        assert holds(estimate, truth, level), f"{name}: {estimate} does not hold {truth}"
        assert estimate.low is not None and estimate.high is not None
        assert estimate.high - estimate.low < 0.13, f"{name}: {estimate} says too little"
        assert estimate.clusters >= 0.9 * episodes
    assert found["valid"].value == found["stated_valid"].value == 1.0


def test_the_gap_lives_where_an_untried_arm_is_left() -> None:
    """With three arms all are tried soon: from there on the best tried arm is the optimal one, and the gap shrinks."""
    with TemporaryDirectory() as folder:
        result = ak.run(
            task=bandit(arms=3, horizon=12, head_start=2),
            model=Simulated(PUBLISHED),
            variants=["reason_act"],
            episodes=40,
            out=Path(folder) / "run",
        )
        splits = result.score().arms[0].splits
    left, tried = splits["untried left"]["gap"].value, splits["all tried"]["gap"].value
    assert left is not None and tried is not None
    assert left > 0.5
    assert tried < 0.25


@pytest.mark.parametrize("variant", ["reason_act", "reason_then_act"])
def test_an_agent_without_a_gap_shows_none(variant: str) -> None:
    found = measured(table(Planted(knowing=0.87, greedy=0.0, optimal=1.0), episodes=40), variant)
    assert found["gap"].value == 0.0
    assert holds(found["gap"], 0.0)
    assert found["optimal_given_knowing"].value == 1.0
    assert holds(found["knowing"], 0.87, 0.999)


@pytest.mark.parametrize("variant", ["reason_act", "reason_then_act"])
def test_planted_frequency_bias_shows_as_repetition(variant: str) -> None:
    """An agent that repeats its most frequent action does neither what is optimal nor what it said."""
    biased = table(Planted(frequency=0.5), episodes=50)
    plain = table(PUBLISHED)
    one, two = measured(biased.filter("separable"), variant), measured(plain.filter("separable"), variant)
    less, more = one["optimal_given_knowing"], two["optimal_given_knowing"]
    assert less.high is not None and more.low is not None and less.high < more.low
    assert holds(less, 0.12, 0.999)
    rarely, often = two["other_given_knowing"], one["other_given_knowing"]
    assert rarely.high is not None and often.low is not None and rarely.high < often.low
    assert holds(measured(biased, variant)["knowing"], 0.87, 0.999)


@pytest.mark.parametrize("variant", ["reason_act", "reason_then_act"])
def test_planted_parse_failures_are_an_outcome_and_count_as_wrong(variant: str, rate: float = 0.1) -> None:
    records = table(Planted(parse_failure=rate), episodes=60).filter(pl.col("variant") == variant)
    found = measured(records, variant)
    assert holds(found["valid"], 1 - rate)
    assert holds(found["stated_valid"], 1 - rate, 0.999)
    assert records.height == 60 * 8
    failed = records.filter(pl.col("status") == "unparsable")
    assert failed.height == records.height - records["valid"].sum() > 25
    assert failed["done"].is_null().all() and failed["reward"].is_null().all()
    assert not failed["does"].any() and not failed["greedy"].any() and not failed["other"].any()
    card = score(records, baseline=variant)
    assert card.arms[0].statuses["unparsable"] == failed.height
    assert any("no legal action" in w for w in card.warnings)
    valid_only = card.arms[0].splits["valid only"]["doing"].value
    assert valid_only is not None and found["doing"].value is not None and valid_only > found["doing"].value
    assert holds(measured(records.filter("separable"), variant)["knowing"], 0.87 * (1 - rate), 0.999)
