"""Families of contrasts: p-values corrected together, so that a long table does not find something by its length.

Invariant: a contrast without a p-value belongs to no family and comes back as it is, in its place.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence as Many
from dataclasses import replace

import numpy as np

from .ratios import Array
from .values import Contrast


def holm(contrasts: Many[Contrast]) -> list[Contrast]:
    """The contrasts with `p_holm`: keeps the family-wise error under any dependence.

    Source: Holm 1979, Scandinavian Journal of Statistics 6(2); adjusted p_(i) = max over j <= i of (m - j + 1) p_(j).
    """
    corrected = _corrected(contrasts, _holm)
    return [replace(c, p_holm=corrected.get(i)) for i, c in enumerate(contrasts)]


def benjamini_hochberg(contrasts: Many[Contrast]) -> list[Contrast]:
    """The contrasts with `p_bh`: keeps the false discovery rate, for positively dependent tests.

    Source: Benjamini and Hochberg 1995, JRSSB 57(1); Benjamini and Yekutieli 2001 for the dependence.
    """
    corrected = _corrected(contrasts, _benjamini_hochberg)
    return [replace(c, p_bh=corrected.get(i)) for i, c in enumerate(contrasts)]


def _corrected(contrasts: Many[Contrast], correct: Callable[[Array], Array]) -> dict[int, float]:
    """Corrected p by place in `contrasts`, for those that were tested."""
    family = {i: c.p for i, c in enumerate(contrasts) if c.p is not None}
    return dict(zip(family, map(float, correct(np.array(list(family.values())))), strict=True)) if family else {}


def _holm(p: Array) -> Array:
    order = np.argsort(p, kind="stable")
    raised = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    result: Array = np.empty_like(p)
    result[order] = np.minimum(raised, 1.0)
    return result


def _benjamini_hochberg(p: Array) -> Array:
    order = np.argsort(-p, kind="stable")
    lowered = np.minimum.accumulate(p[order] * len(p) / np.arange(len(p), 0, -1))
    result: Array = np.empty_like(p)
    result[order] = lowered
    return result
