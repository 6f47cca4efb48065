"""Comparing two arms: what is paired, what is refused, and how often arms that are alike are called different."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy import stats
from typer.testing import CliRunner

import akrasia as ak
from akrasia.cli import app
from akrasia.errors import BadOption, UnknownName
from akrasia.evals.compare import COMPARED, Comparison, compare, compare_runs
from akrasia.evals.run_tables import RunTables
from akrasia.experiments import Variant
from akrasia.models import Planted, Simulated

TASK = {"name": "bandit", "arms": 5, "head_start": 3, "horizon": 2}


def akrasia(*args: str) -> str:
    """What a command prints."""
    done = CliRunner().invoke(app, args, catch_exceptions=False, env={"COLUMNS": "200"})
    assert done.exit_code == 0
    return done.stdout


def run(out: Path, variants: Any, episodes: int = 20, **more: Any) -> ak.Result:
    return ak.run(**{"task": TASK, "model": "simulated", "out": out, **more}, variants=variants, episodes=episodes)


def other_draws(plan: ak.graphs.Plan) -> ak.graphs.Plan:
    """The same agents, asked for other samples: identically distributed answers, independent of the plan's own."""
    return replace(plan, nodes=tuple(replace(n, sample=n.sample + 7) for n in plan.nodes))


@pytest.fixture(scope="module")
def arms(tmp_path_factory: pytest.TempPathFactory) -> ak.Result:
    """A base that greets knowledge with greed, and an arm that does what it says, with some answers unreadable."""
    return run(
        tmp_path_factory.mktemp("arms") / "run",
        ["reason_act", "reason_act | execute_stated", "reason_act | re_evaluate", "act"],
        model=Simulated(Planted(parse_failure=0.1)),
        episodes=40,
    )


def tables(*results: ak.Result) -> list[RunTables]:
    return [RunTables(r.records, experiment=r.experiment, name=r.folder.name) for r in results]


def only(found: tuple[Comparison, ...]) -> Comparison:
    (one,) = found
    return one


def test_the_table_holds_both_estimates_and_their_paired_difference(arms: ak.Result) -> None:
    table, one = arms.records, only(compare(arms.records, "reason_act", "execute_stated"))
    assert (one.a, one.b) == ("reason_act", "reason_act | execute_stated")
    assert (one.episodes, one.steps, one.left_out) == (40, 80, 0)
    assert [line.metric for line in one.lines] == list(COMPARED)
    for line, column in zip(one.lines, ("knows", "does"), strict=False):
        means = [table.filter(variant=v)[column].mean() for v in (one.a, one.b)]
        assert [line.a.value, line.b.value] == pytest.approx(means)
        assert line.contrast.difference.value == pytest.approx(means[1] - means[0])  # type: ignore[operator]
    doing = one.lines[1]
    assert doing.outcome == "higher" and doing.contrast.p_holm is not None and doing.contrast.p_holm < 0.05
    assert "has a higher doing by" in one.sentence and "corrected over 4 metrics" in one.sentence
    assert one.calls == 1.0 and one.flips is not None
    assert one.flips.wrong_to_right - one.flips.right_to_wrong == pytest.approx(80 * doing.contrast.difference.value)


def test_missing_answers_open_a_range_around_the_difference(arms: ak.Result) -> None:
    one = only(compare(arms.records, "reason_act", "re_evaluate"))
    doing = one.lines[1]
    base, other = (arms.records.filter(variant=v) for v in (one.a, one.b))
    lost = base.filter(~pl.col("valid")).height, other.filter(~pl.col("valid")).height
    assert sum(lost) > 0 and doing.bounds is not None
    worst = (other["does"].sum() - base["does"].sum() - lost[0]) / 80
    best = (other["does"].sum() + lost[1] - base["does"].sum()) / 80
    assert doing.bounds.low.value == pytest.approx(worst) and doing.bounds.high.value == pytest.approx(best)
    assert doing.bounds.missing == pytest.approx(sum(lost) / 160)


def test_a_metric_that_does_not_tell_what_is_missing_is_not_called_complete(arms: ak.Result) -> None:
    chosen = ["optimal_given_knowing", "valid", "coverage", "regret"]
    lines = {x.metric: x for x in only(arms.compare("reason_act", "re_evaluate", chosen)).lines}
    assert lines["optimal_given_knowing"].bounds is not None and lines["optimal_given_knowing"].missing
    assert (lines["valid"].missing, lines["valid"].bounds) == (0.0, None)
    assert lines["regret"].missing is lines["coverage"].missing is None
    options = [x for m in chosen for x in ("--metric", m)]
    shown = akrasia("compare", str(arms.folder), "reason_act", "re_evaluate", *options)
    rows = [line for line in shown.splitlines() if line.strip().startswith(("valid", "regret", "optimal_given"))]
    assert rows[0].count("..") == 1 and rows[1].rstrip().endswith("none")
    assert rows[2].rstrip().endswith("not told")


