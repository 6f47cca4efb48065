"""How often `akrasia.evals.metrics.decisive` names the turn that made the decisive error: a labelled set.

    .venv/bin/python benchmarks/decisive.py [--decisions 1500]

In every transcript an error is planted in one turn of one agent. The agents are right with a probability of their own
else, err by themselves, and follow the others or do not: such errors are the distractors. A decision that comes out
wrong is played again through the whole program, with the same draws, once for each turn, with that turn put right. Its
label is the earliest turn whose correction makes the decision right, which is the decisive error by definition; without
such a turn it has no label. The rule sees the first transcript alone. Compared with it: naming the first turn that is
wrong, the last turn, and a turn at random.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

import polars as pl

import akrasia as ak
from akrasia.evals.metrics.decisive import decisive_turns
from akrasia.models.providers.scripted import Scripted
from akrasia.records import Draw, Request
from akrasia.rng import named_rng
from akrasia.tasks import bandit
from akrasia.tasks.bandit import Bandit, BanditState

PLANS = {
    "debate, 3 agents, 2 rounds": "reason_act | debate(agents=3, rounds=2)",
    "debate, 5 agents, 1 round": "reason_act | debate(agents=5, rounds=1)",
    "relay, 4 agents, 1 round": "mallm_relay(agents=4, rounds=1)",
    "memory, 4 agents, 1 round": "mallm_memory(agents=4, rounds=1)",
}
TASK = bandit(arms=5, head_start=6, horizon=1, rule="truth")
_SAYS = re.compile(r"^ACTION=(.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Crew:
    """Agents that are right by themselves with probability `right`, and follow the most of those read with `follows`.

    Attributes:
        agents, rounds: among whose turns an error is planted.
        corrected: (agent, round) of the turn that is put right; None for none.
        episodes: which are played, in this order, if not all.
    """

    agents: int
    rounds: int
    corrected: tuple[int, int] | None = None
    right: float = 0.75
    follows: float = 0.7
    episodes: tuple[int, ...] = ()

    def where(self, episode: int) -> tuple[int, int]:
        """(agent, round) of the planted error."""
        rng = named_rng(episode, "decisive", "where")
        return int(rng.integers(self.agents)), int(rng.integers(self.rounds + 1))

    def __call__(self, request: Request, draw: Draw) -> str:
        episode = self.episodes[draw.episode] if self.episodes else draw.episode
        oracle, actions = _asked(episode)
        wrong = [a for a in actions if a != oracle]
        planted = wrong[int(named_rng(episode, "decisive", "what").integers(len(wrong)))]
        turn = sum(m.role == "assistant" for m in request.messages)
        rng = named_rng(episode, "decisive", draw.sample, turn)
        u_right, u_follows, pick = rng.random(3)
        own = oracle if u_right < self.right else wrong[int(pick * len(wrong))]
        said = own
        before = [_SAYS.findall(m.content)[-1] for m in request.messages if m.role == "assistant"][-1:]
        read = _SAYS.findall(request.messages[-1].content.partition("\nEnd with")[0]) if draw.sample or turn else []
        if read and u_follows < self.follows:
            votes = Counter([*before, *read]).most_common()
            said = votes[0][0] if len(votes) == 1 or votes[0][1] > votes[1][1] else (before or [votes[0][0]])[0]
        elif before:
            said = before[0]
        if (draw.sample, turn) == self.where(episode):
            said = planted
        if (draw.sample, turn) == self.corrected:
            said = oracle
        return f"I weighed it.\nBEST={said}\nACTION={said}"


@dataclass(frozen=True)
class Again(Bandit):
    """The task once more, in some of its episodes alone."""

    episodes: tuple[int, ...] = ()

    def start(self, seed: int) -> BanditState:
        return super().start(self.episodes[seed])


def _asked(episode: int) -> tuple[str, tuple[str, ...]]:
    state = TASK.start(episode)
    return TASK.oracle(state).optimal[0], TASK.situation(state).actions


def labelled(plan: str, decisions: int, folder: Path) -> pl.DataFrame:
    """One row per labelled decision: the label and what is named by each rule, as places in the transcript."""
    agents, rounds = (int(n) for n in re.findall(r"=(\d+)", plan))
    first = _played(plan, Crew(agents, rounds), TASK, decisions, folder)
    named = dict(decisive_turns(first).select("episode", "decisive").rows())
    went_wrong = tuple(named)
    decides: dict[int, set[tuple[int, int]]] = {episode: set() for episode in named}
    places = [(agent, turn) for turn in range(rounds + 1) for agent in range(agents)]
    for place in places if went_wrong else ():
        crew = Crew(agents, rounds, place, episodes=went_wrong)
        again = _played(plan, crew, Again(**asdict(TASK), episodes=went_wrong), len(went_wrong), folder)
        ends = again.sort("turn").group_by("episode").agg(right=pl.col("right").last()).filter("right")["episode"]
        for number in ends:
            decides[went_wrong[number]].add(place)
    rows = []
    for episode, found in named.items():
        turns = first.filter((pl.col("episode") == episode) & (pl.col("role") != "voter")).sort("turn")
        speakers = list(dict.fromkeys(turns["speaker"]))
        at = zip(turns["speaker"], turns["round"], turns["turn"], turns["right"], strict=True)
        labels = [n for who, turn, n, right in at if not right and (speakers.index(who), turn) in decides[episode]]
        if not labels:
            continue
        wrong = turns.filter(~pl.col("right"))["turn"]
        guess = named_rng(episode, "decisive", "random").choice(turns["turn"].to_numpy())
        rows.append((episode, labels[0], found, wrong[0], turns["turn"][-1], int(guess)))
    names = ["episode", "label", "named", "first wrong", "last", "random"]
    return pl.DataFrame(rows, schema=names, orient="row")


def _played(plan: str, crew: Crew, task: Bandit, decisions: int, folder: Path) -> pl.DataFrame:
    """The turns of a run."""
    name = "first" if crew.corrected is None else "-".join(map(str, crew.corrected))
    model = Scripted(crew, f"crew-{name}")
    return ak.run(task=task, model=model, variants=[plan], episodes=decisions, out=folder / name).turns


def accuracy(rows: pl.DataFrame) -> dict[str, float]:
    """Share of the labelled decisions in which each rule names the label."""
    return {rule: float((rows[rule] == rows["label"]).mean() or 0.0) for rule in rows.columns[2:]}  # type: ignore[arg-type]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--decisions", type=int, default=1500)
    decisions = parser.parse_args().decisions
    print("| who speaks | labelled | named rightly | first wrong | last | at random |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name, plan in PLANS.items():
        with tempfile.TemporaryDirectory() as folder:
            rows = labelled(plan, decisions, Path(folder))
        shares = " | ".join(f"{share:.0%}" for share in accuracy(rows).values())
        print(f"| {name} | {rows.height:,} | {shares} |", flush=True)


if __name__ == "__main__":
    main()
