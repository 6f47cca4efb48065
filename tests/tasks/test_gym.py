"""Gymnasium both ways: our tasks pass its checker, and other people's environments are played untouched."""

import asyncio
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import akrasia as ak
from akrasia.agents import read_answer
from akrasia.api import execute
from akrasia.errors import BadOption, MissingExtra, Unavailable, UnknownName, UsageError
from akrasia.experiments import assemble
from akrasia.experiments.executors import LocalExecutor
from akrasia.ledger import read_ledger
from akrasia.models import Scripted
from akrasia.records import Draw, Request
from akrasia.tasks import TASKS, bandit, conformance, from_gymnasium, gym, tictactoe
from akrasia.tasks.gym import GymTask

gymnasium = pytest.importorskip("gymnasium")
LAKE = ("Left", "Down", "Right", "Up")


class Corridor(gymnasium.Env):  # type: ignore[misc]
    """Five cells in a row; the right end pays 1, the left end 0.2. Somebody else's environment, as small as can be."""

    metadata: dict[str, Any] = {"render_modes": []}
    made = 0

    def __init__(self, render_mode: str | None = None, random: bool = False) -> None:
        Corridor.made += 1
        self.observation_space = gymnasium.spaces.Box(0, 4, (1,), int)
        self.action_space = gymnasium.spaces.Discrete(2, start=1)
        self.render_mode, self.random = render_mode, random

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.place = 2
        return self._seen(), {}

    def step(self, action: int) -> Any:
        assert self.action_space.contains(action)
        self.place += 2 * action - 3
        pay = {0: 0.2, 4: 1.0}.get(self.place, 0.0)
        return self._seen(), pay, self.place in (0, 4), False, {}

    def _seen(self) -> Any:
        noise = int.from_bytes(__import__("os").urandom(2), "big") if self.random else 0
        return gymnasium.spaces.utils.np.array([self.place + noise])


class Counter(gymnasium.Env):  # type: ignore[misc]
    """Whatever its action space, it pays the number of the action; one observation, or what it is told to show."""

    metadata: dict[str, Any] = {"render_modes": ["human", "ansi", "rgb_array"]}
    spaces: dict[str, Any] = {}
    table: dict[int, Any] | None = None

    def __init__(self, space: str = "", shows: Any = 0, pays: str = "", render_mode: str | None = None) -> None:
        self.observation_space = gymnasium.spaces.Discrete(1)
        self.action_space = Counter.spaces[space]
        self.shows, self.pays, self.render_mode = shows, pays, render_mode
        if Counter.table is not None:
            self.P = Counter.table

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        return self._seen(), {}

    def step(self, action: int) -> Any:
        assert self.action_space.contains(action)
        return self._seen(), float(self.pays or action), False, False, {}

    def _seen(self) -> Any:
        return float("nan") if self.shows == "nan" else self.shows

    def render(self) -> str:
        return "drawn"


SPACES = gymnasium.spaces
COUNTED = {
    "from 0": SPACES.Discrete(3),
    "from 1": SPACES.Discrete(3, start=1),
    "from 5": SPACES.Discrete(2, start=5),
    "from -1": SPACES.Discrete(3, start=-1),
    "MultiBinary": SPACES.MultiBinary(3),
    "MultiBinary of one": SPACES.MultiBinary(1),
    "MultiDiscrete": SPACES.MultiDiscrete([3, 2]),
    "Box": SPACES.Box(0, 1, (2,)),
    "Text": SPACES.Text(5),
    "Tuple": SPACES.Tuple((SPACES.Discrete(2), SPACES.Discrete(2))),
}


def described(observation: Any) -> str:
    return f"You stand on cell {observation[0]} of 0 to 4."


def valued(observation: Any) -> dict[str, float]:
    return {"west": float(4 - observation[0]), "east": float(observation[0])}


@pytest.fixture(autouse=True)
def corridor() -> Iterator[None]:
    gymnasium.register("test/Corridor-v0", entry_point=Corridor, max_episode_steps=6)
    gymnasium.register("test/Counter-v0", entry_point=Counter, max_episode_steps=2)
    Counter.spaces = COUNTED
    yield
    Counter.table = None
    del gymnasium.registry["test/Corridor-v0"], gymnasium.registry["test/Counter-v0"]


