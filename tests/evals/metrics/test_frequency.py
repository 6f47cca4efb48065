"""Frequency bias: classes of steps, the probe and its buckets."""

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from akrasia.errors import NotMeasured
from akrasia.evals import METRICS, frame
from akrasia.evals.metrics.frequency import frequency_buckets


def test_an_action_that_is_both_counts_as_greedy(record: Any, value: Any, play: Any) -> None:
    table = frame(play)
    assert table["habit"].to_list()[:5] == [None, "other", "other", "frequent", "none"]
    both = frame([record("b", frequent=("b",), greedy=("b",)), record("b", step=1, frequent=("b", "c"), greedy=("b",))])
    assert both["habit"].to_list() == ["greedy", "greedy"]
    assert both["habit_separable"].to_list() == [False, True]
    assert value("bias_frequent", table) == pytest.approx(1 / 4)
    assert value("bias_other", table) == pytest.approx(2 / 4)
    assert value("bias_greedy", table) == 0.0
    assert METRICS.make("bias_frequent")(frame([record()])).value is None


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(st.integers(0, 100), st.floats(0, 3)), min_size=3, max_size=40))
def test_the_entropy_correlation_is_pearsons(value: Any, probe: Any, seen: list[tuple[int, float]]) -> None:
    k, h = np.array([x for x, _ in seen]), np.array([y for _, y in seen])
    if k.std() < 1e-3 or h.std() < 1e-3:
        return
    assert value("entropy_correlation", probe(seen)) == pytest.approx(stats.pearsonr(k, h).statistic, abs=1e-9)


def test_the_probe_by_buckets(probe: Any, play: Any) -> None:
    table = probe([(0, 1.0), (10, 1.0), (11, 1.0), (50, 1.0), (100, 1.0)])
    table = table.with_columns(habit=pl.Series(["greedy", "frequent", "frequent", "other", "frequent"]))
    found = frequency_buckets(table)
    assert {b: e["bias_frequent"].value for b, e in found.items()} == {"0-10": 0.5, "45-55": 0.0, "90-100": 1.0}
    assert found["45-55"]["bias_other"].value == 1.0 and found["0-10"]["bias_greedy"].n == 2
    for ask in (frequency_buckets, METRICS.make("entropy_correlation")):
        with pytest.raises(NotMeasured, match="frequency"):
            ask(frame(play))
    silent = probe([(0, 1.0), (5, 2.0)]).with_columns(entropy=pl.lit(None, pl.Float64))
    with pytest.raises(NotMeasured, match="token"):
        METRICS.make("entropy_correlation")(silent)


def test_token_probabilities_of_the_classes(record: Any) -> None:
    seen = {"a": 0.1, "b": 0.2, "c": 0.3, "d": 0.4}
    row = frame([record("d", probs=seen, frequent=("b", "c"), greedy=("b",))]).row(0, named=True)
    assert (row["p_greedy"], row["p_frequent"]) == (0.2, 0.3)
