"""The verdict: of each intervention, the one sentence that the statistics license.

Rules, in this order (docs/verdicts.md tells them at length)
1. Fewer than 10 items, or so few that no corrected p could reach 0.05: "too few episodes", whatever the numbers are.
2. A change of the gap against the baseline is *shown* if its Holm-corrected p is at most 0.05 **and** its 95 % interval
   excludes 0. The family is every contrast of that metric on that task and model: against the baseline and against the
   controls. After optional stopping no p counts: a change is shown if its anytime-valid interval excludes 0,
   at 1 - 0.05 / m over the m contrasts of the family.
3. Not shown: "no change of the gap shown: between A and B", the ends of the interval. Absence is never claimed.
4. Shown: "closes" or "widens", with size and interval, and what became of doing: a gap also closes when less is known,
   so a change of knowing that is shown is always said.
5. Each control that matches (`akrasia.evals.controls`) is named: shown better, shown worse, or not shown to be better,
   by the same rule. Where none was run, that is said.
6. The cost: tokens per decision against the baseline's (calls where no tokens are counted).
7. The worst case decides, in every metric and against every control: a difference counts as shown only if the interval
   around the worst case, every missing outcome counted against it, excludes 0 as well. A gap that changes only without
   it is no finding; where nothing is shown and what is missing leaves more open than the interval, that is said.
8. An arm whose agents are told something by the oracle is no fair competitor: its sentence says so first.
9. Before all of this: an arm that was not measured, or whose baseline was not, gets no verdict
   (`akrasia.evals.integrity`).

Invariant: the word "significant" does not occur; nothing is said that has no correction and no interval behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil, log2
from typing import Literal

from ..notebook import paragraph_html
from .controls import Reference
from .inference import FEW, Bounds, Contrast, Estimate, smallest_p
from .integrity import IntegrityFault

SHOWN = 0.05  # the largest Holm-corrected p at which a difference is called shown
VerdictOutcome = Literal["closes", "widens", "no change shown", "too few episodes", "not measured"]
LEAKS = "told by the oracle, so no fair competitor"
Direction = Literal["down", "up", "open", "undone", "unknown"]


@dataclass(frozen=True, slots=True)
class Against:
    """An intervention against one of its controls.

    Attributes:
        kind: which control: "placebo", "self_consistency", "retry", "informed"; `calls`: its calls per decision, None
            where an imported run does not say.
        outcome: "better", "worse", "not shown" or "not measured", in the gap.
    """

    kind: str
    variant: str
    calls: float | None
    contrast: Contrast
    outcome: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What may be said of one intervention on one task and model.

    Attributes:
        change: the paired contrast of the gap against the baseline, None where there is none.
        bounds: what missing outcomes could have made of it; None where none is missing.
        tokens, calls: per decision, as a multiple of the baseline's; None where the baseline takes none.
        sentence: the verdict in words.
        leaks: an agent of the arm is told something by the oracle, so it is no fair competitor.
    """

    task: str
    model: str
    variant: str
    outcome: VerdictOutcome
    change: Contrast | None
    bounds: Bounds | None
    controls: tuple[Against, ...]
    tokens: float | None
    calls: float | None
    sentence: str
    leaks: bool = False

    def _repr_html_(self) -> str:
        return paragraph_html(self.sentence, f"{self.variant} ({self.model} on {self.task}):")


def direction(contrast: Contrast | None) -> Direction:
    """Where a difference is shown to lie by rules 1, 2 and 7.

    "open": it is not shown; "undone": it would be, and what is missing could undo it; "unknown": nothing can be shown.
    """
    where, worst = _seen(contrast), None if contrast is None else contrast.worst
    if worst is not None and ((where == "down" and worst[1] >= 0) or (where == "up" and worst[0] <= 0)):
        return "undone"
    return where


def _seen(contrast: Contrast | None) -> Direction:
    """Where a difference lies by rules 1 and 2, as if nothing were missing."""
    if contrast is None or contrast.difference.low is None or contrast.difference.high is None:
        return "unknown"
    if contrast.difference.counted < FEW:
        return "unknown"
    if contrast.p_holm is not None and contrast.p_holm > SHOWN:
        return "open"
    if contrast.difference.high < 0:
        return "down"
    return "up" if contrast.difference.low > 0 else "open"


