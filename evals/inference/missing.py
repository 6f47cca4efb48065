"""What missing outcomes could have changed: worst-case and best-case bounds beside an estimate.

No assumption is made about why an outcome is missing (Manski 1990, American Economic Review 80(2); Horowitz and Manski
2000, JASA 95(449)). Per item, `den` counts every step the measure is about, whether its outcome is known or not,
`num` those known to be 1, and `missing` those whose outcome is unknown; so num + missing <= den.

Invariant: low <= any value that the complete data could have given <= high.
"""

from __future__ import annotations

import numpy as np

from ...errors import BadOption
from .intervals import estimate
from .paired import contrast
from .ratios import Array
from .values import Bounds, Interval

Counts = tuple[Array, Array, Array]


def bounds(counts: Counts, name: str, interval: Interval = "robust") -> Bounds:
    """Bounds of a share: every missing outcome 0, and every missing outcome 1.

    For a conditional share, a step not known to belong to the condition is missing too: count it in `den` and in
    `missing`. It could add 0 or 1 to the denominator, and both cases lie between these bounds.

    Args:
        counts: (num, den, missing) per item, each of shape (clusters,).
        name, interval: as for `estimate`.

    Raises:
        BadOption: counts that are no counts: negative, or num + missing > den.
    """
    num, den, missing = _checked(counts)
    low, high = (estimate(x, den, name, interval=interval) for x in (num, num + missing))
    return Bounds(low, high, float(missing.sum() / den.sum()) if den.sum() else None)


def difference_bounds(
    a: Counts, b: Counts, metric: str, variant: str, against: str, interval: Interval = "robust"
) -> Bounds:
    """Bounds of a paired difference ratio(a) - ratio(b).

    Low: what is missing in `a` is all 0 and what is missing in `b` all 1; high: the reverse. A step that is missing in
    both arms is taken as 0 in one and 1 in the other too: nothing says that the two would have agreed.

    Args:
        a, b: (num, den, missing) per item, aligned, each of shape (clusters,).
        metric, variant, against, interval: as for `contrast`.

    Raises:
        BadOption: counts that are no counts: negative, or num + missing > den.
    """
    (na, da, ma), (nb, db, mb) = _checked(a), _checked(b)
    low, high = (
        contrast((x, da), (y, db), metric, variant, against, interval).difference
        for x, y in ((na, nb + mb), (na + ma, nb))
    )
    steps = da.sum() + db.sum()
    return Bounds(low, high, float((ma.sum() + mb.sum()) / steps) if steps else None)


def _checked(counts: Counts) -> Counts:
    num, den, missing = (np.asarray(x, float) for x in counts)
    if not num.shape == den.shape == missing.shape:
        raise BadOption("num, den and missing differ in shape", remedy="Give one value of each per item.")
    if np.any(num < 0) or np.any(missing < 0) or np.any(num + missing > den):
        raise BadOption(
            "these are no counts of outcomes",
            "a value is negative, or known and missing outcomes are more than the steps",
            "Count every step in den, those known to be 1 in num, those unknown in missing.",
        )
    return num, den, missing
