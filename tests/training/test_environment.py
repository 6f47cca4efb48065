"""The tasks as text episodes, and as an environment of verifiers that plays against a server on the loopback."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import akrasia as ak
from akrasia.errors import BadOption, PlanError, UnknownName
from akrasia.models import Scripted
from akrasia.records import Draw, Request
from akrasia.tasks import TASKS, bandit, tictactoe
from akrasia.training.graph_policy import trainable_plan
from akrasia.training.returns import RewardScale, RewardShaping, reward_scale
from akrasia.training.text_env import TextEpisode

ARMS = ["A", "B", "C", "D"]


def test_a_text_episode_asks_what_an_experiment_asks(tmp_path: Path) -> None:
    asked: list[str] = []

    def answer(request: Request, draw: Draw) -> str:
        asked.append(request.messages[-1].content)
        return "BEST=A\nACTION=B"

    task = bandit(arms=4, horizon=5, labels=ARMS)
    ak.run(task=task, model=Scripted(answer), episodes=1, seed=3, out=tmp_path / "r")
    text_episode = TextEpisode(task, 3 * 10_000_000)
    for prompt in asked:
        assert text_episode.prompt == prompt
        text_episode.step("BEST=A\nACTION=B")
    assert text_episode.prompt is None and len(text_episode.steps) == 5
    with pytest.raises(BadOption, match="over"):
        text_episode.step("ACTION=A")


def test_a_step_is_worth_its_reward_in_units_of_random_play_or_the_penalty() -> None:
    task = bandit(arms=4, horizon=4, labels=ARMS)
    text_episode = TextEpisode(task, 0, RewardShaping(penalty=-5, bonus=1), RewardScale(0.5, 2.0))
    first = text_episode.step("BEST=B\nACTION=A")
    assert first.shaped_reward == pytest.approx((first.reward - 0.5) / 2 + 1) and first.knows and first.does
    history = text_episode.prompt
    lost = text_episode.step("I would rather not.")
    assert (lost.shaped_reward, lost.reward, lost.done, lost.stated) == (-5.0, None, None, ())
    assert history is not None and text_episode.prompt == history.replace("step 2 of 4", "step 3 of 4")
    again = text_episode.step("BEST=C\nACTION=A")
    assert again.knows and not again.does and again.shaped_reward == pytest.approx((again.reward - 0.5) / 2)
    assert text_episode.rates == {"valid": 2 / 3, "knowing": 2 / 3, "doing": 1 / 3, "gap": 1 / 3}
    worth = [t.shaped_reward for t in text_episode.steps]
    assert text_episode.returns == pytest.approx(list(np.cumsum(worth[::-1])[::-1]))


def test_a_game_is_a_text_episode_and_an_open_question_is_none() -> None:
    text_episode = TextEpisode(tictactoe(), 1)
    while text_episode.prompt is not None:
        text_episode.step(f"ACTION={text_episode.task.situation(text_episode._state).actions[0]}")
    assert text_episode.rates["valid"] == 1
    with pytest.raises(BadOption, match="open questions"):
        TextEpisode(TASKS.make("aiw"), 0)


class Server:
    """What the loopback server saw: it presses the button of the highest bound, and after `mute` answers nothing.

    The history is read from the message of that place.
    """

    def __init__(self, mute: int = 10**6, place: int = -1) -> None:
        self.asked: list[list[dict[str, str]]] = []
        self._mute, self._place = mute, place

    def __call__(self, messages: list[dict[str, str]], seed: int) -> str:
        self.asked.append(messages)
        if len(self.asked) > self._mute:
            return "No."
        tried = re.findall(r"Action=(\w) Reward", messages[self._place]["content"])
        best = next((a for a in ARMS if a not in tried), "A")
        return f"{best} was never tried.\nBEST={best}\nACTION={best}"


async def played(env: Any, base: str) -> Any:
    import verifiers.v1 as vf
    from verifiers.v1.clients import ModelContext

    client = vf.EvalClientConfig(base_url=base, api_key_var="OPENAI_API_KEY")
    task = next(iter(env.taskset))
    async with env.serving():
        return await env.run_episode(task, ModelContext(model="scripted", client=client))


@pytest.mark.parametrize("conversation", [True, False])
async def test_verifiers_plays_an_episode_and_rewards_it(openai_server: Any, conversation: bool) -> None:
    pytest.importorskip("verifiers.v1")
    from akrasia.training.environment import load_environment

    openai_server.answer = server = Server(mute=3)
    env = load_environment("bandit", conversation=conversation, arms=4, horizon=4, labels=ARMS)
    episode = await played(env, openai_server.base)
    assert episode.ok, episode.errors
    info = episode.traces[0].task.data.info
    task = bandit(arms=4, horizon=4, labels=ARMS)
    text_episode = TextEpisode(task, info["seed"], scale=reward_scale(task, 0))
    for n, messages in enumerate(server.asked):  # the prompts are ours, with or without what was said before
        assert messages[-1]["content"] == text_episode.prompt
        assert len(messages) == (2 * n + 1 if conversation else 1)
        text_episode.step("No." if n == 3 else f"BEST={ARMS[n]}\nACTION={ARMS[n]}")
    assert text_episode.prompt is None and len(server.asked) == 4
    if conversation:
        (trace,) = episode.traces
        assert trace.num_turns == 4 and trace.reward == pytest.approx(sum(t.shaped_reward for t in text_episode.steps))
        assert trace.metrics == text_episode.rates == {"valid": 0.75, "knowing": 0.75, "doing": 0.75, "gap": 0.0}
    else:
        assert [t.reward for t in episode.traces] == pytest.approx(text_episode.returns)
        assert [t.metrics["valid"] for t in episode.traces] == [1, 1, 1, 0]


async def test_a_model_that_is_not_heard_is_no_answer(openai_server: Any) -> None:
    pytest.importorskip("verifiers.v1")
    from akrasia.training.environment import load_environment

    openai_server.fault(400, "no such model", times=50)
    env = load_environment("bandit", conversation=False, arms=4, horizon=4)
    episode = await played(env, openai_server.base)
    assert not episode.ok and not episode.traces[0].metrics


def test_verifiers_finds_the_tasks_by_name_and_episodes_differ() -> None:
    pytest.importorskip("verifiers.v1")
    from itertools import islice

    from verifiers.v1.utils.loaders import environment_class, harness_class, taskset_class

    from akrasia.training.environment import ID, AkrasiaEnv, AkrasiaHarness, load_environment

    assert environment_class(ID) is AkrasiaEnv and harness_class(ID) is AkrasiaHarness
    env = load_environment("tictactoe", seed=5)
    tasks = list(islice(iter(env.taskset), 3))
    assert type(env.taskset) is taskset_class(ID) and len({t.data.info["seed"] for t in tasks}) == 3
    assert [t.key for t in islice(iter(env.taskset), 3)] == [t.key for t in tasks]
    with pytest.raises(UnknownName, match="bandit"):
        load_environment("bandits")
    with pytest.raises(BadOption, match="open questions"):
        load_environment("aiw")


GRAPHS = """
from langgraph.graph import START, MessagesState, StateGraph


