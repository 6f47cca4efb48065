"""How long the viewer's pages take on a run of 100,000 step records, over the loopback.

    make bench-viewer         # or: python benchmarks/viewer.py [--records 100000] [--folder FOLDER]

The run is built once and kept, as in `score_scale.py`. A viewer is started as a user would start it; what is timed is a
request from its start to its last byte. Exits with 1 if a first page takes more than 300 ms or the median situation
more than 200 ms, or the median search, once texts are indexed, more than 500 ms.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from urllib.parse import quote

FIRST, STEP, SEARCH = 0.300, 0.200, 0.500
REPEATS, STEPS_ASKED = 5, 60


def main() -> int:
    """Build if need be, start a viewer, ask for pages, print, judge."""
    options = argparse.ArgumentParser(description="Time the viewer's pages on a long run.")
    options.add_argument("--records", type=int, default=100_000)
    options.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "akrasia-score-scale")
    arguments = options.parse_args()
    folder = arguments.folder / str(arguments.records)
    build = [sys.executable, str(Path(__file__).with_name("score_scale.py")), "--build"]
    subprocess.run([*build, "--records", str(arguments.records), "--folder", str(arguments.folder)], check=True)
    began = time.perf_counter()
    command = [sys.executable, "-c", "from akrasia.cli import main; main()", "view", str(folder), "--port", "0"]
    viewer = subprocess.Popen([*command, "--read-only"], stdout=subprocess.PIPE, text=True)
    try:
        assert viewer.stdout is not None
        found = re.search(r"http://\S+", viewer.stdout.readline())
        if found is None:
            raise SystemExit("the viewer did not start")
        print(
            f"{arguments.records:,} records; ready {time.perf_counter() - began:.1f} s after the start of the program"
        )
        return judge(found[0], began)
    finally:
        viewer.terminate()
        viewer.wait()


def judge(run: str, began: float) -> int:
    """Time the pages of a run; 1 where one takes too long."""
    first = [timed(run)[0] for _ in range(REPEATS)]
    row("first page of the run", first, FIRST)
    home = [timed(run.rstrip("/").rpartition("/")[0] + "/")[0] for _ in range(REPEATS)]
    row("list of runs", home, FIRST)
    listed = []
    for query in ("", "?show=gap", "?show=disagree&page=40"):
        listed += [timed(f"{run}steps{query}")[0] for _ in range(REPEATS)]
    row("list of situations", listed, None)
    codes = []
    for page in (1, 20, 40):
        codes += re.findall(r'href="(step-[0-9a-f-]+)', timed(f"{run}steps?page={page}")[1])
    chosen = random.Random(0).sample(codes, STEPS_ASKED)
    steps = [timed(run + code)[0] for code in chosen]
    row("situation", steps, STEP)
    row("situation, of a filter", [timed(f"{run}{code}?show=gap")[0] for code in chosen[:20]], None)
    row("search before the index", [timed(f"{run}steps?q=uncertainty")[0]], None)
    print(f"  index of all texts ready {indexed(run, began):.1f} s after the start of the program")
    words = ("uncertain", "longer before", "teal", "ACTION=", "no such word")
    row("search", [timed(f"{run}steps?q={quote(word)}")[0] for word in words], SEARCH)
    row("situation, of a search", [timed(f"{run}{code}?q=teal")[0] for code in chosen[:20]], None)
    slow = max(max(first), max(home)) > FIRST or statistics.median(steps) > STEP
    return int(slow or statistics.median([timed(f"{run}steps?q={quote(word)}x")[0] for word in words]) > SEARCH)


def indexed(run: str, began: float) -> float:
    """Wait for the index of texts; returns when it was there, in seconds since `began`."""
    while not json.loads(timed(f"{run}state")[1])["indexed"]:
        time.sleep(0.2)
    return time.perf_counter() - began


def row(what: str, seconds: list[float], most: float | None) -> None:
    """Print one line."""
    bound = "" if most is None else f"   (at most {1000 * most:.0f})"
    print(f"  {what:24} median {1000 * statistics.median(seconds):7.0f} ms, worst {1000 * max(seconds):7.0f} ms{bound}")


def timed(address: str) -> tuple[float, str]:
    """(seconds, page) of a request."""
    began = time.perf_counter()
    with urllib.request.urlopen(address) as answer:
        page = answer.read()
    return time.perf_counter() - began, page.decode()


if __name__ == "__main__":
    sys.exit(main())
