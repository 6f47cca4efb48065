"""The arithmetic of the measurement, and the honesty of its intervals and tests."""

import tracemalloc
from collections.abc import Iterable
from itertools import product
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

import akrasia as ak
from akrasia.errors import RunFolderError, UnknownName
from akrasia.evals import METRICS, Contrast, Estimate, frame, score
from akrasia.evals.inference import INTERVALS, Interval, contrast, estimate, holm
from akrasia.evals.metrics import CLASSES, gap_table
from akrasia.models import Planted, Simulated
from akrasia.records import Decision, Oracle, Record, Usage, encode
from akrasia.rng import named_rng
from akrasia.tasks import bandit

ACTIONS = ("opt", "greedy", "other", "rest")


def record(
    stated: str | tuple[str, ...] | None = "opt", done: str | None = "opt", *, variant: str = "base", episode: int = 0,
    step: int = 0, status: str = "", stated_status: str = "", untried: tuple[str, ...] = ("opt",), **more: Any,
) -> Record:  # fmt: skip
    """A step at which `opt` is optimal, `greedy` is greedy, and the rest is neither."""
    told = (stated,) if isinstance(stated, str) else (stated or ())
    tags = {"arm": "baseline"} if variant == "base" else {}
    decision = Decision(
        "", told, stated_status or ("ok" if told else "unparsable"), done,  # type: ignore[arg-type]
        status or ("ok" if done else "unparsable"), more.pop("probs", None), more.pop("mass", None),  # type: ignore[arg-type]
    )  # fmt: skip
    regret = {"opt": 0.0, "greedy": 0.2, "other": 0.5, "rest": 0.6}
    return Record(
        task="t", model="m", variant=variant, design="fork", episode=episode, step=step, situation="s", actions=ACTIONS,
        oracle=Oracle(("opt",), ("greedy",), {a: 0.0 for a in ACTIONS}, regret, 0.9, untried, "ucb"),
        decision=decision, reward=None if done is None else 0.0, regret=regret.get(done or "", 0.9),
        calls=more.pop("calls", 1), usage=Usage(10, 5), cost=more.pop("cost", 0.0), tags=more.pop("tags", tags),
    )  # fmt: skip


