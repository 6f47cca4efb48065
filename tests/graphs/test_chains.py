"""Plans cut into chains: which agents are one node of LangGraph, and that this changes no request and no decision."""

from contextvars import ContextVar
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.tracers.context import register_configure_hook

from akrasia.graphs.plan import Plan
from akrasia.graphs.running import chains_of
from akrasia.interventions.expression import parse
from akrasia.models import Gateway, ModelRoles, Scripted
from akrasia.records import Decision, Request
from akrasia.tasks.base import TASKS

PLANS = [
    "reason_act",
    "reason_then_act | critique(rounds=2)",
    "reason_then_act | self_consistency(3)",
    "society(rounds=2) | critique",
    "mallm_debate",
]


def names(plan: Plan) -> list[list[str]]:
    return [[n.name for n in chain] for chain in chains_of(plan.nodes)]


def test_agents_that_speak_one_after_the_other_are_one_chain() -> None:
    assert names(parse("reason_then_act | critique")) == [["reason", "critic", "reason.revise", "act"]]
    assert names(parse("reason_then_act | self_consistency(3)")) == [["reason", "act", "vote"]]


def test_agents_that_speak_at_the_same_time_are_not() -> None:
    debate = names(parse("society"))
    assert ["debater1"] in debate and ["debater2"] in debate and debate[-1] == ["vote"]


@pytest.mark.parametrize("expression", PLANS)
def test_a_chain_waits_for_nobody_in_its_middle(expression: str) -> None:
    plan = parse(expression)
    chains = chains_of(plan.nodes)
    assert sorted(n.name for chain in chains for n in chain) == sorted(n.name for n in plan.nodes)
    done: set[str] = set()
    waiting = [*chains]
    while waiting:  # only the first of a chain waits, and the order ends
        ready = [chain for chain in waiting if done.issuperset(chain[0].follows)]
        assert ready
        for chain in ready:
            waiting.remove(chain)
            for node in chain:
                assert done.issuperset(node.follows)
                done.add(node.name)


class Names(BaseCallbackHandler):
    def __init__(self) -> None:
        self.names: set[str] = set()

    def on_chain_start(self, serialized: Any, inputs: Any, **more: Any) -> None:
        self.names.add(more["name"])


LISTENER: ContextVar[Names | None] = ContextVar("listener", default=None)
register_configure_hook(LISTENER, inheritable=True)


async def decided(expression: str) -> tuple[Decision, list[Request]]:
    asked: list[Request] = []

    def script(request: Request, draw: Any) -> str:
        asked.append(request)
        action = situation.actions[(len(str(request.messages)) + draw.sample) % len(situation.actions)]
        return f"I looked at all of them.\nBEST={action}\nACTION={action}"

    task = TASKS.make("bandit", arms=5, horizon=1, head_start=3)
    situation = task.situation(task.start(0))
    model = Scripted(script)
    models = ModelRoles(Gateway([model]), {"default": model.info.id})
    decision = await parse(expression).decide(situation, models, 0, situation.step)
    return decision, sorted(asked, key=str)


@pytest.mark.parametrize("expression", PLANS)
async def test_whoever_listens_sees_each_agent_and_changes_nothing(expression: str) -> None:
    quiet = await decided(expression)
    token = LISTENER.set(listener := Names())
    assert await decided(expression) == quiet
    LISTENER.reset(token)
    assert {n.name for n in parse(expression).nodes} <= listener.names
