"""Risk against coverage: exact against the definition, and found through the whole program where it was planted."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import akrasia as ak
from akrasia.evals import METRICS
from akrasia.evals.metrics.selective import aurc_of, excess_of, risk_coverage, risk_coverage_of
from akrasia.models import Planted, Scripted, Simulated
from akrasia.tasks import bandit


def by_definition(rows: list[tuple[float, bool]]) -> float:
    """The mean over all orders of equally sure decisions of the mean risk over coverages."""
    areas = []
    for order in set(permutations(rows)):
        if all(a[0] >= b[0] for a, b in zip(order, order[1:], strict=False)):
            wrong = np.cumsum([not right for _, right in order])
            areas.append(float(np.mean(wrong / np.arange(1, len(order) + 1))))
    return float(np.mean(areas))


def totals(rows: list[tuple[float, bool]]) -> np.ndarray:
    levels = sorted({sure for sure, _ in rows})
    return np.array(
        [[sum(s == x and r == right for s, r in rows) for x in levels] for right in (False, True)], float
    ).ravel()


ROWS = st.lists(st.tuples(st.sampled_from([0.2, 0.5, 0.9]), st.booleans()), min_size=1, max_size=6)


@given(ROWS)
def test_the_area_is_that_of_the_definition_with_ties_in_random_order(rows: list[tuple[float, bool]]) -> None:
    distinct = [(sure + 0.001 * i, right) for i, (sure, right) in enumerate(rows)]
    assert aurc_of(totals(distinct)) == pytest.approx(by_definition(distinct))
    labelled = {(sure, right) for sure, right in rows}
    if len(labelled) == len(rows):
        assert aurc_of(totals(rows)) == pytest.approx(by_definition(rows))


@given(ROWS)
def test_the_best_order_has_no_excess(rows: list[tuple[float, bool]]) -> None:
    best = [(1.0 if right else 0.0, right) for _, right in rows]
    assert excess_of(totals(best)) == pytest.approx(0.0, abs=1e-12)
    assert excess_of(totals(rows)) >= -1e-12
    if 0 < sum(right for _, right in rows) < len(rows):
        assert risk_coverage_of(totals(best)) == pytest.approx(1.0)
        assert risk_coverage_of(totals([(0.5, right) for _, right in rows])) == pytest.approx(0.0)


def test_the_curve_falls_where_the_surest_are_right() -> None:
    frame = pl.DataFrame(
        {"task": "t", "model": "m", "item": [str(i) for i in range(10)], "episode": range(10),
         "confidence": [i / 10 for i in range(10)], "does": [i >= 4 for i in range(10)]}
    )  # fmt: skip
    assert risk_coverage(frame) == pytest.approx({0.2: 0.0, 0.4: 0.0, 0.6: 0.0, 0.8: 0.25, 1.0: 0.4})
    assert METRICS.make("risk_coverage")(frame).value == pytest.approx(1.0)
    constant = frame.with_columns(confidence=pl.lit(0.7))
    assert METRICS.make("risk_coverage")(constant).value == pytest.approx(0.0)
    assert METRICS.make("aurc")(constant).value == pytest.approx(0.4)


def test_a_model_that_is_surer_where_it_is_right_is_found_and_one_that_says_nothing_is_told(tmp_path: Path) -> None:
    """It is right in half of the episodes, and then 90 sure, else 40; one in five is the other way round."""

    def answer(request: object, draw: ak.records.Draw) -> str:
        rng = ak.rng.named_rng(draw.episode, "answer")
        right, off = rng.random() < 0.5, rng.random() < 0.2
        label, sure = "Red" if right else "Blue", 90 if right != off else 40
        return f"BEST={label}\nACTION={label}\nCONFIDENCE={sure}"

    task = bandit(arms=2, horizon=1, head_start=1, labels=["Red", "Blue"])
    variants = {"says": "reason_act | confidence", "silent": "reason_act"}
    card = ak.run(task=task, model=Scripted(answer), variants=variants, episodes=60, out=tmp_path / "run").score()
    said, silent = card.arms
    assert "no agent says how sure" in silent.metrics["aurc"].why
    assert said.metrics["aurc"].value is not None


def test_the_robustness_ratio_is_one_where_nothing_changes(tmp_path: Path) -> None:
    model = Simulated(Planted(knowing=1.0, optimal=0.6, greedy=0.4))
    variants = {"base": "reason_act", "reversed": "reason_act | self_correct", "floor": "random_act"}
    card = ak.run(task=bandit(arms=2, horizon=1, head_start=1), model=model, variants=variants, episodes=100,
                  out=tmp_path / "run").score()  # fmt: skip
    ratios = {arm.variant: arm.metrics["robustness_ratio"] for arm in card.arms if not arm.baseline}
    same, floor = ratios["reversed"], ratios["floor"]
    assert same.low is not None and same.high is not None and same.low <= 1.0 <= same.high
    assert floor.low is not None and floor.high is not None and floor.low <= 0.5 / 0.6 <= floor.high
