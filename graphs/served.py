"""A plan as an ordinary LangGraph graph: a question goes in, a decision comes out, and a model of its own answers.

Invariants
- It asks what the plan asks in a run, of the same agents with the same prompts and readers; each call is a new draw.
- Its state is plain JSON, beside the messages of LangChain: any checkpointer keeps it, and no type of ours is needed to
  read it back.
- Nothing is kept between invocations but what a checkpointer keeps.
"""

from __future__ import annotations

import asyncio
import contextvars
import os
import threading
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from typing import Annotated, Any, NotRequired, Protocol, TypeVar, cast

import orjson
from typing_extensions import TypedDict  # that of `typing` has no JSON schema before Python 3.12

from ..agents.base import Context
from ..errors import BadOption, PlanError
from ..models.roles import ModelRoles
from ..models.served_model import ServedModels
from ..records import Draw, Situation, Turn, decode, encode
from .external_run import Conversation
from .node import Node
from .running import Wiring, run_node
from .state import decision_from

MODEL_VARIABLE = "AKRASIA_MODEL"
T = TypeVar("T")


class PlanInput(TypedDict):
    """What is asked. A chat front end gives `messages` alone: the last human message is the question.

    Attributes:
        question: what is to be decided, with all that is to be known of it.
        options: the names to choose from; without them the answer is a text.
    """

    question: NotRequired[str]
    options: NotRequired[list[str]]
    messages: NotRequired[list[Any]]


class PlanOutput(TypedDict):
    """What was decided.

    Attributes:
        action: the option that is taken, or the text of the answer; None where none could be read.
        recommendation: what the reasoning recommends.
        rationale: the reasoning.
        status: what became of the answer ("ok", "unparsable", "refused", ...).
        messages: what each agent said, under its name.
    """

    action: str | None
    recommendation: list[str]
    rationale: str
    status: str
    messages: list[Any]


class PlanSettings(TypedDict, total=False):
    """What an invocation may set: `graph.invoke(..., context={"model": "openai/gpt-4o-mini"})`."""

    model: str


class _Plan(Wiring, Protocol):
    @property
    def name(self) -> str: ...

    @property
    def decision(self) -> str: ...

    @property
    def nodes(self) -> tuple[Node, ...]: ...

    @property
    def sampling(self) -> Mapping[str, float | str]: ...

    @property
    def leaks(self) -> bool: ...

    def view(self, situation: Situation, draw: Draw = ...) -> Situation: ...


