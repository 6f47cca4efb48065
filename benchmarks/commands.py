"""How long the help and the commands take that read a run, each in a fresh process, and how large an install is.

    make demo bench-commands          # or: python benchmarks/commands.py [--run runs/demo] [--rounds 5]
    python benchmarks/commands.py --install

What is timed is a command from the start of its process to its end: the best of some rounds, since whatever else the
machine does only adds to it. Exits with 1 where a goal is missed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
GOALS = {"--help": 0.2, "list runs": 0.4, "show": 0.5, "score": 1.5, "report": 2.5}  # seconds
INSTALL = 450  # MB


def main() -> int:
    """Time the commands of a run, or weigh an install."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--run", type=Path, default=Path("runs/demo"))
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument(
        "--install", action="store_true", help="install the core alone, from the package index, and weigh it"
    )
    arguments = options.parse_args()
    if arguments.install:
        return weigh()
    if not (arguments.run / "ledger.sqlite").is_file():
        raise SystemExit(f"{arguments.run} holds no run. Play it with: make demo, or name another with --run.")
    return time_commands(arguments.run, arguments.rounds)


def time_commands(run: Path, rounds: int) -> int:
    """Print seconds of wall and processor time; 1 where a command takes longer than its goal."""
    missed = False
    print(f"{'command':<12}{'wall s':>8}{'CPU s':>8}{'goal s':>8}")
    with tempfile.TemporaryDirectory() as folder:
        for name, goal in GOALS.items():
            more = [] if name in ("--help", "list runs") else [str(run)]
            more += ["--out", str(Path(folder) / "report.html")] if name == "report" else []
            wall, cpu = map(min, zip(*(timed([*name.split(), *more]) for _ in range(rounds)), strict=True))
            missed = missed or wall > goal
            print(f"{name:<12}{wall:>8.2f}{cpu:>8.2f}{goal:>8.1f}{'  missed' if wall > goal else ''}")
    return int(missed)


def timed(arguments: list[str]) -> tuple[float, float]:
    """(wall, processor) seconds of one command in a process of its own."""
    command = [sys.executable, "-c", "from akrasia.cli import main; main()", *arguments]
    before, began = os.times(), time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    wall, after = time.perf_counter() - began, os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return wall, used


def weigh() -> int:
    """Install the core into an environment of its own; print its size, and the largest packages."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        pip = [str(Path(folder) / "bin" / "python"), "-m", "pip"]
        subprocess.run([*pip, "install", "--quiet", str(ROOT)], check=True)
        subprocess.run([*pip, "uninstall", "--quiet", "--yes", "setuptools"], check=True)
        (site,) = (Path(folder) / "lib").glob("python*/site-packages")
        sizes = {d.name: sum(f.stat().st_size for f in d.rglob("*") if f.is_file()) / 1e6 for d in site.iterdir()}
        sizes.pop("pip", None)
    for name, size in sorted(sizes.items(), key=lambda item: -item[1])[:12]:
        print(f"{name:<28}{size:>6.0f} MB")
    whole = sum(sizes.values())
    print(f"{'all':<28}{whole:>6.0f} MB (goal: {INSTALL})")
    return int(whole > INSTALL)


if __name__ == "__main__":
    sys.exit(main())
