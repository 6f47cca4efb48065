"""The instrument finds what was planted, through the whole program: prompts, parsers, ledger, statistics."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl
import pytest
from scipy.stats import norm

import akrasia as ak
from akrasia.evals import METRICS, Estimate, score
from akrasia.evals.metrics import CLASSES
from akrasia.evals.metrics.frequency import frequency_buckets
from akrasia.evals.situations import side_by_side
from akrasia.models import Planted, Simulated
from akrasia.tasks import Frequency, bandit, frequency

PUBLISHED = Planted(knowing=0.87, greedy=0.64, optimal=0.24)
MEASURED = ("knowing", "doing", *(f"{c}_given_knowing" for c in CLASSES), "gap", "valid", "stated_valid")
TOLD_APART = Planted(knowing=0.90, greedy=0.64, optimal=0.24)  # 27B: its text says 87 %, its table adds up to 90


@cache
def table(planted: Planted, episodes: int = 100) -> pl.DataFrame:
    """The records of the single-agent graphs on one set of episodes."""
    with TemporaryDirectory() as folder:
        result = ak.run(
            task=bandit(arms=20, horizon=8, head_start=3),
            model=Simulated(planted),
            variants=["reason_act", "reason_then_act"],
            episodes=episodes,
            out=Path(folder) / "run",
        )
        return result.records


def measured(records: pl.DataFrame, variant: str) -> dict[str, Estimate]:
    here = records.filter(pl.col("variant") == variant)
    return score(here, MEASURED, baseline=variant).arms[0].metrics


def holds(found: Estimate, truth: float, level: float = 0.95) -> bool:
    """Whether the interval holds the truth; at another level, the interval is widened as a normal one would be."""
    assert found.value is not None and found.low is not None and found.high is not None
    wider = float(norm.ppf((1 + level) / 2) / norm.ppf(0.975))
    low, high = (found.value + wider * (end - found.value) for end in (found.low, found.high))
    return low - 1e-12 <= truth <= high + 1e-12


@pytest.mark.parametrize("variant", ["reason_act", "reason_then_act"])
def test_planted_rates_are_recovered_where_the_classes_differ(variant: str) -> None:
    """Ten intervals, 95 % together."""
    separable = table(PUBLISHED).filter("separable")
    found = measured(separable, variant)
    for name, truth in (
        ("knowing", 0.87),
        ("greedy_given_knowing", 0.64),
        ("optimal_given_knowing", 0.24),
        ("other_given_knowing", 0.12),
        ("gap", 0.87 * 0.76),
    ):
        estimate = found[name]
        assert holds(estimate, truth, 0.995), f"{name}: {estimate} does not hold {truth}"
        assert estimate.low is not None and estimate.high is not None
        assert estimate.high - estimate.low < 0.16, f"{name}: {estimate} says too little"
        assert estimate.clusters >= 90
    assert found["valid"].value == found["stated_valid"].value == 1.0


@pytest.mark.parametrize("variant", ["reason_act", "reason_then_act"])
def test_the_knowing_rate_of_the_published_table_is_recovered(variant: str) -> None:
    found = measured(table(TOLD_APART, episodes=40).filter("separable"), variant)
    for name, truth in (("knowing", 0.90), ("greedy_given_knowing", 0.64), ("optimal_given_knowing", 0.24)):
        assert holds(found[name], truth), f"{name}: {found[name]} does not hold {truth}"


def shares(task: Frequency, planted: Planted, seeds: range) -> tuple[float, float]:
    """P(frequent class) of an agent that always repeats its most frequent action, and of one that never does so.

    Worked out from the situations where it can be: `act` hears no rationale, so what it takes to be best is any label.
    """
    always, never = [], []
    for seed in seeds:
        state = task.start(seed)
        seen, oracle = task.situation(state), task.oracle(state)
        worse = set(oracle.frequent) - set(oracle.greedy)
        if not worse:
            continue
        pulls, means = ({q.name: q.values for q in seen.quantities}[n] for n in ("pulls", "mean"))
        total = len(seen.history)
        index = {
            a: m + (2 * np.log(total) / n) ** 0.5
            for a, n, m in zip(seen.actions, pulls, means, strict=True)
            if n and m is not None
        }
        greedy = {max(index, key=index.__getitem__)}
        best = set(seen.actions) - set(index)
        assert best, "ten arms are never all tried in these few pulls"
        rest = set(seen.actions) - best - greedy
        knows = len(best) / len(seen.actions)
        as_greedy = knows * planted.greedy + (1 - knows) * 0.735
        as_rest = knows * (1 - planted.greedy - planted.optimal) + (1 - knows) * (1 - 0.735 - 0.061)
        never.append(
            as_greedy * len(worse & greedy) + as_rest * len(worse & rest) / len(rest)
            if rest
            else (as_greedy + as_rest) * len(worse & greedy)
        )
        always.append(max(seen.actions, key=lambda a: dict(zip(seen.actions, pulls, strict=True))[a] or 0) in worse)
    return float(np.mean(always)), float(np.mean(never))


@pytest.mark.parametrize(("model", "bias"), [("27B", 0.14), ("2B", 0.96)])
def test_the_published_frequency_bias_is_recovered_by_the_probe(model: str, bias: float, tmp_path: Path) -> None:
    """F_f where a frequent action is a worse one; what the agent repeats by chance is counted into what is planted."""
    task, episodes = frequency(), 250
    always, never = shares(task, PUBLISHED, range(episodes))
    planted = Planted(frequency=(bias - never) / (always - never))
    result = ak.run(task=task, model=Simulated(planted), variants=["act"], episodes=episodes, out=tmp_path / "run")
    records = result.records
    found = METRICS.make("frequency_bias")(records)
    assert holds(found, bias), f"{model}: {found} does not hold {bias}"
    assert found.high is not None and found.low is not None and found.high - found.low < 0.15
    assert found.clusters > 100
    whole = {n: METRICS.make(n)(records).value for n in ("bias_frequent", "bias_greedy", "bias_other")}
    assert sum(v for v in whole.values() if v is not None) == pytest.approx(1)
    for bucket, classes in frequency_buckets(records.filter("habit_separable")).items():
        assert holds(classes["bias_frequent"], bias, 0.999), f"{model}, {bucket} repeats"
    assert "token" in score(records).arms[0].metrics["entropy_correlation"].why


def test_surgery_moves_an_actor_and_what_cuts_nothing_off_is_no_surgery(tmp_path: Path) -> None:
    """The simulated actor looks up whether what it hears is optimal: swapped, it knows no more, and its row changes."""
    result = ak.run(
        task=bandit(arms=10, horizon=4, head_start=3),
        model=Simulated(Planted(greedy=0.0, optimal=1.0)),
        variants=["reason_then_act", "reason_then_act | swap_recommendation", "reason_then_act | truncate(share=1)"],
        episodes=30,
        out=tmp_path / "run",
    )
    parts = {v: p for (v,), p in result.records.group_by("variant")}
    base = parts["reason_then_act"]
    pairs = {v: side_by_side(p, base) for v, p in parts.items() if v != "reason_then_act"}
    effect = {v: {n: METRICS.make(n)(p) for n in ("rationale_effect", "planted_taken")} for v, p in pairs.items()}
    cut, kept = effect["reason_then_act | swap_recommendation"], effect["reason_then_act | truncate(share=1)"]
    assert cut["rationale_effect"].value is not None and cut["rationale_effect"].value > 0.5
    assert kept["rationale_effect"].value is None  # all was kept
    assert METRICS.make("moved")(pairs["reason_then_act | truncate(share=1)"]).value == 0.0
    again = METRICS.make("rationale_effect_normalised")(pairs["reason_then_act | swap_recommendation"])
    assert again.value is not None and again.value >= cut["rationale_effect"].value
    assert cut["planted_taken"].n > 50


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
    found = measured(table(Planted(knowing=0.87, greedy=0.0, optimal=1.0), episodes=25), variant)
    assert found["gap"].value == 0.0
    assert holds(found["gap"], 0.0)
    assert found["optimal_given_knowing"].value == 1.0
    assert holds(found["knowing"], 0.87, 0.999)


@pytest.mark.parametrize("variant", ["reason_act", "reason_then_act"])
def test_planted_frequency_bias_shows_as_repetition(variant: str) -> None:
    """An agent that repeats its most frequent action does neither what is optimal nor what it said."""
    biased = table(Planted(frequency=0.5), episodes=30)
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
    records = table(Planted(parse_failure=rate), episodes=40).filter(pl.col("variant") == variant)
    found = measured(records, variant)
    assert holds(found["valid"], 1 - rate)
    assert holds(found["stated_valid"], 1 - rate, 0.999)
    assert records.height == 40 * 8
    failed = records.filter(pl.col("status") == "unparsable")
    assert failed.height == records.height - records["valid"].sum() > 15
    assert failed["done"].is_null().all() and failed["reward"].is_null().all()
    assert not failed["does"].any() and not failed["greedy"].any() and not failed["other"].any()
    card = score(records, baseline=variant)
    assert card.arms[0].outcomes.actions["unparsable"] == failed.height
    assert any("no legal action" in w for w in card.warnings)
    valid_only = card.arms[0].splits["valid only"]["doing"].value
    assert valid_only is not None and found["doing"].value is not None and valid_only > found["doing"].value
    assert holds(measured(records.filter("separable"), variant)["knowing"], 0.87 * (1 - rate), 0.999)
