"""Entropies of what is chosen."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from akrasia.errors import NotMeasured
from akrasia.evals import METRICS, frame

ARMS = ("a", "b", "c", "d")


def test_entropies_of_what_is_chosen(record: Any, value: Any) -> None:
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
