"""From a situation to the text that an agent reads.

Invariant: everything rendered is in the situation; an oracle never reaches this module. Rendering is late, so that an
intervention that changes what is shown (a summary, relabelled actions) changes the situation and nothing else.
"""

from __future__ import annotations

from ..records import Situation

_HEADINGS = {"pulls": "times taken", "mean": "mean reward", "index": "value under the rule"}


def render_situation(situation: Situation) -> str:
    """The whole situation as plain text: instruction, rule, observation, history, columns, and where we are."""
    parts = [situation.instruction, situation.rule, situation.observation]
    if "history" in situation.shows:
        parts.append(_history(situation))
    parts.append(_columns(situation))
    # Where an episode is a list of questions, their order is no part of any of them.
    where = "" if situation.item else f"This is step {situation.step + 1} of {situation.horizon}. "
    parts.append(f"{where}{situation.question}")
    return "\n\n".join(p for p in parts if p)


def _history(situation: Situation) -> str:
    if not situation.history:
        return "Nothing has happened yet." if situation.horizon > 1 else ""
    return "\n".join(["What happened so far:", *history_lines(situation)])


def shown_lines(situation: Situation) -> list[str]:
    """What the situation shows of the past, line by line: the history, and the columns it names."""
    past = history_lines(situation) if "history" in situation.shows else []
    return [*past, *_columns(situation).splitlines()]


def history_lines(situation: Situation) -> list[str]:
    """Past transitions in the published form `Step=i Action=a Reward=r` (Schmied et al. 2025, A2)."""
    return [f"Step={t.step} Action={t.action} Reward={t.reward:.2f}" for t in situation.history]


def _columns(situation: Situation) -> str:
    shown = [q for q in situation.quantities if q.name in situation.shows]
    if not shown:
        return ""
    rows = [" | ".join([situation.noun, *(_HEADINGS.get(q.name, q.name) for q in shown)])]
    for i, action in enumerate(situation.actions):
        rows.append(" | ".join([action, *(_cell(q.name, q.values[i]) for q in shown)]))
    return "\n".join(rows)


def _cell(name: str, value: float | None) -> str:
    if value is None:
        return "infinite" if name == "index" else "-"
    # Rewards have two decimals; their means need more, or arms that differ for the oracle would look alike.
    return f"{value:.0f}" if name == "pulls" else f"{value:.4f}"
