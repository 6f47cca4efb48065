"""A graph as the policy of an episode: it decides a step, and each of its calls goes to the endpoint of a trainer.

Invariants
- A step is rebuilt from values: the task, its options, the episode's seed and what was done before. So it may be
  decided in another process than the one that rewards it.
- The graph asks what it asks in an experiment. How an answer is sampled is the trainer's to say; only what an
  intervention of the graph sets (`temperature`, `effort`) is sent.
- A call without an answer ends the episode: it is no answer of the policy, and no penalty.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import orjson

from ..errors import BadOption, Denied, ModelError, PlanError
from ..graphs import Plan
from ..interventions import parse
from ..models import Gateway, ModelRoles
from ..models.base import ModelInfo
from ..models.offers import json_schema_format
from ..models.providers.openai_format import function_tool, parse_completion, wire_messages
from ..models.providers.openai_http import OpenAIHTTP
from ..records import CHOICES_OF_TOOLS, Decision, Draw, Request, Response
from ..tasks.base import TASKS, Task
from ..tasks.tools import tools_of

TIMEOUT = 3600.0  # seconds of one call: the trainer has deadlines of its own


@lru_cache(maxsize=16)
def trainable_plan(graph: str) -> Plan:
    """The plan that an expression names, if an episode can be played with it.

    Args:
        graph: such as `reason_act | critique`, or `external('./agents.py:graph')`.

    Raises:
        UnknownName, BadOption: there is no such graph, intervention or option.
        PlanError: it reads the oracle, or remembers steps.
    """
    plan = parse(graph)
    if plan.leaks:
        raise PlanError(
            f"{graph!r} cannot be the policy",
            "an agent of it is told by the oracle what is right",
            "Train a graph without the oracle.",
        )
    if any(g.memory for g in plan.graphs):
        raise PlanError(
            f"{graph!r} cannot be the policy",
            "it remembers earlier steps, and here every step is decided by itself",
            "Leave out memory=True.",
        )
    return plan


async def decide_step(
    graph: str, info: Mapping[str, Any], played: Sequence[str | None], endpoint: str, secret: str, model: str
) -> Decision:
    """What a graph decides at one step of an episode.

    Args:
        graph: an expression; see `trainable_plan`.
        info: the episode: "decision" (the task), its "options", and its "seed".
        played: the actions of the steps before; None where one was forfeited.
        endpoint, secret, model: where every call goes, in OpenAI's protocol.

    Raises:
        Denied: a call had no answer.
        PlanError: the graph's own code failed.
    """
    plan = trainable_plan(graph)
    task: Task = TASKS.make(info["decision"], **info["options"])
    state, over = task.start(info["seed"]), False
    for action in played:
        state, over = task.forfeit(state) if action is None else task.step(state, action)[::2]
    if over:
        raise BadOption("the episode is over", remedy="Start another one.")
    backend = EndpointModel(endpoint, secret, model)
    gateway = Gateway([backend])
    try:
        roles = ModelRoles(gateway, {"default": backend.info.id})
        tools = tools_of(task, state)
        decision, tags = await plan.decide_tagged(task.situation(state), roles, 0, len(played), tools=tools)
    finally:
        await gateway.close()
    if "own_code" in tags:
        reason = decision.turns[-1].text if decision.turns else tags["own_code"]
        raise PlanError(f"the graph {graph!r} failed", reason, "Mend its code, or that of its adapter.")
    return decision


class EndpointModel:
    """The model behind an endpoint in OpenAI's protocol, as a trainer gives it to one rollout.

    Args:
        endpoint: the address, such as http://127.0.0.1:8000/v1.
        secret: the bearer key.
        model: its name there.
    """

    def __init__(self, endpoint: str, secret: str, model: str) -> None:
        self.info = ModelInfo(id=model, label=model, price=None, tools="native", images=True, max_concurrency=256)
        self._http = OpenAIHTTP(model, endpoint, {"Authorization": f"Bearer {secret}"})

    async def open(self) -> None:
        """It is there as long as the rollout is."""

    async def close(self) -> None:
        """Hang up."""
        await self._http.close()

    async def generate(self, request: Request, draw: Draw, key: str) -> Response:
        """One answer.

        Raises:
            Denied: there is none. Trainers try again by themselves.
        """
        try:
            return parse_completion(await self._http.post("/chat/completions", _body(request), key, TIMEOUT))
        except ModelError as error:
            raise Denied(error.what, error.why, error.remedy) from error


def _body(request: Request) -> dict[str, Any]:
    sampling = request.sampling
    body: dict[str, Any] = {"model": request.model, "messages": wire_messages(request.messages)}
    body |= {name: getattr(sampling, name) for name in sampling.required if getattr(sampling, name, None)}
    if request.tools:
        body["tools"] = [function_tool(tool) for tool in request.tools]
        choice = request.tool_choice
        named = {"type": "function", "function": {"name": choice}}
        body |= {"tool_choice": choice if choice in CHOICES_OF_TOOLS else named} if choice else {}
        if request.parallel_tool_calls is not None:
            body["parallel_tool_calls"] = request.parallel_tool_calls
    if request.response_format:
        body["response_format"] = orjson.loads(request.response_format)
    elif sampling.schema:
        body["response_format"] = json_schema_format(orjson.loads(sampling.schema))
    return body
