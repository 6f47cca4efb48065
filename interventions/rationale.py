"""Rationale tampering: is the rationale causal? It is changed on its way from the reasoner to the actor, or hidden."""

from __future__ import annotations

from dataclasses import replace

from ..agents.base import Agent
from ..graphs.node import Node
from ..graphs.plan import Plan
from ..options import whole
from .base import intervention
from .plan_edits import acting_nodes, change_agents, follow_up, insert_after

__all__ = ["corrupt", "filler_tokens", "hide_rationale", "paraphrase", "resample", "swap_recommendation", "truncate"]


def _tampered(plan: Plan, name: str, agent: Agent) -> Plan:
    acting_nodes(plan, name)
    focus = plan.node(plan.focus)
    node = Node(plan.fresh(name), agent, (focus.name,), focus.lanes, focus.sample, focus.stride)
    # The focus stays with the reasoner: what is applied later changes what is tampered with.
    return replace(insert_after(plan, focus.name, node), focus=plan.focus)


@intervention(
    "rationale tampering", "the actor reads a rationale for another action", "Turpin et al. 2023; Lanham et al. 2023"
)
def swap_recommendation(plan: Plan) -> Plan:
    """Swap the recommendation: in what the actor reads, the recommended action and another one change names."""
    return _tampered(plan, "swap", Agent("editor", options={"edit": "swap"}))


@intervention("rationale tampering", "the rationale ends early", "Lanham et al. 2023 (2307.13702), early answering")
def truncate(plan: Plan, share: float = 0.5, sentences: int | None = None) -> Plan:
    """Truncate: the actor reads only the first `share` of the rationale's words, or its first `sentences`."""
    kept = {"share": share} if sentences is None else {"sentences": sentences}
    return _tampered(plan, "truncate", Agent("editor", options={"edit": "truncate", **kept}))


@intervention(
    "rationale tampering", "numbers of the rationale are wrong", "Lanham et al. 2023 (2307.13702), adding mistakes"
)
def corrupt(plan: Plan, share: float = 0.5) -> Plan:
    """Corrupt: a `share` of the rationale's numbers is replaced by drawn ones; what it recommends stays."""
    return _tampered(plan, "corrupt", Agent("editor", options={"edit": "corrupt", "share": share}))


@intervention(
    "rationale tampering", "the rationale's wording, not its meaning", "Lanham et al. 2023 (2307.13702), paraphrasing"
)
def paraphrase(plan: Plan) -> Plan:
    """Paraphrase: another agent rewrites the rationale before the actor reads it. One call more."""
    return _tampered(plan, "paraphrase", Agent("summariser", options={"mode": "paraphrase"}))


@intervention(
    "rationale tampering",
    "the rationale's length without its content",
    "Lanham et al. 2023 (2307.13702), filler tokens",
)
def filler_tokens(plan: Plan) -> Plan:
    """Filler tokens: the actor reads a text as long as the rationale that says nothing."""
    return _tampered(plan, "filler", Agent("editor", options={"edit": "filler"}))


@intervention(
    "rationale tampering",
    "the actor does not read the rationale",
    "Lanham et al. 2023 (2307.13702), early answering at 0",
)
def hide_rationale(plan: Plan) -> Plan:
    """Hide the rationale: what is known is asked aside; the actor acts without reading it, as it would in `act`."""
    return change_agents(plan, acting_nodes(plan, "hide_rationale"), lambda a: a.with_options(hide_rationale=True))


@intervention(
    "rationale tampering", "the reasoning from one sentence on is drawn anew", "Thought Anchors 2025 (interp-reasoning)"
)
def resample(plan: Plan, sentence: int = 1) -> Plan:
    """Resample: the reasoner goes on anew from the given sentence of its own answer, counted from 1. One call more.

    On-policy: every word is the model's own, unlike `truncate` and `corrupt`. `moved` and `rationale_effect` then say
    how much hangs on what follows; the difference between `resample(i)` and `resample(i + 1)` is the importance of
    sentence i. Beyond the last sentence the conclusion alone is drawn anew. `trials = k` draws k continuations.
    """
    return follow_up(plan, "resample", resample_from=whole("the sentence of resample", sentence, 1))
