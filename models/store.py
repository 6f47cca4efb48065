"""Where a gateway keeps answers: the contract, and a store that lives as long as the process."""

from __future__ import annotations

from typing import Protocol

from ..records import Draw, Request, Response, Spend


class Store(Protocol):
    """Where answers are kept; `akrasia.ledger` is the durable one."""

    def get(self, key: str) -> Response | None: ...

    async def put(self, key: str, request: Request, draw: Draw, response: Response) -> None:
        """Keep an answer; returns once it is safe."""
        ...

    async def book(self, spend: Spend) -> None:
        """Keep what counts against the budget beside the answers; returns once it is safe."""
        ...


class MemoryStore:
    """A store that lives as long as the process."""

    def __init__(self) -> None:
        self.responses: dict[str, Response] = {}

    def get(self, key: str) -> Response | None:
        return self.responses.get(key)

    async def put(self, key: str, request: Request, draw: Draw, response: Response) -> None:
        self.responses[key] = response

    async def book(self, spend: Spend) -> None:
        """Nothing outlives this store."""
