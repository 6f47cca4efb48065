"""The conformance kit passes every registered task, and catches every way of breaking one that it names."""

import random
import re
import runpy
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from akrasia.agents import read_answer
from akrasia.agents.rendering import render_situation
from akrasia.errors import BadOption
from akrasia.records import Oracle, Quantity, Situation, Transition
from akrasia.rng import named_rng
from akrasia.tasks import TASKS, conformance
from akrasia.tasks.base import action_index
from akrasia.tasks.conformance import ConformanceError, cases, problems
from akrasia.tasks.conformance_checks import CHECKS

DOCS = Path(__file__).parents[2] / "docs" / "tasks.md"
VARIANTS: dict[str, list[dict[str, Any]]] = {
    "bandit": [{"arms": 20, "labels": "letters", "view": "index"}, {"rule": "greedy", "head_start": 3, "sigma": 0.0}],
    "tictactoe": [
        {"opponent": opponent, "legal": flag, "first": flag, "rollouts": 40}
        for opponent in ("mcts", "noisy_mcts", "minimax")
        for flag in (True, False)
    ],
    "gymnasium": [
        {"env": "FrozenLake-v1", "horizon": 20},
        {"env": "CliffWalking-v1", "action_labels": ["Up", "Right", "Down", "Left"], "horizon": 15},
    ],
}  # fmt: skip
CASES = [(name, options) for name in TASKS.names() for options in [{}, *VARIANTS.get(name, [])]]


@pytest.mark.parametrize(("name", "options"), CASES, ids=str)
def test_every_registered_task_is_sound(name: str, options: dict[str, Any]) -> None:
    if name == "gymnasium":
        pytest.importorskip("gymnasium")
    try:
        task = TASKS.make(name, **options)
    except BadOption:
        assert not options
        pytest.skip("has no defaults: it is about a file or an environment of the user's")
    conformance.check(task, range(4), parse=read_answer, exact=name in ("tictactoe", "gymnasium"))


@pytest.mark.parametrize(("name", "options"), CASES, ids=str)
def test_nothing_random_is_drawn_from_global_generators(name: str, options: dict[str, Any]) -> None:
    try:
        task = TASKS.make(name, **options)
    except BadOption:
        pytest.skip("has no defaults")
    before = (random.getstate(), str(np.random.get_state()))
    state = task.start(5)
    render_situation(task.situation(state))
    task.oracle(state)
    task.forfeit(state)
    assert (random.getstate(), str(np.random.get_state())) == before


# A sound task, and one broken way of it per check


@dataclass(frozen=True)
class Point:
    seed: int
    history: tuple[Transition, ...] = ()
    turn: int = 0


@dataclass(frozen=True)
class Sound:
    """Two levers; each pays its own noise."""

    horizon: int = 4
    name = "sound"

    @property
    def options(self) -> dict[str, Any]:
        return {"horizon": self.horizon}

    def start(self, seed: int) -> Any:
        return Point(seed)

    def situation(self, state: Any) -> Situation:
        return Situation(
            self.name, state.turn, self.horizon, "Pull a lever.", ("Left", "Right"), history=state.history, noun="lever"
        )

    def oracle(self, state: Any) -> Oracle:
        worth = {"Left": 0.12345, "Right": 0.54321}
        return Oracle(("Right",), (), dict(worth), {a: 0.54321 - v for a, v in worth.items()}, 0.5, (), "mean")

    def step(self, state: Any, action: str) -> tuple[Any, float, bool]:
        action_index(action, self.situation(state).actions)
        if state.turn >= self.horizon:
            raise BadOption("the episode is over")
        reward = self.pays(state, action)
        line = Transition(state.turn, action, reward)
        after = replace(state, history=(*state.history, line), turn=state.turn + 1)
        return after, reward, after.turn >= self.horizon

    def pays(self, state: Any, action: str) -> float:
        k = sum(t.action == action for t in state.history)
        return round(float(named_rng(state.seed, "sound", action, k).random()), 3)

    def forfeit(self, state: Any) -> tuple[Any, bool]:
        return replace(state, turn=state.turn + 1), state.turn + 1 >= self.horizon


