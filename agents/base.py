"""What an agent is: a role with its prompts and its parser, and the name of the model slot that it speaks through.

Invariant: an agent is plain data (`role`, `slot`, `options`), so graphs of agents can be compared, hashed and stored.
What it does lies in its `Role`, registered by name. A role either *asks* the model in its slot, or *concludes* from the
turns of others, without a model. What may be set on an agent is declared by its role (`akrasia.agents.options`).

The option `move` says how an agent enters the conversation: "open" starts a new prompt; any other move continues the
conversation of the first turn that it reads. So prompts only grow at their end, and a server can reuse their beginning.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeVar, runtime_checkable

from ..errors import PlanError
from ..models.base import Style
from ..models.roles import ModelRoles
from ..records import Draw, Message, Oracle, Response, Sampling, Situation, Status, Turn, Usage, encode
from ..registry import Registry, bind
from ..tasks.tools import TaskTool
from .options import ModelOptions, RoleOptions

O = TypeVar("O", bound=RoleOptions)  # noqa: E741


@dataclass(frozen=True)
class Agent:
    """One agent of a plan.

    Args:
        role: a registered role.
        slot: the model slot; by default the role's own name, served by the slot "default" where it has no model.
        options: what is set on it, as JSON: options that its role declares.

    Raises:
        UnknownName: there is no such role, or it has no such option; the nearest is named.
        BadOption: the value of an option is out of its range.
    """

    role: str
    slot: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        kind = getattr(AGENTS.factory(self.role), "options", None)
        declared = None if kind is None else bind("agent", self.role, kind, (), dict(self.options))
        object.__setattr__(self, "_declared", declared)

    def __hash__(self) -> int:
        return hash((self.role, self.slot, encode(dict(self.options))))

    @property
    def declared(self) -> Any:
        """The options with their types and defaults, as the role declares them; None where it declares none."""
        return self.__dict__["_declared"]

    @property
    def move(self) -> str:
        """How it enters the conversation: "open" or a follow-up of `akrasia.agents.follow_up`."""
        return self.options_as(ModelOptions).move

    def with_options(self, **options: Any) -> Agent:
        """The same agent with some options changed.

        Raises:
            UnknownName: its role has no such option.
            BadOption: a value is out of its range.
        """
        return Agent(self.role, self.slot, {**self.options, **options})

    def options_as(self, kind: type[O]) -> O:
        """The options with their types and defaults; of a role that declares others, those with a name in `kind`."""
        return self.declared if isinstance(self.declared, kind) else kind.among(self.options)

    def takes(self, option: str) -> bool:
        """Whether its role declares an option of that name: among its `options`, or in its attribute `hears`."""
        if self.declared is not None:
            return hasattr(self.declared, option)
        return option in getattr(AGENTS.factory(self.role), "hears", ())


@dataclass(frozen=True)
class Context:
    """What the LangGraph runtime hands to every node of a decision: no graph holds a model.

    `oracle` is None except in plans that are marked as leaking it; `tools` are those that the task offers.
    """

    situation: Situation
    models: ModelRoles
    episode: int
    step: int
    sampling: Mapping[str, float | str] = field(default_factory=dict)
    oracle: Oracle | None = None
    tools: tuple[TaskTool, ...] = ()


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt and how to sample its answer."""

    messages: tuple[Message, ...]
    sampling: Sampling


@dataclass(frozen=True, slots=True)
class ParsedAnswer:
    """What a role reads in an answer; a field that is None is taken over from the first turn that the agent reads."""

    rationale: str | None = None
    stated: tuple[tuple[str, ...], Status] | None = None
    action: tuple[str | None, Status] | None = None


@runtime_checkable
class ModelRole(Protocol):
    """A role that asks the model in its agent's slot.

    One with the class attribute `observes = True` only measures: it stands behind the decision, and nobody reads it.
    """

    name: str

    def prompt(self, agent: Agent, situation: Situation, reads: tuple[Turn, ...], style: Style) -> Prompt:
        """What this agent asks, given the turns that it reads."""
        ...

    def read(self, agent: Agent, situation: Situation, text: str, response: Response) -> ParsedAnswer:
        """What the answer holds."""
        ...


@runtime_checkable
class RuleRole(Protocol):
    """A role that concludes from the turns of others, without a model."""

    name: str

    def conclude(self, agent: Agent, situation: Situation, reads: tuple[Turn, ...], draw: Draw) -> Turn:
        """Its turn; the caller fills in name, lane and reads. Whatever is drawn at random is named by `draw`."""
        ...


@runtime_checkable
class OracleRole(Protocol):
    """A role that reads the oracle; a plan that holds it is marked as leaking."""

    leaks: bool

    def reveal(self, oracle: Oracle) -> Turn:
        """Its turn."""
        ...


@runtime_checkable
class GraphRole(Protocol):
    """A role whose agents are LangGraph graphs that were not built here; `akrasia.graphs.external_run` runs them."""

    name: str
    runs_graph: bool


Role = ModelRole | RuleRole | GraphRole

AGENTS: Registry[Role] = Registry("agent role", "akrasia.agents")


def observes(agent: Agent) -> bool:
    """Whether an agent only measures: nobody reads it, and no decision depends on it."""
    return bool(getattr(AGENTS.factory(agent.role), "observes", False))


def asks_model(agent: Agent) -> bool:
    """Whether an agent asks a model, be it by a prompt of its own or by running a graph."""
    return hasattr(AGENTS.factory(agent.role), "prompt") or runs_graph(agent)


def runs_graph(agent: Agent) -> bool:
    """Whether an agent is a LangGraph graph that was not built here (`akrasia.agents.graph_agent`)."""
    return bool(getattr(AGENTS.factory(agent.role), "runs_graph", False))


def without_call(turn: Turn) -> Turn:
    """A turn as somebody passes it on who asked no model: its words stay, its call is counted once, at its origin."""
    return replace(
        turn,
        answer=turn.last_words,
        key="",
        usage=Usage(),
        cost=0.0,
        probs=None,
        mass=None,
        slot="",
        fault="",
        unsent={},
        tools=(),
        earlier=(),
        offered=False,
        claims=None,
    )


def first_read(reads: tuple[Turn, ...], role: str) -> Turn:
    """The first turn that an agent reads.

    Raises:
        PlanError: it reads none.
    """
    if not reads:
        raise PlanError(f"the {role} has nothing to read", remedy="Add an edge from the agent it should read.")
    return reads[0]
