"""How many threads the libraries of numbers start with.

Polars and OpenBLAS start one per core and wake all of them for every question. On a run of a few thousand steps, which
is thousands of small questions, that costs a quarter of all processor time and saves nothing.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ..files import is_file

SMALL = 50_000_000  # bytes of a ledger: some 12,000 steps
THREADS = {"polars": "POLARS_MAX_THREADS", "numpy": "OPENBLAS_NUM_THREADS"}  # read when the library is loaded


def few_threads(run: Path) -> None:
    """One thread for each library that is not loaded yet, if the run is small; a number in the environment stands."""
    ledger = run / "ledger.sqlite"
    if not is_file(ledger) or ledger.stat().st_size > SMALL:
        return
    for library, variable in THREADS.items():
        if library not in sys.modules:
            os.environ.setdefault(variable, "1")
