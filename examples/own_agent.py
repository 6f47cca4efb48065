"""An agent of your own: a role that concludes without a model, with one option, and a graph that holds it.

A role that asks a model has `prompt` and `read` instead of `conclude`: `akrasia/agents/judge.py` is one on a page.
"""

from dataclasses import dataclass, replace

import akrasia as ak
from akrasia.agents import AGENTS, Agent, RoleOptions
from akrasia.graphs import Node, Plan, graph
from akrasia.records import Draw, Situation, Turn


@dataclass(frozen=True, kw_only=True)
class CautiousOptions(RoleOptions):
    often: int = 3


class Cautious:
    """Role "cautious": takes the recommendation unless it was taken often already; then the rarest action."""

    name = "cautious"
    options = CautiousOptions  # any other option is refused when the agent is made

    def conclude(self, agent: Agent, situation: Situation, reads: tuple[Turn, ...], draw: Draw) -> Turn:
        often = agent.options_as(CautiousOptions).often
        taken = [t.action for t in situation.history]
        recommended = reads[0].position
        rarest = min(situation.actions, key=taken.count)
        done = recommended if recommended and taken.count(recommended) < often else rarest
        return replace(reads[0], text=f"ACTION={done}", action=done, status="ok", key="", cost=0.0)


AGENTS.register("cautious", Cautious)


@graph
def reason_with_caution(often: int = 3) -> Plan:
    """Reason, then act with caution."""
    cautious = Agent("cautious", options={"often": often})
    nodes = (Node("reason", Agent("reasoner")), Node("act", cautious, reads=("reason",)))
    return Plan("", nodes, decision="act", focus="reason")


def main() -> None:
    variants = ["reason_then_act", "reason_with_caution(often=2)", "reason_with_caution | critique"]
    ak.run(task="bandit", model="simulated", variants=variants, episodes=8, out="runs/own_agent").show()


if __name__ == "__main__":
    main()
