"""Variants are compared on the same situations and the same draws: nothing one does moves another's numbers."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import akrasia as ak
from akrasia.experiments import assemble, play_experiment
from akrasia.ledger.costs import CallCosts
from akrasia.ledger.tables import RECORD, Batch
from akrasia.models import Planted, Scripted, Simulated
from akrasia.records import Draw, Record, Request, decode, digest, encode
from akrasia.tasks import PLAYERS, bandit, run_player

TASK = bandit(arms=6, horizon=4, head_start=2)
NOISY = Simulated(Planted(parse_failure=0.15, frequency=0.1))
EXPRESSIONS = (
    "reason_act", "reason_then_act", "act", "reason_act | critique", "reason_act | re_evaluate",
    "reason_act | self_consistency(n=3)", "reason_act | debate", "reason_act | execute_stated", "reason_act | placebo",
    "reason_then_act | critique",
)  # fmt: skip


class Memory:
    """A store without a file, which keeps groups of records as they arrive."""

    def __init__(self) -> None:
        self.responses: dict[str, bytes] = {}
        self.groups: list[list[Record]] = []
        self.marks: set[tuple[str, str, int, str]] = set()

    async def commit(self, batch: Batch) -> None:
        for table, rows in batch:
            if table == "responses":
                self.responses |= {row[0]: row[6] for row in rows}
            elif table == "records":
                self.groups.append([decode(Record, row[RECORD]) for row in rows])
            elif table == "finished":
                self.marks |= {row[:4] for row in rows}

    def answers(self, episode: int) -> list[tuple[str, bytes]]:
        return []

    def finished(self, task: str, model: str, episode: int) -> set[str]:
        return {v for t, m, e, v in self.marks if (t, m, e) == (task, model, episode)}

    def complete(self, variants: Sequence[str], episodes: int) -> dict[tuple[str, str], int]:
        whole = Counter(mark[:3] for mark in self.marks if mark[3] in variants and mark[2] < episodes)
        return dict(Counter(place[:2] for place, n in whole.items() if n == len(variants)))

    def records_of(self, task: str, model: str, variant: str, episode: int) -> list[Record]:
        return [r for r in self.records if (r.task, r.model, r.variant, r.episode) == (task, model, variant, episode)]

    def paid(self) -> CallCosts:
        return CallCosts()

    def set_meta(self, key: str, value: str) -> None:
        raise AssertionError("nothing here is told to a store")

    @property
    def records(self) -> list[Record]:
        return [r for g in self.groups for r in g]


def run(variants: Any, model: Any = NOISY, task: Any = TASK, **settings: Any) -> Memory:
    """The records of an experiment, through the real gateway and runner, without a file."""
    experiment = assemble({"task": task, "model": model, "variants": variants, "episodes": 4, **settings})
    store = Memory()
    outcome = asyncio.run(play_experiment(experiment, store))
    assert outcome.stopped is None and outcome.missing == 0
    assert outcome.planned == experiment.episodes * len(experiment.tasks) * len(experiment.models)
    return store


def by_variant(records: list[Record]) -> dict[str, list[bytes]]:
    lines: dict[str, list[bytes]] = defaultdict(list)
    for r in sorted(records, key=lambda r: (r.variant, r.episode, r.step)):
        lines[r.variant].append(encode(r))
    return lines


@pytest.fixture(scope="module", params=["fork", "rollout"])
def alone(request: pytest.FixtureRequest) -> tuple[str, dict[str, list[bytes]]]:
    """Design, and the records of each variant where it runs with nobody but the baseline."""
    lines = {}
    for expression in EXPRESSIONS[1:]:
        found = by_variant(run(["reason_act", expression], concurrency=1, design=request.param, episodes=2).records)
        lines["reason_act"] = found["reason_act"]
        lines[expression] = found[expression]
    return request.param, lines


@settings(deadline=None, max_examples=8)
@given(st.lists(st.sampled_from(EXPRESSIONS[1:]), unique=True, max_size=5), st.integers(1, 16))
def test_company_order_and_concurrency_change_no_record(
    alone: tuple[str, dict[str, list[bytes]]], others: list[str], concurrency: int
) -> None:
    design, lines = alone
    here = by_variant(run(["reason_act", *others], concurrency=concurrency, design=design, episodes=2).records)
    assert here.keys() == {"reason_act", *others}
    assert all(here[v] == lines[v] for v in here)


def test_records_do_not_depend_on_which_answer_comes_first() -> None:
    class Tardy(Simulated):
        async def generate(self, request: Request, draw: Draw, key: str) -> Any:
            await asyncio.sleep(int(digest([request, draw]), 16) % 5 / 2000)
            return await super().generate(request, draw, key)

    quick = by_variant(run(EXPRESSIONS[:6]).records)
    assert by_variant(run(EXPRESSIONS[:6], model=Tardy(NOISY.planted), concurrency=7).records) == quick


def test_shared_answers_are_asked_once_and_priced_in_full() -> None:
    variants = ["reason_act", "reason_act | re_evaluate", "reason_act | self_consistency(n=3)", "reason_act | placebo"]
    asked: list[str] = []

    def model(request: Request, draw: Draw) -> str:
        asked.append(digest({"r": request, "d": draw}))
        label = request.messages[0].content.partition("buttons: ")[2].partition(",")[0]
        return f"BEST={label}\nACTION={label}"

    store = run(variants, model=Scripted(model))
    steps = 4 * 4
    assert len(asked) == len(set(asked)) == steps * (1 + 1 + 2 + 1)
    assert {r.variant: r.calls for r in store.records} == {
        "reason_act": 1, "reason_act | re_evaluate": 2, "reason_act | self_consistency(n=3)": 3,
        "reason_act | placebo": 2,
    }  # fmt: skip


@pytest.mark.parametrize(
    "variant", ["reason_act | self_consistency(5)", "reason_act | re_evaluate", "reason_act | critique(rounds=2)",
                "reason_act | debate", "reason_act | placebo", "reason_act | execute_stated"]
)  # fmt: skip
def test_the_first_answer_of_every_variant_is_the_baselines(variant: str) -> None:
    records = {(r.variant, r.episode, r.step): r for r in run(["reason_act", variant]).records}
    for (name, episode, step), record in records.items():
        if name == variant:
            base = records["reason_act", episode, step].decision.turns[0]
            first = record.decision.turns[0]
            assert (first.key, first.text, first.sample) == (base.key, base.text, 0)


def test_fork_shows_every_variant_the_same_situation() -> None:
    store = run(EXPRESSIONS)
    assert all(len(g) == len(EXPRESSIONS) and len({r.situation for r in g}) == 1 for g in store.groups)
    assert all(len({encode(r.oracle) for r in g}) == 1 for g in store.groups)
    steps = {(r.episode, r.step) for r in store.records}
    assert steps == {(e, s) for e in range(4) for s in range(2, 6)}
    for g in store.groups:
        paid = {r.decision.done: r.reward for r in g if r.decision.done}
        assert all(r.reward == paid.get(r.decision.done or "") for r in g)


def test_fork_follows_the_baseline_alone() -> None:
    """The history of the next situation holds the baseline's action, whatever the others did."""
    seen: list[str] = []

    def model(request: Request, draw: Draw) -> str:
        text = request.messages[0].content
        labels = text.partition("buttons: ")[2].partition(".")[0].split(", ")
        seen.append(text)
        return f"BEST={labels[0]}\nACTION={labels[0] if len(request.messages) == 1 else labels[1]}"

    store = run(["reason_act", "reason_act | re_evaluate"], model=Scripted(model), task=bandit(arms=3, horizon=3))
    done = {r.variant: r.decision.done for r in store.records if r.episode == 0}
    assert done["reason_act"] != done["reason_act | re_evaluate"]
    other = done["reason_act | re_evaluate"]
    first = [t for t in seen if f"buttons: {done['reason_act']}," in t]
    assert first and not any(f"Action={other} " in t for t in first)


