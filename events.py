"""What happens in a run, as values: the stream that logs, traces and dashboards are made of.

Invariants
- Nobody listens by default, and then no event is made. Whoever listens is handed in; nothing is global.
- An event changes nothing: a listener that raises is reported once and hears no more, and the run goes on.
- No event holds a prompt or an answer, unless a listener asked for texts.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Literal, NamedTuple, get_args

from .records import Message, Status, Usage

__all__ = [
    "AnswerShared",
    "AttemptFailed",
    "CallAnswered",
    "CallBegan",
    "CallGivenUp",
    "CallStopped",
    "CircuitClosed",
    "CircuitOpened",
    "DecisionBegan",
    "DecisionEnded",
    "EpisodeBegan",
    "EpisodeEnded",
    "Event",
    "LEVELS",
    "Level",
    "Listener",
    "LookTaken",
    "RateChanged",
    "RunBegan",
    "RunEnded",
    "EventBus",
    "StopBegan",
    "Where",
    "WorkerDied",
    "facts",
    "event_bus",
]

Level = Literal["debug", "info", "warning", "error"]
LEVELS: tuple[Level, ...] = get_args(Level)


class Where(NamedTuple):
    """A decision: which variant decides which step of which episode; `models` names the assignment of models."""

    task: str
    models: str
    episode: int
    variant: str
    step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened, `at` seconds since 1970 by the clock of the machine where it did."""

    name: ClassVar[str] = ""
    level: ClassVar[Level] = "debug"

    at: float = field(default_factory=time.time)


Listener = Callable[[Event], None]
"""Hears every event, in the thread and event loop of the run. With an attribute `texts` that is true it asks for the
messages and answers of calls too; one with an attribute `level` wants nothing below it, which workers then do not
send."""


@dataclass(frozen=True, slots=True)
class RunBegan(Event):
    """A session of a run begins to play."""

    name = "run began"
    level = "info"

    run: str
    tasks: tuple[str, ...]
    models: tuple[str, ...]
    variants: tuple[str, ...]
    episodes: int
    design: str


@dataclass(frozen=True, slots=True)
class RunEnded(Event):
    """It is over: what this session asked and paid (dollars), and how many of the planned episodes are not complete.

    `stopped` says why it ended early, as the kind of the error; empty where everything was played. `planned` and
    `missing` are None where it broke off.
    """

    name = "run ended"
    level = "info"

    run: str
    asked: int
    made: int
    shared: int
    failed: int
    retried: int
    lost: int
    dollars: float
    planned: int | None = None
    missing: int | None = None
    stopped: str = ""


@dataclass(frozen=True, slots=True)
class StopBegan(Event):
    """Nothing new is begun from now on: the budget is spent, a provider is down or denies, somebody interrupted."""

    name = "stop began"
    level = "warning"

    kind: str
    why: str


@dataclass(frozen=True, slots=True)
class LookTaken(Event):
    """A run with `until` was looked at after so many episodes, and may stop there or not."""

    name = "look taken"
    level = "info"

    until: str
    episodes: int
    enough: bool


@dataclass(frozen=True, slots=True)
class EpisodeBegan(Event):
    """An episode is played in one arena (task and assignment of models)."""

    name = "episode began"

    task: str
    models: str
    episode: int


@dataclass(frozen=True, slots=True)
class EpisodeEnded(Event):
    """It is over; `complete` is false where it broke off or holds a call that was given up."""

    name = "episode ended"

    task: str
    models: str
    episode: int
    complete: bool


@dataclass(frozen=True, slots=True)
class DecisionBegan(Event):
    """A variant begins to decide a step."""

    name = "decision began"

    where: Where


@dataclass(frozen=True, slots=True)
class DecisionEnded(Event):
    """It decided `done`, or has none for the reason `status`; both None where it broke off."""

    name = "decision ended"

    where: Where
    done: str | None = None
    status: Status | None = None


@dataclass(frozen=True, slots=True)
class AnswerShared(Event):
    """A decision got an answer without a call: from the store, or from a call that another one had begun."""

    name = "answer shared"

    key: str
    model: str
    where: Where | None = None


