"""A run stops where the first decisions of an arm all fail alike, wherever it is played, and keeps the rest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner
from langgraph.graph import END, START, MessagesState, StateGraph

import akrasia as ak
from akrasia.cli import program
from akrasia.errors import ArmFailed
from akrasia.experiments.first_decisions import FIRST_DECISIONS, FIRST_UNREAD, FirstDecisions
from akrasia.ledger import read_ledger
from akrasia.models import Scripted
from akrasia.records import Draw, Request, Response

TASK = {"name": "bandit", "arms": 3, "horizon": 4}
COMMENTS = "Comment on this"


def graph(node: Any) -> ak.Variant:
    builder = StateGraph(MessagesState)
    builder.add_node("node", node)
    builder.add_edge(START, "node")
    builder.add_edge("node", END)
    return ak.Variant.from_langgraph("mine", builder.compile(), ak.graphs.MessagesAdapter())


def play(folder: Path, model: Any, variants: list[Any], **settings: Any) -> ak.Result:
    chosen: Any = {"task": TASK, "episodes": 12, "concurrency": 2, **settings}
    return ak.run(model=model, variants=variants, out=folder, **chosen)


def decided(result: ak.Result, variant: str) -> int:
    return result.records.filter(variant=variant).height


async def crashes(state: MessagesState) -> Any:
    raise RuntimeError("vector store down")


async def asks(state: MessagesState) -> Any:
    return {"messages": [await ak.ChatModel().ainvoke([("system", "Be brief."), *state["messages"]])]}


def answering(critic: Any) -> Scripted:
    def answer(request: Request, draw: Draw) -> Response:
        labels = next(m.content for m in request.messages if "buttons: " in m.content).split("buttons: ")[1]
        first = labels.split(".")[0].split(", ")[0]
        if COMMENTS in request.messages[-1].content:
            return critic(draw) or Response(f"Fine.\nBEST={first}")
        return Response(f"BEST={first}\nACTION={first}")

    return Scripted(answer)


def test_own_code_that_fails_alike_ends_the_run(tmp_path: Path) -> None:
    result = play(tmp_path, "simulated", ["reason_act", graph(crashes)])
    assert result.outcome is not None and isinstance(result.outcome.stopped, ArmFailed)
    told = str(result.outcome.stopped)
    assert told.startswith("the first 8 decisions of 'mine' all failed alike: RuntimeError: vector store down")
    assert "node 'node'" in told and "--keep-going" in told
    assert FIRST_DECISIONS <= decided(result, "mine") < FIRST_DECISIONS + 4
    assert any("the first 8 decisions of 'mine' all failed alike" in w for w in result.score(["gap"]).warnings)


def test_a_graph_that_asks_nobody_is_stopped_too(tmp_path: Path) -> None:
    result = play(tmp_path, "simulated", [graph(crashes)], concurrency=64)
    assert decided(result, "mine") < 12 * 4
    assert result.outcome is not None and isinstance(result.outcome.stopped, ArmFailed)


def test_it_goes_on_if_it_is_told_to(tmp_path: Path) -> None:
    result = play(tmp_path, "simulated", ["reason_act", graph(crashes)], keep_going=True)
    assert result.outcome is not None and result.outcome.stopped is None
    assert decided(result, "mine") == decided(result, "reason_act") == 12 * 4


def test_seven_that_fail_and_one_that_works_are_no_reason(tmp_path: Path) -> None:
    seen: list[int] = []

    async def works_once(state: MessagesState) -> Any:
        seen.append(0)
        if len(seen) == FIRST_DECISIONS:
            return await asks(state)
        raise RuntimeError("vector store down")

    result = play(tmp_path, "simulated", ["reason_act", graph(works_once)], concurrency=1)
    assert result.outcome is not None and result.outcome.stopped is None


def test_errors_of_different_kinds_are_no_reason(tmp_path: Path) -> None:
    async def differs(state: MessagesState) -> Any:
        raise (RuntimeError if len(state["messages"][0].content) % 2 else ValueError)("down")

    result = play(tmp_path, "simulated", ["reason_act", graph(differs)])
    kinds = set(result.records.filter(variant="mine")["integrity"])
    assert (result.outcome is not None and result.outcome.stopped is None) == (len(kinds) > 1)


@pytest.mark.parametrize(
    ("critic", "words"),
    [
        (lambda draw: Response(""), "critic: empty"),
        (lambda draw: Response("I th", "truncated", "length"), "critic: cut off"),
        (
            lambda draw: Response("", "refused", "filter", error=f"Flagged in request '{draw}'."),
            "critic: refused: Flagged",
        ),
    ],
)
def test_an_agent_that_is_mute_alike_ends_the_run(tmp_path: Path, critic: Any, words: str) -> None:
    result = play(tmp_path, answering(critic), ["reason_act", "reason_act | critique"])
    assert result.outcome is not None and words in str(result.outcome.stopped)


def test_a_critic_that_speaks_now_and_then_does_not(tmp_path: Path) -> None:
    model = answering(lambda draw: Response("") if draw.step % 4 != 3 else None)
    result = play(tmp_path, model, ["reason_act", "reason_act | critique"])
    assert result.outcome is not None and result.outcome.stopped is None


@pytest.mark.parametrize("first", [Response("The first", "truncated", "length"), Response("Nothing to choose by yet.")])
@pytest.mark.parametrize("concurrency", [1, 64])
def test_a_first_step_that_fails_in_every_episode_is_no_reason(tmp_path: Path, first: Any, concurrency: int) -> None:
    def answer(request: Request, draw: Draw) -> Response:
        label = request.messages[0].content.split("buttons: ")[1].split(".")[0].split(", ")[0]
        return first if draw.step == 0 else Response(f"BEST={label}\nACTION={label}")

    task = {**TASK, "horizon": 2}
    result = play(tmp_path, Scripted(answer), ["reason_act"], task=task, episodes=40, concurrency=concurrency)
    assert result.outcome is not None and result.outcome.stopped is None and decided(result, "reason_act") == 40 * 2


def rows(steps: int, episodes: int, record: Any) -> list[Any]:
    return [("t", "m", "v", episode, step, record) for step in range(steps) for episode in range(episodes)]


def test_one_step_alone_takes_as_many_more_as_are_under_way() -> None:
    turn = {"text": "", "agent": "actor", "key": "k", "fault": "cut off"}
    failed = orjson.dumps({"decision": {"turns": [turn], "status": "truncated"}, "tags": {}})
    works = orjson.dumps({"decision": {"turns": [turn | {"fault": ""}], "status": "ok"}, "tags": {}})
    games = FirstDecisions(at_once=60, bounds={"t": 9})
    assert games.see(rows(1, 27, failed)) is None  # the games that end at once come first
    assert games.see([("t", "m", "v", 27, step, works) for step in range(3)]) is None
    assert FirstDecisions(at_once=60, bounds={"t": 9}).see(rows(1, FIRST_DECISIONS + 59, failed)) is None
    told = FirstDecisions(at_once=60, bounds={"t": 9}).see(rows(1, FIRST_DECISIONS + 60, failed))
    assert told is not None and f"the first {FIRST_DECISIONS + 60} decisions" in str(told)
    assert FirstDecisions(at_once=60, bounds={"t": 9}).see(rows(2, FIRST_DECISIONS // 2, failed)) is not None
    assert FirstDecisions(at_once=60, bounds={"t": 1}).see(rows(1, FIRST_DECISIONS, failed)) is not None


def test_what_cannot_be_read_takes_longer(tmp_path: Path) -> None:
    """Workers stop together: `executors/test_pool.py`."""
    result = play(tmp_path, "simulated:parse_failure=1", ["reason_act"], episodes=40, concurrency=4)
    assert result.outcome is not None and isinstance(result.outcome.stopped, ArmFailed)
    assert f"the first {FIRST_UNREAD} decisions of 'reason_act'" in str(result.outcome.stopped)
    assert FIRST_UNREAD <= decided(result, "reason_act") < 40 * 4


def test_the_exit_code_and_the_option(tmp_path: Path) -> None:
    asked = ["run", "--model", "simulated:parse_failure=1", "--episodes", "10", "--set", "concurrency=2", "--no-report"]
    stopped = CliRunner().invoke(program(), [*asked, "--out", str(tmp_path / "stopped")])
    assert stopped.exit_code == 3 and "all failed alike" in stopped.output
    assert CliRunner().invoke(program(), [*asked, "--keep-going", "--out", str(tmp_path / "whole")]).exit_code == 0
    file = tmp_path / "x.toml"
    file.write_text(
        'task = "bandit"\nmodel = "simulated:parse_failure=1"\nvariants = ["act"]\nkeep_going = true\nepisodes = 10\n'
    )
    told = ["run", str(file), "--no-report", "--out", str(tmp_path / "toml")]
    assert CliRunner().invoke(program(), told).exit_code == 0


def test_mended_code_is_asked_again_and_ends_with_the_healthy_runs_bytes(tmp_path: Path) -> None:
    mended: list[bool] = []

    async def node(state: MessagesState) -> Any:
        return await (asks if mended else crashes)(state)

    variants = ["reason_act", graph(node)]
    assert play(tmp_path / "r", "simulated", variants).outcome is not None
    mended.append(True)
    resumed = play(tmp_path / "r", "simulated", variants)
    assert resumed.outcome is not None and resumed.outcome.stopped is None and not resumed.outcome.missing
    play(tmp_path / "healthy", "simulated", variants)
    with read_ledger(tmp_path / "r") as a, read_ledger(tmp_path / "healthy") as b:
        assert list(a.raw_records()) == list(b.raw_records())
