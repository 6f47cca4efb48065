"""How long `akrasia score RUN` takes, and how much memory, on a run of a million step records.

    make bench-score          # or: python benchmarks/score_scale.py [--records 1000000] [--folder FOLDER]

The run is built once and kept in the folder (by default under the system's temporary folder; some 4 GB and several
minutes for a million): 500 episodes of four variants are really played by the simulated agent, then entered again and
again through the ledger's own writing path, each time as other episodes with situations of their own. What is timed is
a fresh process on two cores, from its start to its end: imports, reading, every registered metric, contrasts, tests and
printing. Exits with 1 beyond 10 s or 1 GB (10^9 bytes).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

SECONDS, BYTES = 10.0, 10**9
PLAYED = 500
VARIANTS = (
    "reason_then_act",
    "reason_then_act | re_evaluate",
    "reason_then_act | self_consistency(n=3)",
    "reason_then_act | placebo",
)
STEPS = 10
BUILT = "built.json"


def main() -> int:
    """Build if need be, score, print, judge."""
    options = argparse.ArgumentParser(description="Time `akrasia score` on a long run.")
    options.add_argument("--records", type=int, default=1_000_000)
    options.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "akrasia-score-scale")
    options.add_argument("--build", action="store_true", help=argparse.SUPPRESS)
    arguments = options.parse_args()
    folder = arguments.folder / str(arguments.records)
    if arguments.build:
        refresh(folder) if (folder / BUILT).is_file() else build(folder, arguments.records)
        return 0
    # In a process of its own: this one must stay smaller than the one that it measures.
    subprocess.run([sys.executable, __file__, "--build", *sys.argv[1:]], check=True)
    seconds, cpu, peak = timed(folder)
    records = json.loads((folder / BUILT).read_text())["records"]
    print(
        f"{records:,} records in {seconds:.1f} s ({cpu:.1f} s of processor time), "
        f"{peak / 1e6:,.0f} MB at its peak, {records / seconds:,.0f} records per second"
    )
    return int(seconds > SECONDS or peak > BYTES)


def timed(folder: Path) -> tuple[float, float, float]:
    """(seconds, processor seconds, peak bytes) of `akrasia score` in a fresh process on two cores."""
    code = (
        "import os; hasattr(os, 'sched_setaffinity') and os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2]); "
        "from akrasia.cli import main; main()"
    )
    environment = {**os.environ, "POLARS_MAX_THREADS": "2", "OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"}
    began = time.perf_counter()
    work = subprocess.Popen([sys.executable, "-c", code, "score", str(folder)], env=environment)
    _, status, used = os.wait4(work.pid, 0)
    seconds = time.perf_counter() - began
    work.returncode = os.waitstatus_to_exitcode(status)
    if work.returncode:
        raise SystemExit(f"akrasia score failed with exit code {work.returncode}")
    unit = 1 if sys.platform == "darwin" else 1024
    return seconds, used.ru_utime + used.ru_stime, used.ru_maxrss * unit


def refresh(folder: Path) -> None:
    """Bring the lines of a run that was built with other code up to date, as resuming it would."""
    from akrasia.ledger import Ledger, read_ledger

    with read_ledger(folder) as reader:
        stale = reader.csv_lines() is None
    if stale:
        Ledger(folder).close()


def build(folder: Path, records: int) -> None:
    """A run of `records` step records in `folder`, made by the program's own writing path."""
    import akrasia as ak
    from akrasia.ledger import read_ledger
    from akrasia.ledger.file import FILE

    for old in folder.glob(f"{FILE}*"):
        old.unlink()
    began = time.perf_counter()
    ak.run(
        task={"name": "bandit", "arms": 5, "horizon": STEPS},
        model="simulated",
        variants=list(VARIANTS),
        episodes=PLAYED,
        out=folder,
    )
    with read_ledger(folder) as reader:
        played = list(reader.records())
    asyncio.run(again(folder, played, -(-records // len(played))))
    (folder / BUILT).write_text(json.dumps({"records": -(-records // len(played)) * len(played)}))
    print(f"built in {time.perf_counter() - began:.0f} s")


async def again(folder: Path, played: list, times: int) -> None:
    """Enter what was played `times` - 1 times more, each time as other episodes."""
    from akrasia.ledger import Ledger
    from akrasia.records import digest

    groups: dict = {}
    for record in played:
        groups.setdefault((record.episode, record.step), []).append(record)
    ledger = Ledger(folder)
    try:
        for turn in range(1, times):
            moved = [
                [
                    replace(
                        r,
                        episode=r.episode + turn * PLAYED,
                        item=f"{r.item}/{turn}",
                        situation=digest([r.situation, turn], 8),
                    )
                    for r in group
                ]
                for group in groups.values()
            ]
            await asyncio.gather(*map(ledger.record, moved))
    finally:
        ledger.close()


if __name__ == "__main__":
    sys.exit(main())