class NotRebuilt(Sound):
    @property
    def options(self) -> dict[str, Any]:
        return {"horizon": self.horizon + 1}


class NotJson(Sound):
    @property
    def options(self) -> dict[str, Any]:
        return {"horizon": {1, 2}}


@dataclass
class Loose:
    seed: int
    history: tuple[Transition, ...] = ()
    turn: int = 0


class Unhashable(Sound):
    def start(self, seed: int) -> Any:
        return Loose(seed)


class OfObjects:
    """A state without equality."""

    def __init__(self, seed: int, turn: int = 0) -> None:
        self.seed, self.turn, self.history = seed, turn, ()


class Unequal(Sound):
    def start(self, seed: int) -> Any:
        return OfObjects(seed)

    def step(self, state: Any, action: str) -> tuple[Any, float, bool]:
        action_index(action, ("Left", "Right"))
        if state.turn >= self.horizon:
            raise BadOption("the episode is over")
        return OfObjects(state.seed, state.turn + 1), 0.0, state.turn + 1 >= self.horizon

    def forfeit(self, state: Any) -> tuple[Any, bool]:
        return OfObjects(state.seed, state.turn + 1), state.turn + 1 >= self.horizon


@dataclass(unsafe_hash=True)
class Notebook:
    seed: int
    history: tuple[Transition, ...] = ()
    turn: int = 0
    looks: list[int] = field(default_factory=list, hash=False, compare=False)


class Scribbles(Sound):
    """Looking leaves a trace that equality does not see."""

    def start(self, seed: int) -> Any:
        return Notebook(seed)

    def oracle(self, state: Any) -> Oracle:
        state.looks.append(1)
        return super().oracle(state)


class GlobalDice(Sound):
    def pays(self, state: Any, action: str) -> float:
        return float(np.random.random())


class Remembers(Sound):
    """What one state sees depends on what was asked of others."""

    asked: list[int] = []

    def pays(self, state: Any, action: str) -> float:
        self.asked.append(state.seed)
        return float(len(set(self.asked)))


class ByTurn(Sound):
    def pays(self, state: Any, action: str) -> float:
        return round(float(named_rng(state.seed, "by turn", state.turn).random()), 3)


class Fills(Sound):
    def forfeit(self, state: Any) -> tuple[Any, bool]:
        after, _, over = self.step(state, "Left")
        return after, over


class HalfATie(Sound):
    def oracle(self, state: Any) -> Oracle:
        return replace(super().oracle(state), values={"Left": 1.0, "Right": 1.0})


class WrongBest(Sound):
    def oracle(self, state: Any) -> Oracle:
        return replace(super().oracle(state), optimal=("Left",))


class Nowhere(Sound):
    def oracle(self, state: Any) -> Oracle:
        return replace(super().oracle(state), greedy=("Middle",))


class Gains(Sound):
    def oracle(self, state: Any) -> Oracle:
        return replace(super().oracle(state), regret={"Left": -0.5, "Right": 0.0})


class Endless(Sound):
    def oracle(self, state: Any) -> Oracle:
        return replace(super().oracle(state), values={"Left": 0.0, "Right": float("inf")})


class SameStep(Sound):
    def situation(self, state: Any) -> Situation:
        return replace(super().situation(state), step=0)


class Columns(Sound):
    def situation(self, state: Any) -> Situation:
        return replace(super().situation(state), quantities=(Quantity("pulls", (1.0,)),))


class Named(Sound):
    labels = ("Left", "Right")

    def situation(self, state: Any) -> Situation:
        return replace(super().situation(state), actions=self.labels)

    def oracle(self, state: Any) -> Oracle:
        a, b = self.labels
        return Oracle((b,), (), {a: 0.0, b: 1.0}, {a: 1.0, b: 0.0}, 1.0, (), "mean")


class Collide(Named):
    labels = ("Red", "RED")


class Blank(Named):
    labels = (" Left", "Right")


class Unreadable(Named):
    labels = ("go BEST=1", "stop")


class Lenient(Sound):
    def step(self, state: Any, action: str) -> tuple[Any, float, bool]:
        return super().step(state, action.strip().capitalize() if action.strip() else action)


class Crashes(Sound):
    def step(self, state: Any, action: str) -> tuple[Any, float, bool]:
        {"Left": 0, "Right": 1}[action]
        return super().step(state, action)