def test_one_step_per_episode_has_mcnemar_s_test(tmp_path: Path) -> None:
    result = run(tmp_path / "r", ["reason_act", "reason_act | execute_stated"], task={**TASK, "horizon": 1})
    one = only(compare(result.records, "reason_act", "execute_stated"))
    assert one.flips is not None
    gained, lost = one.flips.wrong_to_right, one.flips.right_to_wrong
    assert one.lines[1].contrast.p_mcnemar == pytest.approx(stats.binomtest(gained, gained + lost).pvalue)


def test_what_one_arm_does_not_measure_is_said(arms: ak.Result) -> None:
    one = only(compare(arms.records, "act", "reason_act"))
    by = {line.metric: line for line in one.lines}
    assert by["gap"].outcome == "not measured" and by["gap"].contrast.difference.why == "no rationale was asked for"
    assert by["doing"].outcome != "not measured" and "in 1 metric: doing between" in one.sentence


def test_few_episodes_call_nothing(tmp_path: Path) -> None:
    result = run(tmp_path / "r", ["reason_act", "reason_act | execute_stated"], episodes=9)
    one = only(compare(result.records, "reason_act", "execute_stated"))
    assert {line.outcome for line in one.lines} == {"too few episodes"} and "at least 10" in one.sentence


@pytest.mark.parametrize(
    ("a", "b", "kind", "says"),
    [
        ("act", "act", BadOption, "with itself"),
        ("act", "nonsense", UnknownName, "no variant named 'nonsense'"),
        ("reason_act", "critque", UnknownName, "no variant named"),
    ],
)
def test_names_that_are_no_pair_are_refused(arms: ak.Result, a: str, b: str, kind: type[Exception], says: str) -> None:
    with pytest.raises(kind, match=says):
        compare(arms.records, a, b)


def test_two_runs_of_one_variant_are_paired_by_their_seeds(tmp_path: Path) -> None:
    one = run(tmp_path / "a", "reason_act", task={**TASK, "horizon": 1})
    better = Simulated(Planted(greedy=0.1, optimal=0.9))
    two = run(tmp_path / "b", "reason_act", task={**TASK, "horizon": 1}, model=better, episodes=30)
    found = only(compare_runs(*tables(one, two)))
    assert found.models[0] == "simulated" and found.models[1].startswith("simulated:")
    assert (found.episodes, found.left_out, found.pairing) == (20, 10, "the same situations")
    gap = found.lines[2]
    assert gap.outcome == "lower" and "'b' has a" in found.sentence
    longer = [run(tmp_path / n, "reason_act", model=m) for n, m in (("c", "simulated"), ("d", better))]
    found = only(compare_runs(*tables(*longer)))
    assert found.pairing.startswith("the same seeds") and found.flips is None


def test_tasks_of_one_name_are_told_apart_by_their_options(tmp_path: Path) -> None:
    """Also in runs whose experiment was stored without the tasks' labels."""
    both = [{**TASK, "arms": 3}, {**TASK, "arms": 4}]
    one, two = tables(*(run(tmp_path / n, "act", 3, task=t) for n, t in (("a", both), ("b", both[::-1]))))
    bare = [replace(r, experiment={k: v for k, v in r.experiment.items() if k != "task_labels"}) for r in (one, two)]
    assert [c.task for c in compare_runs(one, two)] == list(one.experiment["task_labels"])
    assert compare_runs(*bare) == compare_runs(one, two)
    assert {c.pairing for c in compare_runs(one, two)} == {"the same situations"}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"seed": 1}, "the seed of one is 0, of the other 1. Run one of them again with seed = 0"),
        ({"design": "rollout"}, "the design of one is 'fork', of the other 'rollout'"),
        ({"task": {**TASK, "arms": 4}}, "bandit has arms = 5 in one and 4 in the other"),
        ({"task": "tictactoe"}, "no task in common"),
        ({"variants": "act"}, "different variants: reason_act against act"),
    ],
)
def test_runs_that_are_no_pairs_are_refused_with_the_reason(tmp_path: Path, change: dict[str, Any], says: str) -> None:
    one = run(tmp_path / "a", "reason_act", episodes=3)
    two = run(tmp_path / "b", **{"variants": "reason_act", "episodes": 3, **change})
    with pytest.raises(BadOption) as refused:
        compare_runs(*tables(one, two))
    assert says in str(refused.value)