def _merge(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    return {**old, **new}


def compiled_plan(plan: _Plan, model: Any, options: Mapping[str, Any]) -> Any:
    """The plan as a graph; see `Plan.compile`.

    Raises:
        PlanError: an agent reads the oracle, which nobody has outside of a run, or a node has the name of a field.
    """
    from langchain_core.messages import AnyMessage  # noqa: PLC0415  (LangChain loads at first use)
    from langchain_core.runnables import RunnableLambda  # noqa: PLC0415
    from langgraph.graph import END, START, StateGraph, add_messages  # noqa: PLC0415

    if plan.leaks:
        raise PlanError(
            f"{plan.name!r} cannot run outside of akrasia",
            "an agent of it is told by the oracle what is right",
            "Compile a plan without the oracle.",
        )

    fields: dict[str, Any] = {
        "question": NotRequired[str],
        "options": NotRequired[list[str]],
        "messages": Annotated[list[AnyMessage], add_messages],
        "turns": NotRequired[Annotated[dict[str, Any], _merge]],
        "action": NotRequired[str | None],
        "recommendation": NotRequired[list[str]],
        "rationale": NotRequired[str],
        "status": NotRequired[str],
    }
    kinds: Any = TypedDict  # with types that are imported here
    state, asked, decided = (
        kinds(name, {field: fields[field] for field in named})
        for name, named in (
            ("PlanFields", fields),
            ("PlanQuestion", PlanInput.__annotations__),
            ("PlanAnswer", PlanOutput.__annotations__),
        )
    )
    taken = {n.name for n in plan.nodes} & set(fields)
    if taken:
        raise PlanError(f"the node {taken.pop()!r} has the name of a field", remedy="Name the node otherwise.")
    models = _Models(model)
    builder = StateGraph(state, input_schema=asked, output_schema=decided, context_schema=PlanSettings)
    for node in plan.nodes:
        speaks = _node(plan, node, models)
        builder.add_node(node.name, RunnableLambda(_in_a_loop(speaks), afunc=speaks, name=node.name))
        if node.follows:
            builder.add_edge(list(node.follows), node.name)
        else:
            builder.add_edge(START, node.name)
    builder.add_edge(plan.decision, END)
    return builder.compile(**{"name": plan.name, **options})


class _Models:
    """The models that a served graph asks: those it was compiled with, or the one that an invocation names."""

    def __init__(self, model: Any) -> None:
        self._own = None if model is None else ServedModels(model)
        self._named: dict[str, ServedModels] = {}
        self._lock = threading.Lock()

    def roles(self, name: str) -> ModelRoles:
        if self._own is not None and not name:
            return self._own.roles
        name = name or os.environ.get(MODEL_VARIABLE, "")
        if not name:
            raise BadOption(
                "the graph has no model",
                f"neither compile nor the context names one, nor does {MODEL_VARIABLE}",
                'Write plan.compile(model="openai/gpt-4o-mini").',
            )
        with self._lock:
            if name not in self._named:
                self._named[name] = ServedModels(name)
            return self._named[name].roles


def _node(plan: _Plan, node: Node, models: _Models) -> Callable[[Any], Coroutine[Any, Any, dict[str, Any]]]:
    from langgraph.runtime import get_runtime  # noqa: PLC0415

    async def speaks(state: Any) -> dict[str, Any]:
        settings: Mapping[str, str] = get_runtime().context or {}
        situation = _situation(state)
        context = Context(plan.view(situation), models.roles(settings.get("model", "")), 0, 0, plan.sampling)
        before = state.get("turns", {}) if node.reads or node.unless else {}
        turns = {name: tuple(map(_turn_of, lanes)) for name, lanes in before.items()}
        runs = await run_node(plan, node, turns, context)
        written: dict[str, Any] = {"turns": {node.name: [_json_of(run.turn) for run in runs]}}
        written["messages"] = [_message(node, run.turn) for run in runs if run.turn.text.strip()]
        if node.name == plan.decision:
            one = {node.name: tuple(run.turn for run in runs)}
            decision = decision_from(one, (node.name,), node.name, context.situation)
            written |= {
                "action": decision.done,
                "recommendation": list(decision.stated),
                "rationale": decision.rationale,
                "status": decision.status,
            }
        return written

    return speaks


def _situation(state: Any) -> Situation:
    """What is asked, as the agents are shown it."""
    asked = [m for m in state.get("messages", ()) if m.type == "human"]
    question = state.get("question") or (str(asked[-1].text) if asked else "")
    options = state.get("options") or []
    if not question:
        raise BadOption("the graph was asked nothing", remedy='Give {"question": ..., "options": [...]} or messages.')
    if isinstance(options, str) or len(set(options)) < len(options) or not all(isinstance(o, str) for o in options):
        raise BadOption(f"the options are {options!r}", remedy="Give a list of different names.")
    menu = f"The options are: {', '.join(options)}." if options else ""
    return Situation(
        task="served",
        step=0,
        horizon=1,
        instruction="Answer the question.",
        observation=f"{question}\n{menu}".strip(),
        actions=tuple(options),
        noun="option" if options else "answer",
        shows=(),
        question="Which option is right?" if options else "What is the answer?",
        answer="action" if options else "text",
        item="question",
    )


def _json_of(turn: Turn) -> dict[str, Any]:
    """A turn as JSON; of a graph from elsewhere, its last input and its state stand beside it as they are."""
    plain: dict[str, Any] = {"turn": orjson.loads(encode(replace(turn, prompt=tuple(turn.prompt))))}
    if isinstance(turn.prompt, Conversation):
        plain |= {"given": turn.prompt.given, "state": turn.prompt.state}
    return plain


def _turn_of(plain: Mapping[str, Any]) -> Turn:
    turn = decode(Turn, orjson.dumps(plain["turn"]))
    if "state" not in plain:
        return turn
    return replace(turn, prompt=Conversation.of(turn.prompt, plain["given"], plain["state"], {}))


def _message(node: Node, turn: Turn) -> Any:
    from langchain_core.messages import AIMessage  # noqa: PLC0415

    return AIMessage(turn.text, name=node.name)


def _in_a_loop(speaks: Callable[[Any], Coroutine[Any, Any, T]]) -> Callable[[Any], T]:
    """The same for callers without an event loop, or inside of one that they cannot await on, as in a notebook."""

    def speak(state: Any) -> T:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return asyncio.run(speaks(state))
        found: list[Any] = []
        context = contextvars.copy_context()

        def work() -> None:
            try:
                found.append((context.run(asyncio.run, speaks(state)), None))
            except BaseException as error:
                found.append((None, error))

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        result, error = found[0]
        if error is not None:
            raise error
        return cast(T, result)

    return speak
