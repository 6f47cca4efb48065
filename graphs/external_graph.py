"""A LangGraph graph that akrasia did not build, with its adapter: a value that a plan holds beside its agents.

Invariants
- Its identity is its name, its shape, its adapter and the code behind them; what a run of it changes is no part of it.
- It is sent to other processes by the expression that rebuilds it, or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from inspect import signature
from typing import Any, ClassVar, cast

from ..agents.reasoner import FORMS
from ..errors import PlanError
from ..records import digest
from .adapters import Adapter
from .code_identity import Code, code_of
from .isolation import check_store
from .named_objects import graph_named

SUPERSTEPS = 100
_SENT = ("adapter", "slots", "supersteps", "context", "config", "store", "memory")


@dataclass(frozen=True, eq=False)
class ExternalGraph:
    """A compiled LangGraph graph, or any Runnable with `ainvoke`, with its adapter.

    `akrasia.graphs.external` makes a plan of it.

    Args:
        name: its name in the plan that holds it.
        graph: the compiled graph. One with a checkpointer gets a thread of its own for every decision.
        adapter: makes its input of a situation, and reads its final state.
        slots: the model slots that its models speak through.
        supersteps: after how many it is given up, unless the graph brings its own `recursion_limit`.
        context: what a graph with a `context_schema` is run with.
        config: LangGraph's configuration, such as {"configurable": {...}, "tags": [...]}.
        store: the store that its nodes read, in the place of its own, or a function that makes one. Each decision has a
            copy of its own.
        memory: whether it goes on, at every step of an episode, with its conversation of the step before.
        source: where it was found, as "module:object", and will be found by other processes; "" where it was given.
        expression: the registered graph that makes it, by which other processes rebuild it; "" where there is none.

    Raises:
        PlanError: the graph cannot be invoked, lacks its context, or the adapter is no adapter.
    """

    name: str
    graph: Any = field(repr=False)
    adapter: Adapter
    slots: tuple[str, ...] = ("default",)
    supersteps: int = SUPERSTEPS
    context: Any = field(default=None, repr=False)
    config: Mapping[str, Any] = field(default_factory=dict, repr=False)
    store: Any = field(default=None, repr=False)
    memory: bool = False
    source: str = ""
    expression: str = ""

    from_expression: ClassVar[Callable[[str, str], ExternalGraph] | None] = None
    """(expression, name) -> the graph, in another process; `akrasia.graphs.external` sets it."""

    def __post_init__(self) -> None:
        if not callable(getattr(self.graph, "ainvoke", None)):
            compiles = callable(getattr(self.graph, "compile", None))
            raise PlanError(
                f"the graph of {self.name!r} cannot be invoked",
                remedy="Give graph.compile()." if compiles else "Give a compiled LangGraph graph.",
            )
        if isinstance(self.slots, str) or not self.slots or not all(isinstance(s, str) and s for s in self.slots):
            raise PlanError(
                f"the model slots of {self.name!r} are {self.slots!r}",
                "they must be names in a tuple",
                'Write slots=("default",), or one name for each ak.ChatModel(slot=...) inside.',
            )
        if not all(callable(getattr(self.adapter, method, None)) for method in ("to_input", "from_state")):
            raise PlanError(
                f"{self.adapter!r} is no adapter",
                "it needs to_input(situation) and from_state(state, situation)",
                "Use ak.graphs.MessagesAdapter() for a graph whose state has messages.",
            )
        if not isinstance(self.config, Mapping):
            raise PlanError(f"the config of {self.name!r} is {self.config!r}", remedy="Give a dictionary.")
        if self.memory and not self.continues:
            raise PlanError(
                f"the graph {self.name!r} cannot remember the steps of an episode",
                f"its adapter {type(self.adapter).__qualname__} has no follow_up(state, text)",
                "Give it one, or run it without memory.",
            )
        check_store(self.name, self.store or getattr(self.unbound[0], "store", None))
        if self.lacks_context and not (getattr(self.unbound[0], "config", None) or {}).get("configurable"):
            raise self.no_context()

    @cached_property
    def unbound(self) -> tuple[Any, dict[str, Any], dict[str, Any]]:
        """(the graph within what was bound to it, the keywords and the configuration that were bound)."""
        from langchain_core.runnables import RunnableBinding  # noqa: PLC0415  (loads at first use)
        from langchain_core.runnables.config import merge_configs  # noqa: PLC0415
        from langgraph.pregel import Pregel  # noqa: PLC0415

        graph, keywords, config = self.graph, dict[str, Any](), dict[str, Any]()
        while isinstance(graph, RunnableBinding) and not graph.config_factories:
            keywords = {**graph.kwargs, **keywords}
            config = cast(dict[str, Any], merge_configs(graph.config, cast(Any, config)))
            graph = graph.bound
        if not isinstance(graph, Pregel):
            graph, keywords, config = self.graph, {}, {}
        if self.context is not None:
            keywords = {**keywords, "context": self.context}
        return graph, keywords, cast(dict[str, Any], merge_configs(cast(Any, config), cast(Any, dict(self.config))))

    @property
    def lacks_context(self) -> bool:
        """Whether it has a `context_schema` and is given no context."""
        graph, keywords, _ = self.unbound
        return getattr(graph, "context_schema", None) is not None and keywords.get("context") is None

    def no_context(self, why: str = "") -> PlanError:
        """The error of a graph that lacks its context."""
        schema = getattr(self.unbound[0], "context_schema", None)
        name = getattr(schema, "__name__", schema)
        return PlanError(
            f"the graph of {self.name!r} has the context_schema {name} and is given no context",
            why or "its nodes would read None in its place",
            f"Give it: ak.graphs.external(graph, adapter, context={name}(...)), or context={{}}.",
        )

    @cached_property
    def code(self) -> Code:
        """The code of the nodes, branches and reducers, of the adapter, and of what they refer to."""
        return code_of(self.graph, self.adapter, self.context, *([dict(self.config)] if self.config else []))

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the name, of the nodes and edges that `get_graph()` gives, of the adapter's class and fields, and of
        the code behind them.
        """
        shape = _shape(self.graph)
        names = {} if shape is None else {node.id: node.name for node in shape.nodes.values()}
        edges = [] if shape is None else [[names[e.source], names[e.target], e.conditional] for e in shape.edges]
        return digest(
            {
                "langgraph": self.name,
                "nodes": sorted(names.values()) or [type(self.graph).__qualname__],
                "edges": sorted(edges),
                "adapter": type(self.adapter).__qualname__,
                "supersteps": self.supersteps,
                **({"memory": True} if self.memory else {}),
                "code": self.code.digest,
            }
        )

    @property
    def form(self) -> str:
        """How an answer that continues its conversation must end; "{noun}" is what an action is called."""
        return str(getattr(self.adapter, "form", "") or FORMS["reason_act"])

    @property
    def continues(self) -> bool:
        """Whether its conversation can be continued: its adapter has `follow_up(state, text)`."""
        return callable(getattr(self.adapter, "follow_up", None))

    @property
    def takes_hints(self) -> bool:
        """Whether its adapter has a place for the sentences that interventions add."""
        return takes(self.adapter.to_input, "hints")

    def check(self, node: str, move: str, hints: Mapping[str, str]) -> None:
        """Refuse what an intervention asks of it and its adapter cannot give.

        Args:
            node, move, hints: the node of the plan where it stands, and what is set on its agent.

        Raises:
            PlanError: naming the method that the adapter lacks.
        """
        kind = type(self.adapter).__qualname__
        if move != "open" and not self.continues:
            raise PlanError(
                f"the graph {self.name!r} cannot continue its conversation at {node!r}",
                f"its adapter {kind} has no follow_up(state, text)",
                "Give it one: it returns the graph's next input, of its last state and one message more.",
            )
        if hints and not self.takes_hints:
            raise PlanError(
                f"the graph {self.name!r} cannot be told {', '.join(sorted(hints))}",
                f"to_input of its adapter {kind} has no place for more sentences",
                'Let it take them: to_input(self, situation, hints=""), which puts the text `hints` into its input.',
            )

    def check_styles(self, name: str, continues: Callable[[str], bool]) -> None:
        """Refuse an adapter that instructs, as all do that do not deny it, where one of its models continues texts.

        Args:
            name: the variant's name, for the message.
            continues: whether the model in a slot continues texts.

        Raises:
            PlanError: naming the variant.
        """
        if getattr(self.adapter, "instructs", True) and any(map(continues, self.slots)):
            kind = type(self.adapter).__qualname__
            raise PlanError(
                f"{name!r} instructs a model in completion style",
                "it continues texts and follows no instructions",
                "Use a model that is prompted by instructions. If the texts of the graph and of its adapter "
                f"{kind} can be continued, say so: instructs = False in the class {kind}.",
            )

    def named(self, expression: str) -> ExternalGraph:
        """The same, rebuilt in other processes by this expression of a registered graph."""
        return replace(self, expression=expression)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """Sent to other processes as what finds or makes it there.

        Raises:
            PlanError: it was given as an object.
        """
        if self.expression:
            return _from_expression, (self.expression, self.name)
        if self.source:
            settings = {f: getattr(self, f) for f in _SENT}
            return _from_source, (self.source, self.name, settings)
        raise PlanError(
            f"the graph {self.name!r} cannot be sent to another process",
            "a compiled LangGraph graph holds functions that cannot be copied",
            'Name it: ak.graphs.external("my_module:graph", ...), or register a function that makes it with '
            "@ak.graphs.graph.",
        )


def _shape(graph: Any) -> Any:
    """What `get_graph()` gives; None where there is no such thing, or LangChain cannot draw it."""
    try:
        return graph.get_graph() if callable(getattr(graph, "get_graph", None)) else None
    except Exception:
        return None


def takes(function: Any, parameter: str) -> bool:
    """Whether a function has a parameter of that name."""
    try:
        return parameter in signature(function).parameters
    except (TypeError, ValueError):
        return False


def _from_expression(expression: str, name: str) -> ExternalGraph:
    if ExternalGraph.from_expression is None:
        raise PlanError(f"the graph {name!r} cannot be rebuilt", remedy="Import akrasia.graphs.")
    return ExternalGraph.from_expression(expression, name)


def _from_source(source: str, name: str, settings: Mapping[str, Any]) -> ExternalGraph:
    return ExternalGraph(name, graph_named(source), source=source, **settings)
