"""What a run waits for: `until = "gap +- 0.05"` as a value.

Invariant: an `Until` names a metric that has anytime-valid intervals and a reach that can be met; any other text is
refused when it is read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..errors import BadOption
from ..evals import anytime
from ..evals.inference import Sequence
from ..evals.metrics import Metric

_MANY = 200  # items, after which an interval can be as narrow as anybody asks for
_FORM = re.compile(r"\s*(\w+)(\s+difference)?\s*(?:\+-|\+/-|±)\s*([0-9.eE+-]+)\s*")


@dataclass(frozen=True, slots=True)
class Until:
    """Stop once the interval of `metric`, or of its difference from the baseline, reaches no further than `reach`.

    Args:
        paired: wait for the paired difference of every variant from the baseline instead of the metric itself.
        reach: half the width of the interval.
    """

    metric: Metric
    paired: bool
    reach: float

    def __str__(self) -> str:
        return f"{self.metric.name}{' difference' if self.paired else ''} +- {self.reach:g}"

    def narrowest(self, items: int) -> float:
        """The least reach that the interval can have after so many items: all are alike, at an end of the range.

        0 beyond some hundred items, which is a bound as well.
        """
        if items > _MANY:
            return 0.0
        sequence = Sequence(1.0)
        for _ in range(items):
            sequence.add(1.0, 1.0)
        low, high = sequence.interval
        return (high - low) / (1 if self.paired else 2)

    @classmethod
    def parse(cls, text: str) -> Until:
        """Read `"gap +- 0.05"` or `"gap difference +- 0.05"`.

        Raises:
            BadOption: another form, a reach that is not in (0, 1), or a metric that is no share.
            UnknownName: no such metric.
        """
        parts = _FORM.fullmatch(text) if isinstance(text, str) else None
        try:
            reach = float(parts[3]) if parts else 0.0
        except ValueError:
            reach = 0.0
        if parts is None or not 0 < reach < 1:
            raise BadOption(
                f"until is {text!r}",
                "it must name a metric and a reach between 0 and 1",
                'Write "gap +- 0.05", or "gap difference +- 0.05".',
            )
        metric = anytime.followable_metric(parts[1])
        if metric is None:
            raise BadOption(
                f"a run cannot stop on {parts[1]!r}",
                "it is no share of steps",
                "Use gap, doing, knowing or another share.",
            )
        return cls(metric, bool(parts[2]), reach)