def cells(counts: Iterable[tuple[Any, Any, int]]) -> pl.DataFrame:
    steps = [(stated, done) for stated, done, n in counts for _ in range(n)]
    return frame(record(s, d, episode=i % 40, step=i // 40) for i, (s, d) in enumerate(steps))


PUBLISHED = [
    ("opt", "greedy", 581), ("opt", "opt", 216), ("opt", "other", 106),
    ("rest", "greedy", 72), ("rest", "opt", 6), ("rest", "other", 20),
]  # fmt: skip


def test_the_published_table_joint_shares_and_conditionals() -> None:
    """Schmied et al. 2025, Fig. 5: 58.1 % is a joint share, 64 % the conditional; neither is called the other."""
    table = gap_table(cells(PUBLISHED))
    assert table.total == 1001
    joint = [table.joint("knows", c) for c in ("greedy", "optimal", "other")]
    assert joint == pytest.approx([0.581, 0.216, 0.106], abs=0.001)
    assert [table.joint("does not know", c) for c in ("greedy", "optimal", "other")] == pytest.approx(
        [0.072, 0.006, 0.020], abs=0.001
    )
    assert [table.conditional("knows", c) for c in ("greedy", "optimal", "other")] == pytest.approx(
        [0.643, 0.239, 0.117], abs=0.0006
    )
    assert [table.conditional("does not know", c) for c in ("greedy", "optimal", "other")] == pytest.approx(
        [0.735, 0.061, 0.204], abs=0.0006
    )
    assert sum(table.joint(r, c) or 0 for r in table.counts for c in CLASSES) == pytest.approx(1)
    card = score(cells(PUBLISHED)).arms[0].metrics
    assert card["knowing"].value == pytest.approx(903 / 1001)
    assert card["greedy_given_knowing"].value == pytest.approx(581 / 903)
    assert card["optimal_given_knowing"].value == pytest.approx(216 / 903)
    assert card["other_given_knowing"].value == pytest.approx(106 / 903)
    assert card["gap"].value == pytest.approx(687 / 1001)
    assert card["mirror"].value == pytest.approx(6 / 1001)
    assert card["doing"].value == pytest.approx(222 / 1001)


HAND = [
    record("opt", "opt", step=0),
    record("opt", "greedy", step=1),
    record("opt", "other", step=2),
    record("opt", None, step=3),
    record("rest", "opt", step=4),
    record("rest", "rest", step=5),
    record(None, "greedy", step=6),
    record(("rest", "opt"), "rest", step=7),
    record(None, None, step=8, status="refused", stated_status="refused"),
    record(None, "opt", step=9, stated_status="absent"),
]


def test_a_hand_made_table() -> None:
    """Nine steps asked for a rationale: five know; of these one does, four do not. Ten steps act: three do."""
    m = score(frame(HAND)).arms[0].metrics
    assert m["knowing"].value == pytest.approx(5 / 9)
    assert m["doing"].value == pytest.approx(3 / 10)
    assert m["gap"].value == pytest.approx(4 / 9)
    assert m["mirror"].value == pytest.approx(1 / 9)
    assert m["say_do"].value == pytest.approx(3 / 7)
    assert m["valid"].value == pytest.approx(8 / 10)
    assert m["stated_valid"].value == pytest.approx(7 / 9)
    assert m["greedy_share"].value == pytest.approx(2 / 10)
    assert m["chance"].value == pytest.approx(1 / 4)
    assert m["regret"].value == pytest.approx((0.2 * 2 + 0.5 + 0.6 * 2 + 0.9 * 2) / 10)
    assert m["optimal_given_knowing"].value == pytest.approx(1 / 5)
    assert m["gap"].n == 9 and m["doing"].n == 10


def test_what_failed_is_counted_and_never_right() -> None:
    arm = score(frame(HAND)).arms[0]
    assert arm.steps == 10
    assert arm.statuses == {"ok": 8, "unparsable": 1, "refused": 1}
    assert arm.stated_statuses == {"ok": 7, "unparsable": 1, "refused": 1, "absent": 1}
    assert arm.table.counts == {
        "knows": {"optimal": 1, "greedy": 1, "other": 2, "none": 1},
        "does not know": {"optimal": 1, "greedy": 1, "other": 1, "none": 1},
    }
    assert arm.table.total == 9
    assert arm.splits["valid only"]["doing"].value == pytest.approx(3 / 8)
    for status in ("unparsable", "illegal", "refused", "truncated", "error"):
        failed = score(frame([record("opt", "opt"), record(None, None, step=1, status=status, stated_status=status)]))
        assert failed.arms[0].metrics["doing"].value == 0.5
        assert failed.arms[0].metrics["knowing"].value == 0.5
        assert failed.arms[0].statuses == {"ok": 1, status: 1}
        assert any(f"50% of the steps hold no legal action (1 {status})" in w for w in failed.warnings)


@pytest.mark.parametrize("name", ["knowing", "doing", "gap", "mirror"])
def test_the_bounds_are_the_extremes_over_everything_that_unread_answers_could_have_said(name: str) -> None:
    """No wider: a step that is done right has no gap, whatever its rationale would have said."""
    metric, said, done = METRICS.make(name), ("opt", "other", None), ("opt", "other", None)
    for stated, taken in product(said, done):
        table = frame([record(stated, taken)])
        (known, steps, unknown), _ = metric.paired_counts(table, table)
        complete = product([stated] if stated else ["opt", "other"], [taken] if taken else ["opt", "other"])
        values = [metric(frame([record(s, t)])).value for s, t in complete]
        assert (known[0], known[0] + unknown[0], steps[0]) == (min(values), max(values), 1), (stated, taken)


CONDITIONAL = [
    *(f"{c}_given_{k}" for c in ("optimal", "greedy", "other") for k in ("knowing", "not_knowing")),
    "none_given_knowing", "say_do", "greedy_share",
]  # fmt: skip


@pytest.mark.parametrize("name", CONDITIONAL)
def test_the_bounds_of_a_conditional_share_hold_whatever_unread_answers_could_have_said(name: str) -> None:
    """An unread rationale may belong to the condition or not, an unread action may be any: all lie between the ends."""
    read = [("opt", "opt"), ("opt", "greedy"), ("opt", "other"), ("rest", "opt"), ("rest", "greedy"), ("rest", "other")]
    actions = ("opt",) if name == "none_given_knowing" else ("opt", "greedy", "other")
    for unread in ([(None, "opt")], [("opt", None)], [("rest", None)], [(None, "other"), (None, None)]):
        table = frame([record(s, d, step=i, episode=i % 2) for i, (s, d) in enumerate([*read, *unread])])
        arm = score(table).arms[0]
        ends = arm.bounds.get(name)
        whole = [product((s,) if s else ("opt", "rest"), (d,) if d else actions) for s, d in unread]
        for said in product(*whole):
            full = frame([record(s, d, step=i, episode=i % 2) for i, (s, d) in enumerate([*read, *said])])
            found = METRICS.make(name)(full).value
            low, high = (arm.metrics[name].value,) * 2 if ends is None else (ends.low.value, ends.high.value)
            if name != "none_given_knowing" or all(d for _, d in unread):
                assert low is not None and high is not None and low - 1e-9 <= found <= high + 1e-9, (unread, said)


def test_bounds_stand_beside_the_estimate_of_an_arm_where_answers_are_missing_and_only_there() -> None:
    arm = score(frame(HAND)).arms[0]
    doing, metrics = arm.bounds["doing"], arm.metrics
    assert (doing.low.value, doing.high.value, doing.missing) == pytest.approx((3 / 10, 5 / 10, 2 / 10))
    assert arm.bounds["optimal_given_knowing"].missing == pytest.approx(3 / 7)  # two unread rationales, one action
    for name, ends in arm.bounds.items():
        low, value, high = ends.low.value, metrics[name].value, ends.high.value
        assert low is not None and value is not None and high is not None and low <= value <= high, name
    assert not {"valid", "chance", "regret", "encoded"} & arm.bounds.keys()
    assert score(cells(PUBLISHED)).arms[0].bounds == {}


def test_ties_are_intersections() -> None:
    table = frame([record(("greedy", "opt"), "greedy")])
    assert table.row(0, named=True)["knows"] and table.row(0, named=True)["follows"]
    assert table["stated_ties"][0] == 2


def test_steps_are_split_by_whether_something_is_untried() -> None:
    steps = [record("opt", "greedy", step=i) for i in range(3)]
    steps += [record("opt", "opt", step=3 + i, untried=()) for i in range(2)]
    arm = score(frame(steps)).arms[0]
    assert arm.splits["untried left"]["gap"].value == 1.0
    assert arm.splits["all tried"]["gap"].value == 0.0
    assert arm.splits["all"]["gap"].value == pytest.approx(0.6)
    assert arm.splits["untried left"]["gap"].n == 3


def test_separable_steps_have_all_three_classes() -> None:
    def flag(**sets: tuple[str, ...]) -> bool:
        one = record()
        oracle = Oracle(**{**{f: getattr(one.oracle, f) for f in Oracle.__slots__}, **sets})
        return bool(
            frame([Record(**{**{f: getattr(one, f) for f in Record.__slots__}, "oracle": oracle})])["separable"][0]
        )

    assert flag()
    assert not flag(greedy=("opt",))
    assert not flag(optimal=("opt", "other", "rest"))
    assert not flag(greedy=())
    assert flag(greedy=("opt", "greedy"))


def test_what_was_not_measured_says_why() -> None:
    silent = [record(None, "opt", episode=i, stated_status="absent", cost=None) for i in range(3)]
    m = score(frame(silent)).arms[0].metrics
    for name, why in (
        ("knowing", "no rationale"), ("gap", "no rationale"), ("mirror", "no rationale"),
        ("say_do", "no rationale rec"),
        ("greedy_given_knowing", "nothing was known"), ("encoded", "token probabilities"), ("dollars", "no price"),
        ("mass", "no token prob"), ("stated_valid", "no rationale"),
    ):  # fmt: skip
        assert m[name].value is None, name
        assert why in m[name].why
        assert "not measured" in str(m[name])
    assert m["doing"].value == 1.0
    assert score(frame(silent)).arms[0].table.joint("knows", "optimal") is None
    assert score(frame(silent)).arms[0].table.conditional("knows", "optimal") is None


def test_encoded_reads_the_likeliest_label_before_any_rationale() -> None:
    sees = {"opt": 0.5, "greedy": 0.3, "other": 0.1, "rest": 0.1}
    errs = {"opt": 0.2, "greedy": 0.6, "other": 0.1, "rest": 0.1}
    steps = [
        record(None, "greedy", step=0, stated_status="absent", probs=sees, mass=0.5),
        record(None, "opt", step=1, stated_status="absent", probs=errs, mass=0.7),
        record("opt", "opt", step=2, probs=sees, mass=0.9),
    ]
    m = score(frame(steps)).arms[0].metrics
    assert (m["encoded"].value, m["encoded"].n) == (0.5, 2)
    assert m["mass"].value == pytest.approx(0.7)


def test_coverage_is_taken_at_the_end_of_each_episode() -> None:
    steps = [
        record("opt", "opt", step=0, untried=("opt", "other", "rest")),
        record("opt", "other", step=1, untried=("other", "rest")),
        record("opt", None, step=2, untried=("rest",)),
        record("opt", "greedy", episode=1, untried=("opt", "other", "rest")),
    ]
    coverage = score(frame(reversed(steps))).arms[0].metrics["coverage"]
    assert coverage.value == pytest.approx((0.75 + 0.25) / 2)
    assert coverage.clusters == 2


def test_a_frame_is_the_same_from_values_and_from_bytes() -> None:
    assert frame(HAND).equals(frame(encode(r) for r in HAND))
    with pytest.raises(RunFolderError, match="no records"):
        score(frame([]))
    with pytest.raises(UnknownName, match="knowing"):
        score(frame(HAND), metrics=["knowin"])
    with pytest.raises(UnknownName, match="base"):
        score(frame(HAND), baseline="bass")


def test_one_episode_has_no_interval() -> None:
    arms = score(frame([*HAND, *(record("opt", "opt", variant="v", step=i) for i in range(10))]))
    for arm in arms.arms:
        for found in arm.metrics.values():
            assert found.low is None and found.high is None
    doing = arms.contrast(arms.arms[1], "doing", "base")
    assert doing is not None and doing.difference.value == pytest.approx(0.7)
    assert doing.difference.low is None and doing.p is None and doing.p_holm is None
    assert any("1 episodes" in w for w in arms.warnings)


def test_identical_arms_differ_by_nothing() -> None:
    both = [record("opt", d, variant=v, episode=e) for v in ("base", "v") for e, d in enumerate(ACTIONS * 4)]
    card = score(frame(both))
    for metric in ("gap", "doing", "knowing"):
        found = card.contrast(card.arms[1], metric, "base")
        assert found is not None and found.p == 1.0
        assert found.difference.value == 0.0
    flips = card.arms[1].flips
    assert flips is not None and (flips.wrong_to_right, flips.right_to_wrong, flips.unchanged) == (0, 0, 16)
    assert card.arms[0].flips is None


def test_flips_are_counted_apart() -> None:
    base = [record("opt", d, episode=e) for e, d in enumerate(["opt", "opt", "greedy", "greedy", "other"])]
    after = [record("opt", d, variant="v", episode=e) for e, d in enumerate(["greedy", "opt", "opt", "opt", "rest"])]
    flips = score(frame([*base, *after])).arms[1].flips
    assert flips is not None and (flips.wrong_to_right, flips.right_to_wrong, flips.unchanged) == (2, 1, 2)


def test_all_or_none_gets_a_wilson_interval_over_episodes() -> None:
    every = estimate(np.full(20, 5.0), np.full(20, 5.0), "x")
    none = estimate(np.zeros(20), np.full(20, 5.0), "x")
    assert every.high == 1.0 and every.low == pytest.approx(1 - 0.180, abs=0.002)
    assert none.low == 0.0 and none.high == pytest.approx(0.180, abs=0.002)


def test_amounts_that_are_the_same_in_every_episode_have_no_interval_of_width_0() -> None:
    """Three calls in each of twenty episodes: nothing says how another episode would differ."""
    calls = estimate(np.full(20, 3.0), np.ones(20), "calls", proportion=False)
    assert (calls.value, calls.low, calls.high) == (3.0, None, None) and "do not differ" in calls.why
    more = contrast(*[(np.full(20, n), np.ones(20)) for n in (3.0, 1.0)], "calls", "v", "base", proportion=False)  # type: ignore[arg-type]
    assert (more.difference.value, more.difference.low) == (2.0, None) and "do not differ" in more.difference.why
    rates = contrast(*[(np.full(20, n), np.full(20, 4.0)) for n in (3.0, 1.0)], "doing", "v", "base")  # type: ignore[arg-type]
    assert rates.difference.low is not None and rates.difference.low < 0.5 and not rates.difference.why


def test_an_interval_of_seconds_does_not_begin_before_0() -> None:
    seconds = [0.01] * 11 + [9.0]
    table = frame([record(episode=e) for e in range(12)]).with_columns(pl.Series("latency", seconds))
    found = METRICS.make("latency")(table)
    plain = estimate(np.array(seconds), np.ones(12), "latency", proportion=False)
    assert plain.low is not None and plain.low < 0
    assert (found.low, found.high) == (0.0, plain.high)


def test_an_interval_of_regret_may_lie_on_both_sides_of_0() -> None:
    lost = [-0.2] * 6 + [0.2] * 6
    found = METRICS.make("regret")(
        frame([record(episode=e) for e in range(12)]).with_columns(pl.Series("regret", lost))
    )
    assert found.low is not None and found.low < 0 < (found.high or 0)


def test_episodes_that_do_not_contribute_are_no_clusters() -> None:
    found = estimate(np.array([1.0, 0.0, 0.0, 2.0]), np.array([2.0, 0.0, 0.0, 4.0]), "x")
    assert (found.value, found.n, found.clusters) == (0.5, 6.0, 2)


@settings(deadline=None, max_examples=12)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_is_statsmodels_holm(p_values: list[float]) -> None:
    given_ = [Contrast("gap", str(i), "base", Estimate(0.1), p) for i, p in enumerate(p_values)]
    given_.insert(1, Contrast("gap", "untested", "base", Estimate(0.1)))
    found = holm(given_)
    assert [c.p_holm for c in found if c.p is not None] == pytest.approx(
        list(multipletests(p_values, method="holm")[1])
    )
    assert next(c for c in found if c.variant == "untested").p_holm is None
    assert [c.variant for c in found] == [c.variant for c in given_]


def test_each_metric_is_a_family_of_its_own() -> None:
    rng = named_rng("family")
    steps = [
        record("opt", ACTIONS[int(rng.integers(2 + i))], variant=v, episode=e)
        for i, v in enumerate(("base", "v", "w")) for e in range(12)
    ]  # fmt: skip
    card = score(frame(steps))
    for metric in ("gap", "doing"):
        family = [c for _, _, c in card.contrasts if c.metric == metric and c.p is not None]
        assert [c.p_holm for c in family] == pytest.approx(list(multipletests([c.p for c in family], method="holm")[1]))


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=9))
def test_sign_flip_is_scipys_exact_permutation_test(pairs: list[tuple[int, int]]) -> None:
    a, b = (np.array(x, float) for x in zip(*pairs, strict=True))
    den = np.full(len(a), 5.0)
    found = contrast((a, den), (b, den), "gap", "v", "base")
    if np.array_equal(a, b):
        assert found.p == 1.0
        return
    expected = stats.permutation_test(
        (a, b), lambda x, y, axis: (x.sum(axis) - y.sum(axis)) / 5.0 / len(a), permutation_type="samples",
        vectorized=True, n_resamples=np.inf,
    )  # fmt: skip
    assert found.p == pytest.approx(min(1.0, expected.pvalue))
    assert found.difference.value == pytest.approx((a.sum() - b.sum()) / den.sum())
    mirror = contrast((b, den), (a, den), "gap", "v", "base")
    assert mirror.p == pytest.approx(found.p)


