"""The models of a plan that is served: what its agents ask outside of a run, under the interface that they know."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from ..errors import BadOption
from ..records import Draw, Message, Response, Sampling
from .base import ModelInfo, Offer
from .langchain_calls import Asked
from .resolve import resolve
from .roles import ModelRoles
from .standalone import Standalone


class ServedModels:
    """The models by slot, each with a gateway and an event loop of its own (`Standalone`).

    Args:
        model: a model's name, a backend or a LangChain chat model; or slots to these, "default" among them.
    """

    def __init__(self, model: Any) -> None:
        named = dict(model) if isinstance(model, Mapping) else {"default": model}
        if "default" not in named:
            raise BadOption("no model serves the slot 'default'", remedy='Give {"default": model, ...}.')
        self.by_slot = {slot: Standalone(resolve(one)) for slot, one in named.items()}
        self.roles: ModelRoles = _ServedRoles(self)


class _ServedRoles(ModelRoles):
    def __init__(self, served: ServedModels) -> None:
        super().__init__(served, {slot: one.info.id for slot, one in served.by_slot.items()})  # type: ignore[arg-type]
        object.__setattr__(self, "_served", served)

    def _model(self, slot: str) -> Standalone:
        by_slot: dict[str, Standalone] = self.__dict__["_served"].by_slot
        return by_slot.get(slot) or by_slot["default"]

    def give_up(self, episode: int) -> None:
        """There is no episode: nothing is played again."""

    def untraced(self) -> ModelRoles:
        return self

    def info(self, slot: str) -> ModelInfo:
        return self._model(slot).info

    async def ask(
        self, slot: str, messages: tuple[Message, ...], sampling: Sampling, draw: Draw, offer: Offer | None = None
    ) -> tuple[str, Response]:
        asked = Asked(sampling, offer or Offer())
        (response,) = await asyncio.wrap_future(self._model(slot).ask(messages, asked))
        return f"served {draw.sample}", response
