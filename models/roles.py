"""Which model plays which role: what agents ask, who know no model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..events import Where
from ..records import Draw, Message, Response, Sampling
from .base import ModelInfo, Offer, key_of
from .gateway import Gateway
from .offers import check_offer
from .prompted_tools import in_words, read_calls


@dataclass(frozen=True)
class ModelRoles:
    """Which model plays which role: what an agent may ask, without knowing any model.

    A role, or slot, that is not named is served by "default". `where` names the decision that asks, for events;
    `player` who plays the episode, such as (task, models). `trial` says which of the repeated draws of the decision
    this is: trial 0 draws the samples that a plan names, and every further one as many samples later as the plan has
    lanes, so that trial i of a plan is lane i of its `self_consistency`.
    """

    gateway: Gateway
    slots: Mapping[str, str]
    where: Where | None = None
    player: tuple[str, ...] = ()
    trial: int = 0

    def give_up(self, episode: int) -> None:
        """Leave an episode unfinished, so that it is played again: something in it failed that may not fail again."""
        self.gateway.unanswered.add((self.player, episode))

    def untraced(self) -> ModelRoles:
        """The same for whoever reports its calls to LangChain's callbacks itself."""
        return self

    def info(self, slot: str) -> ModelInfo:
        """The `ModelInfo` of the model in a slot."""
        return self.gateway.info(self.slots.get(slot) or self.slots["default"])

    async def ask(
        self,
        slot: str,
        messages: tuple[Message, ...],
        sampling: Sampling,
        draw: Draw,
        offer: Offer | None = None,
    ) -> tuple[str, Response]:
        """Ask the model in `slot`: (key of the answer, the answer).

        Args:
            offer: the tools that it may call, and the form that its answer must have. A model that takes no tools of
                its own is asked in words, and its answer is read (`prompted_tools.py`).

        Raises:
            UsageError: the model can be offered no tools.
        """
        info = self.info(slot)
        if offer is None and all(map(_is_text, messages)):
            request = info.request(messages, sampling)
        else:
            request = check_offer(info, info.request(messages, sampling, offer))
        prompted = request.tools if info.tools != "native" else ()
        if info.tools != "native":
            request = in_words(request)
        key = key_of(request, draw)
        response = await self.gateway.complete(request, draw, self.where, key, self.player)
        return key, read_calls(response, prompted, key) if prompted else response


def _is_text(message: Message) -> bool:
    return message.is_plain and message.role != "tool"
