"""A model that answers by a function: for tests and examples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ...records import Draw, Request, Response, Usage
from ..base import ModelInfo, NothingToOpen, Price, Style

Script = Callable[[Request, Draw], str | Response | Exception]


@dataclass(frozen=True)
class Scripted(NothingToOpen):
    """Answers with `script(request, draw)`: a text, a whole response, or an exception to raise.

    Args:
        script: a pure function, so that the same draw has the same answer.
        name: the identity of the answers; different scripts need different names.
        native_tools: whether it is handed tools as they are; else they are described in its prompt.
    """

    script: Script
    name: str = "scripted"
    style: Style = "chat"
    price: Price | None = Price()
    max_concurrency: int = 64
    native_tools: bool = True

    @property
    def info(self) -> ModelInfo:
        chats = self.style == "chat"
        return ModelInfo(
            f"scripted/{self.name}",
            self.name,
            self.style,
            self.max_concurrency,
            price=self.price,
            tools="native" if chats and self.native_tools else "prompted",
            images=chats,
        )

    async def generate(self, request: Request, draw: Draw, key: str) -> Response:
        answer = self.script(request, draw)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, Response):
            return answer
        prompt = sum(len(m.content.split()) for m in request.messages)
        return Response(answer, usage=Usage(prompt, len(answer.split())))
