"""An agent that may call the tools of its task: ask, call, show what came of it, and ask again, in a bounded loop.

It is also asked which tools it called, so that what it says it called stands beside what it called.

Invariants: the calls of a turn are all kept, with their arguments as they were written and with what came of each.
After the last round the tools may no longer be called, so every turn ends.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..errors import PlanError
from ..models.base import Offer
from ..models.roles import ModelRoles
from ..records import Draw, Message, Response, Sampling, ToolUse, Usage
from ..tasks.tools import TaskTool, call_tool

AT_ONCE = 16  # calls of one round that are answered
ASK = (
    "\n\nYou may call tools before you answer. Begin your answer with one line\nTOOLS=X\n"
    "where X names the tools that you called, separated by commas, or is none."
)
_CLAIM = re.compile(r"^[ \t*`]*TOOLS[ \t]*=[ \t]*(.*?)[ \t*`]*$", re.MULTILINE | re.IGNORECASE)
_NOTHING = frozenset(("none", "no", "nothing", "-", ""))


@dataclass(frozen=True)
class ToolAnswer:
    """What came of an agent that could call tools.

    Attributes:
        key, response: of its answer; messages: what that answered.
        uses: its calls, in order; earlier: the keys of the answers that made them.
        usage, cost: of all its answers together.
    """

    key: str
    response: Response
    messages: tuple[Message, ...]
    uses: tuple[ToolUse, ...]
    earlier: tuple[str, ...]
    usage: Usage
    cost: float | None


async def ask_with_tools(
    models: ModelRoles,
    slot: str,
    messages: tuple[Message, ...],
    sampling: Sampling,
    draw: Draw,
    tools: tuple[TaskTool, ...],
    rounds: int,
) -> ToolAnswer:
    """Ask a model that may call tools, in at most so many rounds of calls.

    Raises:
        PlanError: there are no tools.
    """
    if not tools:
        raise PlanError(
            "an agent may call tools, and its task offers none",
            remedy="Drop use_tools, or take a task with tools, such as bandit.",
        )
    asked = (*messages[:-1], replace(messages[-1], content=messages[-1].content + ASK))
    offered = tuple(one.tool for one in tools)
    uses: list[ToolUse] = []
    earlier: list[str] = []
    usage, cost = Usage(), 0.0
    known = True
    for left in range(rounds, -1, -1):
        offer = Offer(offered, tool_choice="" if left else "none")
        key, response = await models.ask(slot, asked, sampling, draw, offer)
        usage += response.usage
        known, cost = known and response.cost is not None, cost + (response.cost or 0.0)
        if not left or not response.tool_calls or response.status != "ok":
            break
        earlier.append(key)
        made = _called(tools, response)
        uses += made
        asked = (*asked, _said(response), *map(_answered, made))
    return ToolAnswer(key, response, asked, tuple(uses), tuple(earlier), usage, cost if known else None)


def _called(tools: tuple[TaskTool, ...], response: Response) -> list[ToolUse]:
    uses = [call_tool(tools, call) for call in response.tool_calls[:AT_ONCE]]
    more = response.tool_calls[AT_ONCE:]
    why = f"not called: at most {AT_ONCE} calls at once are answered"
    return [*uses, *(ToolUse(call.name, call.arguments, error=why, id=call.id) for call in more)]


def _said(response: Response) -> Message:
    return Message(
        "assistant",
        response.text,
        tool_calls=response.tool_calls,
        reasoning=response.reasoning,
        blocks=response.blocks,
    )


def _answered(use: ToolUse) -> Message:
    content = f"Error: {use.error}" if use.error else use.result
    return Message("tool", content, tool_call_id=use.id, name=use.name)


def read_claims(text: str) -> tuple[str, ...] | None:
    """The tools that an answer says it called; None where it says nothing of them."""
    found: Sequence[str] = _CLAIM.findall(text)
    if not found:
        return None
    names = (name.strip(" `*'\"().") for name in found[-1].split(","))
    return tuple(dict.fromkeys(name for name in names if name.casefold() not in _NOTHING))


def without_claims(text: str) -> str:
    """The answer without the lines that say which tools were called."""
    return _CLAIM.sub("", text).strip("\n") if _CLAIM.search(text) else text
