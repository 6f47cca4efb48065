"""How long an import takes and how much memory: a table of a million rows, and transcripts of 100 MB.

    python benchmarks/importing.py [--rows 1000000] [--megabytes 100]

Each import runs in a process of its own, whose peak memory is told by the operating system.
"""

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROWS, MEGABYTES = 1_000_000, 100


def table(path: Path, rows: int) -> None:
    """Answers of two arms to as many questions as fit, two trials each."""
    draw = random.Random(0)
    with path.open("w") as file:
        file.write("question_id,variant,trial,answer,key\n")
        for number in range(rows):
            item, arm, trial = number // 4, "ab"[number // 2 % 2], number % 2
            file.write(f"q{item},{arm},{trial},{draw.randrange(3)},1\n")


def transcripts(path: Path, megabytes: int) -> None:
    """Conversations of some 10 kB as one JSON list."""
    turn = {"role": "user", "content": "word " * 900}
    answer = {"role": "assistant", "content": "That is it.\nANSWER=7"}
    with path.open("w") as file:
        file.write("[")
        number = 0
        while file.tell() < megabytes * 1_000_000:
            row = {"task_id": f"t{number}", "messages": [turn, answer, turn, answer], "target": str(number % 9)}
            file.write((",\n" if number else "") + json.dumps(row))
            number += 1
        file.write("]")


def timed(kind: str, source: Path, out: Path) -> None:
    """Import in a process of its own, and print what it took."""
    begun = time.perf_counter()
    subprocess.run([sys.executable, __file__, "--one", kind, str(source), str(out)], check=True)
    print(f"{kind}, {source.stat().st_size / 1e6:,.0f} MB: {time.perf_counter() - begun:.1f} s", flush=True)


def one(kind: str, source: str, out: str) -> None:
    """One import, in this process."""
    from akrasia.importers import import_run

    begun = time.perf_counter()
    imported = import_run(kind, source, out)
    used, spent = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter() - begun
    processor = used.ru_utime + used.ru_stime
    print(
        f"{imported.records:,} records in {spent:.1f} s, of which this process computed {processor:.1f} s; "
        f"peak {used.ru_maxrss / 1024:,.0f} MB"
    )


def main() -> None:
    """Make the sources and import them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--megabytes", type=int, default=MEGABYTES)
    parser.add_argument("--one", nargs=3)
    options = parser.parse_args()
    if options.one:
        one(*options.one)
        return
    with tempfile.TemporaryDirectory() as folder:
        table(Path(folder) / "rows.csv", options.rows)
        timed("table", Path(folder) / "rows.csv", Path(folder) / "table")
        transcripts(Path(folder) / "talks.json", options.megabytes)
        timed("chat", Path(folder) / "talks.json", Path(folder) / "chat")


if __name__ == "__main__":
    main()
