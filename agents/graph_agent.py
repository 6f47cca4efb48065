"""The agent that is a LangGraph graph which was not built here: what may be set on it.

Invariant: what the graph asks is up to the graph. An intervention reaches it by what it is shown, by what is added to
its conversation, and by the settings of its model, and by nothing else: any other option is refused.
`akrasia.graphs.external_run` lets it speak.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..options import flag
from .base import AGENTS
from .options import RoleOptions, option, text, text_map


@dataclass(frozen=True, kw_only=True)
class GraphAgentOptions(RoleOptions):
    """What may be set on a graph from elsewhere.

    Attributes:
        graph: its name among the `graphs` of its plan.
        hints: sentences that stand in its input, where its adapter has a place for them.
        move: "open" runs it on the situation; any other move continues its conversation (`akrasia.agents.follow_up`).
        wording, while_wrong, blank, signed, show_confidence: of that follow-up, see `ModelOptions`.
    """

    graph: str = option("", text)
    hints: Mapping[str, str] = option({}, text_map)
    move: str = option("open", text)
    wording: str | None = option(None, text)
    while_wrong: bool = option(False, flag)
    blank: bool = option(False, flag)
    signed: bool = option(False, flag)
    show_confidence: bool = option(False, flag)


class GraphAgent:
    """Role "external"; its options are `GraphAgentOptions`."""

    name = "external"
    options = GraphAgentOptions
    runs_graph = True


AGENTS.register("external", GraphAgent)