def test_the_sign_flip_of_many_episodes_is_the_normal_limit_in_little_memory() -> None:
    """20,000 episodes: a table of 9,999 swaps of each would take 1.6 GB; the test statistic is a sum of signs."""
    rng = named_rng("many episodes")
    den = np.full(20_000, 10.0)
    b = rng.binomial(10, 0.4, len(den)).astype(float)
    for shift in (0.0, 0.003, 0.006):
        a = rng.binomial(10, 0.4 + shift, len(den)).astype(float)
        change = a - b
        expected = 2 * stats.norm.sf(abs(change.sum()) / np.sqrt(np.sum(change**2)))
        tracemalloc.start()
        found = contrast((a, den), (b, den), "gap", f"v{shift}", "base")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert found.p == pytest.approx(expected, abs=4 * np.sqrt(expected * (1 - expected) / 9999) + 2e-4)
        assert peak < 200e6


def test_the_sign_flip_of_many_episodes_of_unequal_length_and_of_any_numbers() -> None:
    """No two episodes alike, and ratios whose denominators are swapped too: against scipy, on the same question."""
    rng = named_rng("unequal episodes")
    m = 1_100  # just beyond what is held as one table
    da, db = rng.integers(5, 10, m).astype(float), rng.integers(5, 10, m).astype(float)
    a, b = da * rng.normal(0.52, 0.5, m), db * rng.normal(0.5, 0.5, m)
    found = contrast((a, da), (b, db), "regret", "v", "base")

    def difference(x: Any, y: Any, axis: int = -1) -> Any:  # an episode is named by its number in one arm or the other
        whole, parts = np.concatenate([a, b]), np.concatenate([da, db])
        x, y = x.astype(int), y.astype(int)
        return whole[x].sum(axis) / parts[x].sum(axis) - whole[y].sum(axis) / parts[y].sum(axis)

    expected = stats.permutation_test(
        (np.arange(m), np.arange(m, 2 * m)), difference, permutation_type="samples", vectorized=True, n_resamples=9_999,
        batch=500, rng=rng,
    )  # fmt: skip
    assert found.p is not None and 0.01 < found.p < 0.99
    assert found.p == pytest.approx(expected.pvalue, abs=6 * np.sqrt(0.25 / 9999))


