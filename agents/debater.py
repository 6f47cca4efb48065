"""The debater: reasons and acts in one answer, in a discussion with others.

It is a reasoner with a position: options `persona` (who it is told to be), `agreement` (how readily it should agree, in
[0, 1]; Smit et al. 2024), `signed`, `confidence` and `show_confidence` (what is shown of the others), `ballot`.
"""

from __future__ import annotations

from .base import AGENTS
from .reasoner import Reasoner

__all__ = ["Debater"]


class Debater(Reasoner):
    """Role "debater": a reasoner that also acts, in a discussion."""

    name = "debater"
    mode = "reason_act"


AGENTS.register("debater", Debater)
