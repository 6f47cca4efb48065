"""Checks of each agent's own answers: those that are empty, cut off, refused or failed, and agents that never asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import orjson
import polars as pl

from .faults import IntegrityFault, first_step

MOST_MUTE = 0.2
MANY = 8  # situations from which an agent that always says the same is odd
_REMEDIES = {
    "empty": "Look at one with akrasia show, and give the agent a prompt or a model that answers.",
    "cut off": "Take a model that thinks less (its thoughts count against max_tokens), or ask for less at a time.",
    "misread": "Let its read return the labels that the answer gives; look at one with akrasia show.",
    "unshown": 'Take a model or a setting that shows its thoughts (of Claude, thinking = { type = "adaptive", '
    'display = "summarized" }), or rationale = "answer".',
    "refused": "Change what is asked, or take another model for the agent, and run it under another name.",
    "failed": "Mend what failed, and resume the run.",
}


def agent_faults(steps: pl.DataFrame, agents: Sequence[str] = ()) -> list[IntegrityFault]:
    """What is wrong with the agents of an arm.

    Args:
        steps: its rows of the table made by `akrasia.evals.step_table`.
        agents: the nodes that are to ask a model; none where that is not known.
    """
    asked = _asked(steps)
    found = list(_mute(steps, asked))
    if asked:  # where nobody asked at all, that is said of the whole arm
        found += [_never_asked(steps, name) for name in agents if name not in asked]
    return found


def agent_cautions(steps: pl.DataFrame) -> list[str]:
    """What is odd about the agents of an arm, though it was measured: spared at every step, or an echo."""
    asked, there = _asked(steps), _present(steps)
    spared = (name for name, n in asked.items() if not n and there[name] == steps.height)
    lines = [f"{name} was spared at every step, so it changed nothing" for name in spared]
    echoes: Counter[tuple[str, str]] = Counter()
    for agent, role, fault, n in _faulty(steps):
        if fault == "echo":
            echoes[agent, role] += n
    for (agent, role), n in echoes.items():
        share = n / asked[agent]
        if share > MOST_MUTE:
            lines.append(f"the {role} {agent} repeated what it was asked on {share:.0%} of its answers")
    return lines


def constant_agents(turns: pl.DataFrame) -> list[str]:
    """Agents whose every answer is the same text, though the situations differ.

    Args:
        turns: an arm's rows of the table made by `akrasia.evals.turns`.
    """
    counts = (
        turns.filter(pl.col("asked") & pl.col("said").is_not_null())
        .group_by("agent", maintain_order=True)
        .agg(pl.col("said").n_unique(), pl.col("situation").n_unique())
        .filter((pl.col("said") == 1) & (pl.col("situation") >= MANY))
    )
    return [f"{agent} gave one and the same answer to {n} different situations" for agent, _, n in counts.rows()]


def _mute(steps: pl.DataFrame, asked: Counter[str]) -> Iterator[IntegrityFault]:
    """One fault for all agents of a role that are mute in the same way."""
    causes: dict[tuple[str, str], Counter[str]] = {}
    for agent, role, fault, n in _faulty(steps):
        if fault != "echo":
            causes.setdefault((agent, role), Counter())[fault] += n
    alike: dict[tuple[str, str], list[tuple[float, str]]] = {}
    for (agent, role), faults in causes.items():
        share = faults.total() / asked[agent]
        if share > MOST_MUTE:
            alike.setdefault((role, faults.most_common(1)[0][0]), []).append((share, agent))
    for (role, fault), mute in alike.items():
        names = [agent for _, agent in mute]
        first = _first(steps, names)
        remedy = next((r for kind, r in _REMEDIES.items() if fault.startswith(kind)), _REMEDIES["failed"])
        cause = f"{_speaker(role, names)} {_said(fault)}"
        yield IntegrityFault("agent", max(mute)[0], cause, remedy, *first, agent=", ".join(names), of="its answers")


def _speaker(role: str, names: Sequence[str]) -> str:
    """Agents as the subject of a sentence; of a graph from elsewhere the node is known and no role."""
    whose = ", ".join(names)
    if role == "model":
        return f"the call in node {whose}"
    return f"the {role}" if [role] == names else f"the {role} {whose}"


def _said(fault: str) -> str:
    """What was wrong, as the predicate of a sentence."""
    if fault == "empty":
        return "gave an empty answer"
    if fault == "unshown":
        return "was asked for its thought as the rationale, and the provider showed none"
    return fault if fault.startswith("failed") else f"was {fault}"


def _never_asked(steps: pl.DataFrame, name: str) -> IntegrityFault:
    remedy = "Take it out of the plan, or wire it so that it is reached."
    return IntegrityFault("slot", 1.0, f"the agent {name} never asked a model", remedy, *first_step(steps), agent=name)


def _present(steps: pl.DataFrame) -> Counter[str]:
    """At how many steps each agent asked a model or was spared; one without a model is there where it was spared."""
    there: Counter[str] = Counter()
    for agents, n in steps["agents"].drop_nulls().value_counts().rows():
        there.update(dict.fromkeys(orjson.loads(agents), n))
    return there


def _asked(steps: pl.DataFrame) -> Counter[str]:
    """How often each agent asked a model; 0 for those that were spared at every step."""
    asked: Counter[str] = Counter()
    for agents, n in steps["agents"].drop_nulls().value_counts().rows():
        for agent, times in orjson.loads(agents).items():
            asked[agent] += times * n
    return asked


def _faulty(steps: pl.DataFrame) -> Iterator[tuple[str, str, str, int]]:
    """(agent, role, what was wrong, how often)."""
    for faults, n in steps["agent_faults"].drop_nulls().value_counts(sort=True).rows():
        for agent, role, fault, times in orjson.loads(faults):
            yield agent, role, fault, times * n


def _first(steps: pl.DataFrame, agents: Sequence[str]) -> tuple[int, int]:
    """Episode and step of the first answer of one of `agents` that was no answer."""
    rows = steps.filter(pl.col("agent_faults").is_not_null()).sort("episode", "step")
    for episode, step, faults in rows.select("episode", "step", "agent_faults").iter_rows():
        if any(agent in agents and fault != "echo" for agent, _, fault, _ in orjson.loads(faults)):
            return episode, step
    return first_step(steps)