def nothing_can_be_shown(items: int, family: int) -> str:
    """Why so few items show nothing over so many contrasts; "" where they could.

    The least p of the sign-flip test times the size of the family, by which Holm's correction begins, must reach 0.05.
    """
    least = family * smallest_p(items)
    if least <= SHOWN:
        return ""
    needed = 1 + ceil(log2(family / SHOWN))
    return (
        f"over {family} contrast{'s' * (family > 1)} no corrected p can fall below {min(least, 1.0):.2g} here, so "
        f"nothing can be shown; it takes {needed} items"
    )


def judge_arm(
    where: tuple[str, str, str],
    contrasts: dict[str, Contrast],
    controls: Sequence[tuple[Reference, Contrast]],
    calls: float | None,
    ratios: tuple[float | None, float | None],
    family: int,
    repeated: str = "",
    reading: Estimate | None = None,
) -> Verdict:
    """The verdict on one arm.

    Args:
        where: task, model and variant.
        contrasts: against the baseline, by metric: "gap", "doing", "knowing".
        controls: each matching control with the contrast of the gap against it.
        calls: the arm's calls per decision.
        ratios: tokens and calls per decision as multiples of the baseline's.
        family: how many contrasts were corrected together.
        repeated: where episodes share items, how many of both there are: "4 items in 400 episodes".
        reading: how often the free answer is read as another action than the constrained readout names.
    """
    gap = contrasts.get("gap")
    against = tuple(Against(r.kind, r.variant, r.calls, c, _standing(c)) for r, c in controls)
    outcome, head = _outcome(gap, family, repeated)
    parts = [head]
    if outcome != "too few episodes":
        parts += _beside(outcome, contrasts)
        parts += [_control(a, calls) for a in against if outcome == "closes" or a.outcome in ("better", "worse")]
        if outcome == "closes" and not against:
            parts.append("no control of equal calls or equal information was run")
    if gap is not None and gap.difference.value is not None and gap.p is None and gap.difference.low is not None:
        parts.append(f"intervals are anytime-valid, together over {family} contrasts")
    if reading is not None and reading.value is not None:
        ends = "" if reading.low is None or reading.high is None else f" [{reading.low:.2f}, {reading.high:.2f}]"
        share = f"{reading.value:.2f}{ends}"
        parts.append(f"the free answer differs from its constrained readout in {share} of the answers")
    if ratios != (None, None):
        tokens, more_calls = ratios
        parts.append(f"costs {tokens:.1f}x tokens" if tokens is not None else f"costs {more_calls:.1f}x calls")
    return Verdict(*where, outcome, gap, gap.bounds if gap else None, against, *ratios, "; ".join(parts))


def no_verdict(
    where: tuple[str, str, str], arm: str, fault: IntegrityFault, ratios: tuple[float | None, float | None]
) -> Verdict:
    """What is said where an arm, or the baseline, was not measured.

    Args:
        where: task, model and variant.
        arm: whose fault it is: "it", or the baseline's name.
        ratios: tokens and calls per decision as multiples of the baseline's.
    """
    whose = "not measured" if arm == "it" else f"not measured, since the baseline {arm} is not"
    return Verdict(*where, "not measured", None, None, (), *ratios, f"{whose}: {fault}. {fault.remedy}")


def with_leak(verdict: Verdict, baseline: str = "") -> Verdict:
    """The verdict on an arm that the oracle tells something, which its sentence says first.

    Args:
        baseline: the arm that is told it, where that is the baseline.
    """
    said = f"the baseline {baseline} is {LEAKS}" if baseline else LEAKS
    return replace(verdict, sentence=f"{said}: {verdict.sentence}", leaks=True)


def _outcome(gap: Contrast | None, family: int, repeated: str) -> tuple[VerdictOutcome, str]:
    if gap is None:
        return "not measured", "gap not measured: it was not among the metrics asked for"
    d = gap.difference
    if d.value is None:
        return "not measured", f"gap not measured: {d.why}"
    unit, count = ("items", repeated) if repeated else ("episodes", str(d.clusters))
    if d.counted < FEW:
        count = count if d.effective is None else d.how_many
        return "too few episodes", f"too few {unit} for a verdict ({count}, at least {FEW} are needed)"
    if gap.p is not None and (why := nothing_can_be_shown(d.clusters, family)):
        return "too few episodes", f"too few {unit} for a verdict ({count}): {why}"
    where = direction(gap)
    if where == "undone":
        does = "closes" if d.value < 0 else "widens"
        return (
            "not measured",
            f"no finding: answers that could not be read could undo that it {does} the gap ({_ends(gap)})",
        )
    if where == "down":
        return "closes", f"closes {_size(d)} of the gap"
    if where == "up":
        return "widens", f"widens the gap by {_size(d)}"
    if d.low is None or d.high is None:
        return "no change shown", f"no change of the gap shown: {d.why}{_left_open(gap)}"
    if d.low <= 0 <= d.high:
        return "no change shown", f"no change of the gap shown: between {difference_between(d)}{_left_open(gap)}"
    corrected = f"corrected p {gap.p_holm:.2f} over {family} contrasts" if gap.p_holm is not None else "no test"
    return (
        "no change shown",
        f"no change of the gap shown after correction: between {difference_between(d)}, {corrected}{_left_open(gap)}",
    )


