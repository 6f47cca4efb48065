"""Who answers: one gateway before any backend."""

from .base import Backend, Card, Price, key_of
from .budget import Budget
from .gateway import Desk, Gateway, MemoryStore
from .providers.scripted import Scripted
from .providers.simulated import Planted, Simulated
from .resolve import MODELS, resolve
from .retry import Tally

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
