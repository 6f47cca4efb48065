"""What judges found of a run: how much the parser left, how much they read, and how far they can be believed."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from ..evals.judge import Judged
from ..reports.text import judged_sentence

__all__ = ["show_judged"]


def show_judged(found: Judged, console: Console) -> None:
    """Print the judges' work: what they read, their agreement with the parser, and their own account."""
    told = sum(row["stated"] is not None for row in found.steps)
    console.print(
        f"The parser left {len(found.steps)} recommendations unread; the judges read {told} of them and could not tell "
        f"{len(found.steps) - told}."
    )
    console.print(Text(judged_sentence(found)), soft_wrap=True)
    c = found.cost
    dollars = "at an unknown price" if c.get("dollars") is None else f"${c['dollars']:.4f}"
    console.print(
        f"The judges' own account: {c.get('calls') or 0:,.0f} answers, {c.get('prompt_tokens') or 0:,.0f} tokens in, "
        f"{c.get('completion_tokens') or 0:,.0f} out, {dollars}."
    )
