"""The Pareto front."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from akrasia.errors import BadOption
from akrasia.evals.metrics.cost import on_pareto_front


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(-3, 3), st.integers(0, 4)), max_size=9))
def test_the_pareto_front_is_what_nothing_beats(points: list[tuple[float, float]]) -> None:
    def beaten(p: tuple[float, float]) -> bool:
        return any(q[0] >= p[0] and q[1] <= p[1] and q != p for q in points)

    assert on_pareto_front(points) == [not beaten(p) for p in points]


def test_the_pareto_front_takes_numbers_only() -> None:
    assert on_pareto_front([(0.1, 2.0), (0.2, 2.0), (0.05, 1.0), (0.2, 3.0)]) == [False, True, True, False]
    with pytest.raises(BadOption, match="finite"):
        on_pareto_front([(float("nan"), 1.0)])
