"""An intervention of your own: a function plan -> plan or situation -> situation that changes one thing."""

from dataclasses import replace

import akrasia as ak
from akrasia.graphs import Plan
from akrasia.records import Draw, Situation


@ak.interventions.view("context", "only the last steps are shown", "our own")
def recent(situation: Situation, draw: Draw, steps: int = 3) -> Situation:
    """Recent: the agent sees only its last steps."""
    return replace(situation, history=situation.history[-steps:])


@ak.intervention("prompt", "the reasoner thinks in three sentences", "our own")
def terse(plan: Plan) -> Plan:
    """Terse: three sentences must do."""
    think = "Think in at most three sentences, and say which {noun} is best."
    nodes = [
        replace(n, agent=n.agent.with_options(think=think)) if n.agent.role == "reasoner" else n for n in plan.nodes
    ]
    return replace(plan, nodes=tuple(nodes))


def main() -> None:
    variants = ["reason_act", "reason_act | terse", "reason_act | recent(steps=2)"]
    ak.run(task="bandit", model="simulated", variants=variants, episodes=8, out="runs/own_intervention").show()


if __name__ == "__main__":
    main()
