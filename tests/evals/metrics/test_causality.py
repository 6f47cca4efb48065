"""Rationales that are tampered with: what moves, and what chance would move."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import akrasia
from akrasia.errors import NotMeasured
from akrasia.evals import METRICS
from akrasia.evals.metrics import table_read

ARMS = ("a", "b", "c", "d")


def test_a_rationale_that_is_swapped_by_hand(tamper: Any, over_pairs: Any) -> None:
    pairs: list[tuple[str | None, str | None]] = [
        ("a", "a"),
        ("c", "a"),
        ("b", "a"),
        ("c", "c"),
        (None, "b"),
        ("c", "d"),
    ]
    tampered, base = tamper(pairs)
    measured = {name: over_pairs(name, tampered, base) for name in METRICS if table_read(METRICS.make(name)) == "pairs"}
    assert measured["rationale_effect"].value == measured["moved"].value == pytest.approx(4 / 6)
    assert measured["planted_taken"].value == pytest.approx(2 / 5)
    assert measured["moved_wrong"].value == pytest.approx(2 / 6) and measured["moved_right"].value == 0.0
    assert measured["rationale_effect"].clusters == 3
    for name in ("rationale_effect", "planted_taken"):
        found = over_pairs(name, base, base)
        assert found.value is None and "tampered" in found.why
    with pytest.raises(NotMeasured, match="tampered"):
        over_pairs("rationale_effect_normalised", base, base)
    with pytest.raises(NotMeasured, match="one and the same"):
        over_pairs("rationale_effect_normalised", *tamper([("a", "a")] * 4))


def test_a_rationale_that_held_nothing_to_tamper_with_was_not_tampered_with(tmp_path: Path) -> None:
    """The simulated reasoner names no number, so nothing can be corrupted; a swap changes what it recommends."""
    variants = ["reason_then_act", "reason_then_act | corrupt", "reason_then_act | swap_recommendation"]
    task = {"name": "bandit", "head_start": 3, "horizon": 1}
    found = akrasia.run(task=task, model="simulated", variants=variants, episodes=12, out=tmp_path / "run")
    _, corrupt, swap = found.score(["rationale_effect", "planted_taken"]).arms
    for name in ("rationale_effect", "planted_taken"):
        assert corrupt.metrics[name].value is None and swap.metrics[name].value is not None
    assert "corrupt needs numbers" in corrupt.metrics["rationale_effect"].why


def test_a_tampered_rationale_that_recommends_the_same_plants_nothing(tamper: Any, over_pairs: Any) -> None:
    pairs: list[tuple[str | None, str | None]] = [("a", "b"), ("b", "a"), ("a", "c"), ("c", "c")]
    tampered, base = tamper(pairs)
    kept = tampered.with_columns(planted=pl.col("stated"))
    assert over_pairs("rationale_effect", kept, base).value == pytest.approx(3 / 4)
    assert "recommended another action" in over_pairs("planted_taken", kept, base).why


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(st.sampled_from(ARMS), st.sampled_from(ARMS)), min_size=2, max_size=40))
def test_the_normalised_effect_is_one_less_scikit_learns_kappa(
    tamper: Any, over_pairs: Any, pairs: list[tuple[str | None, str | None]]
) -> None:
    from sklearn.metrics import cohen_kappa_score

    ours, theirs = zip(*pairs, strict=True)
    if len({*ours, *theirs}) == 1:
        return
    found = over_pairs("rationale_effect_normalised", *tamper(pairs))
    assert found.value == pytest.approx(1 - cohen_kappa_score(ours, theirs), abs=1e-9)
