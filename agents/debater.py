"""The debater: reasons and acts in one answer, in a discussion with others. It is a reasoner with another mode."""

from __future__ import annotations

from .base import AGENTS
from .reasoner import Reasoner


class Debater(Reasoner):
    """Role "debater": a reasoner that also acts, in a discussion; its options are `ReasonerOptions`."""

    name = "debater"
    mode = "reason_act"


AGENTS.register("debater", Debater)
