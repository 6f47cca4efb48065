"""Runs that were made elsewhere, as ledgers of ours: one file a format, and what they share.

`import_run` makes a run folder of a source. What is registered in `IMPORTERS` works here and on the command line.
"""

from .aiw import AiwImporter
from .base import IMPORTERS, Importer, Intake, SourceRow
from .game24 import Game24Importer
from .greedy_table import GreedyTableImporter
from .gsm8k import Gsm8kImporter
from .load import guess_kind, import_run
from .potemkin import PotemkinImporter
from .reflexion import ReflexionImporter
from .table import TableImporter
from .tau_bench import TauBenchImporter

__all__ = [
    "IMPORTERS",
    "AiwImporter",
    "Game24Importer",
    "GreedyTableImporter",
    "Gsm8kImporter",
    "Importer",
    "Intake",
    "PotemkinImporter",
    "ReflexionImporter",
    "SourceRow",
    "TableImporter",
    "TauBenchImporter",
    "guess_kind",
    "import_run",
]
