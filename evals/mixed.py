"""A mixed model of the headline, beside the design-based contrast: two ways to the same number.

y ~ arm, with an intercept and an effect of the arm of each item's own, a linear probability model by restricted maximum
likelihood (statsmodels, the extra `mixed`; Bates et al. 2015). The design-based contrast assumes nothing of how items
differ; this one weighs items by how much they tell. Where they part, the effect depends on the item, or on how often an
item was decided, and the design-based one is what was promised: the mean over all decisions.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from .inference import LEVEL, Array, Estimate
from .inference.distributions import normal_quantile

UNASKED = "it was not asked for, as it takes longest: akrasia report RUN --mixed, or akrasia score RUN --by-item"
MOST_ROWS = 20_000
FEWEST_ITEMS = 5


@dataclass(frozen=True, slots=True)
class MixedCheck:
    """What a mixed model says of a contrast.

    Attributes:
        difference: its estimate, with its Wald interval; not measured where it could not be fitted, and why.
        agrees: the two intervals hold each other's estimate, and both or neither leave out 0; None: not compared.
        sentence: that in words.
    """

    difference: Estimate
    agrees: bool | None
    sentence: str


def mixed_check(a: Array, b: Array, codes: np.ndarray, design: Estimate) -> MixedCheck:
    """Fit the model to paired outcomes.

    Args:
        a, b: 0 or 1 of the same decisions in both arms; codes: the number of each decision's item.
        design: the design-based difference.
    """
    why = _hindered(a, b, codes)
    estimate = Estimate(None, why=why) if why else _fitted(a, b, codes)
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return not_fitted(estimate.why)
    text = f"mixed model: {estimate.value:+.3f} [{estimate.low:+.3f}, {estimate.high:+.3f}]"
    if design.value is None or design.low is None or design.high is None:
        return MixedCheck(estimate, None, f"{text}; the design-based one has no interval ({design.why})")
    within = estimate.low <= design.value <= estimate.high and design.low <= estimate.value <= design.high
    shows = estimate.low > 0 or estimate.high < 0
    agrees = within and shows == (design.low > 0 or design.high < 0)
    other = f"design-based {design.value:+.3f} [{design.low:+.3f}, {design.high:+.3f}]"
    if agrees:
        return MixedCheck(estimate, True, f"{text} agrees with the {other}")
    apart = "an estimate lies outside of the other's interval"
    what = "one of them leaves out 0 and the other does not" if within else apart
    return MixedCheck(estimate, False, f"{text} DISAGREES with the {other}: {what}")


def not_fitted(why: str) -> MixedCheck:
    """Where no model is fitted, and why."""
    return MixedCheck(Estimate(None, why=why), None, f"mixed model: not compared, {why}")


def _hindered(a: Array, b: Array, codes: np.ndarray) -> str:
    """Why no model is fitted; empty where one can be."""
    if len(set(codes.tolist())) < FEWEST_ITEMS:
        return f"it takes {FEWEST_ITEMS} items at least"
    if len(codes) == len(set(codes.tolist())):
        return "each item was decided once, so that items and decisions cannot be told apart"
    if len(a) > MOST_ROWS:
        return f"it is fitted to {MOST_ROWS:,} decisions at most"
    if np.ptp(np.concatenate([a, b])) == 0:
        return "all decisions are alike"
    return ""


def _fitted(a: Array, b: Array, codes: np.ndarray) -> Estimate:
    try:
        from statsmodels.regression.mixed_linear_model import MixedLM  # noqa: PLC0415  (an extra)
    except ImportError:
        return Estimate(None, why="statsmodels is not installed: pip install 'akrasia[mixed]'")
    outcome = np.concatenate([a, b])
    arm = np.concatenate([np.full(len(a), 0.5), np.full(len(b), -0.5)])
    design = np.column_stack([np.ones_like(arm), arm])
    groups = np.concatenate([codes, codes])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # whether it converged is asked below
            fit = MixedLM(outcome, design, groups, exog_re=design).fit(reml=True, method=["lbfgs", "powell"])
            value, spread = float(fit.fe_params[1]), float(fit.bse_fe[1])
    except (np.linalg.LinAlgError, ValueError) as error:
        return Estimate(None, why=f"it could not be fitted ({type(error).__name__})")
    if not fit.converged or not np.isfinite(spread) or spread == 0:
        return Estimate(None, why="its fit did not converge")
    reach = normal_quantile((1 + LEVEL) / 2) * spread
    return Estimate(value, value - reach, value + reach, float(len(a)), len(set(codes.tolist())))
