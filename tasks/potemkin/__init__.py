"""Potemkin understanding: concepts that programs can grade, and the tasks that ask for them."""

from .concept import Concept, Constraint, TextFormat
from .task import CONCEPTS, USES, Potemkin, PotemkinIncoherence, potemkin, potemkin_incoherence

__all__ = [
    "CONCEPTS",
    "USES",
    "Concept",
    "Constraint",
    "TextFormat",
    "Potemkin",
    "PotemkinIncoherence",
    "potemkin",
    "potemkin_incoherence",
]