def counter(space: str, labels: Any = None, **options: Any) -> GymTask:
    return from_gymnasium("test/Counter-v0", labels, env_options={"space": space, **options})


@pytest.mark.parametrize(("space", "numbers"), [("from 0", (0, 1, 2)), ("from 1", (1, 2, 3)), ("from 5", (5, 6))])
@pytest.mark.parametrize("table", [False, True])
def test_a_number_plays_the_action_of_that_number(space: str, numbers: tuple[int, ...], table: bool) -> None:
    if table:
        Counter.table = {0: {a: [(1.0, 0, float(a), False)] for a in reversed(numbers)}}
    task = counter(space)
    assert task.action_labels == tuple(map(str, numbers)) and task.judge == ("table" if table else "search")
    state = task.start(0)
    assert task.oracle(state).optimal == (str(numbers[-1]),)
    for number in numbers:
        assert task.step(state, str(number))[1] == number
        assert task.step(task.step(state, str(number))[0], str(numbers[0]))[1] == numbers[0]
    with pytest.raises(BadOption, match="not a legal action"):
        task.step(state, str(numbers[-1] + 1))
    conformance.check(task, range(2))


def test_actions_below_0_need_names() -> None:
    with pytest.raises(BadOption, match="begin at -1.*action_labels"):
        counter("from -1")
    task = counter("from -1", ["left", "stay", "right"])
    assert [task.step(task.start(0), label)[1] for label in task.action_labels] == [-1, 0, 1]


@pytest.mark.parametrize("table", [{1: {0: []}}, {0: {0: [], 1: []}}, {0: {0: [], 1: [], 3: []}}, {0: []}, "P"])
def test_a_table_that_is_numbered_otherwise_is_not_used(table: Any) -> None:
    Counter.table = table
    assert counter("from 0").judge == "search"


@pytest.mark.parametrize("space", ["MultiBinary", "MultiBinary of one", "MultiDiscrete", "Box", "Text", "Tuple"])
def test_actions_that_are_not_discrete_are_refused(space: str) -> None:
    with pytest.raises(BadOption, match="no discrete actions"):
        counter(space)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"render_mode": "human"}, "render_mode is 'human'.*in text"),
        ({"render_mode": "rgb_array"}, "render_mode is 'rgb_array'"),
        ({"max_episode_steps": 3}, "horizon="),
        ({"disable_env_checker": False}, "Leave it out"),
        ({"shows": "nan"}, "observation holds NaN"),
        ({"pays": "nan"}, "pays nan"),
        ({"pays": "inf"}, "pays inf"),
        ({"shows": {"a": [1, {"b": 2}]}}, ""),
    ],
)
def test_what_an_environment_shows_and_pays_can_be_kept(options: dict[str, Any], named: str) -> None:
    if not named:
        assert counter("from 0", **options).start(0).observation == (("a", (1, (("b", 2),))),)
        return
    with pytest.raises(BadOption, match=named):
        counter("from 0", **options)


def test_text_renderings_are_shown_whether_asked_for_or_not() -> None:
    for options in ({}, {"render_mode": "ansi"}):
        assert "drawn" in counter("from 0", **options).situation(counter("from 0", **options).start(0)).observation


def lake(**options: Any) -> GymTask:
    return from_gymnasium("FrozenLake-v1", LAKE, **{"env_options": {"is_slippery": False}, **options})


MADE: dict[str, Callable[[], GymTask]] = {
    "lake": lake,
    "slippery lake": lambda: lake(env_options={"is_slippery": True}, horizon=30),
    "cliff": lambda: from_gymnasium("CliffWalking-v1", ("Up", "Right", "Down", "Left"), horizon=20),
    "corridor, searched": lambda: from_gymnasium("test/Corridor-v0", ["west", "east"]),
    "corridor, told": lambda: from_gymnasium(
        "test/Corridor-v0", ["west", "east"], describe=described, oracle=f"{__name__}:valued"
    ),
    "blackjack": lambda: from_gymnasium("Blackjack-v1", ["stick", "hit"], horizon=5, oracle="search"),
}


@pytest.mark.parametrize("name", MADE)
def test_an_environment_is_a_sound_task(name: str) -> None:
    conformance.check(MADE[name](), range(3), parse=read_answer, exact=True)


