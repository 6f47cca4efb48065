"""Inference with the item as the unit of independence: intervals, paired tests, stopping and planning.

Every quantity is a ratio of sums over items, sum(num) / sum(den), with one (num, den) per item, summed over all of its
episodes: a rate per step, a conditional rate and a mean per item are all of this form. Steps and episodes of one item
may depend on each other in any way; items are independent of each other and alike in distribution.

    values     Estimate, Bounds and Contrast, what all of this returns
    ratios     the ratio, its linearisation and its cluster-robust standard error
    intervals  `estimate`: a ratio with its interval
    paired     `contrast`: two arms over the same items, with interval, tests and effect sizes
    factorial  `cell_contrast`: main effects and interaction of several cells over the same items
    families   `holm`, `benjamini_hochberg`: many contrasts corrected together
    missing    `bounds`, `difference_bounds`: what missing outcomes could have changed
    sequences  `Sequence`, `PairedSequence`, `interim_intervals`: intervals that hold at every look, for stopping early
    planning   `power`, `episodes_needed`, `minimum_detectable_effect`: before a run

How well all of it keeps its word is measured by `make calibration` and shown in docs/calibration.md.
"""

from .factorial import cell_contrast
from .families import benjamini_hochberg, holm
from .intervals import estimate
from .missing import bounds, difference_bounds
from .paired import contrast, smallest_p
from .planning import assumed_spread, episodes_needed, minimum_detectable_effect, pilot_spread, power
from .ratios import Array, ratio
from .sequences import PairedSequence, Sequence, interim_intervals
from .values import ALIKE, FEW, INTERVALS, LEVEL, ONE, Bounds, Contrast, Estimate, Interval, IntervalAt, kind_and_level

__all__ = [
    "ALIKE",
    "FEW",
    "INTERVALS",
    "LEVEL",
    "ONE",
    "Array",
    "Bounds",
    "Contrast",
    "Estimate",
    "Interval",
    "IntervalAt",
    "PairedSequence",
    "Sequence",
    "assumed_spread",
    "benjamini_hochberg",
    "bounds",
    "cell_contrast",
    "contrast",
    "difference_bounds",
    "episodes_needed",
    "estimate",
    "holm",
    "interim_intervals",
    "kind_and_level",
    "minimum_detectable_effect",
    "pilot_spread",
    "power",
    "ratio",
    "smallest_p",
]
