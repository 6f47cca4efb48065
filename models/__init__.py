"""Who answers: one gateway before any backend."""

from .base import Backend, ModelInfo, Price, key_of
from .budget import Budget
from .gateway import Gateway
from .providers.scripted import Scripted
from .providers.simulated import Planted, Simulated
from .resolve import MODELS, resolve
from .retry import RunUsage
from .roles import ModelRoles
from .store import MemoryStore

__all__ = [
    "MODELS",
    "Backend",
    "Budget",
    "Gateway",
    "MemoryStore",
    "ModelInfo",
    "ModelRoles",
    "Planted",
    "Price",
    "RunUsage",
    "Scripted",
    "Simulated",
    "key_of",
    "resolve",
]
