"""An agent of your own: a role that concludes without a model, and a graph that holds it.

A role that asks a model has `call` and `read` instead of `conclude`: `akrasia/agents/judge.py` is one on a page.
"""

from dataclasses import replace

import akrasia as ak
from akrasia.agents import AGENTS, Agent
from akrasia.graphs import Node, Plan, graph
from akrasia.records import Draw, Situation, Turn


class Cautious:
    """Role "cautious": takes the recommendation unless it was taken often already; then the rarest action."""

    name = "cautious"

    def conclude(self, agent: Agent, situation: Situation, reads: tuple[Turn, ...], draw: Draw) -> Turn:
        often = int(agent.options.get("often", 3))
        taken = [t.action for t in situation.history]
        wish = reads[0].position
        rare = min(situation.actions, key=taken.count)
        done = wish if wish and taken.count(wish) < often else rare
        return replace(reads[0], text=f"ACTION={done}", action=done, status="ok", key="", cost=0.0)


AGENTS.register("cautious", Cautious)


@graph
def reason_with_caution(often: int = 3) -> Plan:
    """Reason, then act with caution."""
    nodes = (
        Node("reason", Agent("reasoner")), Node("act", Agent("cautious", options={"often": often}), reads=("reason",)),
    )  # fmt: skip
    return Plan("", nodes, decision="act", focus="reason")


def main() -> None:
    variants = ["reason_then_act", "reason_with_caution(often=2)", "reason_with_caution | critique"]
    ak.run(task="bandit", model="simulated", variants=variants, episodes=8, out="runs/own_agent").show()


if __name__ == "__main__":
    main()