def clustered(rng: np.random.Generator, clusters: int, rate: float = 0.3, spread: float = 8.0) -> tuple[Any, Any]:
    """(num, den) per cluster: beta-binomial with unequal sizes; the pooled rate is `rate`."""
    den = rng.integers(3, 12, clusters).astype(float)
    own = rng.beta(rate * spread, (1 - rate) * spread, clusters)
    return rng.binomial(den.astype(int), own).astype(float), den


@pytest.mark.parametrize("interval", INTERVALS)
def test_the_interval_is_over_episodes_not_steps(interval: Interval) -> None:
    num, den = clustered(named_rng("bootstrap"), 40)
    found = estimate(num, den, "x", interval=interval)
    assert found.low is not None and found.high is not None
    theirs = stats.bootstrap(
        (num, den), lambda n, d, axis: n.sum(axis) / d.sum(axis), paired=True, vectorized=True, n_resamples=9999,
        rng=np.random.default_rng(1),
    ).confidence_interval  # fmt: skip
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=0.02)
    picks = named_rng("by hand").integers(40, size=(5000, 40))
    by_hand = np.quantile(num[picks].sum(1) / den[picks].sum(1), [0.025, 0.975])
    assert (found.low, found.high) == pytest.approx(tuple(by_hand), abs=0.02)
    doubled = estimate(np.repeat(num, 2), np.repeat(den, 2), "x", interval=interval)
    assert doubled.low is not None and doubled.low > found.low
    lockstep = estimate(np.where(np.arange(40) < 20, 10.0, 0.0), np.full(40, 10.0), "x", interval=interval)
    assert lockstep.low is not None and lockstep.high is not None and lockstep.high - lockstep.low > 0.25
    assert estimate(num, den, "x", interval=interval) == found


