"""Numbers, names and sentences as a reader sees them: the one place where terminal and page agree on how to write them.

Invariant: a number is written once, here, by the surface that shows it, as a value and an interval apart. Nothing takes
a written number apart again; a page writes its own minus sign by saying so.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from rich.console import Console

if TYPE_CHECKING:  # with inference they take a second to load, and most of what is written here needs none
    from ..evals.anytime import InterimLooks
    from ..evals.inference import Bounds, Estimate
    from ..evals.judge import Judged

PIPE_WIDTH = 140
LEAK_MARK = "[oracle]"
LOOKED_NOTE = (
    "the run was looked at while it went on: intervals of knowing, doing, gap, say-do and of metrics that are asked "
    "for by name are anytime-valid where they can be; all others hold for a fixed number of episodes alone"
)
TOOLS_NOTE = (
    "Tools: a situation needs one where fewer than half of the baseline's own draws without it are right; what an "
    "agent says is its line TOOLS=X."
)
NOT_MEASURED = "not measured"
_UNSEEN = (
    range(0x7F, 0xA0),
    range(0x200E, 0x2010),
    range(0x2028, 0x202F),
    range(0x2060, 0x206A),
    range(0xFFF9, 0xFFFC),
)
STEERING = {
    **{code: chr(0x2400 + code) for code in range(32) if chr(code) not in "\t\n"},
    **{code: f"<U+{code:04X}>" for code in (0x061C, 0x200B, 0xFEFF, *(code for span in _UNSEEN for code in span))},
}
"""Characters that steer a terminal, turn the order of letters or are not seen -> how they are shown."""


class Written(NamedTuple):
    """A number as text: its value and its interval."""

    value: str
    interval: str = ""

    def __str__(self) -> str:
        return f"{self.value} {self.interval}" if self.interval else self.value


class ShownSteps(NamedTuple):
    """Steps as the viewer lists them: the code of a task and model, the name of a filter, and a variant."""

    group: str
    show: str
    variant: str


Style: TypeAlias = "Callable[[Estimate, str], Written]"
"""(estimate, minus sign) -> text."""


@dataclass(frozen=True, slots=True)
class TableCell:
    """What stands in a cell of a table: a number, which the surface writes, or a text.

    Attributes:
        text: where it is no estimate.
        estimate, style: the number, and how it is written.
        note: what must be said with it, where there is room for it.
        missing: why there is no number, in words; `text` is the short form.
        steps: which steps it counts; None where it counts none.
    """

    text: str = ""
    estimate: Estimate | None = None
    style: Style | None = None
    note: str = ""
    missing: str = ""
    steps: ShownSteps | None = None

    def written(self, minus: str = "-") -> Written:
        """The cell in letters."""
        if self.estimate is None or self.style is None:
            return Written(self.text)
        return self.style(self.estimate, minus)

    def __str__(self) -> str:
        return str(self.written())

    @property
    def words(self) -> str:
        """All that there is to say, for who cannot see the table."""
        return self.missing or " ".join(part for part in (*self.written(), self.note) if part)


def estimate_cell(estimate: Estimate, style: Style | None = None) -> TableCell:
    """A number with its interval, a rate by default; why it is unknown stands beside it."""
    if estimate.value is None:
        return missing_cell(estimate.why)
    return TableCell(estimate=estimate, style=style or share_text, note=estimate.why)


def count_cell(estimate: Estimate, digits: int = 0) -> TableCell:
    """A count or an amount, without its interval."""
    return missing_cell(estimate.why) if estimate.value is None else TableCell(count_text(estimate.value, digits))


def p_cell(p: float | None) -> TableCell:
    """A p-value."""
    return TableCell("-", missing="not tested") if p is None else TableCell(p_text(p))


def missing_cell(why: str, short: str = NOT_MEASURED) -> TableCell:
    """A number that was not measured."""
    return TableCell(short, missing=f"{NOT_MEASURED}: {why}" if why else NOT_MEASURED)


def plain_console(stderr: bool = False) -> Console:
    """A console without colouring of numbers; in a pipe, wide enough for the tables."""
    console = Console(highlight=False, markup=False, stderr=stderr)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = max(console.width, PIPE_WIDTH)
    return console


def plain_text(text: str) -> str:
    """A text of a model as what it is: signs that steer a terminal, or turn the order of letters, stand as symbols."""
    return text.translate(STEERING)


def short_name(variant: str, baseline: str) -> str:
    """A variant's name without what it shares with the baseline: `| critique`."""
    return variant.removeprefix(baseline).strip() if variant.startswith(f"{baseline} | ") else variant


def marked_name(name: str, leaks: bool) -> str:
    """A variant's name, with a mark where the oracle tells one of its agents something."""
    return f"{name} {LEAK_MARK}" if leaks else name


