"""What happens in a run, as values: logs, traces, progress and dashboards are made of these events.

Invariants
- Without a listener no event is made. Listeners are arguments (`on_event`); none is global.
- An event changes nothing. A listener that raises is reported once and gets no further event; the run goes on.
- No event holds a prompt or an answer unless a listener asks for texts; records go only to listeners that ask for them.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, NamedTuple

from .event_bus import LEVELS, EventBus, Level, event_bus
from .records import Message, Record, Status, Usage

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
    "RecordsStored",
    "RunBegan",
    "RunEnded",
    "EventBus",
    "StopBegan",
    "WaitBegan",
    "Where",
    "WorkerDied",
    "facts",
    "event_bus",
]


class Where(NamedTuple):
    """A decision: which variant decides which step of which episode; `models` names the assignment of models."""

    task: str
    models: str
    episode: int
    variant: str
    step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened, `at` seconds since 1970 by the clock of the machine where it did.

    Its `name` is that of its class in words, "run began" of `RunBegan`, unless the class gives another.
    """

    name: ClassVar[str] = ""
    level: ClassVar[Level] = "debug"
    only_for: ClassVar[str] = ""  # the attribute that a listener has who gets it

    at: float = field(default_factory=time.time)

    def __init_subclass__(cls) -> None:
        if "name" not in vars(cls):
            cls.name = re.sub(r"\B(?=[A-Z])", " ", cls.__name__).lower()


Listener = Callable[[Event], None]
"""Is called with every event, in the thread and event loop of the run. Three attributes say what a listener wants:

texts     true: the messages and answers of calls too
records   true: `RecordsStored` too, with each group of records once it is stored
level     nothing below this level; workers then do not send it
"""


@dataclass(frozen=True, slots=True)
class RunBegan(Event):
    """A session of a run begins to play episodes."""

    level = "info"

    run: str
    tasks: tuple[str, ...]
    models: tuple[str, ...]
    variants: tuple[str, ...]
    episodes: int
    design: str


@dataclass(frozen=True, slots=True)
class RunEnded(Event):
    """The session is over: its calls and dollars, and how many of the planned episodes are not complete.

    `stopped` names the class of the error that ended it early; empty if everything was played. `planned` and
    `missing` are None if it broke off.
    """

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
    """Nothing new is begun from now on: budget spent, provider down, access denied, or interrupted."""

    level = "warning"

    kind: str
    why: str


@dataclass(frozen=True, slots=True)
class LookTaken(Event):
    """A run with `until` was examined after `episodes` episodes; `enough` says whether it stops there."""

    level = "info"

    until: str
    episodes: int
    enough: bool


@dataclass(frozen=True, slots=True)
class EpisodeBegan(Event):
    """An episode begins in one cell (a task with its models)."""

    task: str
    models: str
    episode: int


@dataclass(frozen=True, slots=True)
class EpisodeEnded(Event):
    """The episode is over; `complete` is false if it broke off or holds a call that was given up."""

    task: str
    models: str
    episode: int
    complete: bool


@dataclass(frozen=True, slots=True)
class DecisionBegan(Event):
    """A variant begins to decide a step."""

    where: Where


@dataclass(frozen=True, slots=True)
class DecisionEnded(Event):
    """The variant decided `done`, or nothing for the reason `status`; both are None if it broke off."""

    where: Where
    done: str | None = None
    status: Status | None = None


@dataclass(frozen=True, slots=True)
class RecordsStored(Event):
    """A group of records is safe in the ledger; only for listeners with a true attribute `records`.

    The counts are what this session asked and paid so far, as in `RunEnded`.
    """

    only_for = "records"

    records: tuple[Record, ...]
    asked: int
    made: int
    shared: int
    failed: int
    retried: int
    lost: int
    dollars: float
    prompt_tokens: int = 0
    completion_tokens: int = 0


@dataclass(frozen=True, slots=True)
class AnswerShared(Event):
    """A decision got an answer without a call of its own: from the store, or from a call under way."""

    key: str
    model: str
    where: Where | None = None


@dataclass(frozen=True, slots=True)
class CallBegan(Event):
    """A call is to be made for the decision `where` that asked first; it may still wait for the rate limit.

    Attributes:
        key: names the answer; every event of the call has it.
        sample: the number of the draw.
        messages: the prompt, if a listener asks for texts; else None.
    """

    key: str
    model: str
    sample: int
    where: Where | None = None
    temperature: float = 0.0
    max_tokens: int = 0
    messages: tuple[Message, ...] | None = None


@dataclass(frozen=True, slots=True)
class AttemptFailed(Event):
    """An attempt at a call failed: `fault` says how, `will_retry` whether the call is tried once more."""

    level = "info"

    key: str
    model: str
    attempt: int
    fault: str
    why: str
    will_retry: bool
    lost: bool


@dataclass(frozen=True, slots=True)
class CallAnswered(Event):
    """The provider answered, or refused, and the answer is stored.

    Attributes:
        latency: seconds from the first attempt to the answer.
        dollars: nominal; None if no price is known.
        text: the answer, if a listener asks for texts; else None.
    """

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
    """No attempt at the call got an answer; a resumed run asks again."""

    level = "warning"

    key: str
    model: str
    attempts: int
    why: str


@dataclass(frozen=True, slots=True)
class CallStopped(Event):
    """The run stopped before the call had an answer."""

    key: str
    model: str
    kind: str


@dataclass(frozen=True, slots=True)
class WaitBegan(Event):
    """Nothing is sent to this model for so many seconds: the provider asks for it, or a limit per minute is reached."""

    level = "info"

    model: str
    seconds: float
    why: str


@dataclass(frozen=True, slots=True)
class RateChanged(Event):
    """From now on at most `limit` calls to this model are made at once."""

    level = "info"

    model: str
    limit: int
    why: str


@dataclass(frozen=True, slots=True)
class CircuitOpened(Event):
    """A model no longer answers: all calls wait while single calls probe it."""

    level = "warning"

    model: str
    why: str


@dataclass(frozen=True, slots=True)
class CircuitClosed(Event):
    """The model answers again."""

    level = "info"

    model: str


@dataclass(frozen=True, slots=True)
class WorkerDied(Event):
    """A worker ended unexpectedly; other workers play its episodes again."""

    level = "error"

    index: int
    how: str
    episodes: tuple[int, ...]


def facts(event: Event) -> dict[str, Any]:
    """An event as flat plain data, without texts, records and what is None: fit for a line of a log."""
    flat: dict[str, Any] = {}
    for f in fields(event):
        value = getattr(event, f.name)
        if value is None or f.name in ("at", "messages", "text", "records"):
            continue
        if isinstance(value, Where):
            flat.update(value._asdict())
        elif isinstance(value, Usage):
            flat.update(prompt_tokens=value.prompt_tokens, completion_tokens=value.completion_tokens)
        else:
            flat[f.name] = list(value) if isinstance(value, tuple) else value
    return flat
