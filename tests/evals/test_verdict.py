"""What may be said of an intervention: each sentence follows from the corrected p, the interval and the controls."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import akrasia as ak
from akrasia.evals import inference
from akrasia.evals.controls import Reference, references
from akrasia.evals.inference import Bounds, Contrast, Estimate, smallest_p
from akrasia.evals.verdict import Verdict, direction, judge_arm, nothing_can_be_shown
from akrasia.models import Planted, Simulated

TASK = {"name": "bandit", "arms": 5, "head_start": 3, "horizon": 2}
WHERE = ("bandit", "m", "v")
NONE = (None, None)


def contrast(value: float, half: float, p: float = 0.001, metric: str = "gap", n: int = 40) -> Contrast:
    found = Estimate(value, value - half, value + half, n=2 * n, clusters=n)
    return Contrast(metric, "v", "base", found, p=p, p_holm=p)


def say(gap: Contrast, *others: Contrast) -> Verdict:
    return judge_arm(WHERE, {c.metric: c for c in (gap, *others)}, [], 2.0, NONE, 6)


@pytest.mark.parametrize(
    ("gap", "outcome", "says"),
    [
        (contrast(-0.11, 0.07), "closes", "closes 0.11 [0.04, 0.18] of the gap"),
        (contrast(0.11, 0.07), "widens", "widens the gap by 0.11 [0.04, 0.18]"),
        (contrast(-0.03, 0.06), "no change shown", "no change of the gap shown: between -0.09 and +0.03"),
        (contrast(-0.03, 0.06, p=0.04), "no change shown", "no change of the gap shown: between -0.09 and +0.03"),
        (
            contrast(-0.07, 0.06, p=0.12),
            "no change shown",
            "no change of the gap shown after correction: between -0.13 and -0.01, corrected p 0.12 over 6 contrasts",
        ),
        (
            contrast(-0.5, 0.01, n=9),
            "too few episodes",
            "too few episodes for a verdict (9, at least 10 are needed)",
        ),
        (
            Contrast("gap", "v", "base", Estimate(None, why="no rationale was asked for")),
            "not measured",
            "gap not measured: no rationale was asked for",
        ),
    ],
)
def test_the_sentence_follows_from_interval_and_correction(gap: Contrast, outcome: str, says: str) -> None:
    verdict = say(gap)
    assert verdict.outcome == outcome
    assert verdict.sentence.split("; ")[0] == says
    assert "significant" not in verdict.sentence


def test_a_gap_that_closes_by_knowing_less_says_so() -> None:
    knows = contrast(-0.2, 0.1, metric="knowing")
    does = contrast(0.01, 0.05, p=1.0, metric="doing")
    sentence = say(contrast(-0.2, 0.1), does, knows).sentence
    assert "doing is not shown to rise (between -0.04 and +0.06)" in sentence
    assert "knowing falls by 0.20 [0.10, 0.30]" in sentence


def test_too_few_episodes_show_nothing_of_any_metric() -> None:
    """An arm that only acts has no gap, and nine episodes license no word on what it does either."""
    none = Contrast("gap", "v", "base", Estimate(None, why="no rationale was asked for"))
    assert "doing rises by 0.50" in say(none, contrast(0.5, 0.01, metric="doing", n=10)).sentence
    assert say(none, contrast(0.5, 0.01, metric="doing", n=9)).sentence == (
        "gap not measured: no rationale was asked for"
    )


@pytest.mark.parametrize(("calls", "says"), [(3.0, "its placebo by"), (5.0, "its placebo at 5 calls against 3 by")])
def test_a_placebo_of_other_calls_is_no_equal(calls: float, says: str) -> None:
    reference = Reference("placebo", "pill", calls)
    verdict = judge_arm(WHERE, {"gap": contrast(-0.2, 0.1)}, [(reference, contrast(-0.2, 0.1))], 3.0, NONE, 2)
    assert f"better than {says} 0.20 [0.10, 0.30]" in verdict.sentence


def test_what_unread_answers_leave_open_is_said_of_a_change_that_is_not_shown() -> None:
    """Where nothing could be read the difference is 0, and its interval is not what is still possible."""
    gap = contrast(0.0, 0.29, p=1.0)
    wide, inside = (Bounds(Estimate(-x), Estimate(x), 1.0) for x in (1.0, 0.1))
    gaps = [replace(gap, bounds=b) for b in (wide, inside, None)]
    heads = [judge_arm(WHERE, {"gap": g}, [], 2.0, NONE, 1).sentence for g in gaps]
    assert heads[0].endswith("between -0.29 and +0.29; answers that could not be read leave -1.00 to +1.00 open")
    assert heads[1] == heads[2] == "no change of the gap shown: between -0.29 and +0.29"


def test_unknown_intervals_show_nothing() -> None:
    assert direction(Contrast("gap", "v", "base", Estimate(0.5, clusters=1))) == "unknown"
    assert direction(None) == "unknown"


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> ak.Result:
    """Doing what was said closes the gap; more draws of the same do not."""
    return ak.run(
        task=TASK,
        model=Simulated(Planted(knowing=0.9, greedy=0.6, optimal=0.3)),
        variants={
            "base": "reason_act",
            "again": "reason_act | re_evaluate",
            "critic": "reason_act | critique",
            "votes": "reason_act | self_consistency(3)",
            "more votes": "reason_act | self_consistency(5)",
            "pill": "reason_act | placebo",
            "critic's pill": "reason_act | placebo(of='critique')",
            "told": "reason_act | informed",
            "ceiling": "reason_act | execute_stated",
        },
        episodes=30,
        out=tmp_path_factory.mktemp("verdicts") / "run",
    )


def test_each_arm_is_compared_with_the_controls_that_match_it(result: ak.Result) -> None:
    parts = {str(v): part for (v,), part in result.records.group_by("variant", maintain_order=True)}
    found = {v: {r.kind: r.variant for r in references(parts, v, "base")} for v in parts}
    assert found["again"] == {"placebo": "pill", "self_consistency": "votes"}
    assert found["critic"] == {"placebo": "critic's pill", "self_consistency": "votes", "informed": "told"}
    assert found["votes"] == {"placebo": "critic's pill"}  # none of its own: the one of as many calls
    assert not any(found[v] for v in ("base", "pill", "critic's pill", "told", "ceiling"))


def test_controls_are_contrasted_and_corrected_with_the_rest(result: ak.Result) -> None:
    card = result.score()
    family = [c for _, _, c in card.contrasts if c.metric == "gap" and c.p is not None]
    pairs = {(c.variant, c.against) for c in family}
    assert {("critic", "base"), ("critic", "votes"), ("critic", "told"), ("critic", "critic's pill")} <= pairs
    for c in family:
        assert c.p is not None and c.p_holm is not None and c.p_bh is not None
        assert c.p <= c.p_bh <= c.p_holm + 1e-12
    assert {v.variant for v in card.verdicts} == {"again", "critic", "votes", "more votes"}
    critic = next(v for v in card.verdicts if v.variant == "critic")
    assert {a.kind for a in critic.controls} == {"placebo", "self_consistency", "informed"}
    assert critic.calls == 3.0 and "x tokens" in critic.sentence


def test_a_gap_that_truly_closes_is_said_to_close(tmp_path: Path) -> None:
    """The ceiling does what was recommended; judged as if it were an intervention, it closes the gap."""
    result = ak.run(
        task=TASK,
        model=Simulated(Planted(knowing=0.95, greedy=0.9, optimal=0.05)),
        variants=["reason_act", "reason_act | self_consistency(3)", "reason_act | execute_stated"],
        episodes=40,
        out=tmp_path / "run",
    )
    card = result.score()
    ceiling = next(a for a in card.arms if a.control)
    found = card.contrast(ceiling, "gap", "reason_act")
    assert found is not None
    verdict = judge_arm(WHERE, {"gap": found}, [], 1.0, (1.0, 1.0), 2)
    assert verdict.outcome == "closes"
    assert verdict.sentence.endswith("no control of equal calls or equal information was run; costs 1.0x tokens")


def test_few_items_are_named_with_the_episodes_that_repeat_them() -> None:
    few = contrast(-0.5, 0.01, n=4)
    sentence = judge_arm(WHERE, {"gap": few}, [], 2.0, NONE, 1, repeated="4 items in 400 episodes").sentence
    assert sentence.startswith("too few items for a verdict (4 items in 400 episodes, at least 10 are needed)")


@pytest.mark.parametrize("items", [10, 12, 20])
def test_nothing_can_be_shown_exactly_where_the_least_corrected_p_is_above_the_level(items: int) -> None:
    """The least p is that of items which all differ, in one direction."""
    ones, zeros, den = np.ones(items), np.zeros(items), np.ones(items)
    least = inference.contrast((ones, den), (zeros, den), "gap", "v", "base").p
    assert least is not None and least == pytest.approx(smallest_p(items))
    most = int(0.05 / least)
    assert nothing_can_be_shown(items, most) == ""
    assert f"it takes {items + 1} items" in nothing_can_be_shown(items, most + 1)
    gap = contrast(-0.5, 0.01, p=least, n=items)
    assert judge_arm(WHERE, {"gap": gap}, [], 2.0, NONE, most).outcome == "closes"
    verdict = judge_arm(WHERE, {"gap": gap}, [], 2.0, NONE, most + 1)
    assert verdict.outcome == "too few episodes" and "nothing can be shown" in verdict.sentence


def test_the_scorecard_says_that_nothing_can_be_shown(tmp_path: Path) -> None:
    many = [f"reason_act | temperature({n / 100})" for n in range(28)]
    run = ak.run(task=TASK, model="simulated", variants=["reason_act", *many], episodes=10, out=tmp_path / "run")
    said = [w for w in run.score(["knowing", "doing", "gap"]).warnings if "nothing can be shown" in w]
    assert said == [
        "with 10 items over 28 contrasts no corrected p can fall below 0.055 here, so nothing can be shown; "
        "it takes 11 items"
    ]
