"""The conformance kit: what every graph from elsewhere and its adapter must satisfy, checked by running them.

    from akrasia.graphs import conformance

    conformance.check(ak.graphs.external(graph, adapter))       # raises a NonConforming with one line per problem
    conformance.problems(ak.graphs.external(graph, adapter))    # the same lines as a list

The checks:

    answer       an answer in the asked form is read as what it recommends and does
    own words    what is decided is in an answer of the run's model, and no other model is asked
    replay       the same decision is the same again, whichever call is answered first
    draws        no two calls of a decision ask the same at the same draw; the first lane of several is the graph alone
    isolation    a decision is the same whatever was decided before and beside it
    shown        what is shown changes what is asked; what is hidden, and the oracle, do not
    statuses     refused, truncated, failed and unreadable answers are such outcomes, and never an action
    follow-up    with `follow_up`: what is said to the graph, and what it answered, reach its model
    hints        with `to_input(situation, hints="")`: the hint reaches its model

Invariant: the kit asks nobody's model: a stand-in answers, in the form that is asked for, be it text, a schema or a
tool that must be called. A graph that needs other answers is given them: `answers(request, recommended, action)`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from ..agents.base import runs_graph
from ..agents.follow_up import FOLLOW_UPS
from ..errors import AkrasiaError, PlanError, Rejected
from ..models.base import ModelInfo, NothingToOpen, Price
from ..models.gateway import Gateway
from ..models.roles import ModelRoles
from ..records import Decision, Draw, Quantity, Request, Response, Situation, ToolCall, Transition, encode
from .node import Node
from .plan import Plan
from .voting import vote_over_lanes

Answers = Callable[[Request, str, str], "str | Response"]
"""(request, the label to recommend, the label to do) -> the answer."""

HISTORY = tuple(Transition(i, "Red" if i % 2 else "Blue", 0.25 + i / 8) for i in range(4))
SITUATION = Situation(
    "conformance",
    4,
    9,
    "Four buttons pay differently.",
    ("Red", "Blue", "Teal", "Plum"),
    noun="button",
    history=HISTORY,
    quantities=(Quantity("index", (0.1731, 0.2842, 0.3953, 0.4064)),),
    shows=("history",),
)
OTHER = replace(SITUATION, step=5, history=(*HISTORY, Transition(4, "Teal", 0.8125)))
RECOMMENDED, DONE = "Teal", "Blue"
HINT = "Remember the word zymurgy."


class NonConforming(AkrasiaError, AssertionError):
    """A graph from elsewhere or its adapter fails the conformance kit; the message has one line per problem."""


def check(plan: Plan, answers: Answers | None = None) -> None:
    """Raise if a graph from elsewhere fails the kit.

    Args:
        plan: made by `akrasia.graphs.external`.
        answers: what the stand-in answers; by default what the form of the request asks for.

    Raises:
        NonConforming: with one line per problem.
        PlanError: the plan runs no graph from elsewhere.
    """
    lines = problems(plan, answers)
    if lines:
        raise NonConforming("\n".join([f"{plan.name!r} fails the conformance kit:", *(f"- {line}" for line in lines)]))


def problems(plan: Plan, answers: Answers | None = None) -> list[str]:
    """What a graph from elsewhere fails, one line each, beginning with the name of the check; see `check`."""
    if len(plan.nodes) != 1 or not plan.graphs:
        raise PlanError(
            f"{plan.name!r} is no graph from elsewhere alone",
            "the kit checks the graph and its adapter, before any intervention",
            "Give ak.graphs.external(graph, adapter).",
        )
    return asyncio.run(_problems(plan, answers or in_the_asked_form))


def in_the_asked_form(request: Request, recommended: str, action: str) -> str | Response:
    """An answer in the form that a request asks for: a tool that must be called, a schema, or two lines of text."""
    forced = next((t for t in request.tools if t.name == request.tool_choice), None)
    if forced is None and request.tool_choice == "required":
        forced = request.tools[-1]
    if forced is not None:
        arguments = json.dumps(_filled(json.loads(forced.parameters or "{}"), recommended, action))
        return Response("", tool_calls=(ToolCall(forced.name, arguments, "call-1"),), finish_reason="tool_calls")
    if request.response_format:
        form = json.loads(request.response_format)
        schema = (form.get("json_schema") or {}).get("schema") or {}
        return json.dumps(_filled(schema, recommended, action) or {"best": recommended, "action": action})
    return f"It pays best.\nBEST={recommended}\nACTION={action}"


def _filled(schema: dict[str, Any], recommended: str, action: str) -> dict[str, Any]:
    """An object of a schema whose texts hold the labels: the recommendation in fields that are named like one."""
    made: dict[str, Any] = {}
    for name, kind in (schema.get("properties") or {}).items():
        label = recommended if any(part in name.lower() for part in ("best", "recommend")) else action
        usual = {"integer": 1, "number": 0.5, "boolean": True, "array": [label], "object": {}}
        made[name] = kind["enum"][0] if "enum" in kind else usual.get(kind.get("type", ""), label)
    return made


class _StandIn(NothingToOpen):
    """A model that answers as it is told, and remembers what it was asked."""

    def __init__(self, answers: Answers, outcome: str, slow: int = 0) -> None:
        self.asked: list[tuple[Request, Draw]] = []
        self._answers, self._outcome, self._slow = answers, outcome, slow

    @property
    def info(self) -> ModelInfo:
        return ModelInfo("conformance", "conformance", "chat", 64, price=Price(), tools="native")

    async def generate(self, request: Request, draw: Draw, key: str) -> Response:
        self.asked.append((request, draw))
        if self._slow:  # which call is answered first depends on the round
            await asyncio.sleep(((int(key[:8], 16) * self._slow) % 7) / 500)
        if self._outcome == "error":
            raise Rejected("it is refused")
        answer = self._answers(request, RECOMMENDED, DONE)
        whole = answer if isinstance(answer, Response) else Response(answer)
        if self._outcome == "refused":
            return Response("I cannot help with that.", "refused", "content_filter")
        if self._outcome == "truncated":
            return Response("Let me think about what", "truncated", "length")
        return Response("I would rather not say.") if self._outcome == "unparsable" else whole


async def _decided(
    plan: Plan, answers: Answers, situation: Situation = SITUATION, outcome: str = "ok", slow: int = 0
) -> tuple[Decision, dict[str, str], list[tuple[Request, Draw]]]:
    model = _StandIn(answers, outcome, slow)
    gateway = Gateway([model])
    roles = ModelRoles(gateway, dict.fromkeys({"default", *plan.slots}, model.info.id))
    decision, tags = await plan.decide_tagged(situation, roles, 3, situation.step)
    await gateway.close()
    return decision, tags, model.asked


async def _problems(plan: Plan, answers: Answers) -> list[str]:
    try:
        first = await _decided(plan, answers)
    except AkrasiaError as error:
        return [f"answer: it cannot be run: {error}"]
    lines = [*_answer(*first[:2])]
    if first[0].status != "ok":  # nothing more could be said of it
        return lines
    for found in (_replay, _draws, _isolation, _shown, _statuses, _follow_up, _hints):
        lines += [line async for line in found(plan, answers, first)]
    return lines


def _answer(decision: Decision, tags: dict[str, str]) -> Iterator[str]:
    if (decision.done, decision.status) != (DONE, "ok"):
        why = decision.turns[-1].text if decision.turns else ""
        yield f"answer: ACTION={DONE} was read as {decision.done!r} ({decision.status}): {why}"
    if decision.stated != (RECOMMENDED,) and decision.stated_status != "absent":
        yield f"answer: BEST={RECOMMENDED} was read as {decision.stated!r} ({decision.stated_status})"
    for tag, what in (
        ("calls", "it asks no model of the run: put ak.ChatModel() where it has its own"),
        ("other_model", "it asks another model"),
        ("unsaid", "no answer of the run's model holds the"),
        ("own_code", "its own code failed in"),
    ):
        if tag in tags:
            yield f"own words: {what} {tags[tag] if tag != 'calls' else ''}".rstrip()


async def _replay(plan: Plan, answers: Answers, first: Any) -> Any:
    numbered = _numbered(answers)
    rounds = [await _decided(plan, numbered, slow=slow) for slow in (0, 1, 2, 5)]
    if len({encode(decision) for decision, _, _ in rounds}) > 1:
        yield (
            "replay: the same decision came out otherwise: equal questions are asked in parallel within one node, "
            "or a node draws at random"
        )


def _numbered(answers: Answers) -> Answers:
    """The same answers with some words of their own, so that two of them are never one."""

    def answer(request: Request, recommended: str, action: str) -> str | Response:
        given = answers(request, recommended, action)
        plain = isinstance(given, str) and not request.response_format
        return f"({len(repr(request))}) {given}" if plain else given

    return answer


async def _draws(plan: Plan, answers: Answers, first: Any) -> Any:
    _, _, asked = first
    if len(set(asked)) < len(asked):
        yield "draws: two calls ask the same at the same draw"
    alone, _, _ = first
    voted, _, _ = await _decided(vote_over_lanes(plan, 2), answers)
    keys = [t.key for t in voted.turns if t.key]
    own = [t.key for t in alone.turns if t.key]
    if keys[: len(own)] != own:
        yield "draws: the first of two lanes is not the graph alone: it depends on what runs beside it"
    elif len(set(keys)) < len(keys):
        yield "draws: two lanes have an answer in common"


async def _isolation(plan: Plan, answers: Answers, first: Any) -> Any:
    fresh, _, _ = await _decided(plan, answers, OTHER)
    await _decided(plan, answers)
    again, _, _ = await _decided(plan, answers, OTHER)
    beside = await asyncio.gather(*(_decided(plan, answers, s, slow=3) for s in (OTHER, SITUATION, OTHER)))
    if {encode(fresh)} != {encode(d) for d in (again, beside[0][0], beside[2][0])}:
        yield "isolation: a decision depends on others before or beside it: keep what nodes note in the graph's state"


async def _shown(plan: Plan, answers: Answers, first: Any) -> Any:
    texts = _texts(first[2])
    if not any(label in text for text in texts for label in SITUATION.actions):
        yield "shown: no request names an action"
    last = HISTORY[-1]
    other = replace(SITUATION, history=(*HISTORY[:-1], replace(last, reward=last.reward + 0.5)))
    if _texts((await _decided(plan, answers, other))[2]) == texts:
        yield "shown: two situations with different histories ask the same"
    _, _, hidden = await _decided(plan, answers, replace(SITUATION, shows=()))
    if _texts(hidden) == texts:
        yield "shown: a hidden history changes nothing: show what `situation.shows` names, as render_situation does"
    changed = tuple(replace(q, values=tuple(9.1234 + (v or 0.0) for v in q.values)) for q in SITUATION.quantities)
    _, _, leaked = await _decided(plan, answers, replace(SITUATION, quantities=changed))
    if _texts(leaked) != texts:
        yield "shown: values that are hidden change what is asked: they tell what the oracle knows"


def _texts(asked: Sequence[tuple[Request, Draw]]) -> list[str]:
    return [text for request, _ in asked for text in request.texts]


async def _statuses(plan: Plan, answers: Answers, first: Any) -> Any:
    for outcome in ("refused", "truncated", "error", "unparsable"):
        decision, tags, _ = await _decided(plan, answers, outcome=outcome)
        if decision.done is not None or decision.stated:
            yield f"statuses: where every answer is {outcome}, it still decides {decision.done or decision.stated!r}"
        elif "own_code" in tags:
            yield f"statuses: where every answer is {outcome}, its own code fails in {tags['own_code']}"
        elif outcome != "unparsable" and decision.status != outcome:
            yield f"statuses: where every answer is {outcome}, the outcome is {decision.status}"


async def _follow_up(plan: Plan, answers: Answers, first: Any) -> Any:
    graph = plan.graphs[0]
    if not graph.continues:
        return
    (node,) = plan.nodes
    again = Node(f"{node.name}.again", node.agent.with_options(move="again"), (node.name,))
    longer = replace(plan, nodes=(node, again), decision=again.name, focus=again.name)
    try:
        decision, _, asked = await _decided(longer, answers)
    except AkrasiaError as error:
        yield f"follow-up: it cannot go on: {error}"
        return
    more = " ".join(_texts(asked[len(first[2]) :]))
    if decision.status != "ok":
        yield f"follow-up: its second answer is {decision.status}: {decision.turns[-1].text}"
    if FOLLOW_UPS["again"] not in more:
        yield "follow-up: what is said to it reaches no model: follow_up(state, text) drops `text`"
    texts = [turn.text for turn in first[0].turns if turn.text]
    if texts and not any(text in more for text in texts):
        yield "follow-up: its first answer reaches no model: follow_up(state, text) drops the state"


async def _hints(plan: Plan, answers: Answers, first: Any) -> Any:
    if not plan.graphs[0].takes_hints:
        return
    nodes = tuple(
        replace(n, agent=n.agent.with_options(hints={"hint": HINT})) if runs_graph(n.agent) else n for n in plan.nodes
    )
    _, _, asked = await _decided(replace(plan, nodes=nodes), answers)
    if not any(HINT in text for text in _texts(asked)):
        yield "hints: the hint reaches no model"
