"""What an episode is about, for every kind of task: as many items as there are independent draws of what is asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from akrasia.tasks import CONCEPTS, TASKS, from_gymnasium
from akrasia.tasks.base import Itemised, count_items, item_of

pytest.importorskip("gymnasium")

SEEDS = range(60)


def items(task: Any) -> list[str]:
    return [task.item(seed) for seed in SEEDS]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("bandit", {}),
        ("bandit", {"rewards": "bernoulli", "gap": 1}),
        ("contextual", {}),
        ("frequency", {}),
        *(("tictactoe", {"opponent": o}) for o in ("uniform", "mcts", "noisy_mcts", "minimax")),
        ("gymnasium", {"env": "FrozenLake-v1"}),  # slippery
        ("gymnasium", {"env": "Blackjack-v1", "horizon": 5, "oracle": "tests_oracle"}),
    ],
)
def test_where_chance_plays_every_seed_is_an_item(name: str, options: dict[str, Any]) -> None:
    if options.get("oracle"):
        options = options | {"oracle": first_is_best}
    task = TASKS.make(name, **options)
    assert isinstance(task, Itemised) and items(task) == [str(seed) for seed in SEEDS]
    assert count_items(task, SEEDS) == len(SEEDS) and count_items(task, range(150_000)) == 150_000


def first_is_best(observation: Any) -> dict[str, float]:
    return {"0": 1.0, "1": 0.0}


def test_a_file_of_questions_has_as_many_items_as_questions(tmp_path: Path) -> None:
    rows = [{"question": f"{n} + 1?", "answer": n + 1} for n in (1, 2, 3)]
    rows.append({"question": "Which?", "choices": ["x", "y", "z"], "answer": "y"})
    path = tmp_path / "q.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    for shuffled in (False, True):
        task = TASKS.make("questions", path=str(path), shuffle_choices=shuffled)
        assert items(task) == [f"row {1 + seed % 4}" for seed in SEEDS]
        assert count_items(task, range(400)) == 4 and count_items(task, range(3)) == 3


def test_a_question_that_stands_twice_in_a_file_is_one_item(tmp_path: Path) -> None:
    path = tmp_path / "q.jsonl"
    path.write_text("\n".join(json.dumps({"question": q, "answer": 7}) for q in ("a?", "b?", "a?")))
    assert items(TASKS.make("questions", path=str(path)))[:3] == ["row 1", "row 2", "row 1"]


def test_variations_of_a_story_are_its_items_whatever_their_numbers() -> None:
    assert len(set(items(TASKS.make("aiw")))) == len(set(items(TASKS.make("aiw", numbers="drawn")))) == 6
    assert set(items(TASKS.make("aiw", variation=2, wording="thinking"))) == {"aiw variation 2 thinking"}
    assert len(set(items(TASKS.make("aiw", problem="light")))) == 6


@pytest.mark.parametrize("name", ["potemkin", "potemkin_incoherence"])
def test_concepts_are_items_and_are_asked_about_evenly(name: str) -> None:
    task = TASKS.make(name)
    for turn in range(3):
        seeds = range(turn * len(CONCEPTS), (turn + 1) * len(CONCEPTS))
        assert {task.item(seed) for seed in seeds} == set(CONCEPTS)
        assert all(task.start(seed).concept == task.item(seed) for seed in seeds)
    orders = {tuple(task.item(t * len(CONCEPTS) + i) for i in range(len(CONCEPTS))) for t in range(5)}
    assert len(orders) == 5
    games = TASKS.make(name, domain="games")
    assert count_items(games, range(1000)) == sum(c.domain == "games" for c in CONCEPTS.values())


@pytest.mark.parametrize("env", ["FrozenLake-v1", "CliffWalking-v1"])
def test_an_environment_without_chance_is_one_item(env: str) -> None:
    options = {"is_slippery": False} if env.startswith("Frozen") else {}
    task = from_gymnasium(env, env_options=options, horizon=20)
    assert len(set(items(task))) == 1 and count_items(task, range(90)) == 1


def test_a_random_start_of_certain_moves_is_the_item() -> None:
    task = from_gymnasium("Taxi-v4", horizon=20)
    starts = {task.start(seed).observation for seed in SEEDS}
    assert 1 < len(set(items(task))) == len(starts)


def test_a_task_of_somebody_else_need_not_say() -> None:
    class Theirs:
        name = "theirs"

    assert item_of(Theirs(), 3) == "" and count_items(Theirs(), SEEDS) is None  # type: ignore[arg-type]