def test_the_solved_lake_is_crossed_in_six_steps() -> None:
    task = lake()
    state, over, paid = task.start(0), False, []
    while not over:
        state, reward, over = task.step(state, task.oracle(state).optimal[-1])
        paid.append(reward)
    assert paid == [0.0] * 5 + [1.0]
    oracle = task.oracle(task.start(1))
    assert set(oracle.optimal) == {"Down", "Right"}
    assert oracle.values["Down"] == pytest.approx(0.99**5)
    assert oracle.values["Left"] == pytest.approx(0.99**6)
    assert set(lake(discount=1.0).oracle(task.start(1)).optimal) == set(LAKE)  # there is time enough for any detour


def test_the_table_and_the_search_agree() -> None:
    by_table, by_search = (
        lake(oracle=o, horizon=6, env_options={"desc": ["SF", "HG"], "is_slippery": False}) for o in ("table", "search")
    )
    state = by_table.start(0)
    for action in ("Left", "Right"):
        assert by_table.oracle(state).values == pytest.approx(by_search.oracle(state).values)
        assert by_table.oracle(state).optimal == by_search.oracle(state).optimal
        state, _, _ = by_table.step(state, action)


def test_values_of_a_slippery_lake_are_expectations() -> None:
    """With one step left beside the goal, each of three directions is taken with probability 1/3."""
    task = lake(env_options={"desc": ["SG", "FF"]}, horizon=1, oracle="table")
    oracle = task.oracle(task.start(0))
    assert oracle.values == pytest.approx({"Left": 0.0, "Down": 1 / 3, "Right": 1 / 3, "Up": 1 / 3})
    assert set(oracle.greedy) == {"Down", "Right", "Up"}


def test_a_cliff_is_walked_around_and_silence_does_not_pay() -> None:
    task = MADE["cliff"]()
    state, over, total = task.start(0), False, 0.0
    while not over:
        oracle = task.oracle(state)
        assert oracle.forfeit >= max(oracle.regret.values())
        state, reward, over = task.step(state, oracle.optimal[0])
        total += reward
    assert total == -13
    assert task.oracle(task.start(0)).regret["Right"] > 90


def test_an_environment_without_a_table_is_one_item_where_its_seed_changes_nothing() -> None:
    corridor = from_gymnasium("test/Corridor-v0")
    assert {corridor.item(seed) for seed in range(20)} == {"start (2,)"}


def test_a_step_costs_one_step_and_a_fork_one_replay() -> None:
    task = from_gymnasium("test/Corridor-v0", ["west", "east"], horizon=50, oracle=valued)
    made = Corridor.made
    state = task.start(0)
    for _ in range(20):
        state, _, _ = task.step(state, "west")
        other = state
        state, _, _ = task.step(state, "east")
    assert Corridor.made == made + 1
    assert task.step(other, "east")[0] == state
    assert Corridor.made == made + 2
    assert len(state.history) == 40


def test_many_episodes_at_once_keep_few_environments() -> None:
    task = lake()
    states = [task.start(seed) for seed in range(60)]
    for _ in range(3):
        states = [task.step(s, "Left")[0] for s in states]
    assert len(task._pool._kept) == 32
    assert all(s == states[0].__class__(s.seed, 0, states[0].picture, states[0].history, 3) for s in states)


def test_a_task_survives_pickling_and_its_options() -> None:
    for make in MADE.values():
        task = make()
        assert pickle.loads(pickle.dumps(task)) == task == TASKS.make("gymnasium", **task.options)


