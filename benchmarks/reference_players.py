"""Regret of our reference players beside BanditBench's own, on the same arms.

    python benchmarks/reference_players.py                                    # ours alone
    python benchmarks/reference_players.py --banditbench-python bb/bin/python  # beside theirs

BanditBench (Nie et al. 2024, MIT) pins pydantic 2.10.5 and tensorflow 2.17, so it lives in a venv of its own:

    python -m venv bb
    bb/bin/pip install --no-deps banditbench==0.0.8
    bb/bin/pip install pydantic numpy scipy pandas requests tqdm litellm==1.106.2

Its agents and its environments run there, in a subprocess; means go in and regrets come out as JSON. It has no
epsilon-greedy, and no uniform player (ours stands beside uniform draws in its environment). Its `GreedyAgent` inherits
UCB's exploration bonus and plays as UCB does, so our greedy stands beside its UCB with alpha = 0, and `GreedyAgent`
beside our UCB. Its Thompson sampling is for Bernoulli rewards and fails on Gaussian ones.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np

from akrasia.tasks import PLAYERS, bandit, regrets, run_player
from akrasia.tasks.bandit import Bandit

THEIRS = r"""
import json, sys, time
import numpy as np
from banditbench.agents.classics import GreedyAgent, ThompsonSamplingAgent, UCBAgent
from banditbench.tasks.mab.env import BernoulliBandit, GaussianBandit

class Uniform:
    def __init__(self, env): self.env = env
    def act(self): return int(self.env.np_random.integers(self.env.num_arms))
    def update(self, action, reward, info): pass

MAKE = {"UCBAgent": UCBAgent, "UCBAgent(alpha=0)": lambda env: UCBAgent(env, alpha=0.0), "GreedyAgent": GreedyAgent,
        "ThompsonSamplingAgent": ThompsonSamplingAgent, "env.np_random": Uniform}
out = {}
for job in json.load(sys.stdin):
    np.random.seed(0)
    try:
        lost, began = [], time.perf_counter()
        for seed, means in enumerate(job["means"]):
            if job["rewards"] == "gaussian":
                env = GaussianBandit(len(means), job["horizon"], [(m, job["sigma"]) for m in means])
            else:
                env = BernoulliBandit(len(means), job["horizon"], list(means))
            env.set_seed(seed)
            agent, top, regret, done = MAKE[job["player"]](env), max(means), 0.0, False
            while not done:
                action = agent.act()
                _, reward, done, info = env.step(action)
                agent.update(action, reward, info)
                regret += top - means[action]
            lost.append(regret)
        out[job["name"]] = {"lost": lost, "seconds": time.perf_counter() - began}
    except ValueError as error:
        out[job["name"]] = {"error": str(error)}
print("RESULT " + json.dumps(out))
"""


@dataclass(frozen=True)
class Row:
    """One line of the table: our player under a rule, and which of theirs it stands beside."""

    rewards: str
    name: str
    player: str
    rule: str
    theirs: str = ""


ROWS = [
    row
    for rewards in ("gaussian", "bernoulli")
    for row in (
        Row(rewards, "UCB", "ucb", "ucb_bench", "UCBAgent"),
        Row(rewards, "UCB (their GreedyAgent)", "ucb", "ucb_bench", "GreedyAgent"),
        Row(rewards, "greedy, every arm once", "ucb", "greedy", "UCBAgent(alpha=0)"),
        Row(rewards, "greedy from the first reward", "greedy", "greedy"),
        Row(rewards, "epsilon-greedy 0.1", "epsilon_greedy", "greedy"),
        Row(rewards, "Thompson", "thompson", "greedy", "ThompsonSamplingAgent"),
        Row(rewards, "uniform", "uniform", "greedy", "env.np_random"),
    )
]


def task_of(row: Row, options: argparse.Namespace) -> Bandit:
    return bandit(
        arms=options.arms,
        sigma=options.sigma,
        horizon=options.horizon,
        rule=row.rule,
        rewards=row.rewards,
        gap=options.gap,
    )


def theirs(options: argparse.Namespace) -> dict[str, Any]:
    """What BanditBench's players lose on the same means, by the name of the row."""
    jobs = []
    for row in ROWS:
        task = task_of(row, options)
        if row.theirs:
            means = [task.means(seed) for seed in range(options.episodes)]
            jobs.append(
                {
                    "name": f"{row.rewards} {row.name}",
                    "player": row.theirs,
                    "rewards": row.rewards,
                    "means": means,
                    "sigma": task.sigma,
                    "horizon": task.horizon,
                }
            )
    env = os.environ | {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    done = subprocess.run(
        [options.banditbench_python, "-c", THEIRS], input=json.dumps(jobs), capture_output=True, text=True, env=env
    )
    results = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if done.returncode or not results:
        sys.exit(f"BanditBench did not run in {options.banditbench_python}:\n{done.stderr[-2000:]}")
    return dict(json.loads(results[-1].removeprefix("RESULT ")))


def estimate(lost: np.ndarray) -> str:
    return f"{lost.mean():7.2f} ± {lost.std(ddof=1) / len(lost) ** 0.5:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--episodes", type=int, default=2000)
    parser.add_argument("--arms", type=int, default=10)
    parser.add_argument("--horizon", type=int, default=50)
    parser.add_argument("--sigma", type=float, default=1.0)
    parser.add_argument("--gap", type=float, default=0.2)
    parser.add_argument("--banditbench-python", help="the interpreter of a venv that holds banditbench")
    options = parser.parse_args()
    if options.episodes < 2:
        parser.error("--episodes must be at least 2")
    other = theirs(options) if options.banditbench_python else {}
    print(f"{options.arms} arms, {options.horizon} steps, {options.episodes} episodes; cumulative regret, mean ± SE")
    head = f"{'rewards':10}{'player':30}{'ours':>15}{'BanditBench':>16}{'diff/SE':>9}"
    print(f"{head}{'our steps/s':>13}{'theirs':>9}{'ratio':>7}\n{'-' * 109}")
    seeds, steps = range(options.episodes), options.episodes * options.horizon
    diffs, ratios = [], []
    for row in ROWS:
        task = task_of(row, options)
        began = perf_counter()
        lost = regrets(task, row.player, seeds).sum(axis=1)
        speed = steps / (perf_counter() - began)
        line = f"{row.rewards:10}{row.name:30}{estimate(lost):>15}"
        their_row = other.get(f"{row.rewards} {row.name}")
        if their_row is None or "error" in their_row:
            why = "none" if their_row is None else "fails"
            print(f"{line}{why if other else '-':>16}{'':>9}{speed:>13,.0f}")
            continue
        their_lost, their_speed = np.array(their_row["lost"]), steps / their_row["seconds"]
        apart = lost - their_lost  # paired: the same means
        error = apart.std(ddof=1) / len(apart) ** 0.5
        diffs.append(apart.mean() / error)
        ratios.append(speed / their_speed)
        print(
            f"{line}{estimate(their_lost):>16}{diffs[-1]:>+9.2f}{speed:>13,.0f}{their_speed:>9,.0f}{ratios[-1]:>7.1f}"
        )
    task, began = task_of(ROWS[0], options), perf_counter()
    played = sum(1 for seed in range(20) for _ in run_player(task, PLAYERS["ucb"], seed))
    print(f"\nours are batched; one step at a time, with text, oracle and a stream per draw: "
          f"{played / (perf_counter() - began):,.0f} steps/s")  # fmt: skip
    if diffs:
        print(f"largest difference {max(map(abs, diffs)):.2f} SE, lowest ratio of speeds {min(ratios):.1f}")


if __name__ == "__main__":
    main()
