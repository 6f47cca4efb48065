"""What checksums cost: their share of the time in which a ledger makes and writes its rows.

The rows of a short run are written again as other episodes, into a ledger in a temporary folder; then the very
checksums that this took are computed alone. Both are processor time of this process, so that neighbours of the machine
and its disk do not count: with the disk, the share is smaller.

    python benchmarks/ledger_checksums.py [EPISODES] [REPEATS]
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import akrasia as ak
from akrasia.ledger import Ledger, read_ledger
from akrasia.ledger.checksums import checksum, with_contents
from akrasia.ledger.tables import Batch, answer_rows, record_rows


def batches(folder: Path, episodes: int) -> list[tuple[Any, ...]]:
    """What is stored of a short run, as the arguments of the functions that make rows, for that many episodes."""
    task = ak.tasks.bandit(arms=5, horizon=10, head_start=3)
    ak.run(task=task, model="simulated", variants=["reason_act", "reason_act | critique"], episodes=1, out=folder)
    with read_ledger(folder) as ledger:
        records = list(ledger.records())
        keys = dict.fromkeys(turn.key for r in records for turn in r.decision.turns if turn.key)
        answers = [(key, found) for key in keys if (found := ledger.answer(key))]
    made: list[tuple[Any, ...]] = []
    for e in range(episodes):
        made += [(f"{e} {k}", a.request, replace(a.draw, episode=e), a.response) for k, a in answers]
        made += [([replace(r, episode=e)],) for r in records]
    return made


def written(folder: Path, made: list[tuple[Any, ...]]) -> tuple[float, list[Batch]]:
    """(seconds to make and write all rows, the rows)."""
    rows: list[Batch] = []

    async def work() -> None:
        with Ledger(folder) as ledger:
            for start in range(0, len(made), 32):
                some = [answer_rows(*m) if len(m) == 4 else record_rows(*m) for m in made[start : start + 32]]
                rows.extend(some)
                await asyncio.gather(*map(ledger.commit, some))

    began = time.process_time()
    asyncio.run(work())
    return time.process_time() - began, rows


def hashed(rows: list[Batch]) -> float:
    """Seconds to compute the checksums of these rows, as they were computed."""
    parts = [dict(batch) for batch in rows]
    began = time.process_time()
    for part in parts:
        for key, model, episode, step, sample, request, response, cost, _ in part.get("responses", ()):
            checksum(key, model, episode, step, sample, cost, request, response)
        for record, line in zip(part.get("records", ()), part.get("lines", ()), strict=True):
            checksum(*record[:6]), with_contents(0, line[5])
    return time.process_time() - began


def main(episodes: int = 60, repeats: int = 7) -> float:
    """Print the share, the median over repeats, and return it."""
    with tempfile.TemporaryDirectory() as folder:
        made = batches(Path(folder) / "run", episodes)
        shares = []
        for i in range(repeats):
            whole, rows = written(Path(folder) / str(i), made)
            shares.append(hashed(rows) / whole)
    print(f"checksums: {median(shares):.1%} of the time to write ({min(shares):.1%} to {max(shares):.1%})")
    return median(shares)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
