"""Tokens per second through the whole program, over those of the bare backend at the same slots: `make bench-embedded`.

The demo is played by one of its models, the organism or with `--untuned` the other, into a ledger; then the very same
requests are asked of a backend of the same settings directly, as many at once, in the order in which the program asked
them (whichever comes first profits from what prompts share). Both load the model before the clock starts. Tokens are
those of prompt and answer, as the model counts them. Sides alternate; figures are medians. The ratio is that of the
rates.
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
from akrasia.experiments import Experiment, assemble, load_settings
from akrasia.models import key_of
from akrasia.models.providers.embedded import Embedded
from akrasia.records import Draw, Request, Response, Usage

DEMO = Path(__file__).resolve().parents[1] / "examples" / "organism.toml"
RATIO, START_UP = 0.9, 0.3


class Recording(Embedded):
    """The embedded model; it records its requests and tokens."""

    def __init__(self, adapter: str | None) -> None:
        super().__init__(adapter=adapter)
        self.requests: list[tuple[Request, Draw]] = []
        self.used = Usage()

    async def generate(self, request: Request, draw: Draw, key: str) -> Response:
        self.requests.append((request, draw))
        response = await super().generate(request, draw, key)
        self.used += response.usage
        return response


def demo(episodes: int, model: Recording) -> Experiment:
    """The demo with one of its two models."""
    return assemble({**load_settings(DEMO), "episodes": episodes, "model": model, "leader": None})


async def through_the_program(folder: Path, episodes: int, adapter: str | None) -> tuple[float, Recording]:
    """Seconds of a run, and its model."""
    model = Recording(adapter)
    began: list[float] = []
    result = await execute(demo(episodes, model), folder, on_start=lambda _: began.append(time.perf_counter()))
    seconds = time.perf_counter() - began[0]
    assert result.outcome is not None and result.outcome.stopped is None
    return seconds, model


async def of_the_backend(requests: list[tuple[Request, Draw]], adapter: str | None) -> tuple[float, Recording]:
    """Seconds of the same requests, asked directly and all ready from the start."""
    model = Recording(adapter)
    await model.open()
    at_once = asyncio.Semaphore(model.info.max_concurrency)

    async def ask(request: Request, draw: Draw) -> None:
        async with at_once:
            await model.generate(request, draw, key_of(request, draw))

    try:
        began = time.perf_counter()
        await asyncio.gather(*(ask(*request) for request in requests))
        return time.perf_counter() - began, model
    finally:
        await model.close()


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
    parser.add_argument("--episodes", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--untuned", action="store_true", help="the weights without the organism's adapter")
    arguments = parser.parse_args()
    adapter = None if arguments.untuned else "organism"
    program: list[float] = []
    backend: list[float] = []
    for n in range(arguments.rounds):
        with tempfile.TemporaryDirectory() as folder:
            sides = [asyncio.run(through_the_program(Path(folder) / "run", arguments.episodes, adapter))]
        sides.append(asyncio.run(of_the_backend(sides[0][1].requests, adapter)))
        for rates, (seconds, model) in zip((program, backend), sides, strict=True):
            rates.append((model.used.prompt_tokens + model.used.completion_tokens) / seconds)
        cached = [f"{m.used.cached_tokens / m.used.prompt_tokens:.0%}" for _, m in sides]
        calls, p, b = len(sides[0][1].requests), program[-1], backend[-1]
        print(f"round {n + 1}: {calls} calls; tokens/s: program {p:,.0f}, backend {b:,.0f}; ", end="")
        print(f"of prompts reused: {cached[0]}, {cached[1]}", flush=True)
    ratio = median(p / b for p, b in zip(program, backend, strict=True))
    starts = [start_up() for _ in range(5)]
    cpu, loaded = median(c for c, _ in starts), starts[0][1]
    print(f"tokens per second: program {median(program):,.0f}, backend {median(backend):,.0f}; ", end="")
    print(f"ratio by rounds {ratio:.2f}")
    print(f"akrasia --help: {cpu:.2f} s of CPU, loads {', '.join(loaded) or 'neither litellm nor langgraph'}")
    good = ratio >= RATIO and cpu <= START_UP and not loaded
    print(f"Goals: ratio at least {RATIO}, start-up at most {START_UP} s: {'met' if good else 'MISSED'}.")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
