"""Compose: graphs, interventions and their controls are values; `|` makes a new plan and leaves the old."""

import akrasia as ak

BASE = ak.graphs.reason_then_act()
TREATED = BASE | ak.critique(rounds=2) | ak.self_consistency(3)
DEBATE = ak.graphs.society(agents=4, rounds=2, topology="ring", protocol="borda")


def main() -> None:
    controls = ak.controls_for(BASE | ak.critique())
    variants = {"baseline": BASE, "critique": BASE | ak.critique(), **dict(controls)}
    print(TREATED, TREATED.calls, "calls,", TREATED.depth, "one after the other")
    print(ak.graphs.draw(DEBATE)[:120])
    task = ak.tasks.bandit(arms=5, head_start=3, horizon=2)
    ak.run(task=task, model="simulated", variants=variants, episodes=12, out="runs/compose").show()


if __name__ == "__main__":
    main()
