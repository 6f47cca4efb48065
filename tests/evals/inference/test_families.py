"""Families of p-values: Holm, Benjamini and Hochberg."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from akrasia.evals.inference import (
    Contrast,
    Estimate,
    benjamini_hochberg,
    holm,
)


@settings(deadline=None, max_examples=10)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_families_are_those_of_statsmodels(p_values: list[float]) -> None:
    from statsmodels.stats.multitest import multipletests

    family = [Contrast("gap", str(i), "base", Estimate(0.1), p, d_z=0.3) for i, p in enumerate(p_values)]
    family.insert(1, Contrast("gap", "untested", "base", Estimate(None, why="no step")))
    both = benjamini_hochberg(holm(family))
    for field, theirs in (("p_holm", "holm"), ("p_bh", "fdr_bh")):
        found = [getattr(c, field) for c in both if c.p is not None]
        assert found == pytest.approx(list(multipletests(p_values, method=theirs)[1]), abs=1e-9)
    assert (both[1].p_holm, both[1].p_bh) == (None, None)
    assert all(c.d_z == 0.3 for c in both if c.p is not None), "the rest of a contrast stays"
    assert holm([]) == [] and benjamini_hochberg(family[1:2]) == family[1:2]