def test_rollout_variants_with_the_same_pulls_see_the_same_rewards() -> None:
    """Parse failures are planted in one agent only; the k-th pull of an arm still pays what it pays the other."""
    quiet = run(["reason_act", "act"], model=Simulated(Planted(parse_failure=0.0)), design="rollout", episodes=20)
    noisy = run(["reason_act", "act"], model=Simulated(Planted(parse_failure=0.3)), design="rollout", episodes=20)
    paid: dict[tuple[int, str, int], set[float]] = defaultdict(set)
    failed = 0
    for store in (quiet, noisy):
        pulls: dict[tuple[str, int, str], int] = defaultdict(int)
        for r in store.records:
            if r.decision.done is None:
                failed += 1
                assert r.reward is None
                assert r.regret == r.oracle.forfeit
                assert r.decision.status == "unparsable"
            else:
                k = pulls[r.variant, r.episode, r.decision.done]
                pulls[r.variant, r.episode, r.decision.done] += 1
                head = sum(t == r.decision.done for t in _head(r.episode))
                assert r.reward is not None
                paid[r.episode, r.decision.done, head + k].add(r.reward)
    assert failed > 25
    assert sum(len(v) for v in paid.values()) == len(paid) > 100


def _head(episode: int) -> Iterator[str]:
    return (t.action for t in TASK.start(episode).history)


