"""Graphs written with LangGraph alone as variants: do they do what they know, compared with a single agent?

    python examples/own_langgraph.py

Each graph is compiled with `ak.ChatModel()` where it would have its own chat model. An adapter makes its input of a
situation and reads its final state. `MessagesAdapter` does so for graphs of messages; `Notes` is written by hand.
"""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.prebuilt import create_react_agent

import akrasia as ak
from akrasia.agents.rendering import render_situation

MODEL = ak.ChatModel()


class Notebook(TypedDict, total=False):
    case: str
    notes: str
    answer: str


async def study(state: Notebook) -> Notebook:
    response = await MODEL.ainvoke(f"{state['case']}\n\nThink step by step. End with one line\nBEST=X")
    return {"notes": str(response.text)}


def press(state: Notebook) -> Notebook:  # a plain function: LangGraph runs it in a thread, which works as well
    response = MODEL.invoke(f"{state['case']}\n\nYour notes:\n{state['notes']}\n\nAnswer with one line\nACTION=X")
    return {"answer": str(response.text)}


def two_nodes() -> Any:
    graph = StateGraph(Notebook)
    graph.add_node("study", study)
    graph.add_node("press", press)
    graph.add_edge(START, "study")
    graph.add_edge("study", "press")
    graph.add_edge("press", END)
    return graph.compile()


def prebuilt() -> Any:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "create_react_agent has been moved")
        return create_react_agent(model=MODEL, tools=[])


@dataclass(frozen=True)
class Notes:
    """What is known stands in the notes, what is done in the answer."""

    def to_input(self, situation: ak.records.Situation) -> Notebook:
        return {"case": render_situation(situation)}

    def from_state(self, state: Notebook, situation: ak.records.Situation) -> ak.graphs.GraphOutput:
        return ak.graphs.GraphOutput(rationale=state["notes"], text=state["answer"])


def main(out: Path | str | None = None, model: Any = "simulated") -> ak.Result:
    variants = [
        ak.Variant("reason_act", ak.graphs.reason_act()),
        ak.Variant.from_langgraph("two_nodes", two_nodes(), Notes()),
        ak.Variant.from_langgraph("prebuilt", prebuilt(), ak.graphs.MessagesAdapter()),
    ]
    result = ak.run(task="bandit", model=model, variants=variants, episodes=6, name="own-langgraph", out=out)
    result.show()
    return result


if __name__ == "__main__":
    main()
