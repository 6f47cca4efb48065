"""What a correct reader of a prompt knows: the seam between a task's own key and the simulated agents.

A simulated agent with planted rates reads the same prompts as a real model and must know what is right there before it
can be wrong at a rate. Of a bandit it works that out itself. A task whose prompts it cannot work out registers a
solver: a pure function of the prompt's text. No real model is ever shown what a solver says, and no role and no metric
asks one.

Invariant: a solver reads the text alone, so that whatever an intervention does to the text it does to the solver too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class ReadPrompt:
    """What a prompt asks.

    Attributes:
        right: the right answers.
        wrong: others that could be given.
        open: nobody says what is right, and `right` is what a consistent reader prefers.
        frame: "say" or "act" where the same thing is asked as a question and as something to act on, else "".
        tool, arguments: the tool call that finds it out; "" where none is needed.
    """

    right: tuple[str, ...]
    wrong: tuple[str, ...]
    open: bool = False
    frame: Literal["", "say", "act"] = ""
    tool: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)


Solver = Callable[[str], ReadPrompt | None]
SOLVERS: dict[str, Solver] = {}
"""By the name of the task; filled where a task is defined."""


def read_prompt(prompt: str) -> ReadPrompt | None:
    """What some registered solver reads in a prompt; None where none of them knows it."""
    return next((found for solver in SOLVERS.values() if (found := solver(prompt)) is not None), None)


def paragraphs(prompt: str) -> list[str]:
    """The parts of a prompt between blank lines."""
    return [part.strip() for part in prompt.split("\n\n")]
