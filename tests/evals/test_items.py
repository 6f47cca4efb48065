"""Episodes about one item are one cluster: in every interval and test, in any ledger, whatever their number."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

import akrasia as ak
from akrasia.cli import app
from akrasia.evals import frame
from akrasia.evals.items import common_items, items_of_episodes, with_items
from akrasia.evals.metrics.gap import doing
from akrasia.evals.pairs import Side, pair
from akrasia.ledger import read_ledger
from akrasia.models import Scripted
from akrasia.records import Decision, Oracle, Record, Situation, Usage

VARIANTS = ["reason_act", "reason_act | critique"]
LAKE = {"name": "gymnasium", "env": "FrozenLake-v1", "env_options": {"is_slippery": False}}


def asked(folder: Path, script: Any, rows: int = 4, episodes: int = 100, **more: Any) -> ak.Result:
    path = folder / "q.jsonl"
    path.write_text("\n".join(json.dumps({"question": f"What is {n} + 1?", "answer": n + 1}) for n in range(rows)))
    task = {"name": "questions", "path": str(path), **more.pop("task", {})}
    settings = {"task": task, "model": Scripted(script, "planted"), "variants": VARIANTS, **more}
    return ak.run(episodes=episodes, out=folder / "run", **settings)


def critic_is_right(request: Any, draw: Any) -> str:
    """Knows it always, and does it once it was criticised; the same words to the same prompt."""
    text = " ".join(m.content for m in request.messages)
    right = next(n + 1 for n in range(100) if f"What is {n} + 1?" in text)
    done = right if "fault" in text.lower() or "critic" in text.lower() or "review" in text.lower() else 0
    return f"BEST={right}\nACTION={done}"


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> ak.Result:
    return asked(tmp_path_factory.mktemp("four"), critic_is_right)


def step(done: str = "a", *, episode: int = 0, step: int = 0, **more: Any) -> Record:
    """A step at which `a` is right."""
    worth = {"a": 1.0, "b": 0.0}
    oracle = Oracle(("a",), (), dict(worth), {a: 1 - v for a, v in worth.items()}, 1.0, (), "ucb")
    decision = Decision("", ("a",), "ok", done, "ok")
    told: dict[str, Any] = {"task": "t", "model": "m", "variant": "base", "design": "fork", "situation": "s"}
    told |= {"tags": {"arm": "baseline"}} | more
    return Record(
        episode=episode, step=step, actions=("a", "b"), oracle=oracle, decision=decision, reward=worth[done],
        regret=1 - worth[done], calls=1, usage=Usage(), cost=0.0, **told,
    )  # fmt: skip


def shown(*arguments: str) -> str:
    return CliRunner().invoke(app, list(arguments), catch_exceptions=False).output


def test_four_questions_in_100_episodes_are_four_clusters(four: ak.Result) -> None:
    card = four.score()
    base, arm = card.arms
    assert (base.episodes, base.items, base.repeated) == (100, 4, "4 items in 100 episodes")
    over_draws = {"spread", "worst_item"}  # of these very questions: what varies is the answer, not what is asked
    assert all(e.clusters <= 4 for a in card.arms for n, e in a.metrics.items() if n not in over_draws)
    contrasts = [c for _, _, c in card.contrasts]
    assert contrasts and all(c.difference.clusters == 4 for c in contrasts)
    assert all(c.p is not None and c.p >= 2.0**-3 for c in contrasts)
    (verdict,) = card.verdicts
    assert verdict.outcome == "too few episodes"
    assert "too few items for a verdict (4 items in 100 episodes, at least 10 are needed)" in verdict.sentence
    assert any(w.startswith("only 4 items in 100 episodes") for w in card.warnings)


def test_every_face_says_how_many_items_there_were(four: ak.Result, tmp_path: Path) -> None:
    text = shown("score", str(four.folder))
    assert "4 items in 100 episodes" in text and "intervals over items" in text
    stored = json.loads(shown("score", str(four.folder), "--json"))
    assert {(a["items"], a["episodes"]) for a in stored["arms"]} == {(4, 100)}
    assert "4 items in 100 episodes" in four.report(tmp_path / "r.html").read_text()
    compared = shown("compare", str(four.folder), "reason_act", "critique")
    assert "4 items, 100 episodes" in compared and "Too few items" in compared


def test_items_of_which_few_are_asked_far_more_often_are_few(tmp_path: Path) -> None:
    path = tmp_path / "uneven.jsonl"
    asked_for = [n for n in range(12) for _ in range(1 if n < 10 else 15)]
    path.write_text("\n".join(json.dumps({"question": f"What is {n} + 1?", "answer": n + 1}) for n in asked_for))
    settings: Any = {"task": {"name": "questions", "path": str(path)}, "model": Scripted(critic_is_right, "planted")}
    result = ak.run(variants=VARIANTS, episodes=40, out=tmp_path / "run", **settings)
    card = result.score()
    assert {a.items for a in card.arms} == {12} and card.arms[0].metrics["doing"].counted == 3
    assert any("few items hold most of the steps (gap: 12 that weigh like 3)" in w for w in card.warnings)
    assert "(12 that weigh like 3, at least 10 are needed)" in result.compare(*VARIANTS)[0].sentence


def test_a_single_question_has_no_interval_and_says_why(tmp_path: Path) -> None:
    card = asked(tmp_path, critic_is_right, rows=1, episodes=30).score()
    doing = card.arms[0].metrics["doing"]
    assert (doing.low, doing.high, doing.clusters) == (None, None, 1) and doing.why.startswith("only 1 item")
    assert all(c.p is None and c.difference.low is None for _, _, c in card.contrasts)
    assert any("only 1 item in 30 episodes" in w for w in card.warnings)


def test_questions_without_repeats_are_clusters_each(tmp_path: Path) -> None:
    card = asked(tmp_path, critic_is_right, rows=30, episodes=30).score()
    assert card.arms[0].repeated == "" and card.contrasts[0][2].difference.clusters == 30


def test_a_lake_without_chance_is_one_item(tmp_path: Path) -> None:
    pytest.importorskip("gymnasium")
    result = ak.run(task=LAKE, model="simulated", variants=VARIANTS, episodes=12, out=tmp_path / "run")
    assert result.records["item"].n_unique() == 1
    assert result.score().arms[0].metrics["doing"].low is None
    assert without_items(result.folder, tmp_path / "old").records["item"].n_unique() == 1


def without_items(run: Path, old: Path) -> ak.Result:
    """The run as an older version would have stored it."""
    old.mkdir()
    with sqlite3.connect(run / "ledger.sqlite") as source, sqlite3.connect(old / "ledger.sqlite") as target:
        source.backup(target)
        without = "record = CAST(json_remove(CAST(record AS TEXT), '$.item') AS BLOB)"
        target.execute(f"UPDATE records SET {without}, checksum = NULL")
        target.execute("UPDATE meta SET value = 'of older code', checksum = NULL WHERE key = 'lines'")
        target.execute("DELETE FROM meta WHERE key = 'checksums'")
    return ak.open_run(old)


def test_an_older_ledger_claims_no_more_items(four: ak.Result, tmp_path: Path) -> None:
    old = without_items(four.folder, tmp_path / "old")
    with read_ledger(old.folder) as ledger:
        assert {r.item for r in ledger.records()} == {""}
    assert old.score().arms[0].items == 4
    assert [c for _, _, c in old.score().contrasts] == [c for _, _, c in four.score().contrasts]


def test_an_older_ledger_of_seeded_games_keeps_its_episodes(tmp_path: Path) -> None:
    for design in ("fork", "rollout"):
        result = ak.run(
            task={"name": "bandit", "horizon": 3},
            model="simulated",
            variants=VARIANTS,
            episodes=25,
            design=design,
            out=tmp_path / design,
        )
        assert result.records["item"].unique(maintain_order=True).to_list() == [str(e) for e in range(25)]
        old = without_items(result.folder, tmp_path / f"old {design}").records
        assert items_of_episodes(old)["item"].to_list() == [f"episode {e}" for e in range(25)]


def test_situations_that_coincide_in_full_are_one_item_where_nothing_else_is_known() -> None:
    def episode(number: int, course: str, done: str = "a", **more: Any) -> list[Any]:
        return [step(done, episode=number, step=s, situation=c, **more) for s, c in enumerate(course)]

    # The same start and action went on in two ways, so chance plays: only what coincides in full is one item.
    played = frame([*episode(0, "xy"), *episode(1, "xz"), *episode(2, "xy"), *episode(3, "wy")])
    assert items_of_episodes(played)["item"].to_list() == ["episode 0", "episode 1", "episode 0", "episode 3"]
    # The same start and action always went on alike, so the start decides: another reply is no other item.
    certain = frame([*episode(0, "xy"), *episode(1, "xz", "b"), *episode(2, "xy"), *episode(3, "wy")])
    assert items_of_episodes(certain)["item"].to_list() == ["episode 0", "episode 0", "episode 0", "episode 3"]
    # What one arm shows to coincide is one item in every arm.
    other = frame([*episode(0, "xy"), *episode(1, "xz"), *episode(0, "pq", model="n"), *episode(1, "pq", model="n")])
    assert set(other["item"]) == {"episode 0"}


def test_what_records_say_stands_and_only_what_is_missing_is_read_off() -> None:
    said = [step(episode=e, item="a", task="said") for e in range(3)]
    unsaid = [step(episode=e, task="unsaid") for e in range(3)]
    table = frame([*said, *unsaid])
    assert table.select("task", "item").unique().sort("task").rows() == [("said", "a"), ("unsaid", "episode 0")]
    assert with_items(table) is table


def test_an_extended_older_ledger_counts_each_item_once() -> None:
    def asked(episode: int, concept: str, **more: Any) -> list[Record]:
        kinds = ("define", "use")
        return [
            step(episode=episode, step=s, tags={"item": f"{concept}/{kind}"}, situation=f"{kind} {concept}", **more)
            for s, kind in enumerate(kinds)
        ]

    concepts = ("haiku", "cycle", "prime") * 2
    older = [r for e, c in enumerate(concepts) for r in asked(e, c)]
    # An arm that was added and two further episodes tell the concept; the last episode is in older records only.
    newer = [r for e, c in enumerate(concepts[:3]) for r in asked(e, c, variant="added", item=c)]
    longer = [r for e in (6, 7) for r in asked(e, concepts[e - 6], item=concepts[e - 6])]
    only = asked(8, "tree")
    table = frame([*older, *newer, *longer, *only])
    found = {e: i for _, e, i in items_of_episodes(table).rows()}
    assert [found[e] for e in range(9)] == [*concepts, "haiku", "cycle", "tree/define"]
    assert table.select("episode", "item").unique().height == 9


def test_arms_that_tell_items_apart_differently_are_joined_by_any_of_them() -> None:
    one, other = pl.Series(["a", "a", "b", "c", "d"]), pl.Series(["1", "2", "2", "3", "4"])
    assert common_items([one, one]).equals(one)
    assert common_items([one, other]).rank("dense").to_list() == [1, 1, 1, 2, 3]
    assert common_items([other, one]).rank("dense").to_list() == [1, 1, 1, 2, 3]


def test_sums_are_per_item_in_order_and_pairs_too() -> None:
    def arm(variant: str, dones: str) -> pl.DataFrame:
        return frame([step(d, episode=e, variant=variant, item=str(9 - e % 2)) for e, d in enumerate(dones)])

    base, other = arm("base", "ababab"), arm("other", "aaaabb")
    assert doing.sums(base).select("item", "num", "den").rows() == [("9", 3.0, 3.0), ("8", 0.0, 3.0)]
    (na, da), (nb, db) = pair(Side("other", other), Side("base", base)).sums(doing)
    assert (na.tolist(), da.tolist(), nb.tolist(), db.tolist()) == ([2, 2], [3, 3], [3, 0], [3, 3])
    (first, _), _ = pair(Side("other", other), Side("base", base)).first_sums(doing)
    assert first.tolist() == [1, 1]


@dataclass(frozen=True)
class Coins:
    """A task of somebody else that does not say what it asks: three questions in turn."""

    name = "coins"
    max_decisions = 1

    @property
    def options(self) -> dict[str, Any]:
        return {}

    def start(self, seed: int) -> tuple[int, bool]:
        return seed % 3, False

    def situation(self, state: tuple[int, bool]) -> Situation:
        return Situation("coins", 0, 1, f"Coin {state[0]}", ("heads", "tails"))

    def oracle(self, state: tuple[int, bool]) -> Oracle:
        worth = {"heads": 1.0, "tails": 0.0}
        return Oracle(("heads",), (), dict(worth), {a: 1 - v for a, v in worth.items()}, 1.0, (), "coins")

    def step(self, state: tuple[int, bool], action: str) -> tuple[Any, float, bool]:
        return (state[0], True), float(action == "heads"), True

    def forfeit(self, state: tuple[int, bool]) -> tuple[Any, bool]:
        return (state[0], True), True


def test_a_task_that_does_not_say_is_told_apart_by_what_it_shows(tmp_path: Path) -> None:
    run = {"task": Coins(), "model": "simulated", "variants": VARIANTS[:1]}
    result = ak.run(**run, episodes=40, out=tmp_path / "run")
    assert result.score().arms[0].items == 3
    looked = ak.run(**run, episodes=40, until="doing +- 0.1", out=tmp_path / "looked")
    with read_ledger(looked.folder) as ledger:
        looks = json.loads(ledger.meta("looks") or "")
    assert not looks["stopped"], "three coins say little, however often they are thrown"
    assert {i["high"] - i["low"] > 0.3 for look in looks["looks"] for i in look["intervals"]} == {True}