@dataclass(frozen=True, slots=True)
class CallBegan(Event):
    """A call is to be made, for the decision `where` that asked first; it may still wait for its place.

    Attributes:
        key: names the answer; every event of the call has it.
        sample: the number of the draw.
        messages: what is asked, for listeners that ask for texts; else None.
    """

    name = "call began"

    key: str
    model: str
    sample: int
    where: Where | None = None
    temperature: float = 0.0
    max_tokens: int = 0
    messages: tuple[Message, ...] | None = None


@dataclass(frozen=True, slots=True)
class AttemptFailed(Event):
    """An attempt at a call failed: `fault` says how, `again` whether the call is tried once more."""

    name = "attempt failed"
    level = "info"

    key: str
    model: str
    attempt: int
    fault: str
    why: str
    again: bool
    lost: bool


@dataclass(frozen=True, slots=True)
class CallAnswered(Event):
    """The provider answered, if only to refuse, and the answer is safe.

    Attributes:
        latency: seconds from the first attempt to the answer.
        dollars: nominal; None where no price is known.
        text: the answer, for listeners that ask for texts; else None.
    """

    name = "call answered"

    key: str
    model: str
    status: Status
    finish_reason: str
    usage: Usage
    dollars: float | None
    latency: float
    attempts: int
    text: str | None = None


@dataclass(frozen=True, slots=True)
class CallGivenUp(Event):
    """No attempt got an answer; a resumed run asks again."""

    name = "call given up"
    level = "warning"

    key: str
    model: str
    attempts: int
    why: str


@dataclass(frozen=True, slots=True)
class CallStopped(Event):
    """The run stopped before the call had an answer."""

    name = "call stopped"

    key: str
    model: str
    kind: str


@dataclass(frozen=True, slots=True)
class RateChanged(Event):
    """So many calls at once are made to a model from now on."""

    name = "rate changed"
    level = "info"

    model: str
    limit: int
    why: str


@dataclass(frozen=True, slots=True)
class CircuitOpened(Event):
    """A model answers nothing any more: all calls wait while single ones probe it."""

    name = "circuit opened"
    level = "warning"

    model: str
    why: str


@dataclass(frozen=True, slots=True)
class CircuitClosed(Event):
    """It answers again."""

    name = "circuit closed"
    level = "info"

    model: str


@dataclass(frozen=True, slots=True)
class WorkerDied(Event):
    """A worker ended by itself; its episodes are played again by others."""

    name = "worker died"
    level = "error"

    place: int
    how: str
    episodes: tuple[int, ...]


class EventBus:
    """All who listen to one run, as one listener.

    `texts` says whether any of them asks for messages and answers; `level`, below which none of them wants anything.
    """

    def __init__(self, listeners: Sequence[Listener]) -> None:
        self.texts = any(getattr(listener, "texts", False) for listener in listeners)
        said = [getattr(listener, "level", None) for listener in listeners]
        wanted: list[Level] = [level if level in LEVELS else LEVELS[0] for level in said]
        self.level = min(wanted, key=LEVELS.index, default=LEVELS[-1])
        self._listeners = tuple(listeners)

    def __call__(self, event: Event) -> None:
        for listener in self._listeners:
            try:
                listener(event)
            except Exception as error:  # whatever it is, answers that are paid for are worth more
                self._listeners = tuple(x for x in self._listeners if x is not listener)
                warnings.warn(
                    f"a listener failed at {event.name!r} and hears no more: {type(error).__name__}", RuntimeWarning,
                    stacklevel=2,
                )  # fmt: skip


def event_bus(given: Listener | Sequence[Listener] | None) -> EventBus | None:
    """Whoever listens, as one; None where nobody does."""
    if given is None or isinstance(given, EventBus):
        return given
    listeners = [given] if callable(given) else list(given)
    return EventBus(listeners) if listeners else None


def facts(event: Event) -> dict[str, Any]:
    """An event as flat plain data, without texts and without what is None: fit for a line of a log."""
    found: dict[str, Any] = {}
    for f in fields(event):
        value = getattr(event, f.name)
        if value is None or f.name in ("at", "messages", "text"):
            continue
        if isinstance(value, Where):
            found.update(value._asdict())
        elif isinstance(value, Usage):
            found.update(prompt_tokens=value.prompt_tokens, completion_tokens=value.completion_tokens)
        else:
            found[f.name] = list(value) if isinstance(value, tuple) else value
    return found
