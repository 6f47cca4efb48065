"""The backends of a run, opened once and shared by every gateway over them.

Invariant: a backend is opened at its first use, however many ask for it at a time, and is closed once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator

from .base import Backend, ModelInfo
from .secrets import keys


class ModelPool:
    """The backends of a run by their ids.

    Attributes:
        keys: the API keys that were in the environment when models were opened, with the variable of each.
    """

    def __init__(self, backends: Iterable[Backend]) -> None:
        self.keys: dict[str, str] = {}
        self._backends = {b.info.id: b for b in backends}
        self._opening: dict[str, asyncio.Task[None]] = {}
        self._infos: dict[str, ModelInfo] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(self._backends)

    def backend(self, model: str) -> Backend:
        """The backend of a model."""
        return self._backends[model]

    def info(self, model: str) -> ModelInfo:
        """The `ModelInfo` of a model."""
        return self._infos.get(model) or self._backends[model].info

    async def check(self, model: str) -> None:
        """Ask a model's provider whether it has it, where its backend knows how and it is not open yet.

        Raises:
            Denied: it has not, or it cannot be asked.
        """
        check = getattr(self._backends[model], "check", None)
        if check is not None and model not in self._infos:
            await check()

    async def open(self, model: str) -> ModelInfo:
        """Open a model, if it is not open yet.

        Raises:
            UsageError, Denied: the model cannot be used here.
        """
        if model not in self._infos:
            backend = self._backends[model]
            if model not in self._opening:
                self._opening[model] = asyncio.ensure_future(backend.open())
            await asyncio.shield(self._opening[model])
            self._infos[model] = backend.info
            self.keys.update(keys())
        return self._infos[model]

    async def close(self) -> None:
        """Close every backend that was opened."""
        for model, opening in self._opening.items():
            if opening.done() and not opening.cancelled() and opening.exception() is None:
                await self._backends[model].close()
        self._opening.clear()
        self._infos.clear()
