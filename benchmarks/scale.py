"""A long run with the simulated agent: `make bench-scale`.

    memory     resident set of the process, averaged over the last tenth of the run against the second tenth
    speed      records per second of wall time and milliseconds of CPU per record, everything included
    ledger     bytes of the file per record: answers, records, the lines that scoring reads, marks
    resume     the same call again on the complete run, against the time of the run
    workers    records per second of two worker processes over those of one, and of this process alone, from the first
               record to the last; runs alternate, medians of three. Two processes that only burn CPU are the control

Ends with exit code 1 where a goal is missed. Options: `ARGS="--episodes 5000"`, `ARGS="--only workers"`.
"""

import argparse
import multiprocessing
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import akrasia as ak
from akrasia.events import Event, RecordsStored
from akrasia.ledger.file import FILE

SETTINGS: dict[str, Any] = {
    "task": {"name": "bandit", "arms": 5, "horizon": 1, "head_start": 3},
    "model": "simulated",
    "variants": ["reason_act", "reason_act | placebo"],
}
MEMORY, RESUME, WORKERS = 1.10, 0.10, 1.7  # the goals
ROOM = 1.9  # times the CPU of one that two busy processes must get, for the goal of the workers to be measurable


def resident() -> float:
    """MB of memory that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


class Watch:
    """Notes the memory, and when records are stored."""

    records = True
    level = "error"  # nothing else is sent by workers

    def __init__(self, episodes: int) -> None:
        self.count, self._every = 0, max(1, episodes // 1000)
        self.memory: list[float] = []
        self.first = self.last = 0.0

    def __call__(self, event: Event) -> None:
        if not isinstance(event, RecordsStored):
            return
        self.last = time.perf_counter()
        self.first = self.first or self.last
        self.count += 1
        if self.count % self._every == 0:
            self.memory.append(resident())

    def tenth(self, n: int) -> float:
        size = len(self.memory) // 10
        return statistics.fmean(self.memory[n * size : (n + 1) * size])


def long_run(episodes: int, folder: Path) -> bool:
    watch = Watch(episodes)
    began, cpu = time.perf_counter(), time.process_time()
    result = ak.run(**SETTINGS, episodes=episodes, out=folder, on_event=watch)
    took, cpu = time.perf_counter() - began, time.process_time() - cpu
    assert result.outcome is not None and result.outcome.missing == 0
    records = 2 * watch.count
    began = time.perf_counter()
    again = ak.run(**SETTINGS, episodes=episodes, out=folder)
    resumed = time.perf_counter() - began
    assert again.outcome is not None and again.outcome.run_usage.asked == 0 and again.outcome.missing == 0
    second, last = watch.tenth(1), watch.tenth(9)
    print(
        f"{episodes} episodes, {records} records in {took:.0f} s: {records / took:.0f} records/s, "
        f"{1000 * cpu / records:.2f} ms CPU per record"
    )
    print(f"ledger   {(folder / FILE).stat().st_size / records:.0f} bytes per record")
    print(
        f"memory   {second:.1f} MB in the second tenth, {last:.1f} MB in the last: x{last / second:.3f} (goal {MEMORY})"
    )
    print(f"resume   {resumed:.1f} s: {resumed / took:.4f} of the run (goal {RESUME})")
    return last / second <= MEMORY and resumed / took <= RESUME


def burn(seconds: float, shares: Any) -> None:
    """Work, and put how much CPU the process got."""
    until, cpu = time.monotonic() + seconds, time.process_time()
    while time.monotonic() < until:
        sum(range(10_000))
    shares.put((time.process_time() - cpu) / seconds)


def room(processes: int, seconds: float = 3.0) -> float:
    """The CPU that so many busy processes get together, in cores."""
    shares: Any = multiprocessing.Queue()
    burning = [multiprocessing.Process(target=burn, args=(seconds, shares)) for _ in range(processes)]
    for process in burning:
        process.start()
    cores = sum(shares.get() for _ in burning)
    for process in burning:
        process.join()
    return cores


def pools(episodes: int, folder: Path) -> bool:
    rates: dict[str, list[float]] = {}
    for turn in range(3):
        for name, more in (
            ("this process", {"executor": "local"}),
            ("1 worker", {"executor": "processes", "workers": 1}),
            ("2 workers", {"executor": "processes", "workers": 2}),
        ):
            watch = Watch(episodes)
            ak.run(**SETTINGS, **more, episodes=episodes, out=folder / f"{turn} {name}", on_event=watch)
            rates.setdefault(name, []).append(2 * watch.count / (watch.last - watch.first))
    found = {name: statistics.median(all_) for name, all_ in rates.items()}
    gain, possible = found["2 workers"] / found["1 worker"], room(2) / room(1)
    print(
        "workers  "
        + ", ".join(f"{name} {rate:.0f} records/s" for name, rate in found.items())
        + f": two over one x{gain:.2f} (goal {WORKERS})"
    )
    print(f"         two processes that only burn CPU get x{possible:.2f} of what one gets here")
    if possible < ROOM:
        print(f"         Below x{ROOM} the machine has no second core to give: the goal is NOT MEASURED.")
    return gain >= WORKERS or possible < ROOM


def main() -> int:
    options = argparse.ArgumentParser()
    options.add_argument("--episodes", type=int, default=100_000)
    options.add_argument("--only", choices=["run", "workers"])
    given = options.parse_args()
    good = True
    with tempfile.TemporaryDirectory() as folder:
        if given.only != "workers":
            good = long_run(given.episodes, Path(folder) / "run") and good
        if given.only != "run":
            good = pools(min(given.episodes, 3000), Path(folder) / "pools") and good
    print("No goal is missed." if good else "A goal is MISSED.")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
