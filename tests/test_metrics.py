"""Metrics by hand, and against scikit-learn and scipy as independent implementations."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, cohen_kappa_score, roc_auc_score

import akrasia
from akrasia.errors import BadOption, NotMeasured
from akrasia.evals import METRICS, Estimate, frame
from akrasia.evals.metrics import PAIRWISE, SPLITS, funnel
from akrasia.evals.metrics.answers import accuracies
from akrasia.evals.metrics.confidence import BINS, LEVELS, auroc_of, binned, brier_of, debiased_of, ece_of
from akrasia.evals.metrics.cost import pareto
from akrasia.evals.metrics.exploration import coverage_curve
from akrasia.evals.metrics.frequency import frequency_buckets
from akrasia.evals.metrics.totals import MANY, of_totals
from akrasia.ledger.step_rows import SCHEMA
from akrasia.records import Decision, Oracle, Record, Turn, Usage
from akrasia.rng import named_rng

ARMS = ("a", "b", "c", "d")
SURE = st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.2, 0.5, 0.8, 1.0]))
STEPS = st.lists(st.tuples(SURE, st.booleans()), min_size=2, max_size=60).filter(
    lambda steps: len({right for _, right in steps}) == 2
)


def record(
    done: str | None = "a", *, episode: int = 0, step: int = 0, variant: str = "base", turns: tuple[Turn, ...] = (),
    optimal: tuple[str, ...] = ("a",), greedy: tuple[str, ...] = ("b",), frequent: tuple[str, ...] = (),
    untried: tuple[str, ...] = ("a",), stated: tuple[str, ...] = ("a",), probs: dict[str, float] | None = None,
    design: Any = "rollout", tags: dict[str, str] | None = None, asked: bool = True,
) -> Record:  # fmt: skip
    """A step of a bandit with four arms, of which `a` is the best by its true mean."""
    regret = {"a": 0.0, "b": 0.2, "c": 0.3, "d": 0.5}
    told = stated if asked else ()
    decision = Decision(
        "", told, "ok" if told else "absent", done, "ok" if done else "unparsable", probs, None, turns,
    )  # fmt: skip
    oracle = Oracle(optimal, greedy, dict.fromkeys(ARMS, 0.0), regret, 0.9, untried, "ucb", frequent)
    return Record(
        "t", "m", variant, design, episode, step, f"s{step}", ARMS, oracle, decision, None if done is None else 0.0,
        regret.get(done or "", 0.9), 1, Usage(10, 5), 0.0, tags or {},
    )  # fmt: skip


def value(name: str, table: pl.DataFrame) -> float:
    found: Estimate = METRICS.make(name)(table)
    assert found.value is not None, found.why
    return found.value


def confident(steps: list[tuple[float, bool]], column: str = "confidence", per: int = 3) -> pl.DataFrame:
    """A table with these confidences and outcomes, `per` steps an episode."""
    plain = frame([record("a", step=0)])
    return plain.select(pl.all().repeat_by(len(steps)).list.explode()).with_columns(
        pl.Series(column, [c for c, _ in steps]), pl.Series("does", [r for _, r in steps]),
        pl.Series("episode", [i // per for i in range(len(steps))]),
    )  # fmt: skip


# Confidence


@settings(deadline=None, max_examples=40)
@given(STEPS)
def test_calibration_metrics_are_those_of_scikit_learn(steps: list[tuple[float, bool]]) -> None:
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
    assert auroc_of(sure, right) == pytest.approx(roc_auc_score(right, sure), abs=1e-9)
    u = stats.mannwhitneyu(sure[right == 1], sure[right == 0]).statistic
    assert auroc_of(sure, right) == pytest.approx(u / (right.sum() * (1 - right).sum()), abs=1e-9)
    assert value("auroc", table) == auroc_of(sure, right)
    assert value("brier", table) == pytest.approx(brier, abs=1e-9)
    assert value("overconfidence", table) == pytest.approx(sure.mean() - right.mean(), abs=1e-9)


def test_with_one_confidence_per_bin_murphys_resolution_is_the_textbooks() -> None:
    """Three levels of confidence: resolution is the spread of their accuracies around the base rate."""
    steps = [(0.1, i == 0) for i in range(5)] + [(0.5, i < 2) for i in range(4)] + [(0.9, i > 0) for i in range(6)]
    base = (1 + 2 + 5) / 15
    expected = (5 * (0.2 - base) ** 2 + 4 * (0.5 - base) ** 2 + 6 * (5 / 6 - base) ** 2) / 15
    assert value("resolution", confident(steps)) == pytest.approx(expected, abs=1e-12)
    assert value("reliability", confident(steps)) == pytest.approx((5 * 0.1**2 + 6 * (0.9 - 5 / 6) ** 2) / 15)
    assert value("ece", confident(steps)) == pytest.approx((5 * 0.1 + 0 + 6 * (0.9 - 5 / 6)) / 15)


def test_the_debiased_error_is_the_mean_of_its_published_draws() -> None:
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


def test_debiasing_takes_from_a_calibrated_model_what_theory_says() -> None:
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
def test_confidence_that_nobody_gave_is_not_measured(prefix: str) -> None:
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


def test_confidence_is_read_from_the_last_who_said_it_and_from_the_action_taken() -> None:
    said = (Turn("x", "debater", confidence=0.3), Turn("y", "debater", confidence=0.8), Turn("vote", "voter"))
    row = frame([record("b", turns=said, probs={"a": 0.5, "b": 0.25, "c": 0.25, "d": 0.0})]).row(0, named=True)
    assert (row["confidence"], row["p_done"]) == (0.8, 0.25)
    assert row["entropy"] == pytest.approx(stats.entropy([0.5, 0.25, 0.25]))
    voted = [Turn(n, "debater", action=a, status="ok", confidence=c) for n, a, c in (("x", "b", 0.6), ("y", "c", 0.9))]
    outvoted = (*voted, Turn("vote", "voter", action="b", status="ok"))
    assert frame([record("b", turns=outvoted)]).row(0, named=True)["confidence"] == 0.6
    assert frame([record(None, probs={"a": 1.0})]).row(0, named=True)["p_done"] is None


def test_the_interval_of_the_auroc_holds_the_truth_and_hardly_feels_its_quantiles() -> None:
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


# The bootstrap of totals


def test_the_bootstrap_of_totals_is_scipys_of_a_ratio() -> None:
    rng = named_rng("totals")
    den = rng.integers(3, 12, 60).astype(float)
    num = rng.binomial(den.astype(int), 0.4).astype(float)
    found = of_totals(np.stack([num, den], axis=1), lambda t: t[..., 0] / t[..., 1], "x", den.sum(), "")
    theirs = stats.bootstrap(
        (num, den), lambda a, b, axis: a.sum(axis) / b.sum(axis), paired=True, vectorized=True, n_resamples=20_000,
        rng=np.random.default_rng(0),
    ).confidence_interval  # fmt: skip
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


# Exploration


PLAY = [
    record("b", step=0, untried=ARMS),
    record("a", step=1, untried=("a", "c", "d"), frequent=("b",), greedy=("b",)),
    record("c", step=2, untried=("c", "d"), frequent=("a", "b"), greedy=("a",)),
    record("b", step=3, untried=("d",), frequent=("a", "b", "c"), greedy=("a",)),
    record(None, step=4, untried=("d",), frequent=("b",), greedy=("a",)),
    *[record(done, episode=1, step=s, untried=("a", "c", "d") if s else ARMS) for s, done in enumerate("bbba")],
    *[record(done, episode=2, step=s, untried=()) for s, done in enumerate("abcdabcd")],
]


def test_exploration_by_hand() -> None:
    """Episode 0 takes the best arm in its first half only, episode 1 at its very end, episode 2 all arms alike."""
    table = frame(PLAY)
    assert value("suffix_failure", table) == pytest.approx(1 / 3)
    assert value("min_fraction", table) == pytest.approx((0 + 0 + 4 * 2 / 8) / 3)
    assert value("cumulative_regret", table) == pytest.approx(
        ((0.2 + 0 + 0.3 + 0.2 + 0.9) + (0.2 * 3) + 2 * (0.2 + 0.3 + 0.5)) / 3
    )
    assert value("regret", table) == pytest.approx((1.6 + 0.6 + 2.0) / 17)
    curve = coverage_curve(table.filter(pl.col("episode") < 2))
    assert [e.value for e in curve.values()] == pytest.approx(
        [0.25, (0.5 + 0.25) / 2, (0.75 + 0.25) / 2, (0.75 + 0.5) / 2, 0.75]
    )
    assert [e.clusters for e in curve.values()] == [2, 2, 2, 2, 1]


def test_a_fork_measures_the_play_of_its_baseline_alone() -> None:
    table = frame([replace(r, design="fork", variant="v") for r in PLAY])
    for name in ("suffix_failure", "min_fraction", "cumulative_regret", "coverage"):
        found = METRICS.make(name)(table)
        assert found.value is None and "baseline" in found.why
    with pytest.raises(NotMeasured, match="baseline"):
        coverage_curve(table)
    base = frame([replace(r, design="fork", tags={"arm": "baseline"}) for r in PLAY])
    assert value("suffix_failure", base) == pytest.approx(1 / 3)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.sampled_from([*ARMS, None]), min_size=1, max_size=20))
def test_play_metrics_are_those_of_a_loop(taken: list[str | None]) -> None:
    table = frame([record(done, step=3 + s) for s, done in enumerate(taken)])
    half = [d for s, d in enumerate(taken) if 2 * s >= len(taken)]
    assert value("suffix_failure", table) == float("a" not in half)
    assert value("min_fraction", table) == pytest.approx(4 * min(taken.count(a) for a in ARMS) / len(taken))


# Frequency bias


def test_an_action_that_is_both_counts_as_greedy() -> None:
    table = frame(PLAY)
    assert table["habit"].to_list()[:5] == [None, "other", "other", "frequent", "none"]
    both = frame([record("b", frequent=("b",), greedy=("b",)), record("b", step=1, frequent=("b", "c"), greedy=("b",))])
    assert both["habit"].to_list() == ["greedy", "greedy"]
    assert both["habit_separable"].to_list() == [False, True]
    assert value("bias_frequent", table) == pytest.approx(1 / 4)
    assert value("bias_other", table) == pytest.approx(2 / 4)
    assert value("bias_greedy", table) == 0.0
    assert METRICS.make("bias_frequent")(frame([record()])).value is None


def probe(entropies: list[tuple[int, float]]) -> pl.DataFrame:
    plain = frame([record("b", frequent=("b",), greedy=("a",), tags={"item": "repeats 0"})])
    return plain.select(pl.all().repeat_by(len(entropies)).list.explode()).with_columns(
        pl.Series("item", [f"repeats {k}" for k, _ in entropies]), pl.Series("entropy", [h for _, h in entropies]),
        pl.Series("episode", range(len(entropies))),
    )  # fmt: skip


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(st.integers(0, 100), st.floats(0, 3)), min_size=3, max_size=40))
def test_the_entropy_correlation_is_pearsons(seen: list[tuple[int, float]]) -> None:
    k, h = np.array([x for x, _ in seen]), np.array([y for _, y in seen])
    if k.std() < 1e-3 or h.std() < 1e-3:
        return
    assert value("entropy_correlation", probe(seen)) == pytest.approx(stats.pearsonr(k, h).statistic, abs=1e-9)


def test_the_probe_by_buckets() -> None:
    table = probe([(0, 1.0), (10, 1.0), (11, 1.0), (50, 1.0), (100, 1.0)])
    table = table.with_columns(habit=pl.Series(["greedy", "frequent", "frequent", "other", "frequent"]))
    found = frequency_buckets(table)
    assert {b: e["bias_frequent"].value for b, e in found.items()} == {"0-10": 0.5, "45-55": 0.0, "90-100": 1.0}
    assert found["45-55"]["bias_other"].value == 1.0 and found["0-10"]["bias_greedy"].n == 2
    for ask in (frequency_buckets, METRICS.make("entropy_correlation")):
        with pytest.raises(NotMeasured, match="frequency"):
            ask(frame(PLAY))
    silent = probe([(0, 1.0), (5, 2.0)]).with_columns(entropy=pl.lit(None, pl.Float64))
    with pytest.raises(NotMeasured, match="token"):
        METRICS.make("entropy_correlation")(silent)


def test_token_probabilities_of_the_classes() -> None:
    seen = {"a": 0.1, "b": 0.2, "c": 0.3, "d": 0.4}
    row = frame([record("d", probs=seen, frequent=("b", "c"), greedy=("b",))]).row(0, named=True)
    assert (row["p_greedy"], row["p_frequent"]) == (0.2, 0.3)


# Answers


def test_spread_and_worst_item_by_hand() -> None:
    """Variation x: 3 of 4 right, y: 1 of 4, z: 2 of 4."""
    table = frame(
        record("a" if e < n else "b", episode=e, step=s, tags={"item": item})
        for s, (item, n) in enumerate({"x": 3, "y": 1, "z": 2}.items()) for e in range(4)
    )  # fmt: skip
    assert {k: v.value for k, v in accuracies(table).items()} == {"x": 0.75, "y": 0.25, "z": 0.5}
    assert value("spread", table) == 0.5 and value("worst_item", table) == 0.25
    assert METRICS.make("spread")(table).clusters == 4
    for rows, why in ((PLAY, "items"), ([record(tags={"item": "x"})], "one item")):
        with pytest.raises(NotMeasured, match=why):
            METRICS.make("spread")(frame(rows))
    once = frame([record(tags={"item": str(i)}, episode=i) for i in range(4)])
    with pytest.raises(NotMeasured, match="several episodes"):
        METRICS.make("worst_item")(once)


# The gap


def test_rows_of_the_table_add_up_and_splits_part_the_steps() -> None:
    steps = [("a", "a"), ("a", "b"), ("a", "c"), ("a", None), ("d", "a"), ("d", "b"), ("d", "d"), ("d", "d")]
    table = frame(record(done, step=s, stated=(said,)) for s, (said, done) in enumerate(steps))
    knows = [value(f"{c}_given_knowing", table) for c in ("optimal", "greedy", "other", "none")]
    assert knows == [0.25] * 4
    wrong = [value(f"{c}_given_not_knowing", table) for c in ("optimal", "greedy", "other")]
    assert wrong == [0.25, 0.25, 0.5]
    heights = {name: table.filter(keep).height for name, keep in SPLITS.items()}
    assert heights["all"] == heights["untried left"] + heights["all tried"] == 8
    assert heights["valid only"] + heights["no legal action"] == 8 and heights["no legal action"] == 1


def test_the_funnel_is_told_on_the_same_situations() -> None:
    """Encoded 3 of 4; of these 2 are stated; of the 3 stated 1 is done."""
    right, wrong = {"a": 0.7, "b": 0.3}, {"a": 0.3, "b": 0.7}
    seen = frame(
        record("a", step=s, variant="act", design="fork", asked=False, probs=p, turns=(Turn("act", "actor", key="k"),))
        for s, p in enumerate((right, right, right, wrong, right))
    )
    says = [("a", "a"), ("a", "b"), ("d", "d"), ("a", "c")]
    told = frame(record(done, step=s, variant="v", design="fork", stated=(a,)) for s, (a, done) in enumerate(says))
    found = funnel(told, seen)
    shares = (found.encoded, found.stated, found.done, found.unsaid, found.undone, found.kept)
    assert [s.value for s in shares] == [0.75, 0.75, 0.25, 0.25, 0.5, 0.25]
    with pytest.raises(NotMeasured, match="encoded"):
        funnel(told, told)


# Causality


def surgery(pairs: list[tuple[str | None, str | None]], planted: str = "c") -> tuple[pl.DataFrame, pl.DataFrame]:
    """(tampered with, left alone) of these actions, two steps an episode."""
    cut = (Turn("swap", "editor", planted=(planted,)), Turn("act", "actor", key="k", planted=(planted,)))
    shared: dict[str, Any] = {"design": "fork"}
    there = [
        record(done, episode=i // 2, step=i % 2, variant="swap", turns=cut, tags={"surgery": "swap"}, **shared)
        for i, (done, _) in enumerate(pairs)
    ]
    here = [record(done, episode=i // 2, step=i % 2, **shared) for i, (_, done) in enumerate(pairs)]
    return frame(there), frame(here)


def test_a_rationale_that_is_swapped_by_hand() -> None:
    pairs: list[tuple[str | None, str | None]] = [
        ("a", "a"),
        ("c", "a"),
        ("b", "a"),
        ("c", "c"),
        (None, "b"),
        ("c", "d"),
    ]
    tampered, base = surgery(pairs)
    measured = {name: PAIRWISE.make(name)(tampered, base) for name in PAIRWISE}
    assert measured["rationale_effect"].value == measured["moved"].value == pytest.approx(4 / 6)
    assert measured["planted_taken"].value == pytest.approx(2 / 5)
    assert measured["moved_wrong"].value == pytest.approx(2 / 6) and measured["moved_right"].value == 0.0
    assert measured["rationale_effect"].clusters == 3
    for name in ("rationale_effect", "planted_taken"):
        found = PAIRWISE.make(name)(base, base)
        assert found.value is None and "tampered" in found.why
    with pytest.raises(NotMeasured, match="tampered"):
        PAIRWISE.make("rationale_effect_normalised")(base, base)
    with pytest.raises(NotMeasured, match="one and the same"):
        PAIRWISE.make("rationale_effect_normalised")(*surgery([("a", "a")] * 4))


def test_a_rationale_that_held_nothing_to_tamper_with_was_not_tampered_with(tmp_path: Path) -> None:
    """The simulated reasoner names no number, so nothing can be corrupted; a swap changes what it recommends."""
    variants = ["reason_then_act", "reason_then_act | corrupt", "reason_then_act | swap_recommendation"]
    task = {"name": "bandit", "head_start": 3, "horizon": 1}
    found = akrasia.run(task=task, model="simulated", variants=variants, episodes=12, out=tmp_path / "run")
    _, corrupt, swap = found.score(["rationale_effect", "planted_taken"]).arms
    for name in ("rationale_effect", "planted_taken"):
        assert corrupt.metrics[name].value is None and swap.metrics[name].value is not None
    assert "corrupt needs numbers" in corrupt.metrics["rationale_effect"].why


def test_a_tampered_rationale_that_recommends_the_same_plants_nothing() -> None:
    pairs: list[tuple[str | None, str | None]] = [("a", "b"), ("b", "a"), ("a", "c"), ("c", "c")]
    tampered, base = surgery(pairs)
    kept = tampered.with_columns(planted=pl.col("stated"))
    assert PAIRWISE.make("rationale_effect")(kept, base).value == pytest.approx(3 / 4)
    assert "recommended another action" in PAIRWISE.make("planted_taken")(kept, base).why


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(st.sampled_from(ARMS), st.sampled_from(ARMS)), min_size=2, max_size=40))
def test_the_normalised_effect_is_one_less_scikit_learns_kappa(pairs: list[tuple[str | None, str | None]]) -> None:
    ours, theirs = zip(*pairs, strict=True)
    if len({*ours, *theirs}) == 1:
        return
    found = PAIRWISE.make("rationale_effect_normalised")(*surgery(pairs))
    assert found.value == pytest.approx(1 - cohen_kappa_score(ours, theirs), abs=1e-9)


# Cost


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(-3, 3), st.integers(0, 4)), max_size=9))
def test_the_pareto_front_is_what_nothing_beats(points: list[tuple[float, float]]) -> None:
    def beaten(p: tuple[float, float]) -> bool:
        return any(q[0] >= p[0] and q[1] <= p[1] and q != p for q in points)

    assert pareto(points) == [not beaten(p) for p in points]


def test_the_pareto_front_takes_numbers_only() -> None:
    assert pareto([(0.1, 2.0), (0.2, 2.0), (0.05, 1.0), (0.2, 3.0)]) == [False, True, True, False]
    with pytest.raises(BadOption, match="finite"):
        pareto([(float("nan"), 1.0)])


def test_every_metric_of_an_empty_selection_says_so() -> None:
    """No metric shows a number, or breaks, where there is no step at all."""
    for name in METRICS:
        try:
            assert METRICS.make(name)(pl.DataFrame(schema=SCHEMA)).value is None
        except NotMeasured as error:
            assert str(error)


# Variety


def test_entropies_of_what_is_chosen() -> None:
    chosen = ["a", "a", "b", "d", None, "a"]
    table = frame([record(a, episode=i // 2, step=i % 2) for i, a in enumerate(chosen)])
    counts = [3, 1, 1]
    assert value("label_entropy", table) == pytest.approx(stats.entropy(counts), abs=1e-9)
    assert value("place_entropy", table) == pytest.approx(stats.entropy(counts) / np.log(len(ARMS)), abs=1e-9)
    bare = METRICS.make("label_entropy")(table)
    assert bare.low is None and bare.high is None and "falls short" in bare.why and bare.clusters == 3
    one = frame([record("c", episode=i) for i in range(4)])
    assert value("label_entropy", one) == value("place_entropy", one) == 0.0
    # The same place, whatever stands there: labels vary, places do not.
    moved = [replace(record("a", episode=i), actions=(x, "y", "z")) for i, x in enumerate("pqr")]
    moved = [replace(r, decision=replace(r.decision, done=r.actions[0])) for r in moved]
    assert (
        value("label_entropy", frame(moved)) == pytest.approx(np.log(3)) and value("place_entropy", frame(moved)) == 0
    )
    with pytest.raises(NotMeasured, match="no step chose"):
        METRICS.make("label_entropy")(frame([record(None)]))