def test_what_is_seen_is_the_observation_its_picture_or_one_s_own_words() -> None:
    seen = lake().situation(lake().start(0))
    assert seen.observation.splitlines() == ["Observation: 0", "[S]FFF", "FHFH", "FFFH", "HFFG"]
    assert "You face 4 actions: Left, Down, Right, Up." in seen.instruction
    told = MADE["corridor, told"]()
    assert told.situation(told.start(0)).observation == "You stand on cell 2 of 0 to 4."


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"env": "FrozenLke-v1"}, "Did you mean 'FrozenLake"),
        ({"env": "no_such_module:X-v0"}, "no_such_module"),
        ({"env": None}, "env is None"),
        ({"env": "FrozenLake-v1", "env_options": {"slip": True}}, "slip"),
        ({"env": "FrozenLake-v1", "env_options": {"x": object()}}, "env_options"),
        ({"env": "Pendulum-v1"}, "no discrete actions"),
        ({"env": "CliffWalking-v1"}, "horizon"),
        ({"env": "CartPole-v1"}, "no oracle.*too many"),
        ({"env": "Blackjack-v1", "horizon": 5}, "no oracle.*random"),
        ({"env": "FrozenLake-v1", "horizon": 0}, "horizon"),
        ({"env": "FrozenLake-v1", "discount": 0}, "discount"),
        ({"env": "FrozenLake-v1", "discount": 1.5}, "discount"),
        ({"env": "FrozenLake-v1", "action_labels": ["a", "b"]}, "2 action labels for 4"),
        ({"env": "FrozenLake-v1", "action_labels": ["a", "A", "b", "c"]}, "collide"),
        ({"env": "FrozenLake-v1", "action_labels": ["a", " ", "b", "c"]}, "is not an action label"),
        ({"env": "FrozenLake-v1", "oracle": "tabel"}, "Did you mean 'table'"),
        ({"env": "FrozenLake-v1", "oracle": "search"}, "too many"),
        ({"env": "FrozenLake-v1", "oracle": "nowhere:values"}, "cannot be imported"),
        ({"env": "FrozenLake-v1", "describe": lambda seen: "x"}, "top of a module"),
        ({"env": "test/Corridor-v0", "oracle": "table"}, "no transition table"),
        ({"env": "test/Corridor-v0", "env_options": {"random": True}}, "does not repeat itself"),
        ({}, "env"),
    ],
)  # fmt: skip
def test_what_cannot_be_played_is_refused_with_a_reason(options: dict[str, Any], named: str) -> None:
    with pytest.raises(UsageError, match=named):
        TASKS.make("gymnasium", **options)


def test_a_whole_run_on_a_stranger_s_environment(tmp_path: Path) -> None:
    """The scripted model knows the way and walks west every other time it is told to go east."""

    def script(request: Any, draw: Any) -> str:
        return f"BEST=east\nACTION={'west' if draw.step % 2 else 'east'}"

    task = MADE["corridor, told"]()
    for design in ("fork", "rollout"):
        result = ak.run(
            task=task, model=Scripted(script), variants=["reason_act", "reason_act | re_evaluate"],
            episodes=3, design=design, out=tmp_path / design,
        )  # fmt: skip
        rows = result.records.filter(result.records["baseline"])
        assert rows.height == 3 * 6  # to and fro until the time is up
        assert rows["knows"].all() and not rows["does"].all()
        assert set(rows["done"]) == {"east", "west"}


def test_the_simulated_agent_plays_the_lake(tmp_path: Path) -> None:
    result = ak.run(task=lake(horizon=8), model="simulated", variants=["reason_act"], episodes=4, out=tmp_path / "run")
    assert result.records["valid"].all()
    assert 4 <= result.records.height <= 32


# Our tasks as environments


@pytest.mark.parametrize("observation", ["text", "dict"])
@pytest.mark.parametrize("name", ["bandit", "tictactoe"])
def test_our_tasks_pass_the_checker(name: str, observation: str) -> None:
    from gymnasium.utils.env_checker import check_env

    gym.register_environments()
    identity = {"bandit": "akrasia/Bandit-v0", "tictactoe": "akrasia/Tictactoe-v0"}[name]
    made = gymnasium.make(identity, observation=observation, render_mode="ansi")
    check_env(made.unwrapped)
    assert isinstance(made.render() if made.reset(seed=1) else None, str)


def test_every_task_that_needs_no_options_is_an_environment() -> None:
    from gymnasium.utils.env_checker import check_env

    for identity in gym.register_environments():
        try:
            made = gymnasium.make(identity)
        except BadOption:
            continue  # a task over a file of the user's
        check_env(made.unwrapped, skip_render_check=True)


def test_an_environment_plays_the_episode_that_the_task_plays() -> None:
    gym.register_environments()
    made, task = gymnasium.make("akrasia/Bandit-v0", arms=4, horizon=6), bandit(arms=4, horizon=6)
    made.reset(seed=11)
    state, over = task.start(11), False
    while not over:
        index = len(state.history) % 4
        regret = task.oracle(state).regret[state.labels[index]]
        state, expected, over = task.step(state, state.labels[index])
        _, reward, ended, cut, info = made.step(index)
        assert (reward, ended, cut, info["regret"]) == (expected, over, False, regret)
    with pytest.raises(BadOption, match="over"):
        made.unwrapped.step(0)


