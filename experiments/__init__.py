"""How an ablation is run: designs, runner, ledger, executors and configuration."""

from .config import assemble, load
from .foreign import Answer, Foreign, MessagesAdapter
from .ledger import Ledger, read_ledger
from .runner import Experiment, ModelSet, Outcome, play
from .variant import Variant

__all__ = [
    "Answer",
    "Experiment",
    "Foreign",
    "Ledger",
    "MessagesAdapter",
    "ModelSet",
    "Outcome",
    "Variant",
    "assemble",
    "load",
    "play",
    "read_ledger",
]
