"""Theory against action: every instance's key in a second way, and planted knowing and doing recovered."""

from __future__ import annotations

from math import comb
from pathlib import Path

import pytest

import akrasia as ak
from akrasia.agents.rendering import render_situation
from akrasia.errors import BadOption
from akrasia.rng import named_rng
from akrasia.solvers import read_prompt
from akrasia.tasks.theory_action import INSTANCES, _instance, theory_action
from akrasia.tasks.theory_rules import THEORIES

N = dict[str, float]


def wins_nim(heap: int) -> bool:
    """Whether who is to move wins, by exhaustive search."""
    wins = [False]
    for n in range(1, heap + 1):
        wins.append(any(not wins[n - k] for k in (1, 2, 3) if k <= n))
    return wins[heap]


def more_than(share: float, n: int) -> float:
    return sum(comb(n, k) for k in range(n + 1) if 100 * k > share * n) / 2**n


def changes_pay(n: N) -> bool:
    """By playing the game out."""
    rng = named_rng(0, "test", "doors", int(n["doors"]))
    doors, plays = int(n["doors"]), 20_000
    prize, pick = rng.integers(doors, size=(2, plays))
    kept = float((prize == pick).mean())
    return (1 - kept) * n["prize"] - n["fee"] > kept * n["prize"]


SECOND_WAY = {
    "sunk cost": lambda n, right: right == ("finish it" if n["value"] - n["finish"] > 0 else "stop now"),
    "expected value": lambda n, right: (
        right == ("the draw" if n["p"] * n["high"] > 100 * n["sure"] else "the sure points")
    ),
    "base rate": lambda n, right: (
        (right == "it carries the parasite")
        == (n["sick"] * n["hit"] / (n["sick"] * n["hit"] + (1000 - n["sick"]) * n["false"]) > 0.5)
    ),
    "dominance": lambda n, right: right == "plan Elm" and n["e1"] > n["o1"] and n["e2"] > n["o2"],
    "take-away game": lambda n, right: (
        not wins_nim(int(n["heap"] - n["right"])) and wins_nim(int(n["heap"] - n["wrong"]))
    ),
    "second-price auction": lambda n, right: right == f"bid {n['worth']}" and n["bid"] != n["worth"],
    "small samples": lambda n, right: (
        right == f"the farm with {n['small']}"
        and more_than(n["share"], int(n["small"])) > more_than(n["share"], int(n["large"]))
    ),
    "independence": lambda n, right: right == ("say heads" if n["heads"] / 2 > n["tails"] / 2 else "say tails"),
    "marginal cost": lambda n, right: right == ("bake one more" if n["price"] - n["marginal"] > 0 else "bake no more"),
    "comparative advantage": lambda n, right: (
        (right == "Ada mends it") == (n["b"] * (1 - 1 / n["a"]) + n["d"] > n["b"] + n["d"] * (1 - 1 / n["c"]))
    ),
    "three doors": lambda n, right: right == ("change" if changes_pay(n) else "keep the door"),
    "present value": lambda n, right: (
        (right == "the money today") == (n["now"] > n["later"] / (1 + n["rate"] / 100) ** n["years"])
    ),
    "standard error": lambda n, right: (
        (right == "the mean of North") == (n["s1"] ** 2 / n["n1"] < n["s2"] ** 2 / n["n2"])
    ),
    "conjunction": lambda n, right: " who " not in right,
}


@pytest.mark.parametrize("place", range(len(THEORIES)), ids=lambda i: THEORIES[i].name)
def test_every_key_is_right_in_a_second_way(place: int) -> None:
    sides = set()
    for number in range(INSTANCES):
        one = _instance(place, number)
        right, wrong = one.options
        assert right != wrong and SECOND_WAY[THEORIES[place].name](one.numbers, right), one
        sides.add(right)
    assert len({_instance(place, n).text for n in range(INSTANCES)}) > INSTANCES / 2
    if len(sides) == 1:  # one action is always right: its words must not be the rule's own
        assert THEORIES[place].name in ("dominance", "conjunction")


def test_no_instance_names_its_rule() -> None:
    for place, theory in enumerate(THEORIES):
        for number in range(INSTANCES):
            text = _instance(place, number).text.lower()
            assert theory.name not in text and theory.probe.options[0] not in text


def test_planted_knowing_and_doing_are_recovered(tmp_path: Path) -> None:
    task = theory_action(instances=2)
    result = ak.run(
        task=task, model="simulated:knowing=0.8,optimal=0.35,greedy=0", variants=["reason_act"], episodes=120,
        out=tmp_path / "run",
    )  # fmt: skip
    arm = result.score(["knowing", "doing", "gap"]).arms[0]
    assert arm.items == len(THEORIES)
    for name, truth in (("knowing", 0.8), ("doing", 0.35), ("gap", 0.8 * 0.65)):
        assert arm.metrics[name].value == pytest.approx(truth, abs=0.06), name


def test_a_domain_narrows_the_rules_and_a_solver_reads_every_question() -> None:
    task = theory_action(domain="games")
    assert {task.item(seed) for seed in range(9)} == {t.name for t in THEORIES if t.domain == "games"}
    for seed in range(20):
        state, over = theory_action().start(seed), False
        while not over:
            asked = read_prompt(render_situation(theory_action().situation(state)))
            assert asked is not None and asked.right == theory_action().oracle(state).optimal
            state, over = theory_action().forfeit(state)


@pytest.mark.parametrize("options", [{"instances": 0}, {"instances": 11}, {"domain": "law"}])
def test_bad_options_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(BadOption):
        theory_action(**options)  # type: ignore[arg-type]
