"""What a model call costs beside the provider's time: CPU per call and wall over ideal, ours and others'.

    make bench-overhead                       # every side, about ten minutes
    python benchmarks/overhead.py --sides ours,litellm --concurrency 50 --rounds 3

Every side does the same item, four calls one after the other, against one provider on the loopback that takes 200 ms a
call. Sides alternate within a round; figures are medians over rounds. CPU is that of the client process alone. Inspect
and LangGraph with ChatLiteLLM get environments of their own, made on demand in a cache folder (AKRASIA_BENCH_CACHE).
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
LATENCY = 0.2
CALLS = 4
PEERS = {
    "Inspect": ("inspect", ["inspect-ai>=0.3.200", "openai"]),
    "LangGraph + ChatLiteLLM": ("langchain-litellm", ["langchain-litellm>=0.11", "langgraph>=1.2"]),
}
SIDES = ["ours", "ours through litellm", "litellm", "LangGraph + ChatLiteLLM", "Inspect", "aiohttp"]
GOALS = [("ours", "litellm", 0.30), ("ours", "Inspect", 0.12), ("ours through litellm", "litellm", 1.0)]


def python_of(side: str, cache: Path) -> str:
    """The interpreter of a side; raises CalledProcessError where its packages cannot be installed."""
    if side not in PEERS:
        return sys.executable
    name, packages = PEERS[side]
    folder = cache / name
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        print(f"installing {', '.join(packages)} into {folder}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages]
        subprocess.run(pip, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        (folder / "ready").touch()
    return str(python)


class Side:
    """A process that does jobs of one side."""

    def __init__(self, name: str, python: str) -> None:
        self.name = name
        environment = os.environ | {
            "OPENAI_API_KEY": "none-needed-on-the-loopback",
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "LANGSMITH_TRACING": "false",
        }
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [python, HERE / "overhead_sides.py"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            env=environment,
            cwd=tempfile.gettempdir(),
            text=True,
        )

    def do(self, job: dict[str, Any]) -> dict[str, float]:
        """What a job took: seconds of wall and of CPU."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps(job | {"side": self.name}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            self.log.seek(0)
            raise RuntimeError(f"{self.name} failed: {self.log.read()[-3000:].decode(errors='replace')}")
        took: dict[str, float] = json.loads(line)
        return took

    def close(self) -> None:
        self.process.communicate()


def prompts() -> list[list[dict[str, str]]]:
    """The four prompts of one item, as our own plan asks them."""
    import asyncio

    from akrasia.interventions.expression import parse
    from akrasia.models import Gateway, ModelRoles, Scripted
    from akrasia.records import Request
    from akrasia.tasks.base import TASKS

    requests: list[Request] = []
    task = TASKS.make("bandit", arms=5, horizon=1, head_start=3)
    situation = task.situation(task.start(0))

    def script(request: Request, draw: Any) -> str:
        requests.append(request)
        return (
            f"The mean of that one is the highest so far.\nBEST={situation.actions[0]}\nACTION={situation.actions[0]}"
        )

    model = Scripted(script)
    models = ModelRoles(Gateway([model]), {"default": model.info.id})
    asyncio.run(parse("reason_then_act | critique").decide(situation, models, 0, situation.step))
    assert len(requests) == CALLS
    return [[{"role": m.role, "content": m.content} for m in r.messages] for r in requests]


def table(rows: list[tuple[str, int, float, float]]) -> str:
    """(side, concurrency, CPU ms per call, wall over ideal) as lines, with ratios to bare litellm and to Inspect."""
    cpu = {(side, n): ms for side, n, ms, _ in rows}
    lines = [f"{'side':26} {'at once':>7} {'CPU ms/call':>12} {'wall/ideal':>11} {'of litellm':>11} {'of Inspect':>11}"]
    for side, n, ms, wall in rows:
        ratios = [
            f"{ms / cpu[other, n]:11.2f}" if (other, n) in cpu else f"{'':11}" for other in ("litellm", "Inspect")
        ]
        lines.append(f"{side:26} {n:7} {ms:12.2f} {wall:11.2f} {' '.join(ratios)}")
    for side, other, most in GOALS:
        ratios = [(n, cpu[side, n] / cpu[other, n]) for s, n in cpu if s == side and (other, n) in cpu]
        reached = ", ".join(f"{ratio:.2f} at {n}" for n, ratio in ratios)
        if ratios:
            met = all(ratio <= most for _, ratio in ratios)
            lines.append(f"goal {'met' if met else 'MISSED'}: {side} at most {most:g}x {other}: {reached}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sides", default=",".join(SIDES))
    parser.add_argument("--concurrency", default="50,200,1000")
    parser.add_argument("--items", type=int, default=400, help="at least this many items a job, and one wave")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    cache = Path(os.environ.get("AKRASIA_BENCH_CACHE") or Path.home() / ".cache" / "akrasia-bench")
    server = subprocess.Popen(
        [sys.executable, HERE / "overhead_server.py", str(LATENCY)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert server.stdout is not None
    base = f"http://127.0.0.1:{int(server.stdout.readline())}/v1"
    job: dict[str, Any] = {"base": base, "messages": prompts()}
    sides: list[Side] = []
    for name in arguments.sides.split(","):
        try:
            sides.append(Side(name, python_of(name, cache)))
            sides[-1].do(job | {"items": 20, "concurrency": 20})
        except (subprocess.CalledProcessError, OSError) as error:
            print(f"left out: {name}, which could not be installed ({error})")
    rows = []
    try:
        for concurrency in map(int, arguments.concurrency.split(",")):
            items = max(arguments.items, concurrency)
            waves = -(-items // concurrency)
            took: dict[str, list[dict[str, float]]] = {s.name: [] for s in sides}
            for turn in range(arguments.rounds):
                for side in sides if turn % 2 == 0 else reversed(sides):
                    took[side.name].append(side.do(job | {"items": items, "concurrency": concurrency}))
            for side in sides:
                cpu = statistics.median(t["cpu"] for t in took[side.name]) / (items * CALLS)
                wall = statistics.median(t["wall"] for t in took[side.name]) / (LATENCY * CALLS * waves)
                rows.append((side.name, concurrency, 1000 * cpu, wall))
                print(f"{side.name}, {concurrency} at once: {1000 * cpu:.2f} ms of CPU a call", flush=True)
    finally:
        for side in sides:
            side.close()
        server.communicate()
    print(table(rows))


if __name__ == "__main__":
    main()
