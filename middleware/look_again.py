"""Another look, and a vote, as middleware: `create_agent(model, tools, middleware=[ak.middleware.critique()])`.

Whenever the agent would end with an answer (it calls no tool), it is asked again in its own conversation, in the very
words of the intervention of the same name. So what was measured with `mine | ak.critique()` is what is shipped, and a
graph that has the middleware inside can itself be measured as a variant.

Invariants
- What is added stands in the agent's messages: its first answer, what it was told, and its last answer.
- How often it was asked again is read off these messages, so nothing is kept between two runs of the agent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from ..agents.critic import ANSWERS, COMMENT
from ..agents.follow_up import FOLLOW_UPS
from ..errors import MissingExtra
from ..options import flag, whole

try:
    from langchain.agents.middleware import AgentMiddleware, ModelRequest, ModelResponse
except ImportError:
    raise MissingExtra.of("langchain", "langchain") from None

FORM = "Give your whole answer again, in the form that you were asked for."
_MARK = "akrasia"


class FollowUp(AgentMiddleware):
    """Asks an agent again before its answer is final.

    Args:
        move: what it is told: "again", "self_correct", "reflect", or "revise" behind a critic's comment.
        rounds: how often.
        critic: the model that comments; by default the agent's own. blind: it sees the answer and no question.
    """

    def __init__(self, move: str, rounds: int = 1, critic: BaseChatModel | None = None, blind: bool = False) -> None:
        super().__init__()
        self.move, self.rounds, self.critic = move, whole("the number of rounds", rounds, 1), critic
        self.blind = flag("blind", blind)

    @property
    def name(self) -> str:
        """Its name among the agent's middleware: two of one kind may stand there."""
        return f"akrasia_{self.move}"

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ModelResponse[Any]:
        """Ask, and ask again while there are rounds left."""
        response = handler(request)
        told: list[BaseMessage] = []
        for _ in range(self._left(request)):
            answer = _final(response)
            if answer is None:
                break
            comment = ""
            if self.move == "revise":
                model = self.critic or request.model
                comment = str(model.invoke(self._to_critic(request, told, answer)).text)
            told += [*response.result, self._follow_up(comment)]
            response = handler(request.override(messages=cast(Any, [*request.messages, *told])))
        return _joined(told, response)

    async def awrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]]
    ) -> ModelResponse[Any]:
        """The same for agents that are awaited."""
        response = await handler(request)
        told: list[BaseMessage] = []
        for _ in range(self._left(request)):
            answer = _final(response)
            if answer is None:
                break
            comment = ""
            if self.move == "revise":
                model = self.critic or request.model
                comment = str((await model.ainvoke(self._to_critic(request, told, answer))).text)
            told += [*response.result, self._follow_up(comment)]
            response = await handler(request.override(messages=cast(Any, [*request.messages, *told])))
        return _joined(told, response)

    def _left(self, request: ModelRequest[Any]) -> int:
        asked: int = sum(m.additional_kwargs.get(_MARK) == self.move for m in _since_question(request.messages))
        return max(0, self.rounds - asked)

    def _follow_up(self, comment: str) -> HumanMessage:
        quote = f"--- agent 1 ---\n{comment.strip()}"
        text = FOLLOW_UPS[self.move].replace("{others}", quote)
        return HumanMessage(f"{text}\n\n{FORM}", additional_kwargs={_MARK: self.move})

    def _to_critic(self, request: ModelRequest[Any], told: list[BaseMessage], answer: AIMessage) -> list[BaseMessage]:
        """What the critic reads: the question with whatever tools returned, and the answer."""
        shown = [] if self.blind else [_as_text(m) for m in _since_question([*request.messages, *told])]
        answers = ANSWERS.replace("{answers}", f"--- reasoner ---\n{str(answer.text).strip()}")
        return [HumanMessage("\n\n".join([*filter(None, shown), answers, COMMENT]))]


class Vote(AgentMiddleware):
    """Draws an agent's answer several times, and keeps the one that holds the most frequent label.

    Args:
        n: how often; label: what of an answer's text is counted, None for an abstention.
    """

    def __init__(self, n: int, label: Callable[[str], str | None]) -> None:
        super().__init__()
        self.n, self.label = whole("the number of samples", n, 1), label

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ModelResponse[Any]:
        """Ask once; where that is an answer and no call of a tool, ask n - 1 times more and count."""
        first = handler(request)
        if _final(first) is None:
            return first
        return self._winner([first, *(handler(request) for _ in range(self.n - 1))])

    async def awrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]]
    ) -> ModelResponse[Any]:
        """The same for agents that are awaited."""
        first = await handler(request)
        if _final(first) is None:
            return first
        return self._winner([first, *await asyncio.gather(*(handler(request) for _ in range(self.n - 1)))])

    def _winner(self, drawn: list[ModelResponse[Any]]) -> ModelResponse[Any]:
        labels = [None if (one := _final(r)) is None else self.label(str(one.text)) for r in drawn]
        counted = [label for label in labels if label is not None]
        if not counted:
            return drawn[0]
        return drawn[labels.index(max(counted, key=counted.count))]  # of ties the first


def re_evaluate(rounds: int = 1) -> FollowUp:
    """Re-evaluate: the agent is asked once more, without being told whether it was right (Huang et al. 2024)."""
    return FollowUp("again", rounds)


def self_correct(rounds: int = 1) -> FollowUp:
    """Self-correct: the agent is asked to find and correct a mistake, if there is one (Huang et al. 2024)."""
    return FollowUp("self_correct", rounds)


def reflect(rounds: int = 1) -> FollowUp:
    """Reflect: the agent writes down what could be mistaken before its answer is final (Shinn et al. 2023)."""
    return FollowUp("reflect", rounds)


def critique(rounds: int = 1, model: BaseChatModel | None = None, blind: bool = False) -> FollowUp:
    """Critique: a critic comments on the answer, and the agent answers again (Madaan et al. 2023).

    Args:
        model: the critic; by default the agent's own model.
        blind: whether the critic sees the answer alone.
    """
    return FollowUp("revise", rounds, model, blind)


def self_consistency(n: int = 5, label: Callable[[str], str | None] | None = None) -> Vote:
    """Self-consistency: n draws of the answer, of which the most frequent label's first is kept (Wang et al. 2022).

    Args:
        label: what of an answer is counted; by default what follows its last "ACTION=", or else its whole text.
    """
    return Vote(n, label or action_or_text)


def action_or_text(text: str) -> str | None:
    """What follows the last "ACTION=" of an answer, or else the whole of it; None where it is empty."""
    _, marker, rest = text.rpartition("ACTION=")
    found = rest.strip().partition("\n")[0].strip() if marker else " ".join(text.split())
    return found.casefold() or None


def _final(response: ModelResponse[Any]) -> AIMessage | None:
    """The answer with which the agent would end; None where it calls a tool."""
    last = response.result[-1] if response.result else None
    return last if isinstance(last, AIMessage) and not last.tool_calls else None


def _joined(told: list[BaseMessage], response: ModelResponse[Any]) -> ModelResponse[Any]:
    if not told:
        return response
    return ModelResponse([*told, *response.result], response.structured_response)


def _since_question(messages: list[Any]) -> list[Any]:
    """The messages from the last question of a human on; what this middleware says is no question."""
    asked = [i for i, m in enumerate(messages) if m.type == "human" and _MARK not in m.additional_kwargs]
    return messages[asked[-1] :] if asked else messages


def _as_text(message: Any) -> str:
    text = str(message.text).strip()
    return f"The tool {message.name} returned: {text}" if message.type == "tool" else text
