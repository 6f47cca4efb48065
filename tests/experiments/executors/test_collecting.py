"""The garbage collector is left as it was found."""

import gc
from typing import Any

import pytest

import akrasia as ak
from akrasia.experiments.executors.collecting import NEW_OBJECTS, rare_collections
from akrasia.models import Simulated


@pytest.fixture(autouse=True)
def thresholds() -> Any:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


@pytest.mark.parametrize("before", [(700, 10, 10), (NEW_OBJECTS + 1, 5, 5), (0, 10, 10)])
def test_the_thresholds_are_raised_within_and_restored_after(before: tuple[int, int, int]) -> None:
    gc.set_threshold(*before)
    with pytest.raises(ValueError, match="x"), rare_collections():
        within = gc.get_threshold()
        with rare_collections():
            assert gc.get_threshold() == within
        assert gc.get_threshold() == within
        raise ValueError("x")
    assert gc.get_threshold() == before
    assert within == (before if before[0] in (0, NEW_OBJECTS + 1) else (NEW_OBJECTS, *before[1:]))


def test_a_run_leaves_them_as_they_were(tmp_path: Any) -> None:
    gc.set_threshold(701, 11, 12)
    ak.run(task="bandit", model=Simulated(), variants=["act"], episodes=1, out=tmp_path / "run")
    assert gc.get_threshold() == (701, 11, 12)