def graph(model):
    async def agent(state: MessagesState):
        first = await model.ainvoke(state["messages"])
        return {"messages": [first, await model.ainvoke([*state["messages"], first, ("user", "Are you sure?")])]}

    built = StateGraph(MessagesState)
    built.add_node("agent", agent)
    built.add_edge(START, "agent")
    return built.compile()
"""


@pytest.mark.parametrize(("policy", "calls"), [("reason_act | critique", 3), ("mine", 2), ("reason_then_act", 2)])
async def test_a_graph_is_the_policy_of_an_episode(openai_server: Any, tmp_path: Path, policy: str, calls: int) -> None:
    pytest.importorskip("verifiers.v1")
    from akrasia.training.environment import load_environment

    (tmp_path / "agents.py").write_text(GRAPHS)
    graph = policy.replace("mine", f"external('{tmp_path}/agents.py:graph')")
    openai_server.answer = server = Server(mute=2 * calls, place=0)
    env = load_environment("bandit", graph=graph, arms=4, horizon=3, labels=ARMS)
    episode = await played(env, openai_server.base)
    assert episode.ok, episode.errors
    assert [trace.num_turns for trace in episode.traces] == [calls] * 3 and len(server.asked) == 3 * calls
    assert all(body["model"] == "scripted" and "temperature" not in body for body in openai_server.bodies)
    task = bandit(arms=4, horizon=3, labels=ARMS)
    text_episode = TextEpisode(task, episode.traces[0].task.data.info["seed"], scale=reward_scale(task, 0))
    for n, trace in enumerate(episode.traces):
        assert trace.info["decision"]["done"] == (ARMS[n] if n < 2 else None)
        text_episode.take(tuple(trace.info["decision"]["stated"]), trace.info["decision"]["done"])
    assert [t.reward for t in episode.traces] == pytest.approx(text_episode.returns)
    assert [t.metrics["valid"] for t in episode.traces] == [1, 1, 0]


async def test_a_graph_whose_call_fails_decided_nothing(openai_server: Any) -> None:
    pytest.importorskip("verifiers.v1")
    from akrasia.training.environment import load_environment

    openai_server.fault(400, "no such model", times=50)
    episode = await played(load_environment("bandit", graph="reason_act | critique", arms=4), openai_server.base)
    (trace,) = episode.traces
    assert not episode.ok and not trace.metrics and "no such model" in str(trace.errors)


def test_what_cannot_be_a_policy_is_refused(tmp_path: Path) -> None:
    (tmp_path / "agents.py").write_text(GRAPHS)
    for graph, why in (
        ("oracle_act", "told by the oracle"),
        (f"external('{tmp_path}/agents.py:graph', memory=True)", "remembers earlier steps"),
    ):
        with pytest.raises(PlanError, match=why):
            trainable_plan(graph)
    with pytest.raises(UnknownName, match="reason_act"):
        trainable_plan("reason_akt")