@pytest.mark.slow
@pytest.mark.parametrize("rate", [0.3, 0.85])
def test_intervals_cover_the_truth_as_often_as_they_say(rate: float) -> None:
    held = 0
    repetitions = 350
    for i in range(repetitions):
        num, den = clustered(named_rng("coverage", i, int(rate * 100)), 35, rate)
        found = estimate(num, den, f"coverage {i}")
        assert found.low is not None and found.high is not None
        held += found.low <= rate <= found.high
    assert 0.91 <= held / repetitions <= 0.98


@pytest.mark.slow
@pytest.mark.parametrize(("change", "effect"), [(0.15, 0.0), (0.15, 0.2), (0.5, 0.2)])
def test_paired_differences_cover_the_truth_with_few_episodes_and_few_changes(change: float, effect: float) -> None:
    """18 episodes of 4 steps; a step is decided anew with probability `change`, then right more often by `effect`."""
    steps, clusters, repetitions = np.full(18, 4.0), 18, 500
    held = 0
    for i in range(repetitions):
        rng = named_rng("difference", i, int(change * 100), int(effect * 100))
        own = rng.uniform(0.1, 0.7, clusters)
        before = rng.random((clusters, 4)) < own[:, None]
        anew = rng.random((clusters, 4)) < own[:, None] + effect
        after = np.where(rng.random((clusters, 4)) < change, anew, before)
        found = contrast((after.sum(1), steps), (before.sum(1), steps), "gap", "v", "base").difference
        assert found.low is not None and found.high is not None
        held += found.low <= change * effect <= found.high
    assert 0.91 <= held / repetitions <= 0.99


