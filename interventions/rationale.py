"""Rationale surgery: is the rationale causal? It is tampered with on its way from the reasoner to the actor."""

from __future__ import annotations

from dataclasses import replace

from ..agents.base import Agent
from ..graphs.plan import Node, Plan
from .base import intervention
from .plan_edits import acting, change_agents, insert_after

__all__ = ["corrupt", "filler", "paraphrase", "swap", "truncate", "unheard"]


def _edited(plan: Plan, name: str, agent: Agent) -> Plan:
    acting(plan, name)
    focus = plan.node(plan.focus)
    node = Node(plan.fresh(f"{name}"), agent, (focus.name,), focus.lanes, focus.sample, focus.stride)
    # The focus stays with the reasoner: what is applied later changes what is tampered with.
    return replace(insert_after(plan, focus.name, node), focus=plan.focus)


@intervention(
    "rationale surgery", "the actor reads a rationale for another action", "Turpin et al. 2023; Lanham et al. 2023"
)
def swap(plan: Plan) -> Plan:
    """Swap: the recommended action and another one change names in the rationale that the actor reads."""
    return _edited(plan, "swap", Agent("editor", options={"edit": "swap"}))


@intervention("rationale surgery", "the rationale ends early", "Lanham et al. 2023 (2307.13702), early answering")
def truncate(plan: Plan, share: float = 0.5, sentences: int | None = None) -> Plan:
    """Truncate: the actor reads only the first `share` of the rationale's words, or its first `sentences`."""
    kept = {"share": share} if sentences is None else {"sentences": sentences}
    return _edited(plan, "truncate", Agent("editor", options={"edit": "truncate", **kept}))


@intervention(
    "rationale surgery", "numbers of the rationale are wrong", "Lanham et al. 2023 (2307.13702), adding mistakes"
)
def corrupt(plan: Plan, share: float = 0.5) -> Plan:
    """Corrupt: a `share` of the rationale's numbers is replaced by drawn ones; what it recommends stays."""
    return _edited(plan, "corrupt", Agent("editor", options={"edit": "corrupt", "share": share}))


@intervention(
    "rationale surgery", "the rationale's wording, not its meaning", "Lanham et al. 2023 (2307.13702), paraphrasing"
)
def paraphrase(plan: Plan) -> Plan:
    """Paraphrase: another agent rewrites the rationale before the actor reads it. One call more."""
    return _edited(plan, "paraphrase", Agent("summariser", options={"mode": "paraphrase"}))


@intervention(
    "rationale surgery", "the rationale's length without its content", "Lanham et al. 2023 (2307.13702), filler tokens"
)
def filler(plan: Plan) -> Plan:
    """Filler: the actor reads a text as long as the rationale that says nothing."""
    return _edited(plan, "filler", Agent("editor", options={"edit": "filler"}))


@intervention(
    "rationale surgery",
    "the actor does not read the rationale",
    "Lanham et al. 2023 (2307.13702), early answering at 0",
)
def unheard(plan: Plan) -> Plan:
    """Unheard: what is known is asked aside; the actor acts without the rationale, as it would in `act`."""
    return change_agents(plan, acting(plan, "unheard"), lambda a: a.with_options(deaf=True))