class Late(Sound):
    def step(self, state: Any, action: str) -> tuple[Any, float, bool]:
        after, reward, _ = Sound(99).step(state, action)
        return after, reward, False


class AfterTheEnd(Sound):
    def step(self, state: Any, action: str) -> tuple[Any, float, bool]:
        after, reward, _ = Sound(99).step(state, action)
        return after, reward, after.turn >= self.horizon


class NeverPasses(Sound):
    def forfeit(self, state: Any) -> tuple[Any, bool]:
        return state, False


class Tells(Sound):
    def situation(self, state: Any) -> Situation:
        return replace(super().situation(state), observation="Hint: Right pays 0.5432 on average.")


class Raises(Sound):
    def oracle(self, state: Any) -> Oracle:
        raise ZeroDivisionError("no pulls yet")


class Opens(Sound):
    """An open question whose grades are not the oracle's labels."""

    def situation(self, state: Any) -> Situation:
        return replace(super().situation(state), actions=(), answer="text")

    def oracle(self, state: Any) -> Oracle:
        return Oracle(("right",), (), {"right": 1.0, "wrong": 0.0}, {"right": 0.0, "wrong": 1.0}, 1.0, (), "grade")

    def step(self, state: Any, action: str) -> tuple[Any, float, bool]:
        after = replace(state, turn=state.turn + 1)
        if state.turn >= self.horizon:
            raise BadOption("the episode is over")
        return after, 0.0, after.turn >= self.horizon

    def grade(self, state: Any, answer: str) -> str:
        return "right" if answer == "a" else "hm"


class Numbered(Sound):
    """What an episode is about is no text."""

    def item(self, seed: int) -> Any:
        return seed


class Forgets(Sound):
    """What an episode is about changes."""

    def item(self, seed: int) -> str:
        Remembers.asked.append(str(seed))
        return str(len(Remembers.asked))


class Grades(Opens):
    def grade(self, state: Any, answer: str) -> str:
        return "right" if answer == "a" else "wrong"


@pytest.fixture
def registered(request: pytest.FixtureRequest) -> Iterator[Any]:
    """The class under test as the registered factory."""
    TASKS._factories["sound"] = request.param
    yield request.param
    del TASKS._factories["sound"]


BROKEN = {
    NotRebuilt: "options: the task built from its options is not equal",
    NotJson: "options: they are not JSON",
    Unhashable: "state: raised TypeError: unhashable",
    Unequal: "state: a copy is not equal",
    Scribbles: "purity: oracle changes the state",
    GlobalDice: "purity: step returns something else on a second call",
    Numbered: "purity: item returns 0, which is no text",
    Forgets: "purity: item returns something else on a second call",
    Remembers: "streams: steps played elsewhere change this episode",
    ByTurn: "forfeit: passing shifts a reward",
    Fills: "forfeit: passing changes the history",
    HalfATie: "oracle: optimal is ['Right'], the highest values are those of ['Left', 'Right']",
    WrongBest: "oracle: optimal is ['Left']",
    Nowhere: "oracle: greedy names ['Middle']",
    Gains: "oracle: the smallest regret is not 0",
    Endless: "oracle: ",
    SameStep: "situation: steps do not count up",
    Columns: "situation: the column 'pulls' does not fit",
    Collide: "labels: two labels collide: Red, RED",
    Blank: "labels: ' Left' is empty, or has spaces",
    Unreadable: "labels: 'go BEST=1' is read as None",
    Lenient: "bad actions: ' Left' is taken",
    Crashes: "bad actions: '' raises KeyError and not BadOption",
    Late: "end: no end after",
    AfterTheEnd: "end: goes on after the end",
    NeverPasses: "end: no end after 5 forfeits",
    Tells: "leak: the text shows the value of 'Right'",
    Raises: "play: raised ZeroDivisionError: no pulls yet",
    Opens: "oracle: grades 'nothing of the kind' as 'hm'",
}


