"""How an ablation is run: designs, runner, ledger, executors and configuration."""

from .config import assemble, load
from .ledger import Ledger, read_ledger
from .runner import Experiment, ModelSet, Outcome, play
from .variant import Variant

__all__ = ["Experiment", "Ledger", "ModelSet", "Outcome", "Variant", "assemble", "load", "play", "read_ledger"]