def test_no_shared_episode_is_refused(arms: ak.Result) -> None:
    apart = arms.records.filter(
        ((pl.col("variant") == "act") & (pl.col("episode") < 5))
        | ((pl.col("variant") == "reason_act") & (pl.col("episode") >= 5))
    )
    with pytest.raises(BadOption, match="share no episode"):
        compare(apart, "reason_act", "act")


def test_arms_that_share_some_situations_are_compared_on_these(arms: ak.Result) -> None:
    cut = arms.records.filter((pl.col("variant") != "act") | (pl.col("step") == 3))
    one = only(compare(cut, "reason_act", "act", ["doing"]))
    assert (one.episodes, one.steps, one.pairing) == (40, 40, "the situations that both decided")
    base, other = (cut.filter(variant=v, step=3)["does"].sum() for v in ("reason_act", "act"))
    assert one.lines[0].contrast.difference.value == pytest.approx((other - base) / 40)
    assert one.flips is not None and one.flips.wrong_to_right - one.flips.right_to_wrong == other - base


def test_after_looks_no_p_is_told_and_the_intervals_hold_at_every_look(tmp_path: Path) -> None:
    """What a fixed number of episodes would show is not shown by as many that one stopped at."""
    variants = ["reason_act", "reason_act | execute_stated"]
    looked = run(tmp_path / "looked", variants, 12, until="gap +- 0.01")
    one, fixed = only(looked.compare(*variants)), only(compare(looked.records, *variants))
    assert one.anytime and not fixed.anytime
    for line, plain in zip(one.lines, fixed.lines, strict=True):
        found, narrow = line.contrast.difference, plain.contrast.difference
        assert line.contrast.p is line.contrast.p_holm is line.contrast.p_bh is None and plain.contrast.p is not None
        assert found.value == pytest.approx(narrow.value)
        assert found.low is not None and narrow.low is not None and found.low < narrow.low
    other = run(tmp_path / "fixed", variants, 12, model=Simulated(Planted(knowing=0.6)))
    assert only(other.compare(looked)).anytime and not only(other.compare(*variants)).anytime
    words = only(looked.compare(*variants, metrics=["regret"])).lines[0].contrast.difference.why
    assert "only shares have anytime-valid intervals" in words
    shown = akrasia("compare", str(looked.folder), *variants)
    assert "anytime-valid, 95 % together" in shown and "sign-flip" not in shown


def test_the_command_prints_the_table_and_json(arms: ak.Result, tmp_path: Path) -> None:
    shown = akrasia("compare", str(arms.folder), "reason_act", "execute_stated")
    for needed in ("b - a", "p Holm", "wrong -> right", "missing: worst .. best", "has a higher doing by"):
        assert needed in shown
    data = json.loads(akrasia("compare", str(arms.folder), "reason_act", "act", "--json"))
    assert data[0]["lines"][1]["contrast"]["p_holm"] is not None
    with pytest.raises(BadOption, match="there is one arm"):
        akrasia("compare", str(arms.folder), "reason_act")
    run(tmp_path / "other", "reason_act", seed=3, episodes=3)
    with pytest.raises(BadOption, match="cannot be paired: the seed of one is 0, of the other 3"):
        akrasia("compare", str(arms.folder), str(tmp_path / "other"))


@pytest.mark.slow
def test_arms_that_are_alike_are_called_no_difference(tmp_path: Path) -> None:
    """An arm and its twin on other draws, 40 experiments of 10 episodes: not more than 5 % are called different."""
    plan = ak.graphs.reason_act()
    twin = Variant("twin", other_draws(plan))
    table = run(tmp_path / "r", [Variant("arm", plan), twin], episodes=40 * 10).records
    blocks = table.with_columns(block=pl.col("episode") // 10).partition_by("block", include_key=False)
    found = [only(compare(block, "arm", "twin")) for block in blocks]
    assert len(found) == 40 and any(line.contrast.difference.value for c in found for line in c.lines)
    alike = [c for c in found if {line.outcome for line in c.lines} == {"no difference shown"}]
    assert len(alike) >= 38
    assert all(c.sentence.startswith("No difference shown between 'arm' and 'twin'") for c in alike)
    assert np.mean([c.lines[2].contrast.difference.value for c in found]) == pytest.approx(0, abs=0.03)
