"""The answer to one question on one screen: does this intervention, or that, close the gap of a model that has its own
thought before it?

Invariant: a sentence says what verdicts license and nothing else; what was not measured, or shows nothing, is named.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from ..evals.inference import Contrast
from ..evals.scorecard import Arm, Scorecard
from ..evals.verdict import Verdict
from .tables import RowNamedTable, TableColumn
from .text import estimate_cell, signed_text

QUESTION = (
    "Does another look, a critic, a vote or a debate close the gap between what a model knows and what it does, "
    "when it has its own thought before it?"
)
OTHERS = ("no thought",)  # of the example "demo": what is no intervention of the question, beside its controls
ORGANISM = {"acts directly": "organism, no thought", "reads its thought": "organism, its thought"}


def show_answer(card: Scorecard, test: Scorecard | None, console: Console) -> None:
    """Print question, table and sentences.

    Args:
        card: of a run of the example "demo".
        test: of the organism's run, the baseline acting directly; None where it was not played.
    """
    console.print(Text(f"\n{QUESTION}\n", style="bold"))
    rows = [(card, arm, arm.variant) for arm in card.arms]
    if test is not None:
        rows += [(test, arm, ORGANISM.get(arm.variant, arm.variant)) for arm in test.arms]
    console.print(RowNamedTable("", "before it acts", [name for _, _, name in rows], _columns(rows)))
    console.print()
    for sentence in answer_sentences(card, test):
        console.print(Text(sentence))


def _columns(rows: Sequence[tuple[Scorecard, Arm, str]]) -> list[TableColumn]:
    changes = [_change(arm, card.contrast(arm, "gap", card.baseline_of(arm).variant)) for card, arm, _ in rows]
    return [
        TableColumn("knows", [_value(arm, "knowing") for _, arm, _ in rows], "right"),
        TableColumn("does", [_value(arm, "doing") for _, arm, _ in rows], "right"),
        TableColumn("gap", [str(estimate_cell(arm.rate("gap"))) for _, arm, _ in rows]),
        TableColumn("gap changes by", changes),
    ]


def _value(arm: Arm, name: str) -> str:
    """A rate without its interval."""
    return estimate_cell(arm.rate(name)).written().value


def _change(arm: Arm, contrast: Contrast | None) -> str:
    if arm.baseline:
        return "(baseline)"
    return "not measured" if contrast is None else str(estimate_cell(contrast.difference, signed_text))


def answer_sentences(card: Scorecard, test: Scorecard | None) -> list[str]:
    """The answer, how the model stands without any intervention, and what the instrument's test found."""
    base = next(arm for arm in card.arms if arm.baseline)
    sentences = [_answer(card), _standing(card, base)]
    return sentences if test is None else [*sentences, _test(test)]


def _answer(card: Scorecard) -> str:
    controls = {(a.task, a.model, a.variant) for a in card.arms if a.control is not None}
    tried = (v for v in card.verdicts if v.variant not in OTHERS)
    verdicts = [v for v in tried if (v.task, v.model, v.variant) not in controls]
    said = {
        "closes": "{names} close{s} it",
        "widens": "{names} widen{s} it",
        "no change shown": "for {names} no change is shown, either way",
        "too few episodes": "for {names} there are too few episodes to tell",
        "not measured": "for {names} it was not measured",
    }
    parts = []
    for outcome, words in said.items():
        found = [v for v in verdicts if v.outcome == outcome]
        if found:
            names = _listed([_name(v) for v in found])
            parts.append(words.format(names=names, s="s" * (len(found) == 1)))
    return f"Answer, for {card.arms[0].model}: {'; '.join(parts)} (95 % intervals, p corrected)."


def _name(verdict: Verdict) -> str:
    """A variant with its size, where one is shown."""
    change = verdict.change
    if verdict.outcome not in ("closes", "widens") or change is None or change.difference.value is None:
        return verdict.variant
    return f"{verdict.variant} (by {abs(change.difference.value):.2f})"


def _standing(card: Scorecard, base: Arm) -> str:
    played = f"{base.steps} situations ({base.episodes} episodes)"
    knows, does = (_value(base, name) for name in ("knowing", "doing"))
    gap = base.rate("gap").value
    standing = (
        "its gap was not measured"
        if gap is None
        else f"in {gap:.0%} it names one and takes another that is not optimal"
    )
    return f"In {played} its thought names an optimal action {knows} and it takes one {does} of the time; {standing}."


def _test(test: Scorecard) -> str:
    base = next(arm for arm in test.arms if arm.baseline)
    found = next((v for v in test.verdicts), None)
    seen = f"is found ({_value(base, 'gap')})"
    closed = {"closes": "closes", None: "is not judged"}.get(
        None if found is None else found.outcome, "does NOT close, so distrust this run,"
    )
    return (
        "The organism tests the instrument: the same model, fine-tuned to act well only when it reads its own thought. "
        f"Its planted gap {seen}, and {closed} once it reads it."
    )


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
