"""What a group makes of what its members know: planted truths are found through the whole program.

At 2,500 debates three of these were 1.1 to 2.0 standard errors high. Two new seeds of 10,000 debates each tell luck
from bias (value - truth, in standard errors): oracle gap +0.4 and +1.6, vulnerability +1.4 and +1.6 (.407 and .407),
rescue -0.5 and +0.1, modal adoption +0.3 and +0.2. What is high in vulnerability is luck too: the estimate is the
count of the transcripts (below), and of 30,000 answers of the planted agent to the same prompts, asked without a debate
around them, .394 were wrong. With the 23,000 exposures above that is .400, as planted.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

import akrasia as ak
from akrasia.evals import Scorecard
from akrasia.ledger import read_ledger
from akrasia.models import Planted, Simulated
from akrasia.tasks import bandit

P = 0.6  # of a right action, in every turn anew: one optimal action and one other are all that is taken
Q = 1 - P
VARIANTS = {
    "alone": "reason_act",
    "draws": "reason_act | self_consistency(3)",
    "debate": "reason_act | debate(rounds=1)",
}


@cache
def card() -> Scorecard:
    model = Simulated(Planted(knowing=1.0, optimal=P, greedy=Q))
    with TemporaryDirectory() as folder:
        task = bandit(arms=2, horizon=1, head_start=1)
        return ak.run(task=task, model=model, variants=VARIANTS, episodes=160, seed=2, out=Path(folder) / "run").score()


VOTE, SOME = P**3 + 3 * P**2 * Q, 1 - Q**3
TRUTHS = {
    ("draws", "oracle_gap"): SOME - VOTE,
    ("draws", "consensus_collapse"): (SOME - VOTE) / SOME,
    ("debate", "oracle_gap"): SOME - VOTE,  # nobody listens: the last words are drawn anew
    ("debate", "vulnerability"): Q,
    ("debate", "rescue_by_exposure"): P,
    ("debate", "modal_adoption"): (Q * P**2 * P + P * Q**2 * Q) / (Q * P**2 + P * Q**2),
}


@pytest.mark.parametrize(("variant", "name"), TRUTHS)
def test_planted_rates_are_found(variant: str, name: str) -> None:
    arm = next(a for a in card().arms if a.variant == variant)
    estimate = arm.metrics[name]
    assert estimate.value is not None and estimate.low is not None and estimate.high is not None, str(estimate)
    reach = 1.7 * (estimate.high - estimate.low) / 2  # an interval of 99.9 %
    assert abs(estimate.value - TRUTHS[variant, name]) < reach, f"{estimate} does not hold {TRUTHS[variant, name]}"
    assert estimate.high - estimate.low < 0.28


def test_vulnerability_is_what_a_count_of_the_transcripts_gives(tmp_path: Path) -> None:
    model = Simulated(Planted(knowing=1.0, optimal=P, greedy=Q))
    task = bandit(arms=2, horizon=1, head_start=1)
    result = ak.run(
        task=task, model=model, variants={"debate": VARIANTS["debate"]}, episodes=40, seed=2, out=tmp_path / "run"
    )
    estimate = result.score(["vulnerability"], turns=True).arms[0].metrics["vulnerability"]
    fell = []
    with read_ledger(result.folder) as ledger:
        for record in ledger.records():
            positions = {t.agent: t.position for t in record.decision.turns}
            for turn in (t for t in record.decision.turns if t.key and len(t.reads) > 1):
                own, *others = (positions[name] for name in turn.reads)
                if own in record.oracle.optimal and set(others) != {own}:
                    fell.append(turn.position not in record.oracle.optimal)
    assert estimate.n == len(fell) > 30
    assert estimate.value == pytest.approx(sum(fell) / len(fell))


def test_exposure_is_told_by_how_many_disagree() -> None:
    rows = next(a for a in card().arms if a.variant == "debate").breakdowns["exposure"]
    assert list(rows) == ["0", "1", "2"]
    for row in rows.values():
        fell = row["vulnerability"]
        assert fell.value is not None and fell.value == pytest.approx(Q, abs=0.15)


def test_one_agent_alone_is_no_group() -> None:
    arm = next(a for a in card().arms if a.variant == "alone")
    for name in ("oracle_gap", "consensus_collapse"):
        assert "no group" in arm.metrics[name].why
    for name in ("vulnerability", "rescue_by_exposure", "modal_adoption"):
        assert "nobody who had spoken" in arm.metrics[name].why
