"""Interventions of your own: a function plan -> plan or situation -> situation that changes one thing."""

from dataclasses import replace

import akrasia as ak
from akrasia.graphs import Plan
from akrasia.records import Draw, Situation


@ak.interventions.view("context", "only the last steps are shown", "our own")
def recent(situation: Situation, draw: Draw, steps: int = 3) -> Situation:
    """Recent: the agent sees only its last steps."""
    return replace(situation, history=situation.history[-steps:])


@ak.intervention("prompt", "how long the reasoner may think", "our own")
def terse(plan: Plan, sentences: int = 3) -> Plan:
    """Terse: a few sentences must do."""
    hint = {"terse": f"Think in at most {sentences} sentences."}  # a hint: its placebo has a filler in its place
    nodes = []
    for node in plan.nodes:
        if node.agent.role == "reasoner":
            hints = {**node.agent.options.get("hints", {}), **hint}
            node = replace(node, agent=node.agent.with_options(hints=hints))
        nodes.append(node)
    return replace(plan, nodes=tuple(nodes))


def main() -> None:
    variants = ["reason_act", "reason_act | terse", "reason_act | placebo(of='terse')", "reason_act | recent(steps=2)"]
    ak.run(task="bandit", model="simulated", variants=variants, episodes=10, out="runs/own_intervention").show()


if __name__ == "__main__":
    main()
