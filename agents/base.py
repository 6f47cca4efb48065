"""What an agent is: a role with its prompts and its parser, and the name of the model slot that it speaks through.

Invariant: an agent is plain data (`role`, `slot`, `options`), so graphs of agents can be compared, hashed and stored.
What it does lies in its `Role`, registered by name. A role either *asks* the model in its slot, or *concludes* from the
turns of others, without a model. What may be set on an agent is declared by its role (`akrasia.agents.options`).

The option `move` says how an agent enters the conversation: "open" starts a new prompt; any other move continues the
conversation of the first turn that it reads. So prompts only grow at their end, and a server can reuse their beginning.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Protocol, TypeVar, cast, runtime_checkable

from ..errors import PlanError
from ..models.base import Style
from ..models.roles import ModelRoles
from ..models.sampling import with_settings
from ..records import Draw, Message, Oracle, Response, Sampling, Situation, Status, Turn, Usage, encode
from ..registry import Registry, bind
from ..tasks.tools import TaskTool
from .answers.forms import of_one_form
from .answers.implied import read_implied
from .answers.parsing import abstains, whole_lines
from .ballots import read_confidence
from .call_faults import answer_fault, unsent_settings
from .contracts import MISREAD, calling, check_parsed, check_prompt, check_turn, is_misread, lacks_method
from .cues import mention_of
from .options import ModelOptions, RoleOptions
from .phrases import joined
from .rationales import UNSHOWN, rationale_of
from .tool_use import ask_with_tools, read_claims, without_claims

__all__ = [
    "AGENTS",
    "Agent",
    "Context",
    "DeclaresOptions",
    "GraphRole",
    "ModelRole",
    "OracleRole",
    "ParsedAnswer",
    "Prompt",
    "Role",
    "RuleRole",
    "agreed",
    "asks_model",
    "first_read",
    "observes",
    "pass_on",
    "runs_graph",
    "speak",
    "without_call",
]

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
class DeclaresOptions(Protocol):
    """A role that says which options its agents take: a frozen dataclass, made with the options that are given.

    A role without `options` takes any of its user's, and those of interventions that its attribute `hears` names.
    """

    options: type[Any]


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


@cache
def _role(factory: Callable[..., Role]) -> tuple[Role, RuleRole | None]:
    """(the role, the same if it is a rule): roles hold no state, so one instance of each is enough."""
    role = factory()
    return role, role if isinstance(role, RuleRole) else None


async def speak(
    agent: Agent, name: str, context: Context, reads: tuple[Turn, ...], lane: int = 0, sample: int = 0
) -> Turn:
    """Let an agent take its turn.

    Args:
        name: the agent's name in the plan.
        reads: the turns it may see, in the plan's order.
        lane: which of the parallel copies of this node it is.
        sample: the sample number k of its draw.
    """
    role, rule = _role(AGENTS.factory(agent.role))
    situation = context.situation
    names = tuple(t.agent for t in reads)
    draw = Draw(context.episode, context.step, sample)
    if error := lacks_method(role, name):
        raise error
    if rule is not None:
        if context.oracle is not None and isinstance(rule, OracleRole):
            with calling(rule, name, "reveal"):
                turn = rule.reveal(context.oracle)
            check_turn(role.name, name, "reveal", turn, situation)
        else:
            with calling(rule, name, "conclude"):
                turn = rule.conclude(agent, situation, reads, draw)
            check_turn(role.name, name, "conclude", turn, situation)
        return replace(turn, agent=name, role=role.name, lane=lane, sample=sample, reads=names)
    speaker, slot = cast(ModelRole, role), agent.slot or role.name
    info = context.models.info(slot)
    with calling(speaker, name, "prompt"):
        prompt = speaker.prompt(agent, situation, reads, info.style)
    check_prompt(role.name, name, prompt, Prompt)
    sampling = with_settings(info.sampling(prompt.sampling), context.sampling)
    called = None
    if rounds := agent.options_as(ModelOptions).tools:
        called = await ask_with_tools(context.models, slot, prompt.messages, sampling, draw, context.tools, rounds)
        key, response, said = called.key, called.response, without_claims(called.response.text)
    else:
        key, response = await context.models.ask(slot, prompt.messages, sampling, draw)
        said = response.text
    before = reads[0] if reads else Turn(name, role.name)
    with calling(speaker, name, "read"):
        parsed = speaker.read(agent, situation, said, response)
        again = parsed
        if response.status == "truncated":
            again = speaker.read(agent, situation, whole_lines(said), response)
    check_parsed(role.name, name, parsed, ParsedAnswer, situation)
    kind = getattr(agent.declared, "rationale", "answer")
    if kind != "answer" and (parsed.stated or parsed.action):
        text, stated = rationale_of(kind, response, situation)
        parsed = replace(parsed, rationale=text, stated=stated)
        again = replace(again, stated=rationale_of(kind, response, situation, whole_lines)[1])
    answer = _by_outcome(parsed, again, response)
    misread = is_misread(speaker, parsed, said, situation)
    read = any(field is not None and field[1] == "ok" for field in (answer.stated, answer.action))
    options = agent.options_as(ModelOptions)
    if options.may_abstain and answer.action is not None and abstains(response.text):
        answer = replace(answer, action=(None, "abstained"))
    reasons = answer.rationale is not None and answer.stated is not None
    if options.resample_from is not None and reasons:  # it went on from the beginning of its own answer
        answer = replace(answer, rationale=joined(prompt.messages[-2].content, f" {answer.rationale}"))
    implying = (answer.rationale or "", response.reasoning if kind == "answer" else "")
    cue = mention_of(situation, response)
    if cue is not None and before.cue is not None:
        cue = replace(cue, mentioned=cue.mentioned or before.cue.mentioned)
    fault = answer_fault(response, prompt.messages, read) or (MISREAD if misread else "")
    if kind != "answer" and not response.reasoning:
        fault = fault or UNSHOWN
    confidence = read_confidence(response.text)[0] if options.confidence else None
    return Turn(
        agent=name,
        role=role.name,
        lane=lane,
        sample=sample,
        text=response.text,
        rationale=before.rationale if answer.rationale is None else answer.rationale,
        stated=before.stated if answer.stated is None else answer.stated[0],
        stated_status=before.stated_status if answer.stated is None else answer.stated[1],
        action=before.action if answer.action is None else answer.action[0],
        status=before.status if answer.action is None else answer.action[1],
        key=key,
        usage=response.usage if called is None else called.usage,
        cost=response.cost if called is None else called.cost,
        probs=response.probs,
        mass=response.mass,
        reads=names,
        confidence=before.confidence if confidence is None else confidence,
        planted=before.planted,
        slot=slot,
        fault=fault,
        unsent=unsent_settings(sampling, response),
        prompt=prompt.messages if called is None else called.messages,
        tools=() if called is None else called.uses,
        earlier=() if called is None else called.earlier,
        offered=called is not None,
        claims=None if called is None else read_claims(response.text),
        implied=read_implied(implying[0], situation, implying[1]) if reasons else before.implied,
        cue=cue,
    )


def pass_on(name: str, reads: tuple[Turn, ...], lane: int, sample: int) -> Turn:
    """The turn of an agent that need not speak: the first turn that it reads."""
    first = without_call(reads[0])
    return replace(first, agent=name, lane=lane, sample=sample, text="", reads=(first.agent,), skipped=True)


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


def agreed(turns: tuple[Turn, ...], level: float, situation: Situation) -> bool:
    """Whether a share of at least `level` of the turns holds one position; abstentions are in the denominator.

    Texts are one position where they have one normal form.
    """
    counts = Counter(t.position for t in of_one_form(turns, situation) if t.position is not None)
    return bool(counts) and max(counts.values()) >= level * len(turns) - 1e-9


def _by_outcome(answer: ParsedAnswer, again: ParsedAnswer, response: Response) -> ParsedAnswer:
    """The answer, given how its call ended: a call that was refused or failed has none, whatever its text holds.

    Args:
        again: what is read without the line in which the answer was cut off; else the answer itself.
    """
    stated, action = answer.stated, answer.action
    if stated is not None:
        status = _outcome(stated[1], stated == again.stated, response)
        stated = (stated[0] if status == "ok" else (), status)
    if action is not None:
        status = _outcome(action[1], action == again.action, response)
        action = (action[0] if status == "ok" else None, status)
    return ParsedAnswer(answer.rationale, stated, action)


def _outcome(parsed: Status, complete: bool, response: Response) -> Status:
    """A failed call is its own outcome; a truncated answer counts where the line that gives it is complete."""
    if response.status in ("refused", "error"):
        return response.status
    if response.status == "truncated" and parsed != "absent" and (parsed == "unparsable" or not complete):
        return "truncated"
    return parsed


def first_read(reads: tuple[Turn, ...], role: str) -> Turn:
    """The first turn that an agent reads.

    Raises:
        PlanError: it reads none.
    """
    if not reads:
        raise PlanError(f"the {role} has nothing to read", remedy="Add an edge from the agent it should read.")
    return reads[0]
