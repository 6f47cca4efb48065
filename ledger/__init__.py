"""Where a run is kept: one SQLite file, read by everyone and written by one process."""

from .ledger import Ledger
from .reader import LedgerReader, StoredAnswer, holds_run, read_ledger

__all__ = ["Ledger", "LedgerReader", "StoredAnswer", "holds_run", "read_ledger"]
