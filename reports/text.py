"""Numbers and names as a reader sees them: the one place where terminal and HTML agree on how to say a thing."""

from __future__ import annotations

from rich.console import Console

from ..evals.anytime import Looks
from ..evals.inference import Bounds, Contrast, Estimate
from ..evals.judge import Judged

__all__ = [
    "amount",
    "difference",
    "interval",
    "judged_by",
    "looked_at",
    "p_value",
    "plain_console",
    "share",
    "short_name",
    "signed",
    "signed_span",
    "told",
    "worst_to_best",
]

PIPE_WIDTH = 140


def plain_console() -> Console:
    """A console without colouring of numbers; in a pipe, wide enough for the tables."""
    console = Console(highlight=False, markup=False)
    return (
        console if console.is_terminal else Console(highlight=False, markup=False, width=max(console.width, PIPE_WIDTH))
    )


def short_name(variant: str, baseline: str) -> str:
    """A variant's name without what it shares with the baseline: `| critique`."""
    return variant.removeprefix(baseline).strip() if variant.startswith(f"{baseline} | ") else variant


def share(estimate: Estimate) -> str:
    """A rate with its interval, `.60 [.44, .77]`, or `not measured`."""
    if estimate.value is None:
        return "not measured"
    return f"{_rate(estimate.value)} {interval(estimate)}"


def told(estimate: Estimate) -> str:
    """An estimate of any unit, `0.5 [0.2, 0.8]`; a sum over a run, which no episodes stand behind, has no interval."""
    return str(estimate) if estimate.value is None or estimate.clusters else f"{estimate.value:,.4g}"


def interval(estimate: Estimate) -> str:
    """The interval of a rate, `[.44, .77]`, or `[unknown]`."""
    if estimate.low is None or estimate.high is None:
        return "[unknown]"
    return f"[{_rate(estimate.low)}, {_rate(estimate.high)}]"


def worst_to_best(bounds: Bounds) -> str:
    """A rate with missing answers at worst and at best, `.43 .. .60 [.30, .71]`; the interval holds both."""
    low, high = bounds.low, bounds.high
    if low.value is None or high.value is None:
        return "not measured"
    return f"{_rate(low.value)} .. {_rate(high.value)} {interval(Estimate(low.value, low.low, high.high))}"


def signed(contrast: Contrast) -> str:
    """A difference with its interval, `+.10 [-.02, .21]`."""
    value = contrast.difference.value
    if value is None:
        return "not measured"
    return f"{'+' if value >= 0 else '-'}{_rate(abs(value))} {interval(contrast.difference)}"


def difference(estimate: Estimate) -> str:
    """A difference with its interval in signs, `+.10 [-.02, +.21]`, or `not measured`."""
    if estimate.value is None:
        return "not measured"
    return signed_span(estimate.value, estimate.low, estimate.high)


def signed_span(value: float, low: float | None, high: float | None) -> str:
    """`+.10 [-.02, +.21]`, or `+.10 [unknown]`."""
    inside = "unknown" if low is None or high is None else f"{_plus(low)}, {_plus(high)}"
    return f"{_plus(value)} [{inside}]"


def _plus(value: float) -> str:
    shown = round(value, 2) + 0.0  # no -0.00
    return ("+" if shown >= 0 else "-") + _rate(abs(shown))


def looked_at(looks: Looks) -> str:
    """How a run was looked at while it went on, and which intervals are valid for that."""
    ended = "stopped at the last" if looks.stopped else "not stopped by any"
    return (
        f"Looked at for {looks.until!r} after {', '.join(map(str, looks.at))} episodes, and {ended}. The anytime-valid "
        "intervals hold whenever one stops; those for a fixed number of episodes, and every p, do not."
    )


def judged_by(judged: Judged) -> str:
    """Who judged, and how well they agree with the parser on texts that it read."""
    who = ", ".join(judged.judges)
    if judged.agreement.value is None:
        return f"Judged by {who}; agreement with the parser not measured: {judged.agreement.why}."
    return (
        f"Judged by {who}. On {judged.calibrated} texts that the parser read, shown without its marker, they agree "
        f"with it at Cohen's kappa {share(judged.agreement)} (the same action on {share(judged.same)})."
    )


def p_value(p: float | None) -> str:
    """A p-value, `.03`, `<.001` or `-`."""
    if p is None:
        return "-"
    return "<.001" if p < 0.001 else f"{p:.3f}".replace("0.", ".", 1) if p < 1 else "1"


def amount(estimate: Estimate, digits: int = 0) -> str:
    """A count or amount per decision, or `not measured`."""
    return "not measured" if estimate.value is None else f"{estimate.value:,.{digits}f}"


def _rate(value: float) -> str:
    text = f"{value:.2f}"
    return text.replace("0.", ".", 1) if abs(value) < 1 else text
