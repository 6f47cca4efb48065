"""Accuracy by item."""

from typing import Any

import pytest

from akrasia.errors import NotMeasured
from akrasia.evals import METRICS, frame
from akrasia.evals.metrics.answers import accuracies


def test_spread_and_worst_item_by_hand(record: Any, value: Any, play: Any) -> None:
    """Variation x: 3 of 4 right, y: 1 of 4, z: 2 of 4."""
    table = frame(
        record("a" if e < n else "b", episode=e, step=s, tags={"item": item})
        for s, (item, n) in enumerate({"x": 3, "y": 1, "z": 2}.items())
        for e in range(4)
    )
    assert {k: v.value for k, v in accuracies(table).items()} == {"x": 0.75, "y": 0.25, "z": 0.5}
    assert value("spread", table) == 0.5 and value("worst_item", table) == 0.25
    assert METRICS.make("spread")(table).clusters == 4
    for rows, why in ((play, "items"), ([record(tags={"item": "x"})], "one item")):
        with pytest.raises(NotMeasured, match=why):
            METRICS.make("spread")(frame(rows))
    once = frame([record(tags={"item": str(i)}, episode=i) for i in range(4)])
    with pytest.raises(NotMeasured, match="several episodes"):
        METRICS.make("worst_item")(once)
