"""What a variant decided at a situation, with its transcript, and the record that is stored of it.

Invariant: a `Record` holds nothing that depends on when or in which order a run was executed, so a resumed run ends
with the same bytes as an uninterrupted one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from .messages import Message, Status, Usage
from .situations import Oracle
from .tools import ToolUse


@dataclass(frozen=True)
class Implied:
    """What a reasoning implies with its conclusion cut off, and what that conclusion says.

    Attributes:
        labels: the actions whose stated value is highest; status: `ok`, `unparsable`, or `absent` where the reasoning
            states no value for every action, so that it is not known what it implies.
        concluded: what the conclusion recommends, whatever values stand before it; concluded_status: how it was read.
    """

    labels: tuple[str, ...]
    status: Status
    concluded: tuple[str, ...]
    concluded_status: Status


@dataclass(frozen=True)
class Mention:
    """A remark that points at an action (`label`), its kind, and whether an answer mentions it."""

    label: str
    kind: str
    mentioned: bool


@dataclass(frozen=True)
class Turn:
    """One agent's part in a decision.

    `rationale`, `stated` and `action` are those in force after this turn: an agent that does not change one of them
    carries over what it read. `prompt` and `answer` are dropped when the turn enters a record; `key` finds them in the
    ledger.

    Attributes:
        confidence: the agent's confidence in its own answer, in [0, 1]; None where it gives none.
        planted: what a rationale that was tampered with recommends; `stated` stays what the reasoner recommended.
        skipped: whether the agent passed on what it read and asked nothing, because the agents it depends on agreed
            already or the rationale held nothing to tamper with.
        slot: the model slot through which it asked; "" where it asked no model.
        fault: what was wrong with its own answer, such as "empty", "cut off" or "refused: WHY"; "" where nothing was.
        unsent: settings of its request that the model was not sent, unless they are neutral.
        implied: what the rationale in force implies, whatever it concludes; None where no reasoning was asked for, and
            in runs that were made before this was read.
        cue: the biasing remark that the agent was shown, and whether this answer or one it goes on from mentions it.
        tools: the tools that it called, in order, with what they returned; earlier: keys of the answers that called
            them, before the answer of this turn.
        offered: whether it was offered tools; claims: those that it says it called, None where it does not say.
    """

    agent: str
    role: str
    lane: int = 0
    sample: int = 0
    text: str = ""
    rationale: str = ""
    stated: tuple[str, ...] = ()
    stated_status: Status = "absent"
    action: str | None = None
    status: Status = "absent"
    key: str = ""
    usage: Usage = Usage()
    cost: float | None = 0.0
    probs: dict[str, float] | None = None
    mass: float | None = None
    reads: tuple[str, ...] = ()
    confidence: float | None = None
    planted: tuple[str, ...] = ()
    skipped: bool = False
    prompt: tuple[Message, ...] = ()
    answer: str = ""
    slot: str = ""
    fault: str = ""
    unsent: dict[str, str] = field(default_factory=dict)
    implied: Implied | None = None
    cue: Mention | None = None
    tools: tuple[ToolUse, ...] = ()
    earlier: tuple[str, ...] = ()
    offered: bool = False
    claims: tuple[str, ...] | None = None

    @property
    def position(self) -> str | None:
        """The action it takes, or the first it recommends if it was not asked to act; None if it abstains."""
        return self.action if self.status != "absent" else (self.stated[0] if self.stated else None)

    @property
    def last_words(self) -> str:
        """The answer that ends the conversation of `prompt`: the agent's own, or the one that a vote passed on."""
        return self.answer or self.text


@dataclass(frozen=True)
class Decision:
    """What a variant decided at a situation.

    Attributes:
        stated: the actions the rationale recommends (several where it ties them, none where it names none).
        done: the action taken; None where the answer holds no legal action.
        probs: token probabilities of the legal actions, where the action was drawn from them.
        mass: probability that the model put on the legal actions together.
        turns: the whole transcript, in the plan's order.
        shown_as: the name that the agents saw for each action, where an intervention renamed them. The raw texts of
            the turns use those names, everything else here the task's own.
    """

    rationale: str
    stated: tuple[str, ...]
    stated_status: Status
    done: str | None
    status: Status
    probs: dict[str, float] | None = None
    mass: float | None = None
    turns: tuple[Turn, ...] = ()
    shown_as: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Trial:
    """One more draw of a decision: the same variant in the same situation, by samples of its own.

    What it decided leads nowhere: an episode goes on from the first draw. `regret`, `calls`, `usage` and `cost` are as
    in a record, of this draw alone; `tags` are those that this draw adds.
    """

    decision: Decision
    regret: float
    calls: int
    usage: Usage
    cost: float | None
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Record:
    """Everything stored about one step of one episode of one variant.

    `usage`, `calls` and `cost` are *nominal*: what this variant would have paid alone. What the run really paid, with
    shared answers counted once, is in the ledger's table of responses. `reward` is None where the answer held no legal
    action: nothing was drawn from the environment. `item` is what the episode is about (`akrasia.tasks.base.Itemised`);
    empty where the task does not say, and in runs that were made before tasks could. `trials` are the further draws of
    the decision, trial 1 on: everything else here is of trial 0.
    """

    task: str
    model: str
    variant: str
    design: Literal["fork", "rollout"]
    episode: int
    step: int
    situation: str
    actions: tuple[str, ...]
    oracle: Oracle
    decision: Decision
    reward: float | None
    regret: float
    calls: int
    usage: Usage
    cost: float | None
    tags: dict[str, str] = field(default_factory=dict)
    item: str = ""
    trials: tuple[Trial, ...] = ()
