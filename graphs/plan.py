"""A plan: a directed graph of agents as plain data, which compiles to a LangGraph `StateGraph`.

An edge u -> v means "v reads u", and so "v comes after u". Invariants
- A plan is frozen, comparable and hashable; `plan | intervention` returns a new one and leaves the old as it is.
- Every plan is checked when it is made: one decision node, no cycle, everything reachable
  but what only observes. What compiles runs,
  ends, and yields exactly one decision.
- The plan names every sample. A node with `lanes` = n is n independent copies; lane i draws sample
  `sample + stride * i`, so more lanes never change an earlier lane's draws, and arrival order decides nothing.
  Trial t of a decision goes on where its lanes end: it draws what the lanes from n * t on would draw.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import networkx as nx

from ..agents.base import AGENTS, Agent, Context, asks_model, observes, runs_graph
from ..agents.protocols import PROTOCOLS
from ..errors import PlanError, UnknownName
from ..models.roles import ModelRoles
from ..models.sampling import with_settings
from ..notebook import paragraph_html, table_html
from ..records import Decision, Draw, Oracle, Sampling, Situation, digest
from ..tasks.tools import TaskTool, shown_tools
from .code_identity import NO_CODE, Code, code_of
from .code_modules import is_shipped
from .decider import Change, Recommends, untagged
from .external_graph import ExternalGraph
from .node import Node, as_digraph, check_graphs, check_nodes, lanes_read, reads_oracle, reveals_oracle
from .running import Play, chains_of, play_of
from .state import decision_from
from .styles import check_continues, check_continues_views

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph

MOST_ANSWERS = 20_000  # of one decision, its copies counted

SERIES = 1_000_000  # the n-th agent that may ask the very same anew draws from sample n * SERIES on


@dataclass(frozen=True)
class Plan:
    """A graph of agents that takes one decision.

    Args:
        base: name of the graph this plan started from.
        nodes: the agents, in any order in which readers come after what they read.
        decision: the node whose turn is the decision.
        focus: the node whose answer the next intervention continues: the reasoner's, where there is one.
        changes: the interventions applied so far, in order.
        sampling: settings that replace the roles' own, such as "temperature"; see `akrasia.models.sampling`.
        graphs: the LangGraph graphs from elsewhere that stand behind its agents of the role "external".
    """

    base: str
    nodes: tuple[Node, ...]
    decision: str
    focus: str
    changes: tuple[Change, ...] = ()
    sampling: Mapping[str, float | str] = field(default_factory=dict)
    graphs: tuple[ExternalGraph, ...] = ()

    renderer: ClassVar[Callable[[Plan], str] | None] = None
    """Draws a plan as SVG for notebooks; `akrasia.graphs.drawing` sets it."""

    def __post_init__(self) -> None:
        with_settings(Sampling(), self.sampling)  # refuses what is no setting
        if (answers := sum(node.lanes for node in self.nodes)) > MOST_ANSWERS:
            raise PlanError(
                f"one decision of {self.base!r} would take {answers:,} answers",
                f"at most {MOST_ANSWERS:,} are held at once",
                "Take fewer agents, rounds or samples.",
            )
        check_nodes(self.base, self.nodes, self.decision, self.focus)
        check_graphs(self.base, self.nodes, self.graphs)

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Plan) and self.fingerprint == other.fingerprint

    def __or__(self, change: Change) -> Plan:
        if not callable(getattr(change, "apply", None)):
            raise PlanError(
                f"{change!r} is not an intervention", remedy="Write plan | ak.critique() with its parentheses."
            )
        changed = _observed_last(replace(_applied(self, change), changes=(*self.changes, change)))
        if changed.fingerprint == self.fingerprint:
            raise PlanError(
                f"{change.spec} changes nothing in {self.name!r}",
                "no agent takes it up, so its variant would be the baseline under another name",
                "Drop it, or start from a graph whose agents it applies to.",
            )
        return changed

    def _repr_html_(self) -> str:
        fewest = f", at least {self.fewest_calls}" if self.fewest_calls != self.calls else ""
        costs = f"{self.calls} calls a decision{fewest}, {self.depth} one after the other"
        rows = [
            (
                f"{n.name} (decision)" if n.name == self.decision else n.name,
                n.agent.role,
                ", ".join(n.reads),
                str(n.lanes),
            )
            for n in self.nodes
        ]
        table = table_html(("node", "role", "reads", "lanes"), rows)
        return f"<div>{paragraph_html(costs, f'{self.name}:')}{table}</div>"

    def __str__(self) -> str:
        return " | ".join([self.base, *(c.spec for c in self.changes)])

    @property
    def name(self) -> str:
        """The plan as an expression that rebuilds it: `reason_act | critique(rounds=2)`."""
        return str(self)

    @cached_property
    def fingerprint(self) -> str:
        """Hash of everything that changes what the plan does, own code included; its name is not part of it."""
        return digest(
            {
                "nodes": sorted(
                    [n.name, n.agent.role, n.agent.slot, dict(n.agent.options), n.reads, n.lanes, n.sample, n.stride]
                    + ([n.unless, n.level] if n.unless else [])
                    for n in self.nodes
                ),
                "decision": self.decision,
                "views": [c.spec for c in self.views],
                "sampling": dict(self.sampling),
                **({"code": self.code.digest} if self.code.digest else {}),
                **({"graphs": sorted(g.fingerprint for g in self.graphs)} if self.graphs else {}),
            }
        )

    @cached_property
    def code(self) -> Code:
        """The code of the graphs, roles, views and decision protocols that are not akrasia's own. Interventions on
        agents need not be read: what they do is in the nodes.
        """
        factories: list[Any] = [AGENTS.factory(n.agent.role) for n in self.nodes]
        protocols = (n.agent.options.get("protocol") for n in self.nodes)
        factories += [PROTOCOLS.factory(p) for p in protocols if isinstance(p, str) and p in PROTOCOLS]
        factories += [getattr(c, "change", None) or type(c) for c in self.views]
        own = list(dict.fromkeys(f for f in factories if not is_shipped(f)))
        parts = [*([code_of(*own)] if own else []), *(g.code for g in self.graphs)]
        if len(parts) < 2:
            return parts[0] if parts else NO_CODE
        return Code(digest([p.digest for p in parts]), all(p.known for p in parts))

    @property
    def graph(self) -> nx.DiGraph[str]:
        """The plan as a networkx graph: an edge (u, v) means v reads u; node data are `agent` and `lanes`."""
        return as_digraph(self.name, self.nodes)

    @property
    def views(self) -> list[Change]:
        """The interventions on what is shown, in a canonical order: they commute."""
        return sorted((c for c in self.changes if c.on == "situation"), key=lambda c: c.spec)

    @property
    def leaks(self) -> bool:
        """Whether an intervention is marked as leaking an oracle signal, or an agent reads the oracle itself."""
        return any(c.leaks for c in self.changes) or any(reads_oracle(n.agent) for n in self.nodes)

    @property
    def slots(self) -> frozenset[str]:
        """The model slots that its agents speak through; an agent without one is known by its role."""
        own = (n.agent.slot or n.agent.role for n in self.nodes if not runs_graph(n.agent))
        return frozenset([*own, *(slot for g in self.graphs for slot in g.slots)])

    @property
    def recommends(self) -> Recommends:
        """Whether its decisions hold a recommendation beside the action: not where all agents are actors; the adapter
        of a graph may find one at one step and none at the next.
        """
        if self.graphs:
            return "sometimes"
        return "never" if all(n.agent.role == "actor" for n in self.nodes) else "always"

    @property
    def runs(self) -> int:
        """How many agents ask a model in one decision, each lane by itself; a graph counts as one, whatever it asks."""
        return sum(n.lanes for n in self.nodes if asks_model(n.agent))

    @property
    def calls(self) -> int | None:
        """Model calls of one decision; where rounds may end early, the most there can be. None: a graph from elsewhere
        decides that when it runs, as it does `fewest_calls` and `depth`.
        """
        return None if self.graphs else self.runs + sum(n.lanes * n.tool_rounds for n in self.nodes)

    @property
    def fewest_calls(self) -> int | None:
        """Model calls of one decision whose rounds all end as early as they can."""
        return None if self.graphs else sum(n.lanes for n in self.nodes if asks_model(n.agent) and not n.unless)

    @property
    def depth(self) -> int | None:
        """Model calls on the longest path: how many the decision must wait for one after the other."""
        if self.graphs:
            return None
        longest: dict[str, int] = {}
        for n in self.nodes:
            longest[n.name] = asks_model(n.agent) + n.tool_rounds + max((longest[r] for r in n.follows), default=0)
        return max(longest.values())

    def asks(self) -> set[str]:
        """One identity per model call of a decision. Two plans share the calls whose identities are equal: the same
        agent, reading the same, in the same draw, over the same view of the situation.
        """
        views = [c.spec for c in self.views] + [str(sorted(self.sampling.items()))]
        turns: dict[tuple[str, int], str] = {}
        for n in self.nodes:
            for lane in range(n.lanes):
                reads = [turns[r, u] for r in n.follows for u in lanes_read(self.node(r).lanes, lane, n.lanes)]
                draw = n.sample + n.stride * lane if asks_model(n.agent) else 0
                turns[n.name, lane] = digest([n.agent.role, n.agent.slot, dict(n.agent.options), draw, reads, views])
        return {turns[n.name, i] for n in self.nodes if asks_model(n.agent) for i in range(n.lanes)}

    def check_styles(self, name: str, continues: Callable[[str], bool]) -> None:
        """Refuse agents whose prompts a model that continues texts has no place for.

        Args:
            name: the variant's name, for the message.
            continues: whether the model in a slot continues texts.

        Raises:
            PlanError: naming the agent and what it asks for.
        """
        for node in self.nodes:
            if runs_graph(node.agent):
                self.graph_of(node.agent).check_styles(name, continues)
            elif continues(node.agent.slot or node.agent.role):
                check_continues_views(name, self.views)
                check_continues(name, node.name, node.agent, [self.node(r).agent.role for r in node.reads])

    def unrolled(self) -> Plan:
        """The plan that makes all calls this plan can make: no agreement and no right answer spares an agent."""
        return replace(self, nodes=tuple(n.unrolled() for n in self.nodes))

    def node(self, name: str) -> Node:
        """The node of that name."""
        return next(n for n in self.nodes if n.name == name)

    def graph_of(self, agent: Agent) -> ExternalGraph:
        """The graph from elsewhere that stands behind an agent."""
        return next(g for g in self.graphs if g.name == agent.options["graph"])

    def view(self, situation: Situation, draw: Draw = Draw(0, 0)) -> Situation:  # noqa: B008  (frozen)
        """The situation as this plan's interventions on the context show it.

        Raises:
            PlanError: an intervention needs something that this situation lacks.
        """
        for change in self.views:
            situation = change.view(situation, draw)
        return situation

    async def decide_tagged(
        self,
        situation: Situation,
        models: ModelRoles,
        episode: int,
        step: int,
        oracle: Oracle | None = None,
        tools: tuple[TaskTool, ...] = (),
    ) -> tuple[Decision, dict[str, str]]:
        """Decide a situation: the decision, and tags that say what happened inside the graphs from elsewhere
        (`GraphRun`). `oracle` reaches the agents of a plan that `leaks`, and no other; `tools` are those that the task
        offers, for agents that may call some.
        """
        from ..models.providers.langchain import traced

        asked = traced(models)
        shown = self.view(situation, Draw(episode, step))
        if situation.answer == "text" and any(reveals_oracle(n.agent) for n in self.nodes):
            raise PlanError(f"{self.name!r} needs answers that can be listed", remedy="Use another task.")
        if oracle is not None and shown.own:
            shown_as = dict(zip(shown.own, shown.actions, strict=True))
            oracle = replace(oracle, optimal=tuple(shown_as.get(a, a) for a in oracle.optimal))
        context = Context(
            situation=shown,
            models=asked,
            episode=episode,
            step=step,
            sampling=self.sampling,
            oracle=oracle if self.leaks else None,
            tools=shown_tools(tools, shown),
        )
        # A graph from elsewhere, and whoever listens, are given each agent as a node of LangGraph.
        play = self._joined if asked is models and not self.graphs else self._compiled
        end = await play(context)
        order = tuple(n.name for n in self.nodes)
        decision = decision_from(end["turns"], order, self.decision, shown, end.get("inside"))
        return decision, dict(end.get("tags", {}))

    decide = untagged(decide_tagged)

    @cached_property
    def _compiled(self) -> Play:
        """The graph of a run, whose context holds situation and models: each agent is a node."""
        return play_of(self, [(n,) for n in self.nodes], heard=True)

    @cached_property
    def _joined(self) -> Play:
        """The same graph with fewer nodes: agents that speak one after the other are one node."""
        return play_of(self, chains_of(self.nodes), heard=False)

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if k not in ("_compiled", "_joined", "code")}

    def fresh(self, name: str) -> str:
        """`name`, or `name.2`, `name.3`, ... if it is taken."""
        taken = {n.name for n in self.nodes}
        return next(c for i in range(1, len(taken) + 2) if (c := name if i == 1 else f"{name}.{i}") not in taken)

    def compile(self, model: Any = None, **options: Any) -> CompiledStateGraph[Any, Any, Any, Any]:
        """The plan as an ordinary LangGraph graph, to be served, tested or shown outside of akrasia.

        Its input is `{"question": ..., "options": [...]}` or `{"messages": [...]}`, its output holds `action`,
        `recommendation`, `rationale`, `status` and `messages`; its state is plain JSON.

        Args:
            model: who answers: a name ("openai/gpt-4o-mini"), a LangChain chat model, a backend, or slots to these. By
                default the one that an invocation names, `context={"model": ...}`, or the variable AKRASIA_MODEL.
            options: of LangGraph's `StateGraph.compile`: checkpointer, store, interrupt_before, ...

        Raises:
            PlanError: an agent reads the oracle, which nobody has outside of a run.
        """
        from .served import compiled_plan

        made: CompiledStateGraph[Any, Any, Any, Any] = compiled_plan(self, model, options)
        return made

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """How a notebook shows the plan: its drawing, and its expression as text."""
        drawing = {} if Plan.renderer is None else {"image/svg+xml": Plan.renderer(self)}
        return {"text/plain": self.name, **drawing}


def _applied(plan: Plan, change: Change) -> Plan:
    """The plan with an intervention.

    Raises:
        PlanError: an agent that it changes does not take up what it sets.
    """
    remedy = "Let the role declare it: `options`, a dataclass with that field, or a class attribute `hears`."
    try:
        changed: Plan = change.apply(plan)
    except UnknownName as error:
        if not error.what.startswith("there is no option of agent"):
            raise
        if plan.graphs and "'external'" in error.what:
            raise PlanError(
                f"{change.spec} cannot be put to {plan.name!r}",
                "it changes how a prompt is written, and the prompts of this graph were written elsewhere",
                "Change the graph itself and give it as another variant.",
            ) from error
        raise PlanError(f"{change.spec} is not heard in {plan.name!r}", error.what, remedy) from error
    before = {n.name: n.agent for n in plan.nodes}
    roles = {n.agent.role: n.agent for n in reversed(plan.nodes)}
    for node in changed.nodes:
        known = before.get(node.name) or roles.get(node.agent.role)
        if known is None:  # an agent that the intervention brings along
            continue
        options = {**node.agent.options}
        deaf = [o for o in options if options[o] != known.options.get(o) and not node.agent.takes(o)]
        if deaf:
            raise PlanError(
                f"{change.spec} is not heard by the role {node.agent.role!r} of node {node.name!r}",
                f"it sets the option {deaf[0]!r}, which the role does not declare: its effect would be no finding",
                f"{remedy[:-1]} = ({deaf[0]!r},), and take it up in `prompt`.",
            )
    return changed


def _observed_last(plan: Plan) -> Plan:
    """The plan with what only observes behind its decision, whichever intervention came first."""
    if not any(observes(n.agent) for n in plan.nodes):
        return plan
    deciding = [n for n in plan.nodes if not observes(n.agent)]
    last = (replace(n, reads=(plan.decision,), lanes=1, sample=0) for n in plan.nodes if observes(n.agent))
    return replace(plan, nodes=(*deciding, *last))
