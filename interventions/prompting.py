"""Prompt: one sentence more, one wording changed; every agent's view and the number of calls stay as they are.

A hint stands between the task of the agent and the form of its answer. Hints have names and are shown in their order,
so those of several interventions commute.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..agents.base import Agent
from ..errors import BadOption
from ..graphs.plan import Plan
from ..options import whole
from .base import intervention
from .plan_edits import acting, change_agents, thinking

__all__ = ["checklist", "commit", "confidence", "hinted", "persona", "strict", "think_longer"]

STEPS = (
    "Which choices have never been taken?",
    "What is known about each of the others, and how often was it seen?",
    "What does the rule you were given say about each?",
    "Does your choice follow from the answers?",
)
STRICT = (
    "Follow the rule exactly. Compute every value that it asks for, do not approximate, and let your choice be the one "
    "that the computed values single out."
)
COMMIT = (
    "Answer with two lines and nothing else:\nRECOMMENDED=X\nACTION=Y\nwhere X is the {noun} that the reasoner "
    "recommends and Y is the {noun} you choose."
)
CAREFUL = "You are a careful statistician who acts on what the numbers say."


def hinted(plan: Plan, names: set[str], name: str, text: str) -> Plan:
    """The plan whose agents at these nodes are given one hint more."""

    def add(agent: Agent) -> Agent:
        return agent.with_options(hints={**agent.options.get("hints", {}), name: text})

    return change_agents(plan, names, add)


@intervention("prompt", "the budget of the answer, and the request to use it", "Schmied et al. 2025, thinking budget")
def think_longer(plan: Plan, budget: int = 1024) -> Plan:
    """Think longer: let the reasoner use `budget` tokens, and ask it to."""
    words = whole("the budget of think_longer", budget, 1) * 3 // 4
    names = thinking(plan)
    text = f"Take your time: think at length, in up to {words} words, before you answer."
    return hinted(change_agents(plan, names, lambda a: a.with_options(budget=budget)), names, "think_longer", text)


@intervention(
    "prompt", "the actor restates the recommendation before it acts", "this framework; cf. Schmied et al. 2025"
)
def commit(plan: Plan) -> Plan:
    """Commit: the actor writes down what the reasoner recommends, and then acts."""
    return change_agents(plan, acting(plan, "commit"), lambda a: a.with_options(form=COMMIT, commit=True))


@intervention("prompt", "the agent says how sure it is", "Nezhurina et al. 2024, confidence prompts; Xiong et al. 2024")
def confidence(plan: Plan) -> Plan:
    """Confidence: the agent ends with how sure it is, from 0 to 100."""
    return change_agents(plan, thinking(plan), lambda a: a.with_options(confidence=True))


@intervention("prompt", "a list of questions to go through before answering", "this framework; cf. Madaan et al. 2023")
def checklist(plan: Plan, steps: Sequence[str] = STEPS) -> Plan:
    """Checklist: questions the agent must answer to itself first. Nothing in them depends on the situation."""
    if isinstance(steps, str) or not steps or not all(isinstance(s, str) and s.strip() for s in steps):
        raise BadOption(f"the steps of the checklist are {steps!r}", remedy="Give at least one question.")
    text = "Go through this list first: " + " ".join(f"({i}) {s}" for i, s in enumerate(steps, start=1))
    return hinted(plan, thinking(plan), "checklist", text)


@intervention("prompt", "who the agent is told to be", "Nezhurina et al. 2024, scientist persona; Zheng et al. 2024")
def persona(plan: Plan, text: str = CAREFUL) -> Plan:
    """Persona: a sentence that says who the agent is."""
    if not isinstance(text, str) or not text.strip():
        raise BadOption(f"the persona is {text!r}", remedy="Give a sentence.")
    return hinted(plan, thinking(plan), "persona", text)


@intervention("prompt", "the wording of the rule: exact instead of loose", "reviews of Schmied et al. 2025")
def strict(plan: Plan) -> Plan:
    """Strict wording: the rule must be followed exactly, without approximation."""
    return hinted(plan, thinking(plan), "strict", STRICT)