def test_a_failed_parse_leaves_the_history_and_the_episodes_length() -> None:
    silent = Scripted(lambda r, d: "Hm.")
    store = run(["reason_act"], model=silent, design="rollout")
    assert len(store.records) == 16
    assert {r.decision.status for r in store.records} == {"unparsable"}
    assert len({encode(r.oracle) for r in store.records if r.episode == 0}) == 1


def test_rollout_consequences_are_plausible(tmp_path: Path) -> None:
    """An agent that always does what it knows covers more and loses less than one that never explores."""
    task = bandit(arms=5, sigma=0.3, horizon=25)
    found: dict[str, dict[str, float]] = {}
    for name, planted in (
        ("follows", Planted(knowing=1.0, optimal=1.0, greedy=0.0)),
        ("greedy", Planted(knowing=1.0, optimal=0.0, greedy=1.0)),
    ):
        result = ak.run(
            task=task, model=Simulated(planted), variants=["reason_act"], design="rollout", episodes=12,
            out=tmp_path / name,
        )  # fmt: skip
        arm = result.score(["coverage", "regret", "gap", "doing"]).arms[0]
        found[name] = {m: arm.metrics[m].value or 0.0 for m in ("coverage", "regret", "gap", "doing")}
        last = result.records.filter(pl.col("step") == 24)
        assert arm.metrics["coverage"].value == pytest.approx(last["tried_after"].mean())
        assert arm.metrics["coverage"].clusters == 12
    uniform = [s for seed in range(12) for s in run_player(task, PLAYERS["uniform"], seed)]
    chance = sum(o.regret[a] for _, o, a, _ in uniform) / len(uniform)
    ucb = [s for seed in range(12) for s in run_player(task, PLAYERS["ucb"], seed)]
    floor = sum(o.regret[a] for _, o, a, _ in ucb) / len(ucb)
    assert found["follows"]["coverage"] == 1.0
    assert found["follows"]["gap"] == 0.0
    assert found["follows"]["doing"] == 1.0
    assert found["follows"]["regret"] == pytest.approx(floor, rel=0.25)
    assert 0 < found["follows"]["regret"] < chance
    assert found["greedy"]["coverage"] == pytest.approx(0.2)
    assert found["greedy"]["regret"] > found["follows"]["regret"]


def test_first_variant_is_marked_as_baseline_and_controls_as_controls() -> None:
    given = ["reason_act", "reason_act | critique", "reason_act | informed"]
    tags = {r.variant: r.tags for r in run(given).records}
    assert tags == {
        "reason_act": {"arm": "baseline"},
        "reason_act | critique": {},
        "reason_act | informed": {"control": "informed", "of": "reason_act | critique"},
    }
    named = {"mine": "reason_act", "pill": "reason_act | show_bonus | placebo"}
    tags = {r.variant: r.tags for r in run(named).records}
    assert tags == {
        "mine": {"arm": "baseline", "plan": "reason_act"},
        "pill": {
            "control": "placebo", "plan": "reason_act | show_bonus | placebo",
            "of": "reason_act | show_bonus | re_evaluate",
        },
    }  # fmt: skip


def test_seeds_name_the_episodes() -> None:
    one, again, other = ({r.situation for r in run(["reason_act"], seed=s).records if r.step == 2} for s in (1, 1, 2))
    assert one == again
    assert not one & other
    assert {r.situation for r in run(["reason_act"], seed=1, episodes=2).records if r.step == 2} < one


def test_tasks_of_one_kind_are_told_apart_by_their_options() -> None:
    tasks = [bandit(arms=3, horizon=2), bandit(arms=4, horizon=2)]
    names = {r.task for r in run(["act"], task=tasks).records}
    assert len(names) == 2 and all("arms=" in n for n in names)


def test_a_task_that_fails_stops_the_run_and_says_why() -> None:
    """A bug is not an outcome: it ends the run at once instead of becoming a column of wrong answers."""

    def broken(request: Request, draw: Draw) -> str:
        raise ZeroDivisionError("a bug in a backend")

    with pytest.raises(ZeroDivisionError):
        run(["reason_act", "act"], model=Scripted(broken))
