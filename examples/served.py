"""Every graph that akrasia ships, as `langgraph dev` serves it: `langgraph.json` names them.

    AKRASIA_MODEL=openai/gpt-4o-mini langgraph dev

In Studio, give a question and its options, or chat; the model may also be named in the run's context. From Python:

    python examples/served.py
"""

import sys
from typing import Any

from langchain_core.language_models import FakeListChatModel

import akrasia as ak
from akrasia.graphs import GRAPHS

_PLANS = {name: GRAPHS.make(name) for name in GRAPHS if name != "external"}
SERVED = {name: plan.compile() for name, plan in _PLANS.items() if not plan.leaks}
globals().update(SERVED)  # `langgraph dev` looks for each among the names of this module


def main(model: Any = None) -> Any:
    said = [
        "Red paid more often.\nBEST=Red\nACTION=Blue",
        "The reasoning is right, and Blue does not follow from it.\nBEST=Red",
        "So it is Red.\nBEST=Red\nACTION=Red",
    ]
    graph = (ak.graphs.reason_act() | ak.critique()).compile(model=model or FakeListChatModel(responses=said))
    end = graph.invoke({"question": "Red paid 0.9 of 5 times, Blue 0.2 of 5.", "options": ["Red", "Blue"]})
    for message in end["messages"]:
        sys.stdout.write(f"{message.name}: {message.text}\n\n")
    sys.stdout.write(f"action: {end['action']} ({end['status']}), recommended: {', '.join(end['recommendation'])}\n")
    return end


if __name__ == "__main__":
    main()
