"""Who answers: one gateway before any backend."""

from .base import Backend, Card, Price
from .gateway import Budget, Desk, Gateway, MemoryStore, Tally, key_of
from .resolve import MODELS, resolve
from .scripted import Scripted
from .simulated import Planted, Simulated

__all__ = [
    "MODELS",
    "Backend",
    "Budget",
    "Card",
    "Desk",
    "Gateway",
    "MemoryStore",
    "Planted",
    "Price",
    "Scripted",
    "Simulated",
    "Tally",
    "key_of",
    "resolve",
]