def test_an_illegal_action_forfeits() -> None:
    gym.register_environments()
    made = gymnasium.make("akrasia/Tictactoe-v0", penalty=-5.0)
    _, info = made.reset(seed=0)
    assert info["action_mask"].tolist() == [1] * 9
    seen, _, _, _, info = made.step(4)
    assert info["action_mask"][4] == 0 and "Board: " in seen
    assert info["optimal"].tolist() == [
        int(str(i) in tictactoe().oracle(made.unwrapped._state).optimal) for i in range(9)
    ]
    _, reward, over, _, info = made.step(4)
    assert (reward, over, info["actions"]) == (-5.0, True, [])


def test_open_questions_are_answered_in_text() -> None:
    gym.register_environments()
    made = gymnasium.make("akrasia/Aiw-v0")
    assert isinstance(made.action_space, gymnasium.spaces.Text)
    over, paid = False, []
    made.reset(seed=0)
    while not over:
        right = made.unwrapped.task.oracle(made.unwrapped._state).optimal[0]
        _, reward, over, _, _ = made.step(right)
        paid.append(reward)
    assert sum(paid) > 0
    made.reset(seed=0)
    assert made.step("no number")[1] == -1.0


@pytest.mark.parametrize(
    "options", [{"observation": "pixels"}, {"render_mode": "human"}, {"answers": "speech"}, {"arm": 3}]
)
def test_bad_environment_options_are_refused(options: dict[str, Any]) -> None:
    from akrasia.tasks.gym_env import TaskEnv

    with pytest.raises((UnknownName, BadOption)):
        TaskEnv("bandit", **options)


def test_the_address_alone_registers() -> None:
    code = "import gymnasium; print(gymnasium.make('akrasia.tasks.gym_env:akrasia/Bandit-v0').reset(seed=0)[0][:9])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "You face", done.stderr


def test_without_gymnasium_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gymnasium", None)
    with pytest.raises(MissingExtra, match=r"akrasia\[gym\]"):
        from_gymnasium("FrozenLake-v1")
    monkeypatch.delitem(sys.modules, "akrasia.tasks.gym_env", raising=False)
    with pytest.raises(MissingExtra, match=r"akrasia\[gym\]"):
        gym.register_environments()


PATH = ("Down", "Down", "Right", "Right", "Down", "Right")


@pytest.mark.parametrize("design", ["fork", "rollout"])
def test_an_episode_that_takes_another_course_when_resumed_keeps_no_step_of_the_old_one(
    tmp_path: Path, design: str
) -> None:
    """A step that is forfeited for a call that was given up makes the episode one step longer."""
    down = {0}

    def answer(request: Request, draw: Draw) -> str | Exception:
        if draw.step in down:
            return Unavailable("down for a while")
        walked = PATH[min(draw.step - len(down), 5)]
        return f"BEST={walked}\nACTION={walked}"

    async def no_pause(seconds: float) -> None:
        return None

    lake = from_gymnasium("FrozenLake-v1", LAKE, env_options={"is_slippery": False}, horizon=20)
    variants = ["reason_act", "reason_act | re_evaluate"]
    experiment = assemble(
        {"task": lake, "model": Scripted(answer), "variants": variants, "episodes": 1, "design": design}
    )

    def played(name: str, resume: bool = False) -> tuple[list[int], bytes]:
        executor = LocalExecutor(experiment, sleep=no_pause)
        result = asyncio.run(execute(experiment, tmp_path / name, resume=resume, executor=executor))
        steps = sorted(result.records["step"].to_list())
        return steps, result.export(tmp_path / f"{name}.jsonl").read_bytes()

    assert played("run")[0] == sorted([*range(7)] * 2)
    down.clear()
    whole = played("whole")
    assert played("run", resume=True) == whole and whole[0] == sorted([*range(6)] * 2)
    with read_ledger(tmp_path / "run") as run, read_ledger(tmp_path / "whole") as whole:
        assert list(run.csv_lines() or ()) == list(whole.csv_lines() or ())
