"""The scorecard of tables made by hand: every number can be counted, and what is missing is said."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import akrasia as ak
from akrasia.errors import RunFolderError, Unavailable, UnknownName
from akrasia.evals import METRICS, frame, score
from akrasia.evals.inference import estimate
from akrasia.evals.metrics import CLASSES, gap_table
from akrasia.models import Planted, Scripted, Simulated
from akrasia.records import Decision, Draw, Oracle, Record, Request, Response, Usage, encode
from akrasia.rng import named_rng
from akrasia.tasks import bandit

ACTIONS = ("opt", "greedy", "other", "rest")


def record(
    stated: str | tuple[str, ...] | None = "opt",
    done: str | None = "opt",
    *,
    variant: str = "base",
    episode: int = 0,
    step: int = 0,
    status: str = "",
    stated_status: str = "",
    untried: tuple[str, ...] = ("opt",),
    **more: Any,
) -> Record:
    """A step at which `opt` is optimal, `greedy` is greedy, and the rest is neither."""
    told = (stated,) if isinstance(stated, str) else (stated or ())
    tags = {"arm": "baseline"} if variant == "base" else {}
    decision = Decision(
        "",
        told,
        stated_status or ("ok" if told else "unparsable"),
        done,  # type: ignore[arg-type]
        status or ("ok" if done else "unparsable"),
        more.pop("probs", None),
        more.pop("mass", None),  # type: ignore[arg-type]
    )
    regret = {"opt": 0.0, "greedy": 0.2, "other": 0.5, "rest": 0.6}
    return Record(
        task="t",
        model="m",
        variant=variant,
        design="fork",
        episode=episode,
        step=step,
        situation="s",
        actions=ACTIONS,
        oracle=Oracle(("opt",), ("greedy",), {a: 0.0 for a in ACTIONS}, regret, 0.9, untried, "ucb"),
        decision=decision,
        reward=None if done is None else 0.0,
        regret=regret.get(done or "", 0.9),
        calls=more.pop("calls", 1),
        usage=Usage(10, 5),
        cost=more.pop("cost", 0.0),
        tags=more.pop("tags", tags),
        item=more.pop("item", str(episode)),
    )


def cells(counts: Iterable[tuple[Any, Any, int]]) -> pl.DataFrame:
    steps = [(stated, done) for stated, done, n in counts for _ in range(n)]
    return frame(record(s, d, episode=i % 40, step=i // 40) for i, (s, d) in enumerate(steps))


PUBLISHED = [
    ("opt", "greedy", 581),
    ("opt", "opt", 216),
    ("opt", "other", 106),
    ("rest", "greedy", 72),
    ("rest", "opt", 6),
    ("rest", "other", 20),
]


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
    """Ten steps: five know; of these one does, four do not; three do. A step that states nothing in an arm that states
    something elsewhere is unread."""
    m = score(frame(HAND)).arms[0].metrics
    assert m["knowing"].value == pytest.approx(5 / 10)
    assert m["doing"].value == pytest.approx(3 / 10)
    assert m["gap"].value == pytest.approx(4 / 10)
    assert m["mirror"].value == pytest.approx(2 / 10)
    assert m["say_do"].value == pytest.approx(3 / 7)
    assert m["valid"].value == pytest.approx(8 / 10)
    assert m["stated_valid"].value == pytest.approx(7 / 10)
    assert m["greedy_share"].value == pytest.approx(2 / 10)
    assert m["chance"].value == pytest.approx(1 / 4)
    assert m["regret"].value == pytest.approx((0.2 * 2 + 0.5 + 0.6 * 2 + 0.9 * 2) / 10)
    assert m["optimal_given_knowing"].value == pytest.approx(1 / 5)
    assert m["gap"].n == 10 and m["doing"].n == 10


def test_what_failed_is_counted_and_never_right() -> None:
    arm = score(frame(HAND)).arms[0]
    assert arm.steps == 10
    assert arm.outcomes.actions == {"ok": 8, "unparsable": 1, "refused": 1}
    assert arm.outcomes.rationales == {"ok": 7, "unparsable": 1, "refused": 1, "absent": 1}
    assert arm.table.counts == {
        "knows": {"optimal": 1, "greedy": 1, "other": 2, "none": 1},
        "does not know": {"optimal": 2, "greedy": 1, "other": 1, "none": 1},
    }
    assert arm.table.total == 10
    assert arm.splits["valid only"]["doing"].value == pytest.approx(3 / 8)
    for status in ("unparsable", "illegal", "refused", "truncated", "error"):
        failed = score(frame([record("opt", "opt"), record(None, None, step=1, status=status, stated_status=status)]))
        assert failed.arms[0].metrics["doing"].value == 0.5
        assert failed.arms[0].metrics["knowing"].value == 0.5
        assert failed.arms[0].outcomes.actions == {"ok": 1, status: 1}
        assert any(f"50% of the steps hold no legal action (1 {status})" in w for w in failed.warnings)


@pytest.mark.parametrize("name", ["knowing", "doing", "gap", "mirror"])
def test_the_bounds_are_the_extremes_over_everything_that_unread_answers_could_have_said(name: str) -> None:
    """No wider: a step that is done right has no gap, whatever its rationale would have said."""
    metric, said, done = METRICS.make(name), ("opt", "other", None), ("opt", "other", None)
    for stated, taken in product(said, done):
        table = frame([record(stated, taken)])
        known, steps, unknown = (metric.counts(table)[c] for c in ("num", "den", "missing"))
        complete = product([stated] if stated else ["opt", "other"], [taken] if taken else ["opt", "other"])
        values = [metric(frame([record(s, t)])).value for s, t in complete]
        assert (known[0], known[0] + unknown[0], steps[0]) == (min(values), max(values), 1), (stated, taken)


CONDITIONAL = [
    *(f"{c}_given_{k}" for c in ("optimal", "greedy", "other") for k in ("knowing", "not_knowing")),
    "none_given_knowing",
    "say_do",
    "greedy_share",
]


@pytest.mark.parametrize("name", CONDITIONAL)
def test_the_bounds_of_a_conditional_share_hold_whatever_unread_answers_could_have_said(name: str) -> None:
    """An unread rationale may belong to the condition or not, an unread action may be any: all lie between the ends."""
    read = [("opt", "opt"), ("opt", "greedy"), ("opt", "other"), ("rest", "opt"), ("rest", "greedy"), ("rest", "other")]
    actions = ("opt",) if name == "none_given_knowing" else ("opt", "greedy", "other")
    for unread in ([(None, "opt")], [("opt", None)], [("rest", None)], [(None, "other"), (None, None)]):
        table = frame([record(s, d, step=i, episode=i % 2) for i, (s, d) in enumerate([*read, *unread])])
        arm = score(table, [name]).arms[0]
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
    assert arm.bounds["optimal_given_knowing"].missing == pytest.approx(4 / 8)  # three unread rationales, one action
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
        return bool(frame([replace(one, oracle=replace(one.oracle, **sets))])["separable"][0])

    assert flag()
    assert not flag(greedy=("opt",))
    assert not flag(optimal=("opt", "other", "rest"))
    assert not flag(greedy=())
    assert flag(greedy=("opt", "greedy"))


def test_what_was_not_measured_says_why() -> None:
    silent = [record(None, "opt", episode=i, stated_status="absent", cost=None) for i in range(3)]
    m = score(frame(silent)).arms[0].metrics
    for name, why in (
        ("knowing", "no rationale"),
        ("gap", "no rationale"),
        ("mirror", "no rationale"),
        ("say_do", "no rationale rec"),
        ("greedy_given_knowing", "nothing was known"),
        ("encoded", "token probabilities"),
        ("dollars", "no price"),
        ("mass", "no token prob"),
        ("stated_valid", "no rationale"),
    ):
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


def test_each_metric_is_a_family_of_its_own() -> None:
    from statsmodels.stats.multitest import multipletests

    rng = named_rng("family")
    steps = [
        record("opt", ACTIONS[int(rng.integers(2 + i))], variant=v, episode=e)
        for i, v in enumerate(("base", "v", "w"))
        for e in range(12)
    ]
    card = score(frame(steps))
    for metric in ("gap", "doing"):
        family = [c for _, _, c in card.contrasts if c.metric == metric and c.p is not None]
        assert [c.p_holm for c in family] == pytest.approx(list(multipletests([c.p for c in family], method="holm")[1]))


def test_a_placebo_that_changes_nothing_shows_no_effect(tmp_path: Any) -> None:
    """The simulated agent draws its answer to the placebo anew: another sample of the same distribution."""
    result = ak.run(
        task=bandit(arms=8, horizon=5, head_start=3),
        model=Simulated(Planted()),
        variants=["reason_act", "reason_act | placebo", "reason_act | re_evaluate"],
        episodes=40,
        out=tmp_path / "run",
    )
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


TASK = ak.tasks.bandit(arms=4, horizon=3, head_start=3)


def run(tmp_path: Path, variants: Any, model: Any, **settings: Any) -> ak.Result:
    return ak.run(task=TASK, model=model, variants=variants, out=tmp_path / "run", **{"episodes": 4, **settings})


@pytest.mark.parametrize("status", ["refused", "error"])
def test_what_is_refused_or_failed_is_never_right_and_never_votes(tmp_path: Path, status: Any) -> None:
    def withheld(request: Request, draw: Draw) -> Response:
        labels = request.messages[0].content.split("buttons: ")[1].split(".")[0].split(", ")
        return Response(f"BEST={labels[0]}\nACTION={labels[0]}", status, "content_filter")

    variants = ["reason_act", "reason_act | self_consistency(n=3)", "reason_act | execute_stated", "reason_then_act"]
    records = run(tmp_path, variants, Scripted(withheld)).records
    assert not records["knows"].any() and not records["does"].any() and not records["valid"].any()
    assert set(records["status"]) == {status}


def test_steps_that_saw_different_situations_are_not_paired(tmp_path: Path) -> None:
    down = {"yes": True}

    def model(request: Request, draw: Draw) -> str | Exception:
        first = request.messages[0].content
        labels = first.split("buttons: ")[1].split(".")[0].split(", ")
        if down["yes"] and draw.episode == 1 and draw.step == 4 and len(request.messages) == 1:
            return Unavailable("down for a while")
        return f"BEST={labels[0]}\nACTION={labels[draw.step % 4]}"

    async def no_pause(seconds: float) -> None:
        return None

    scripted = Scripted(model)
    from akrasia.api import execute
    from akrasia.experiments import assemble
    from akrasia.experiments.executors import LocalExecutor

    settings = {"task": TASK, "model": scripted, "episodes": 4}
    first = assemble({**settings, "variants": ["reason_act", "reason_act | re_evaluate"]})
    asyncio.run(execute(first, tmp_path / "run", executor=LocalExecutor(first, sleep=no_pause)))
    down["yes"] = False
    second = assemble({**settings, "variants": ["reason_act", "reason_act | critique"]})
    result = asyncio.run(execute(second, tmp_path / "run", resume=True, executor=LocalExecutor(second, sleep=no_pause)))
    card = result.score()
    stale = next(a for a in card.arms if a.variant.endswith("re_evaluate"))
    assert stale.steps == 12 and stale.flips is not None
    paired = stale.flips.wrong_to_right + stale.flips.right_to_wrong + stale.flips.unchanged
    assert paired == 11  # what the baseline saw after the step that failed differs


def test_a_placebo_is_compared_only_with_what_costs_as_many_calls(tmp_path: Path) -> None:
    variants = ["reason_act", "reason_act | re_evaluate", "reason_act | critique", "reason_act | placebo"]
    card = run(tmp_path, variants, "simulated").score()
    against = {c.variant for _, _, c in card.contrasts if c.against.endswith("placebo")}
    assert against == {"reason_act | re_evaluate"}


def test_failures_below_the_decision_are_seen(tmp_path: Path) -> None:
    variants = ["reason_act", "reason_act | self_consistency(n=9)"]
    arms = run(tmp_path, variants, "simulated:parse_failure=0.3", episodes=20).score().arms
    for arm in arms:
        share = arm.outcomes.read / (arm.outcomes.read + arm.outcomes.unread)
        assert 0.5 < share < 0.85
    assert arms[1].outcomes.actions == {"ok": 60}


def test_encoded_needs_that_nobody_spoke_before(tmp_path: Path) -> None:
    def probs(request: Request, draw: Draw) -> Response | str:
        choices = request.sampling.choices
        return Response(choices[0], probs={c: 1 / len(choices) for c in choices}, mass=0.5) if choices else " a view"

    model = Scripted(probs, style="completion")
    card = run(tmp_path, ["act", "reason_then_act"], model).score()
    measured = {a.variant: a.metrics["encoded"].value is not None for a in card.arms}
    assert measured == {"act": True, "reason_then_act": False}


def test_a_fork_measures_coverage_on_the_baseline_alone(tmp_path: Path) -> None:
    card = run(tmp_path, ["reason_act", "reason_act | execute_stated"], "simulated").score()
    assert [a.metrics["coverage"].value is not None for a in card.arms] == [True, False]


def test_a_vote_of_one_changes_nothing_even_where_it_ties(tmp_path: Path) -> None:
    def ties(request: Request, draw: Draw) -> str:
        labels = request.messages[0].content.split("buttons: ")[1].split(".")[0].split(", ")
        return f"<values>{labels[0]}=inf, {labels[1]}=inf, {labels[2]}=1</values>\nACTION={labels[1]}"

    records = run(tmp_path, ["reason_act", "reason_act | self_consistency(n=1)"], Scripted(ties)).records
    columns = ["episode", "step", "stated", "done", "knows", "does", "follows"]
    one, other = (g.select(columns).sort("episode", "step") for _, g in records.group_by("variant"))
    assert one.equals(other) and set(one["follows"]) == {True}


def test_the_ceiling_stays_a_ceiling_whatever_is_applied_after_it(tmp_path: Path) -> None:
    variants = [
        "reason_act",
        "reason_act | execute_stated | re_evaluate",
        "reason_then_act | execute_stated | critique",
    ]
    card = run(tmp_path, variants, "simulated", episodes=10).score()
    for arm in card.arms[1:]:
        assert arm.metrics["say_do"].value == 1 and arm.metrics["gap"].value == 0