def _left_open(contrast: Contrast) -> str:
    """What is missing where nothing is shown, as the end of a sentence; "" where the interval says as much."""
    d, worst = contrast.difference, contrast.worst
    if worst is None:
        return ""
    wider = (
        d.low is None or d.high is None or _rounded(worst[0]) < _rounded(d.low) or _rounded(worst[1]) > _rounded(d.high)
    )
    return f"; answers that could not be read leave {_ends(contrast)} open" if wider else ""


def _ends(contrast: Contrast) -> str:
    """The interval around the worst case, `-0.37 to +0.04`."""
    low, high = contrast.worst or (None, None)
    return f"{_signed(low)} to {_signed(high)}"


def _beside(outcome: VerdictOutcome, contrasts: dict[str, Contrast]) -> list[str]:
    """What became of doing and knowing: said whenever shown, and of doing always where the gap closes."""
    parts = []
    for metric in ("doing", "knowing"):
        contrast = contrasts.get(metric)
        where = direction(contrast)
        if contrast is None:
            continue
        d = contrast.difference
        if where in ("up", "down"):
            parts.append(f"{metric} {'rises' if where == 'up' else 'falls'} by {_size(d)}")
        elif where == "undone" and d.value is not None:
            moves = "rises" if d.value > 0 else "falls"
            parts.append(f"that {metric} {moves} could be undone by answers that could not be read ({_ends(contrast)})")
        elif metric == "doing" and outcome == "closes" and d.low is not None:
            parts.append(f"doing is not shown to rise (between {difference_between(d)}{_left_open(contrast)})")
    return parts


def _standing(contrast: Contrast) -> str:
    if contrast.difference.value is None:
        return "not measured"
    return {"down": "better", "up": "worse"}.get(direction(contrast), "not shown")


_NAMES = {"placebo": "its placebo", "self_consistency": "self-consistency", "retry": "retry"}


def _control(against: Against, calls: float | None) -> str:
    name = _NAMES.get(against.kind, "the informed baseline")
    equal = against.calls is not None and calls is not None and abs(against.calls - calls) < 1e-9
    if not equal and against.kind != "informed":
        name += f" at {_count(against.calls)} calls against {_count(calls)}"
    elif against.kind in ("self_consistency", "retry"):
        name += " at equal calls"
    d = against.contrast.difference
    if against.outcome == "better":
        return f"better than {name} by {_size(d)}"
    if against.outcome == "worse":
        return f"worse than {name} by {_size(d)}"
    if d.value is None:
        return f"not compared with {name}: {d.why}"
    if direction(against.contrast) == "undone":
        how = f"that it is {'better' if d.value < 0 else 'worse'} than {name}"
        return f"{how} could be undone by answers that could not be read ({_ends(against.contrast)})"
    between = "" if d.low is None else f" (between {difference_between(d)}{_left_open(against.contrast)})"
    return f"not shown to be better than {name}{between}"


def _count(calls: float | None) -> str:
    return "an unknown number of" if calls is None else f"{calls:.3g}"


def _size(d: Estimate) -> str:
    """A difference without its sign, `0.11 [0.04, 0.18]`; the interval follows the sign of the value."""
    assert d.value is not None and d.low is not None and d.high is not None
    low, high = (d.low, d.high) if d.value >= 0 else (-d.high, -d.low)
    return f"{abs(d.value):.2f} [{_rounded(low):.2f}, {_rounded(high):.2f}]"


def difference_between(d: Estimate) -> str:
    """The interval of a difference in words, `-0.03 and +0.09`."""
    return f"{_signed(d.low)} and {_signed(d.high)}"


def _signed(value: float | None) -> str:
    return "unknown" if value is None else f"{_rounded(value):+.2f}"


def _rounded(value: float) -> float:
    return round(value, 2) + 0.0  # no -0.00