def rate_text(value: float, minus: str = "-") -> str:
    """A rate without its interval: `.60`, `1.00`."""
    return (minus if value < 0 else "") + _without_zero(f"{abs(value):.2f}")


def signed_rate_text(value: float, minus: str = "-") -> str:
    """A difference of rates: `+.10`; what rounds to 0 is `+.00`."""
    rounded = round(value, 2) + 0.0
    return ("+" if rounded >= 0 else "") + rate_text(rounded, minus)


def share_text(estimate: Estimate, minus: str = "-") -> Written:
    """A rate with its interval, `.60 [.44, .77]`, or `not measured`."""
    return _written(estimate, rate_text, rate_text, minus)


def signed_text(estimate: Estimate, minus: str = "-") -> Written:
    """A difference with its interval, `+.10 [-.02, .21]`, or `not measured`."""
    return _written(estimate, lambda value, _: ("+" if value >= 0 else "") + rate_text(value, minus), rate_text, minus)


def difference_text(estimate: Estimate, minus: str = "-") -> Written:
    """A difference with signs at both ends, `+.10 [-.02, +.21]`, or `not measured`."""
    return _written(estimate, signed_rate_text, signed_rate_text, minus)


def _written(
    estimate: Estimate, value: Callable[[float, str], str], end: Callable[[float, str], str], minus: str
) -> Written:
    if estimate.value is None:
        return Written(NOT_MEASURED)
    return Written(value(estimate.value, minus), _ends(estimate.low, estimate.high, end, minus))


def _ends(low: float | None, high: float | None, end: Callable[[float, str], str], minus: str) -> str:
    return "[unknown]" if low is None or high is None else f"[{end(low, minus)}, {end(high, minus)}]"


def estimate_text(estimate: Estimate) -> str:
    """An estimate of any unit, `0.5 [0.2, 0.8]`; a sum over a run, which no episodes stand behind, has no interval."""
    return str(estimate) if estimate.value is None or estimate.clusters else f"{estimate.value:,.4g}"


def bounds_text(bounds: Bounds) -> str:
    """A rate with missing answers at worst and at best, `.43 .. .60 [.30, .71]`; the interval holds both."""
    low, high = bounds.low, bounds.high
    if low.value is None or high.value is None:
        return NOT_MEASURED
    around = _ends(low.low, high.high, rate_text, "-")
    return f"{rate_text(low.value)} .. {rate_text(high.value)} {around}"


def count_text(value: float, digits: int = 0) -> str:
    """A count or an amount: `1,234`."""
    return f"{value:,.{digits}f}"


def p_text(p: float) -> str:
    """A p-value: `.034`, `<.001`, `1`."""
    return "<.001" if p < 0.001 else _without_zero(f"{p:.3f}") if p < 1 else "1"


def tick_text(value: float) -> str:
    """A mark of a scale: `0`, `.25`, `1`."""
    text = f"{value:.2g}"
    return _without_zero(text) if 0 < value < 1 else text


def _without_zero(digits: str) -> str:
    """`.60` for `0.60`: a rate is written without the zero that it always has."""
    return digits.removeprefix("0")


def looks_sentence(looks: InterimLooks) -> str:
    """How a run was looked at while it went on, and which intervals are valid for that."""
    ended = "stopped at the last" if looks.stopped else "not stopped by any"
    if looks.exhausted:
        ended = "ended at the last: every item had been asked, and to ask one again narrows no interval"
    return (
        f"Looked at for {looks.until!r} after {', '.join(map(str, looks.at))} episodes, and {ended}. The anytime-valid "
        "intervals hold whenever one stops; those for a fixed number of episodes, and every p, do not."
    )


def interval_words(looks: InterimLooks | None) -> str:
    """What kind of intervals a scorecard opens with."""
    return "95 %" if looks is None else "anytime-valid 95 %"


def judged_sentence(judged: Judged) -> str:
    """Who judged, and how well they agree with the parser on texts that it read."""
    return _agreement(judged, "Judged by", "texts that the parser read, shown without its marker")


def implied_sentence(judged: Judged) -> str:
    """Who judged what is implied, and how well they agree with the parser where it could tell."""
    what = "reasonings whose values the parser read, shown without their conclusion"
    return _agreement(judged, "What is implied was judged by", what)


def _agreement(judged: Judged, by: str, texts: str) -> str:
    who = ", ".join(judged.judges)
    if judged.agreement.value is None:
        return f"{by} {who}; agreement with the parser not measured: {judged.agreement.why}."
    return (
        f"{by} {who}. On {judged.calibrated} {texts}, they agree "
        f"with it at Cohen's kappa {share_text(judged.agreement)} (the same action on {share_text(judged.same)})."
    )