@pytest.mark.parametrize(
    ("registered", "said"), BROKEN.items(), indirect=["registered"], ids=lambda p: getattr(p, "__name__", "")
)
def test_a_broken_task_is_caught_by_the_right_check(registered: Any, said: str) -> None:
    Remembers.asked.clear()
    found = problems(registered(), parse=read_answer)
    assert any(line.startswith(said) for line in found), found
    with pytest.raises(AssertionError, match="is not sound") as unsound:
        Remembers.asked.clear()
        conformance.check(registered(), parse=read_answer)
    assert said in str(unsound.value)


@pytest.mark.parametrize("registered", [Fills], indirect=True)
def test_the_cases_are_one_test_per_check(registered: Any) -> None:
    played: list[int] = []

    class Counted(Fills):
        def start(self, seed: int) -> Any:
            played.append(seed)
            return super().start(seed)

    made = cases(Counted(), range(2), parse=read_answer, brute=lambda state: {"Right"})
    assert [c.check for c in made] == ["play", *CHECKS] and played == []  # collecting tests plays nothing
    assert [c.__name__ for c in made][:2] == ["sound play", "sound options"]
    failed = set()
    for case in made:
        try:
            case()
        except ConformanceError as error:
            failed.add(case.check)
            assert f"{case.check}: " in str(error)
    assert "forfeit" in failed and "play" not in failed
    assert [line for case in made for line in case.problems()] == problems(
        Counted(), range(2), parse=read_answer, brute=lambda state: {"Right"}
    )
    assert [c.check for c in cases(Sound())] == ["play", *(name for name in CHECKS if name != "brute force")]


@pytest.mark.parametrize("registered", [Raises], indirect=True)
def test_the_cases_of_a_task_that_cannot_be_played_all_fail_with_the_reason(registered: Any) -> None:
    for case in cases(registered()):
        with pytest.raises(ConformanceError, match="play: raised ZeroDivisionError: no pulls yet"):
            case()


@pytest.mark.parametrize("case", cases(TASKS.make("bandit"), range(2), parse=read_answer, exact=False))
def test_pytest_takes_the_cases_as_parameters(case: Any, request: pytest.FixtureRequest) -> None:
    case()
    assert request.node.name.endswith(f"[{case.__name__}]")


def test_every_check_catches_something() -> None:
    caught = {said.partition(":")[0] for said in BROKEN.values()}
    assert caught >= CHECKS.keys() - {"fork", "brute force"}  # those two have tests of their own


@pytest.mark.parametrize("registered", [Sound, Grades], indirect=True)
def test_a_sound_task_passes(registered: Any) -> None:
    assert problems(registered(), range(8), parse=read_answer) == []


@pytest.mark.parametrize("registered", [Sound], indirect=True)
def test_brute_force_and_exactness_are_asked_where_given(registered: Any) -> None:
    assert problems(Sound(), brute=lambda state: {"Right"}, exact=True) == []
    assert problems(Sound(), brute=lambda state: {"Left"})[0].startswith("brute force: optimal is ['Right']")


@pytest.mark.parametrize("registered", [Grades], indirect=True)
def test_answers_to_open_questions_can_be_given(registered: Any) -> None:
    tried = []
    assert problems(Grades(), answers=lambda state: tried.append(state.turn) or ["a", "b"]) == []
    assert tried


class Rebuilt(Sound):
    """The factory's task is equal and plays otherwise, as one does that keeps a table outside of its options."""

    def pays(self, state: Any, action: str) -> float:
        return super().pays(state, action) + 1


class Twin(Sound):
    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sound)

    __hash__ = Sound.__hash__


@pytest.mark.parametrize("registered", [Rebuilt], indirect=True)
def test_a_rebuilt_task_must_play_the_same(registered: Any) -> None:
    assert any(line.startswith("fork: replays differently: another reward") for line in problems(Twin()))


def test_an_unregistered_task_is_told_so() -> None:
    assert problems(Sound()) == [
        "options: no task is registered as 'sound': add it to TASKS, or as an entry point of akrasia.tasks"
    ]


@pytest.mark.parametrize(
    "block", re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL), ids=lambda b: b.split("\n")[0]
)
def test_the_documentation_s_examples_run(block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if "gym" in block:
        pytest.importorskip("gymnasium")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "block.py").write_text(block)
    runpy.run_path(str(tmp_path / "block.py"), run_name="__main__")
