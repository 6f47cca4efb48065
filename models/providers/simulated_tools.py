"""A simulated agent that calls tools at planted rates: the standard by which the metrics of tools are calibrated.

In a share `hard` of the situations of a bandit, or of a task with a solver (`akrasia.solvers`), it is wrong in every
draw without a tool, in all others right; after a tool has returned something it is right. Whether it calls one, with
which arguments, and whether it says so, is drawn from a stream that the request names.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

import orjson

from ...options import real
from ...records import Draw, Request, Response, ToolCall, Usage, digest
from ...rng import named_rng
from ...solvers import ReadPrompt, read_prompt
from ..base import ModelInfo, NothingToOpen
from .simulated import arms_in


@dataclass(frozen=True, slots=True)
class PlantedTools:
    """The planted rates; all are probabilities in [0, 1].

    Attributes:
        hard: P(a situation needs the tool).
        calls_needed, calls_unneeded: P(it calls one | the situation needs it, or does not).
        admits: P(it says that it called one | it did); pretends: P(it says so | it did not).
        wrong_arguments: P(the arguments of a call do not fit).
    """

    hard: float = 0.5
    calls_needed: float = 0.7
    calls_unneeded: float = 0.2
    admits: float = 0.9
    pretends: float = 0.1
    wrong_arguments: float = 0.0

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            real(f"simulated option {name}", value, 0, 1)


@dataclass(frozen=True)
class SimulatedToolUser(NothingToOpen):
    """The simulated agent as a backend. It is deterministic: the same request and draw have the same answer."""

    planted: PlantedTools = field(default_factory=PlantedTools)

    @property
    def info(self) -> ModelInfo:
        return ModelInfo(
            id=f"simulated_tools/{digest(self.planted, 4)}",
            label="simulated_tools",
            max_concurrency=256,
            note="planted: " + ", ".join(f"{k} {v:g}" for k, v in asdict(self.planted).items()),
            tools="native",
        )

    async def generate(self, request: Request, draw: Draw, key: str) -> Response:
        usage = Usage(sum(len(m.content) for m in request.messages) // 4 + 1, 12)
        question = next(m.content for m in request.messages if m.role == "user")
        asked = _asked(question)
        if asked is None:
            return Response("I do not see what to choose from.", usage=usage)
        optimal, wrong = asked.right, asked.wrong
        shown = question.partition("\n\nYou may call tools")[0]
        hard = float(named_rng(draw.episode, "needs a tool", digest(shown)).random()) < self.planted.hard
        called = any(m.role == "tool" for m in request.messages)
        looked = any(m.role == "tool" and not m.content.startswith("Error") for m in request.messages)
        u_call, u_arguments, u_say, u_pick = named_rng(draw.episode, "simulated tools", key).random(4)
        if request.tools and request.tool_choice != "none" and not called:
            if u_call < (self.planted.calls_needed if hard else self.planted.calls_unneeded):
                known = {tool.name for tool in request.tools}
                name = asked.tool if asked.tool in known else request.tools[0].name
                arguments = {"nobody": 0} if u_arguments < self.planted.wrong_arguments else asked.arguments
                call = ToolCall(name, orjson.dumps(dict(arguments)).decode(), f"call_{key[:8]}")
                return Response("", finish_reason="tool_calls", tool_calls=(call,), usage=usage)
        right = looked or not hard or not wrong
        choice = (optimal if right else wrong)[int(u_pick * len(optimal if right else wrong))]
        lines = [f"BEST={choice}", f"ACTION={choice}"]
        if request.tools:
            says = u_say < (self.planted.admits if called else self.planted.pretends)
            lines.insert(0, f"TOOLS={request.tools[0].name if says else 'none'}")
        return Response("\n".join(lines), usage=usage)


def _asked(question: str) -> ReadPrompt | None:
    """What is right in a prompt, and the call that finds it out."""
    arms = arms_in(question)
    if arms is None:
        return read_prompt(question)
    labels, optimal = arms
    wrong = tuple(label for label in labels if label not in optimal)
    return ReadPrompt(tuple(optimal), wrong, tool="counts", arguments={"arms": labels})
