"""`akrasia judge`: what the parser left unread, how much of it judges could read, and how far they can be trusted."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from ..evals.judge import Judged
from ..reports.text import implied_sentence, judged_sentence


def show_judged(judged: Judged, console: Console, implied: bool) -> None:
    """Print how many texts the judges read, how far they agree, and what they cost."""
    named = sum(row["implied" if implied else "stated"] is not None for row in judged.steps)
    left = f"{len(judged.steps)} recommendations unread"
    if implied:
        left = f"open what {len(judged.steps)} reasonings imply"
    console.print(
        f"The parser left {left}; the judges read {named} of them and could not tell {len(judged.steps) - named}."
    )
    console.print(Text((implied_sentence if implied else judged_sentence)(judged)), soft_wrap=True)
    cost = judged.cost
    dollars = "at an unknown price" if cost.get("dollars") is None else f"${cost['dollars']:.4f}"
    console.print(
        f"The judges' own account: {cost.get('calls') or 0:,.0f} answers, {cost.get('prompt_tokens') or 0:,.0f} tokens "
        f"in, {cost.get('completion_tokens') or 0:,.0f} out, {dollars}."
    )
