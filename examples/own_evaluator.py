"""Evaluators of your own: of one record, with a reason where it helps, and of a variant's whole table."""

import polars as pl

import akrasia as ak
from akrasia.records import Record


@ak.evaluator(unit="words", source="our own: length of the rationale")
def wordy(record: Record) -> int:
    return len(record.decision.rationale.split())


@ak.evaluator(source="our own: the rationale names an action that nobody tried yet")
def curious(record: Record) -> ak.evals.Reason | None:
    if not record.oracle.untried:
        return None  # it does not apply: everything was tried
    named = [a for a in record.oracle.untried if a in record.decision.rationale]
    return ak.evals.Reason(bool(named), f"names {', '.join(named)}" if named else "names none of the untried")


@ak.evaluator(of="table", unit="regret", source="our own: regret of the worst episode")
def worst_episode(steps: pl.DataFrame) -> float:
    return steps.group_by("episode").agg(pl.col("regret").sum())["regret"].max()


def main() -> None:
    variants = ["reason_then_act", "reason_then_act | critique"]
    result = ak.run(task="bandit", model="simulated", variants=variants, episodes=12, out="runs/own_evaluator")
    card = result.score(metrics=["knowing", "doing"], evaluators=["wordy", curious, worst_episode])
    for arm in card.arms:
        for name, found in arm.metrics.items():
            change = card.contrast(arm, name, variants[0])
            print(f"{arm.variant:28} {name:14} {found}", f"change {change.difference}" if change else "")
    print(result.evaluate([curious]).select("variant", "episode", "step", "value", "why").head(5))


if __name__ == "__main__":
    main()
