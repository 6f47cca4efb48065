"""The core needs no scipy, which is a fifth of what it would install: every command works where it is not there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

EXPERIMENT = """
model = "simulated"
design = "fork"
episodes = 12
trials = 2

[variants]
"base" = "reason_then_act | confidence"
"a critic" = "reason_then_act | confidence | critique"
"a debate" = "reason_then_act | confidence | debate(agents=4, topology='star')"
"a placebo" = "reason_then_act | confidence | placebo"

[task]
name = "bandit"
arms = 5
sigma = 1.0
horizon = 2
"""
COMMANDS = [
    ["plan", "mine.toml", "--effect", "0.2"],
    ["run", "mine.toml", "--out", "run", "--until", "gap +- 0.05", "--no-report"],
    ["list", "runs"],
    ["show", "run"],
    ["show", "run", "--gap"],
    ["score", "run", "--all"],
    ["score", "run", "--metric", "ece_debiased", "--metric", "aurc", "--interval", "bootstrap"],
    ["score", "run", "--by-item"],
    ["compare", "run", "base", "a critic"],
    ["check", "run", "gap(base) < 0.99"],
    ["plan", "mine.toml", "--effect", "0.2", "--pilot", "run"],
    ["report", "run"],
    ["export", "run", "run.jsonl"],
    ["doctor"],
]
PROGRAM = """
import gc, json, sys
gc.set_threshold(50_000, 20, 20)  # as in a command of its own, imports are there to stay
sys.modules["scipy"] = None  # importing it, or any part of it, is an ImportError
from akrasia.cli import main
from akrasia import open_run
codes = []
for command in json.loads(sys.argv[1]):
    try:
        main(command)
    except SystemExit as ended:
        codes.append(ended.code or 0)
from akrasia.evals.metrics.influence import CentralityInfluence
turns = open_run("run").turns
turns = turns.filter(turns["variant"] == "a debate")
for centrality in ("degree", "closeness", "betweenness", "pagerank"):
    print(CentralityInfluence(centrality)(turns))
print(json.dumps(codes))
"""


def test_every_command_works_where_scipy_is_not_installed(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(EXPERIMENT)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(COMMANDS)], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert "scipy" not in done.stdout + done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == [0] * len(COMMANDS), done.stderr
    assert (tmp_path / "run" / "report.html").is_file()
