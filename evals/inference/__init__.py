"""Inference with the episode as the unit of independence: intervals, paired tests, stopping and planning.

Every quantity is a ratio of sums over episodes, sum(num) / sum(den), with one (num, den) per episode: a rate per step,
a conditional rate and a mean per episode are all of this form. Steps of one episode may depend on each other in any
way; episodes are independent of each other and alike in distribution.

    values     Estimate and Contrast, what all of this returns
    ratios     the ratio, its linearisation and its cluster-robust standard error
    intervals  `estimate`: a ratio with its interval
    paired     `contrast`: two arms over the same episodes, with interval, tests and effect sizes
    factorial  `cell_contrast`: main effects and interaction of several cells over the same episodes
    families   `holm`, `benjamini_hochberg`: many contrasts corrected together
    missing    `bounds`, `difference_bounds`: what missing outcomes could have changed
    sequences  `Sequence`, `PairedSequence`, `interim_intervals`: intervals that hold at every look, for stopping early
    planning   `power`, `episodes_needed`, `minimum_detectable_effect`: before a run

How well all of it keeps its word is measured by `make calibration` and shown in docs/calibration.md.
"""

from .factorial import cell_contrast
from .families import benjamini_hochberg, holm
from .intervals import estimate
from .missing import Bounds, bounds, difference_bounds
from .paired import contrast
from .planning import assumed_spread, episodes_needed, minimum_detectable_effect, pilot_spread, power
from .ratios import Array, ratio
from .sequences import PairedSequence, Sequence, interim_intervals
from .values import ALIKE, FEW, INTERVALS, LEVEL, Contrast, Estimate, Interval, IntervalAt, kind_and_level

__all__ = [
    "ALIKE",
    "FEW",
    "INTERVALS",
    "LEVEL",
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
]
