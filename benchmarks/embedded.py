"""Tokens per second through the whole program, over those of the bare backend at the same slots: `make bench-embedded`.

The demo is played by the embedded model into a ledger; then the very same requests are asked of a backend of the same
settings directly, as many at once, episode by episode. Both load the model before the clock starts. Tokens are those
of prompt and answer, as the model counts them. Sides alternate; figures are medians. The ratio is that of the rates.
Start-up is measured too: the CPU time of `akrasia --help`, and that it loads neither litellm nor langgraph.

Ends with exit code 1 where the ratio is below 0.9, start-up takes more than 0.3 s of CPU, or either is loaded.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from akrasia.api import execute
from akrasia.experiments import assemble, load, read_ledger
from akrasia.models.embedded import Embedded
from akrasia.records import Draw, Request

DEMO = Path(__file__).resolve().parents[1] / "examples" / "demo.toml"
RATIO, START_UP = 0.9, 0.3
Asked = list[tuple[Request, Draw]]


async def through_the_program(folder: Path, episodes: int) -> tuple[float, Asked]:
    """Tokens per second of a run, and what it asked."""
    experiment = assemble({**load(DEMO), "episodes": episodes, "model": Embedded()})
    began: list[float] = []
    result = await execute(experiment, folder, started=lambda _: began.append(time.perf_counter()))
    seconds = time.perf_counter() - began[0]
    assert result.outcome is not None and result.outcome.stopped is None
    used = result.outcome.tally.usage
    ledger = read_ledger(folder)
    try:
        keys = [key for record in ledger.records() for turn in record.decision.turns if (key := turn.key)]
        found = [a for key in dict.fromkeys(keys) if (a := ledger.answer(key)) is not None]
    finally:
        ledger.close()
    asked = sorted(((a.request, a.draw) for a in found), key=lambda a: (a[1].episode, a[1].step, len(str(a[0]))))
    return (used.prompt_tokens + used.completion_tokens) / seconds, asked


async def of_the_backend(asked: Asked) -> float:
    """Tokens per second of the same requests, asked directly."""
    backend = Embedded()
    await backend.open()
    at_once = asyncio.Semaphore(backend.card.max_concurrency)

    async def ask(request: Request, draw: Draw) -> int:
        async with at_once:
            usage = (await backend.generate(request, draw)).usage
        return usage.prompt_tokens + usage.completion_tokens

    try:
        began = time.perf_counter()
        tokens = sum(await asyncio.gather(*(ask(*a) for a in asked)))
        return tokens / (time.perf_counter() - began)
    finally:
        await backend.close()


def start_up() -> tuple[float, list[str]]:
    """CPU seconds of `akrasia --help`, and which of the heavy libraries it loads."""
    code = (
        "import sys\nfrom akrasia.cli import main\nsys.argv = ['akrasia', '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print([m for m in ('litellm', 'langgraph') if m in sys.modules], file=sys.stderr)"
    )
    before = os.times()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    after = os.times()
    cpu = after.children_user - before.children_user + after.children_system - before.children_system
    return cpu, [m for m in ("litellm", "langgraph") if m in done.stderr]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    asked_for = parser.parse_args()
    program, backend = [], []
    for n in range(asked_for.rounds):
        with tempfile.TemporaryDirectory() as folder:
            rate, asked = asyncio.run(through_the_program(Path(folder) / "run", asked_for.episodes))
        program.append(rate)
        backend.append(asyncio.run(of_the_backend(asked)))
        print(
            f"round {n + 1}: {len(asked)} calls, program {program[-1]:,.0f} tokens/s, backend {backend[-1]:,.0f}",
            flush=True,
        )
    ratio = median(p / b for p, b in zip(program, backend, strict=True))
    starts = [start_up() for _ in range(5)]
    cpu, loaded = median(c for c, _ in starts), starts[0][1]
    print(f"tokens per second: program {median(program):,.0f}, backend {median(backend):,.0f}, ratio {ratio:.2f}")
    print(f"akrasia --help: {cpu:.2f} s of CPU, loads {', '.join(loaded) or 'neither litellm nor langgraph'}")
    good = ratio >= RATIO and cpu <= START_UP and not loaded
    print(f"Goals: ratio at least {RATIO}, start-up at most {START_UP} s: {'met' if good else 'MISSED'}.")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
