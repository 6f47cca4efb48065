"""Runs that were made elsewhere, as ledgers of ours: one file a format, and what they share.

`import_run` makes a run folder of a source. What is registered in `IMPORTERS` works here and on the command line.
"""

from .aiw import AiwImporter
from .base import IMPORTERS, Importer, Intake, SourceRow
from .chat import ChatImporter
from .game24 import Game24Importer
from .greedy_table import GreedyTableImporter
from .gsm8k import Gsm8kImporter
from .inspect_log import InspectImporter
from .langsmith_runs import LangSmithImporter
from .lm_eval import LmEvalImporter
from .load import guess_kind, import_run
from .mallm import MallmImporter
from .otel import OtelImporter
from .potemkin import PotemkinImporter
from .promptfoo import PromptfooImporter
from .reflexion import ReflexionImporter
from .table import TableImporter
from .tau_bench import TauBenchImporter
from .verifiers_results import VerifiersImporter

__all__ = [
    "IMPORTERS",
    "AiwImporter",
    "ChatImporter",
    "Game24Importer",
    "GreedyTableImporter",
    "Gsm8kImporter",
    "Importer",
    "InspectImporter",
    "Intake",
    "LangSmithImporter",
    "LmEvalImporter",
    "MallmImporter",
    "OtelImporter",
    "PotemkinImporter",
    "PromptfooImporter",
    "ReflexionImporter",
    "SourceRow",
    "TableImporter",
    "TauBenchImporter",
    "VerifiersImporter",
    "guess_kind",
    "import_run",
]
