"""Where a run is kept: the store contract, the ledger file, its writer and tables, and what a run cost."""

from .ledger import Ledger, Reader, begun, read_ledger

__all__ = ["Ledger", "Reader", "begun", "read_ledger"]
