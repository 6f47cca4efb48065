"""Context: what agents see of the situation. The task, its oracle and its randomness stay as they are."""

from __future__ import annotations

from dataclasses import replace

from ..errors import PlanError
from ..graphs.plan import Plan
from ..options import flag
from ..records import Draw, Situation, Transition
from ..rng import named_rng
from .base import intervention, view
from .plan_edits import acting, change_agents

__all__ = ["blind_actor", "no_history", "permute_labels", "show_bonus", "summarise_history"]


@view("context", "counts and means per action are shown", "Krishnamurthy et al. 2024 (2403.15371); Schmied et al. 2025")
def summarise_history(situation: Situation, draw: Draw, keep: bool = True) -> Situation:
    """Summarise the history: show counts and mean rewards, with or without the raw lines."""
    flag("keep", keep)
    _columns(situation, "summarise_history", "pulls", "mean")
    return _showing(situation, {"pulls", "mean"}, set() if keep else {"history"})


@view(
    "context",
    "the value of each action under the rule is shown",
    "Nie et al. 2024 (2410.06238), external guide",
)
def show_bonus(situation: Situation, draw: Draw) -> Situation:
    """Show the bonus: counts, means, and the rule's value of every action stand in the prompt."""
    _columns(situation, "show_bonus", "index")
    return _showing(situation, {"pulls", "mean", "index"}, set())


@view("context", "the past is not shown", "this framework; cf. Schmied et al. 2025")
def no_history(situation: Situation, draw: Draw) -> Situation:
    """No history: neither past steps nor what is computed from them."""
    return replace(situation, shows=())


@view("context", "actions go by names drawn anew at every step", "Schmied et al. 2025, context randomisation")
def permute_labels(situation: Situation, draw: Draw) -> Situation:
    """Permute the labels: every action is shown under another one's name, drawn anew at every step.

    Raises:
        PlanError: the actions' names mean something here (a board, a text, features): they cannot be exchanged.
    """
    if len(situation.actions) < 2 or situation.observation:
        raise PlanError(
            "permute_labels needs actions whose names mean nothing", f"those of {situation.task!r} do or are too few",
            "Use it on a bandit.",
        )  # fmt: skip
    own = situation.own or situation.actions
    drawn = named_rng(draw.episode, "labels", draw.step).permutation(len(own))
    names = dict(zip(situation.actions, (situation.actions[i] for i in drawn), strict=True))
    # The text lists the same names in the same order as before, so that an action's place says nothing either.
    place = {shown: i for i, shown in enumerate(situation.actions)}
    order = sorted(range(len(own)), key=lambda i: place[names[situation.actions[i]]])
    return replace(
        situation,
        own=tuple(own[i] for i in order),
        history=tuple(Transition(t.step, names[t.action], t.reward) for t in situation.history),
        quantities=tuple(replace(q, values=tuple(q.values[i] for i in order)) for q in situation.quantities),
    )


@intervention("context", "the actor sees the rationale and no situation", "this framework; cf. Lanham et al. 2023")
def blind_actor(plan: Plan) -> Plan:
    """Blind the actor: it sees the actions and the rationale, and nothing else."""
    return change_agents(plan, acting(plan, "blind_actor"), lambda a: a.with_options(blind=True))


def _columns(situation: Situation, name: str, *wanted: str) -> None:
    missing = [w for w in wanted if situation.quantity(w) is None]
    if missing:
        raise PlanError(
            f"{name} needs the column {missing[0]!r}", f"{situation.task!r} has none here",
            "Use it on a bandit whose agent is given a rule.",
        )  # fmt: skip


def _showing(situation: Situation, more: set[str], less: set[str]) -> Situation:
    order = ("history", *(q.name for q in situation.quantities))
    shows = (set(situation.shows) | more) - less
    return replace(situation, shows=tuple(s for s in order if s in shows))
