"""A run on a Ray cluster ends with the bytes of a run in one process, also when a node dies midway."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

import akrasia as ak
from akrasia.api import execute
from akrasia.events import DecisionEnded, Event
from akrasia.experiments import assemble

ray = pytest.importorskip("ray", reason="the extra ray is not installed: make test-ray")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # Ray leaves sockets and files to the collector

SETTINGS: dict[str, Any] = {
    "task": {"name": "bandit", "arms": 5, "horizon": 3},
    "model": "simulated",
    "variants": ["reason_then_act", "reason_then_act | critique", "reason_then_act | placebo"],
    "episodes": 120,
    "concurrency": 6,
}


@pytest.fixture(scope="module")
def cluster() -> Any:
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})  # the driver's: no worker is placed on it
    nodes = [made.add_node(num_cpus=1) for _ in range(3)]
    made.wait_for_nodes()
    ray.init(address=made.address, log_to_driver=False, logging_level="ERROR")
    yield made, nodes
    ray.shutdown()
    made.shutdown()


def exported(result: ak.Result, to: Path) -> bytes:
    return result.export(to).read_bytes()


def test_three_nodes_one_killed_midway_and_the_same_bytes(cluster: Any, tmp_path: Path) -> None:
    made, nodes = cluster
    here = exported(ak.run(**SETTINGS, out=tmp_path / "local"), tmp_path / "local.jsonl")
    experiment = assemble(SETTINGS | {"executor": "ray", "workers": 3})
    seen, killed = 0, False

    def kill_one(event: Event) -> None:
        nonlocal seen, killed
        seen += isinstance(event, DecisionEnded)
        if seen >= 300 and not killed:
            killed = True
            made.remove_node(nodes[1], allow_graceful=False)

    before = time.monotonic()
    result = asyncio.run(execute(experiment, tmp_path / "ray", on_event=kill_one))
    assert killed and time.monotonic() - before < 300
    assert result.outcome is not None and result.outcome.stopped is None and result.outcome.missing == 0
    assert exported(result, tmp_path / "ray.jsonl") == here


def test_two_nodes_share_a_budget_and_a_resumed_run_completes_it(cluster: Any, tmp_path: Path) -> None:
    here = exported(ak.run(**SETTINGS, out=tmp_path / "local"), tmp_path / "local.jsonl")
    first = ak.run(**SETTINGS, executor="ray", workers=2, budget={"calls": 300}, out=tmp_path / "ray")
    assert first.outcome is not None and isinstance(first.outcome.stopped, ak.errors.BudgetSpent)
    assert first.outcome.run_usage.made == 300 and first.outcome.missing > 0
    second = ak.run(**SETTINGS, executor="ray", workers=2, out=tmp_path / "ray")
    assert second.outcome is not None and second.outcome.stopped is None and second.outcome.missing == 0
    assert exported(second, tmp_path / "ray.jsonl") == here


GRAPH = """
from langgraph.graph import START, MessagesState, StateGraph


def graph(model):
    async def agent(state: MessagesState):
        return {"messages": [await model.ainvoke(state["messages"])]}

    built = StateGraph(MessagesState)
    built.add_node("agent", agent)
    built.add_edge(START, "agent")
    return built.compile()
"""


def test_a_graph_from_elsewhere_is_found_by_its_name_on_every_node(cluster: Any, tmp_path: Path) -> None:
    (tmp_path / "agents.py").write_text(GRAPH)
    mine = f"external('{tmp_path}/agents.py:graph')"
    settings = SETTINGS | {"variants": ["reason_act", mine, f"{mine} | critique"], "episodes": 12}
    here = exported(ak.run(**settings, out=tmp_path / "local"), tmp_path / "local.jsonl")
    result = ak.run(**settings, executor="ray", workers=2, out=tmp_path / "ray")
    assert result.outcome is not None and result.outcome.stopped is None and result.outcome.missing == 0
    assert exported(result, tmp_path / "ray.jsonl") == here