@pytest.mark.slow
def test_the_paired_test_keeps_its_level_and_has_power() -> None:
    """Under the null two arms share each episode's rate; under the alternative one is better by 0.15."""
    repetitions, false, true, inside = 300, 0, 0, 0
    for i in range(repetitions):
        rng = named_rng("level", i)
        den = rng.integers(3, 12, 30)
        own = rng.beta(3, 5, 30)
        a, b = rng.binomial(den, own).astype(float), rng.binomial(den, own).astype(float)
        null = contrast((a, den.astype(float)), (b, den.astype(float)), "gap", f"v{i}", "base")
        better = rng.binomial(den, np.minimum(own + 0.15, 1)).astype(float)
        other = contrast((better, den.astype(float)), (b, den.astype(float)), "gap", f"w{i}", "base")
        assert null.p is not None and other.p is not None
        false += null.p <= 0.05
        true += other.p <= 0.05
        low, high = null.difference.low, null.difference.high
        inside += low is not None and high is not None and low <= 0 <= high
    assert false / repetitions <= 0.07
    assert true / repetitions >= 0.8
    assert 0.91 <= inside / repetitions <= 0.99


def test_a_placebo_that_changes_nothing_shows_no_effect(tmp_path: Any) -> None:
    """The simulated agent draws its answer to the placebo anew: another sample of the same distribution."""
    result = ak.run(
        task=bandit(arms=8, horizon=5, head_start=3), model=Simulated(Planted()),
        variants=["reason_act", "reason_act | placebo", "reason_act | re_evaluate"], episodes=40, out=tmp_path / "run",
    )  # fmt: skip
    card = result.score()
    controls = [a for a in card.arms if a.control == "placebo"]
    assert len(controls) == 1
    for metric in ("gap", "doing", "knowing"):
        effect = card.contrast(controls[0], metric, "reason_act")
        assert effect is not None and effect.p is not None and effect.p_holm is not None and effect.p_holm > 0.05
        assert effect.difference.low is not None and effect.difference.high is not None
        assert effect.difference.low <= 0 <= effect.difference.high
    looked = next(a for a in card.arms if a.variant == "reason_act | re_evaluate")
    assert card.contrast(looked, "gap", "reason_act | placebo") is not None
    flips = controls[0].flips
    assert flips is not None and flips.unchanged < 200 and flips.wrong_to_right > 0 and flips.right_to_wrong > 0


def test_every_metric_names_its_source() -> None:
    for name in METRICS:
        metric = METRICS.make(name)
        assert metric.name == name and metric.title and metric.source and metric.unit
