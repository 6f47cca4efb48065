"""Steps with a gap in a terminal: what was seen, what was right, and the variants side by side, the baseline first."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .gap_steps import GapDecision, GapStep, GapSteps
from .show import oracle_words
from .tables import RowNamedTable, TableColumn
from .text import plain_text

BESIDE = 36  # the least width of a variant's column
LINES = 14  # of one agent's words; what is between the first and the last of them is left out
SEEN_LINES = 10
LONGEST = 2_000  # characters of one line


def show_gap_steps(found: GapSteps, run: str, console: Console) -> None:
    """Print where variants knew and did not do.

    Args:
        run: the folder, as the user wrote it, for the commands that show more.
    """
    if not found.total:
        console.print("At no step did a variant know an optimal action and take another.")
        _show_counts(found, console)
        return
    for number, step in enumerate(found.steps, start=1):
        _show_step(step, number, found, console)
    _show_counts(found, console)
    if found.total > len(found.steps):
        console.print(
            f"{len(found.steps)} of {found.total} steps shown; --most 0 shows all, --html FILE writes a page."
        )
    first = found.steps[0]
    console.print(f"With every prompt: akrasia show {run} {first.episode} {first.step}")


def _show_counts(found: GapSteps, console: Console) -> None:
    """How often each variant knew and did not do."""
    for group in dict.fromkeys(group for group, *_ in found.counts):
        rows = [(variant, gap, asked) for g, variant, gap, asked in found.counts if g == group]
        cells = [f"{gap} of {asked} steps" if asked else "nobody was asked" for _, gap, asked in rows]
        column = TableColumn("knew and did not do", cells, "right")
        console.print(RowNamedTable(group, "variant", [variant for variant, *_ in rows], [column]))


def _show_step(step: GapStep, number: int, found: GapSteps, console: Console) -> None:
    where = f"{number} of {found.total}: episode {step.episode}, step {step.step}"
    console.print(Text.assemble("\n", (where, "bold"), (f"  {step.model} on {step.task}", "dim")))
    if step.situation:
        note = " (of the baseline; in a rollout each variant meets its own)" if found.rollout else ""
        console.print(Text(f"seen{note}:", style="dim"))
        console.print(Text(_shortened(step.situation, SEEN_LINES, keep_end=True), style="dim"))
    console.print(Text(oracle_words(step.oracle, step.actions)))
    width = console.width
    beside = max(1, width // BESIDE)
    base, others = step.decisions[0], step.decisions[1:]
    groups = [others[i : i + max(1, beside - 1)] for i in range(0, len(others), max(1, beside - 1))] or [()]
    for group in groups:
        console.print(_side_by_side([base, *group], base, width))


def _side_by_side(decisions: Sequence[GapDecision], base: GapDecision, width: int) -> Table:
    table = Table(box=box.SIMPLE, padding=(0, 1, 0, 0), width=width, show_edge=False, pad_edge=False)
    for d in decisions:
        table.add_column(Text(f"{d.name} (baseline)" if d.baseline else d.name), overflow="fold", ratio=1)
    table.add_row(*(_words(d, base) for d in decisions))
    table.add_row(*(Text(decision_words(d), style="bold red" if d.gap else "") for d in decisions))
    return table


def _words(decision: GapDecision, base: GapDecision) -> Text:
    """What the agents of a variant said; what the baseline said alike is not said again."""
    text = Text()
    for style, said, of_base in (("dim", decision.thought, base.thought), ("", decision.texts, base.texts)):
        for agent, words in said:
            text.append(f"{agent}{' (thought)' if style else ''}: ", style="bold dim")
            same = decision is not base and (agent, words) in of_base
            text.append(
                "as the baseline\n" if same else f"{_shortened(words, LINES)}\n", style="dim" if same else style
            )
    return text


def decision_words(decision: GapDecision) -> str:
    """What a variant recommended and did: "says red (right); does blue (greedy) <- knows and does not do"."""
    says = ", ".join(decision.stated) or "nothing that can be read"
    knowing = f"says {says} ({'right' if decision.knows else 'wrong'})" if decision.asked else "nobody was asked"
    doing = f"does {decision.done} ({decision.kind})" if decision.done else f"no legal action ({decision.kind})"
    return f"{knowing}; {doing}" + (" <- knows and does not do" if decision.gap else "")


def _shortened(text: str, most: int, keep_end: bool = False) -> str:
    """At most so many lines, of a bounded length each; what is left out is said where it stood."""
    lines = [line if len(line) <= LONGEST else f"{line[:LONGEST]}..." for line in plain_text(text.strip()).splitlines()]
    if len(lines) <= most:
        return "\n".join(lines)
    head = 1 if keep_end else most // 2
    tail, left = most - head, len(lines) - most
    return "\n".join([*lines[:head], f"[{left} line{'s' if left > 1 else ''} left out]", *lines[-tail:]])
