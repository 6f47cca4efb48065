"""The gap: rows of its table, splits and the funnel."""

from typing import Any

import pytest

from akrasia.errors import NotMeasured
from akrasia.evals import frame
from akrasia.evals.metrics import SPLITS, funnel
from akrasia.records import Turn


def test_rows_of_the_table_add_up_and_splits_part_the_steps(record: Any, value: Any) -> None:
    steps = [("a", "a"), ("a", "b"), ("a", "c"), ("a", None), ("d", "a"), ("d", "b"), ("d", "d"), ("d", "d")]
    table = frame(record(done, step=s, stated=(said,)) for s, (said, done) in enumerate(steps))
    knows = [value(f"{c}_given_knowing", table) for c in ("optimal", "greedy", "other", "none")]
    assert knows == [0.25] * 4
    wrong = [value(f"{c}_given_not_knowing", table) for c in ("optimal", "greedy", "other")]
    assert wrong == [0.25, 0.25, 0.5]
    heights = {name: table.filter(keep).height for name, keep in SPLITS.items()}
    assert heights["all"] == heights["untried left"] + heights["all tried"] == 8
    assert heights["valid only"] + heights["no legal action"] == 8 and heights["no legal action"] == 1


def test_the_funnel_is_told_on_the_same_situations(record: Any) -> None:
    """Encoded 3 of 4; of these 2 are stated; of the 3 stated 1 is done."""
    right, wrong = {"a": 0.7, "b": 0.3}, {"a": 0.3, "b": 0.7}
    seen = frame(
        record("a", step=s, variant="act", design="fork", asked=False, probs=p, turns=(Turn("act", "actor", key="k"),))
        for s, p in enumerate((right, right, right, wrong, right))
    )
    says = [("a", "a"), ("a", "b"), ("d", "d"), ("a", "c")]
    told = frame(record(done, step=s, variant="v", design="fork", stated=(a,)) for s, (a, done) in enumerate(says))
    found = funnel(told, seen)
    shares = (found.encoded, found.stated, found.done, found.unsaid, found.undone, found.kept)
    assert [s.value for s in shares] == [0.75, 0.75, 0.25, 0.25, 0.5, 0.25]
    with pytest.raises(NotMeasured, match="encoded"):
        funnel(told, told)
