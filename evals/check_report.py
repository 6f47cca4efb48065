"""What became of checks: a line each, and together an answer that a shell, a test and a reader understand.

Invariant: a report is true only where every check holds; what cannot be said is not true.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..errors import AkrasiaError
from .inference import LEVEL, Estimate

VERDICTS = {True: "holds", False: "does not hold", None: "cannot be said"}
EXIT = {True: 0, False: 1, None: 3}


@dataclass(frozen=True, slots=True)
class CheckLine:
    """One check of one arm, or of two.

    Attributes:
        check: the check, with its variants' names in full.
        holds: None where it cannot be said.
        estimate: the figure with its interval; worst: the end of what it may be at worst, None where nothing is known.
        why: why it cannot be said, or what else must be known; remedy: what to do about it.
        episodes: how many would decide it, if further ones were like those played; None where none would, or it is
            decided.
    """

    check: str
    task: str
    model: str
    holds: bool | None
    estimate: Estimate
    worst: float | None = None
    why: str = ""
    remedy: str = ""
    episodes: int | None = None

    @property
    def verdict(self) -> str:
        """Whether it holds, in words."""
        return VERDICTS[self.holds]

    def __str__(self) -> str:
        estimate, worst = self.estimate, self.worst
        figure = "" if estimate.value is None else f"{estimate.value:.4g}" if estimate.low is None else str(estimate)
        if worst is not None and estimate.low is not None:
            figure += f", worst case {worst:.3g}"
        said = "; ".join(filter(None, (figure, self.why)))
        return f"{self.verdict}: {self.check}: {said.rstrip('.')}." + (f" {self.remedy}" if self.remedy else "")


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What became of checks; true only where all of them hold.

    Attributes:
        lines: one a check and arm; notes: what was checked where the checks did not say it.
        level: of the intervals.
    """

    lines: tuple[CheckLine, ...]
    notes: tuple[str, ...] = ()
    level: float = LEVEL
    several: bool = field(default=False, repr=False)

    @property
    def holds(self) -> bool | None:
        """True if all hold, False if one does not, None if one cannot be said."""
        found = {line.holds for line in self.lines}
        return False if False in found else None if None in found else True

    @property
    def exit_code(self) -> int:
        """0 all hold, 1 one does not hold, 3 one cannot be said."""
        return EXIT[self.holds]

    def __bool__(self) -> bool:
        return self.holds is True

    @property
    def text(self) -> str:
        """Every line, and the notes."""
        return "\n".join((*self.notes, *(self.line_text(line) for line in self.lines)))

    def line_text(self, line: CheckLine) -> str:
        """A line, with its task and model where the run has several."""
        return f"{line} ({line.model} on {line.task})" if self.several else str(line)

    def __str__(self) -> str:
        return self.text


class CheckFailed(AkrasiaError, AssertionError):
    """A check does not hold, or cannot be said; `report` says which and why."""

    def __init__(self, report: CheckReport) -> None:
        self.report = report
        AssertionError.__init__(self, report.text)
        self.what, self.why, self.remedy = report.text, "", ""

    def __str__(self) -> str:
        return self.report.text

    def __reduce__(self) -> Any:
        return type(self), (self.report,)
