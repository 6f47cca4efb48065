"""What a decision costs a variant that runs alone; what the run really paid is in its tally."""

from __future__ import annotations

import polars as pl

from .base import metric

__all__ = ["calls", "completion_tokens", "dollars", "prompt_tokens"]

calls = metric("calls", "calls", pl.col("calls"), pl.lit(1.0), unit="calls", source="model calls per decision")
prompt_tokens = metric(
    "prompt_tokens", "tokens in", pl.col("prompt_tokens"), pl.lit(1.0), unit="tokens", source="per decision"
)
completion_tokens = metric(
    "completion_tokens", "tokens out", pl.col("completion_tokens"), pl.lit(1.0), unit="tokens", source="per decision"
)
dollars = metric(
    "dollars", "$", pl.col("cost"), pl.col("cost").is_not_null(), unit="US dollars", source="nominal, per decision",
    why="no price is known",
)  # fmt: skip
