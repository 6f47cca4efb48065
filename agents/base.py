"""What an agent is: a role with its prompts and its parser, and the name of the model slot it speaks through.

Invariant: an agent is plain data (`role`, `slot`, `options`), so graphs of agents can be compared, hashed and stored.
What it does lives in its `Role`, registered by name. A role either *speaks* (asks the model in its slot) or
*concludes* (works on what others said, without a model).

An agent continues a conversation by a *move*: `open` starts a new prompt; any other move takes up the conversation of
the first turn it reads, so prompts only ever grow at their end and a server can reuse what it has read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Protocol, cast, runtime_checkable

from ..errors import PlanError
from ..models.base import Style
from ..models.gateway import ModelRoles
from ..models.sampling import with_settings
from ..records import Draw, Message, Oracle, Response, Sampling, Situation, Status, Turn, Usage, encode
from ..registry import Registry
from .ballots import read_confidence

__all__ = [
    "AGENTS",
    "Agent",
    "Prompt",
    "ChecksOptions",
    "RuleRole",
    "Context",
    "Role",
    "ParsedAnswer",
    "ModelRole",
    "agreed",
    "need",
    "skip",
    "speak",
]


@dataclass(frozen=True)
class Agent:
    """One agent of a plan.

    Args:
        role: a registered role.
        slot: the model slot; by default the role's own name, served by the slot "default" where it has no model.
        options: JSON options of the role (its move, wording overrides).
    """

    role: str
    slot: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)

    def __hash__(self) -> int:
        return hash((self.role, self.slot, encode(dict(self.options))))

    @property
    def move(self) -> str:
        """How it enters the conversation: "open" or one of `akrasia.agents.follow_up`."""
        return str(self.options.get("move", "open"))

    def with_options(self, **options: Any) -> Agent:
        """The same agent with some options changed."""
        return Agent(self.role, self.slot, {**self.options, **options})


@dataclass(frozen=True)
class Context:
    """What the LangGraph runtime hands to every node of a decision: no graph holds a model.

    `oracle` is None for every plan but those that are marked as leaking it.
    """

    situation: Situation
    models: ModelRoles
    episode: int
    step: int
    sampling: Mapping[str, float] = field(default_factory=dict)
    oracle: Oracle | None = None


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt and how to sample its answer."""

    messages: tuple[Message, ...]
    sampling: Sampling


@dataclass(frozen=True, slots=True)
class ParsedAnswer:
    """What a role read out of an answer; a field left at None is carried over from what the agent read."""

    rationale: str | None = None
    stated: tuple[tuple[str, ...], Status] | None = None
    action: tuple[str | None, Status] | None = None


@runtime_checkable
class ModelRole(Protocol):
    """A role that asks the model in its agent's slot."""

    name: str

    def call(self, agent: Agent, situation: Situation, reads: tuple[Turn, ...], style: Style) -> Prompt:
        """The prompt of this agent, given what it reads."""
        ...

    def read(self, agent: Agent, situation: Situation, text: str, response: Response) -> ParsedAnswer:
        """What the answer says."""
        ...


@runtime_checkable
class RuleRole(Protocol):
    """A role that works on what others said, without a model."""

    name: str

    def conclude(self, agent: Agent, situation: Situation, reads: tuple[Turn, ...], draw: Draw) -> Turn:
        """Its turn; name, lane and reads are filled in by the caller. `draw` names whatever it draws at random."""
        ...


@runtime_checkable
class OracleRole(Protocol):
    """A role that reads the oracle; a plan that holds it is marked as leaking."""

    leaks: bool

    def reveal(self, oracle: Oracle) -> Turn:
        """Its turn."""
        ...


@runtime_checkable
class ChecksOptions(Protocol):
    """A role that refuses options it cannot work with when a plan is made, and not when its turn comes."""

    def check(self, agent: Agent) -> None:
        """Raise a `UsageError` where an option of the agent is none."""
        ...


