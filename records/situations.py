"""What an agent sees at one step, and what is right there.

Invariant: a situation is data and not yet text, so that an intervention can change how it is rendered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Transition:
    """One past step: the action that was taken, and its reward."""

    step: int
    action: str
    reward: float


@dataclass(frozen=True)
class Quantity:
    """A figure of each action that follows from the history: a count, a mean, a bonus.

    `values` follows the order of the situation's actions; None stands for infinite or not yet defined.
    """

    name: str
    values: tuple[float | None, ...]


@dataclass(frozen=True)
class Situation:
    """What an agent sees at one step, as data.

    Attributes:
        task: the task's name.
        step: 0-based index of this decision; `horizon` is how many there are.
        instruction: what the world is and what the goal is.
        rule: the rule the agent is told to follow, in words; empty where there is none.
        observation: what is visible now beside the history (a board, a question); may be empty.
        history: past transitions, oldest first.
        actions: the legal actions, in display order.
        noun: what an action is called in a sentence ("button").
        quantities: figures that follow from the history; only those named in `shows` are rendered.
        shows: which parts are rendered: "history" and names of quantities.
        question: the closing question.
        examples: solved examples, unrelated to this episode, that show the form of an answer.
        answer: how an answer is read: "action" (one of `actions`), or, where there are none to choose from, "number"
            (in canonical form, "7") or "text" (everything after the answer's marker).
        item: which item of a question set this is (a variation, a concept, a row), for rates per item.
        own: the task's own name of each of `actions`, in their order, where an intervention renamed them; else empty.
        probe: not empty where this question asks what is *known* about the episode's other questions;
            `akrasia.ledger.step_rows` says how it enters the gap.
    """

    task: str
    step: int
    horizon: int
    instruction: str
    actions: tuple[str, ...]
    rule: str = ""
    observation: str = ""
    history: tuple[Transition, ...] = ()
    noun: str = "action"
    quantities: tuple[Quantity, ...] = ()
    shows: tuple[str, ...] = ("history",)
    question: str = "Which action do you take?"
    examples: tuple[Example, ...] = ()
    answer: Literal["action", "number", "text"] = "action"
    item: str = ""
    probe: str = ""
    own: tuple[str, ...] = ()

    def quantity(self, name: str) -> Quantity | None:
        """The quantity of that name, or None."""
        return next((q for q in self.quantities if q.name == name), None)


@dataclass(frozen=True)
class CuedSituation(Situation):
    """A situation as it is shown with a remark that points at an action: `cue` is its name there."""

    cue: str = ""
    cue_kind: str = ""


@dataclass(frozen=True)
class Example:
    """A solved situation: `action` is optimal there."""

    situation: Situation
    action: str


@dataclass(frozen=True)
class Oracle:
    """What is right at a situation, as sets of actions, since actions can tie.

    Attributes:
        optimal: actions whose value is highest under `rule`.
        greedy: actions whose value is highest among those already tried; empty where nothing was tried.
        values: value per action under `rule`; None means infinite, as of an untried arm, which ranks first.
        regret: expected loss of each action against the best one, in reward units.
        forfeit: expected loss of giving no legal action at all.
        untried: actions never taken in this episode.
        rule: the name of the rule used.
        frequent: actions taken most often so far; empty where there is no history, or none that repeats actions.
    """

    optimal: tuple[str, ...]
    greedy: tuple[str, ...]
    values: dict[str, float | None]
    regret: dict[str, float]
    forfeit: float
    untried: tuple[str, ...]
    rule: str
    frequent: tuple[str, ...] = ()

    def is_right(self, answer: str | None) -> bool:
        """Whether an answer, as it was read, is among the optimal actions."""
        return answer in self.optimal


ARM_RULES = ("ucb", "ucb_sqrt", "ucb_bench", "greedy", "truth")
"""The values of `Oracle.rule` where actions are arms to be tried; what they mean: `akrasia.tasks.rules`."""

NO_ORACLE = "none"
"""The value of `Oracle.rule` where nobody says what is right: there, what is said and what is done can be compared."""


def without_oracle(actions: tuple[str, ...]) -> Oracle:
    """The oracle of a situation that has none: no action is optimal, and none loses anything."""
    even = dict.fromkeys(actions, 0.0)
    return Oracle((), (), {**even}, even, 0.0, (), NO_ORACLE)
