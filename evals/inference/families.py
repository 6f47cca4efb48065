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
    corrected = _corrected(contrasts, lambda p: np.maximum.accumulate(p * np.arange(len(p), 0, -1)))
    return [replace(c, p_holm=corrected.get(i)) for i, c in enumerate(contrasts)]


def benjamini_hochberg(contrasts: Many[Contrast]) -> list[Contrast]:
    """The contrasts with `p_bh`: keeps the false discovery rate, for positively dependent tests.

    Source: Benjamini and Hochberg 1995, JRSSB 57(1); Benjamini and Yekutieli 2001 for the dependence.
    """
    corrected = _corrected(
        contrasts, lambda p: np.minimum.accumulate((p * len(p) / np.arange(1, len(p) + 1))[::-1])[::-1]
    )
    return [replace(c, p_bh=corrected.get(i)) for i, c in enumerate(contrasts)]


def _corrected(contrasts: Many[Contrast], correct: Callable[[Array], Array]) -> dict[int, float]:
    """Corrected p by place in `contrasts`, for those that were tested; `correct` takes them from the least on."""
    family = sorted((c.p, i) for i, c in enumerate(contrasts) if c.p is not None)
    raised = correct(np.array([p for p, _ in family])).clip(max=1.0) if family else ()
    return {i: float(p) for p, (_, i) in zip(raised, family, strict=True)}