Role = ModelRole | RuleRole

AGENTS: Registry[Role] = Registry("agent role", "akrasia.agents")


@cache
def _made(role: Callable[..., Role]) -> tuple[Role, RuleRole | None]:
    """A factory's role, and the same where it concludes: roles hold nothing, so one of each is enough."""
    made = role()
    return made, made if isinstance(made, RuleRole) else None


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
    role, concluder = _made(AGENTS.factory(agent.role))
    situation = context.situation
    names = tuple(t.agent for t in reads)
    draw = Draw(context.episode, context.step, sample)
    if concluder is not None:
        if context.oracle is not None and isinstance(concluder, OracleRole):
            concluded = concluder.reveal(context.oracle)
        else:
            concluded = concluder.conclude(agent, situation, reads, draw)
        return replace(concluded, agent=name, role=role.name, lane=lane, sample=sample, reads=names)
    speaker, slot = cast(ModelRole, role), agent.slot or role.name
    call = speaker.call(agent, situation, reads, context.models.info(slot).style)
    sampling = with_settings(call.sampling, context.sampling)
    key, response = await context.models.ask(slot, call.messages, sampling, draw)
    before = reads[0] if reads else Turn(name, role.name)
    said = _read(speaker.read(agent, situation, response.text, response), response)
    sure = read_confidence(response.text)[0] if agent.options.get("confidence") else None
    return Turn(
        agent=name,
        role=role.name,
        lane=lane,
        sample=sample,
        text=response.text,
        rationale=before.rationale if said.rationale is None else said.rationale,
        stated=before.stated if said.stated is None else said.stated[0],
        stated_status=before.stated_status if said.stated is None else said.stated[1],
        action=before.action if said.action is None else said.action[0],
        status=before.status if said.action is None else said.action[1],
        key=key,
        usage=response.usage,
        cost=response.cost,
        probs=response.probs,
        mass=response.mass,
        reads=names,
        confidence=before.confidence if sure is None else sure,
        planted=before.planted,
        prompt=call.messages,
    )


def skip(name: str, reads: tuple[Turn, ...], lane: int, sample: int) -> Turn:
    """The turn of an agent that need not speak: what it reads first, passed on."""
    first = reads[0]
    return replace(
        first, agent=name, lane=lane, sample=sample, text="", answer=first.last_words, key="", usage=Usage(), cost=0.0,
        probs=None, mass=None, reads=(first.agent,), skipped=True,
    )  # fmt: skip


def agreed(turns: tuple[Turn, ...], level: float) -> bool:
    """Whether a share of at least `level` of the turns holds one position; abstentions are in the denominator."""
    counts = Counter(t.position for t in turns if t.position is not None)
    return bool(counts) and max(counts.values()) >= level * len(turns) - 1e-9


def _read(said: ParsedAnswer, response: Response) -> ParsedAnswer:
    """What was said, given how the call ended: what is refused or failed says nothing, whatever its text holds."""
    stated, action = said.stated, said.action
    if stated is not None:
        status = _outcome(stated[1], response)
        stated = (stated[0] if status == "ok" else (), status)
    if action is not None:
        status = _outcome(action[1], response)
        action = (action[0] if status == "ok" else None, status)
    return ParsedAnswer(said.rationale, stated, action)


def _outcome(parsed: Status, response: Response) -> Status:
    """A failed call is its own outcome; a truncated answer counts as such only where nothing could be read."""
    if response.status in ("refused", "error"):
        return response.status
    if parsed == "unparsable" and response.status == "truncated":
        return "truncated"
    return parsed


def need(reads: tuple[Turn, ...], role: str) -> Turn:
    """The first turn an agent reads, or a clear error if it reads none."""
    if not reads:
        raise PlanError(f"the {role} has nothing to read", remedy="Add an edge from the agent it should read.")
    return reads[0]
