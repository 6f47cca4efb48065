"""How far the numbers of an arm can come from misread sentences: its free answers against its constrained readout.

The readout (`constrained_readout`) asks the same model, behind its free answer, for the label alone. Where the two
differ, either the sentence was misread or the model says another thing when it is asked again: the share is an upper
bound of what misreading can have done, and is itself measured with an interval.
"""

from __future__ import annotations

import polars as pl

from .base import metric

_WHY = "no readout was asked for: add the variant `| constrained_readout`"
_NAMED = pl.col("readout").is_not_null()

reading_error = metric(
    "reading_error",
    "reading error",
    pl.col("readout_differs"),
    pl.col("readout_differs").is_not_null(),
    source="P(the constrained readout names another action | both can be read)",
    why=_WHY,
)
unread_but_known = metric(
    "unread_but_known",
    "unread but known",
    _NAMED & ~pl.col("valid"),
    _NAMED,
    source="P(the free answer cannot be read | the constrained readout names an action)",
    why=_WHY,
)
