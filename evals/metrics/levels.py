"""Where between the reasoning and the action is it lost? Encoded -> implied -> stated -> done, with its fourth level.

A reasoning that states a value for every action *implies* the one with the highest, whatever it concludes (Wang 2026,
2606.00476, parts the gap in the same way). Of all decisions whose values could be read:

    implied = kept + lost in the conclusion + lost in the action + lost in reading

    lost_in_conclusion   the values single out an optimal action, and the conclusion recommends another
    lost_in_action       the conclusion recommends an optimal action too, and another is done
    lost_in_reading      the conclusion, or the action, cannot be read; or something else was read than the constrained
                         readout names, which is optimal (`| constrained_readout` shows that part)
    kept                 implied, concluded and done
    conclusion_follows   the conclusion is among what the values imply, right or wrong
    acts_on_values       the action is among those whose stated value is highest: belief-decision coherence, where the
                         values are the model's own probabilities (`| state_beliefs`)
    action_follows       the action is among what the conclusion recommends, right or wrong

Without the third of these a figure of the second is an upper bound: what was misread looks as if the agent had lost
it. Where a reasoning states no values, it is not known what it implies, and nothing here is measured of it.
"""

from __future__ import annotations

from functools import partial

import polars as pl

from ...errors import NotMeasured
from ..inference import Estimate, Interval
from ..situations import side_by_side
from .base import Metric, share_metric

NO_VALUES = (
    "no reasoning states a value for every action, so that it is not known what it implies: ask for them, for example "
    "by | checklist, let the model think longer, or have a judge read it: akrasia judge RUN --implied"
)
LOSSES = ("lost_in_conclusion", "lost_in_action", "lost_in_reading")
_READ = pl.col("implies").is_not_null()
_LOST = pl.col("lost_at").fill_null("")
_WANG = "Wang 2026 (2606.00476)"


_of_values = partial(share_metric, why=NO_VALUES)
_of_values(
    "implied", "implied", f"{_WANG}: the values of the reasoning single out an optimal action", pl.col("implies"), _READ
)
for _place, _what in (
    ("conclusion", "reasoning -> conclusion: an optimal action is implied, and another recommended"),
    ("action", "conclusion -> action: an optimal action is implied and recommended, and another done"),
    ("reading", "an optimal action is implied, and what followed was not read, or misread by the readout's word"),
):
    _of_values(f"lost_in_{_place}", f"lost in the {_place}", f"{_WANG}, {_what}", _LOST == _place, _READ)
_of_values("kept", "implied and done", "an optimal action is implied, recommended and done", _LOST == "nothing", _READ)
_of_values(
    "conclusion_follows",
    "conclusion follows",
    f"{_WANG}: P(what is recommended is among what is implied | both are read)",
    pl.col("draws_on"),
    pl.col("draws_on").is_not_null(),
)
_of_values(
    "acts_on_values",
    "acts on its values",
    "Yamin et al. 2026 (2602.06286), Pal et al. 2025 (2511.13240): P(done is among those it holds most likely best)",
    pl.col("implied").str.split("|").list.contains(pl.col("done")),
    pl.col("implied").is_not_null() & pl.col("valid"),
)
_of_values(
    "action_follows",
    "action follows",
    f"{_WANG}: P(what is done is among what the conclusion recommends | both are read)",
    pl.col("concluded").str.split("|").list.contains(pl.col("done")),
    pl.col("implied").is_not_null() & pl.col("concluded").is_not_null() & pl.col("valid"),
)


def by_level(steps: pl.DataFrame, encoding: pl.DataFrame | None, interval: Interval = "robust") -> dict[str, Estimate]:
    """The four levels and the three losses between them, on the decisions whose values could be read.

    Args:
        steps: the records of a variant that reasons.
        encoding: those of a variant that shows what is encoded on this variant's prompt, if there is one: then on the
            situations where both are known.

    Raises:
        NotMeasured: no reasoning states values, or not where it is known what is encoded.
    """
    read = steps.filter(_READ)
    shares = {
        "implied": pl.col("implies"),
        "stated": pl.col("concludes"),
        "done": pl.col("does"),
        "lost in the conclusion": _LOST == "conclusion",
        "lost in the action": _LOST == "action",
        "lost in reading": _LOST == "reading",
        "kept": _LOST == "nothing",
    }
    if encoding is not None and not read.is_empty():
        read = side_by_side(read, encoding.filter(pl.col("encoded").is_not_null()))
        shares = {"encoded": pl.col("encoded_base"), **shares}
    if read.is_empty():
        raise NotMeasured(NO_VALUES)
    return {
        name: Metric(name, name, "share", "", share.fill_null(False), pl.lit(1.0))(read, interval)
        for name, share in shares.items()
    }
