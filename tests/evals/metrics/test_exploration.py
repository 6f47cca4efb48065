"""How widely an agent looks: by hand and by a loop."""

from dataclasses import replace
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from akrasia.errors import NotMeasured
from akrasia.evals import METRICS, frame
from akrasia.evals.metrics.exploration import coverage_curve

ARMS = ("a", "b", "c", "d")


def test_exploration_by_hand(value: Any, play: Any) -> None:
    """Episode 0 takes the best arm in its first half only, episode 1 at its very end, episode 2 all arms alike."""
    table = frame(play)
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


def test_a_fork_measures_the_play_of_its_baseline_alone(value: Any, play: Any) -> None:
    table = frame([replace(r, design="fork", variant="v") for r in play])
    for name in ("suffix_failure", "min_fraction", "cumulative_regret", "coverage"):
        found = METRICS.make(name)(table)
        assert found.value is None and "baseline" in found.why
    with pytest.raises(NotMeasured, match="baseline"):
        coverage_curve(table)
    base = frame([replace(r, design="fork", tags={"arm": "baseline"}) for r in play])
    assert value("suffix_failure", base) == pytest.approx(1 / 3)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.sampled_from([*ARMS, None]), min_size=1, max_size=20))
def test_play_metrics_are_those_of_a_loop(record: Any, value: Any, taken: list[str | None]) -> None:
    table = frame([record(done, step=3 + s) for s, done in enumerate(taken)])
    half = [d for s, d in enumerate(taken) if 2 * s >= len(taken)]
    assert value("suffix_failure", table) == float("a" not in half)
    assert value("min_fraction", table) == pytest.approx(4 * min(taken.count(a) for a in ARMS) / len(taken))
