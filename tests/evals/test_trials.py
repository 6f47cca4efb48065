"""Repeated draws of a decision: what they come to, that nothing else moves, and that what was planted is found."""

from __future__ import annotations

from functools import cache
from math import comb
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit

import akrasia as ak
from akrasia.errors import BadOption, RunFolderError
from akrasia.evals import METRICS, Estimate, Scorecard
from akrasia.evals.metrics.trials import NOT_REPEATED, by_draws
from akrasia.evals.trials import trials
from akrasia.ledger import read_ledger
from akrasia.models import Planted, Simulated
from akrasia.models.providers.simulated import WRONG_OPTIMAL
from akrasia.records import Record, Trial, decode, encode
from akrasia.result import Result
from akrasia.tasks import bandit

K = 5
PLANTED = Planted(knowing=0.7, greedy=0.3, optimal=0.6, spread=1.5)
ONE_STEP = bandit(arms=20, horizon=1, head_start=3)


def run(folder: Path | str, **settings: Any) -> Result:
    defaults: dict[str, Any] = {"task": ONE_STEP, "model": Simulated(PLANTED), "variants": ["reason_act"]}
    return ak.run(**{**defaults, **settings}, out=Path(folder) / "run")


@cache
def card(spread: float = PLANTED.spread, episodes: int = 120) -> Scorecard:
    planted = Planted(knowing=0.7, greedy=0.3, optimal=0.6, spread=spread)
    with TemporaryDirectory() as folder:
        return run(folder, model=Simulated(planted), episodes=episodes, trials=K, seed=3).score(turns=True)


def over_items(value: Any, spread: float = PLANTED.spread) -> float:
    """The mean over items of a function of (knowing, right), by quadrature over both traits."""
    points, weights = np.polynomial.hermite_e.hermegauss(60)
    mass = weights[:, None] * weights / weights.sum() ** 2
    knows = expit(logit(0.7) + spread * points)[:, None]
    right = knows * expit(logit(0.6) + spread * points)[None, :] + (1 - knows) * WRONG_OPTIMAL
    return float(np.sum(mass * value(knows + 0 * right, right)))


def holds(estimate: Estimate, truth: float) -> None:
    assert estimate.low is not None and estimate.high is not None, str(estimate)
    assert estimate.low <= truth <= estimate.high, f"{estimate} does not hold {truth:.3f}"


TRUTHS = {
    "avg_at_k": lambda q, p: p,
    "pass_at_k": lambda q, p: 1 - (1 - p) ** K,
    "pass_hat_k": lambda q, p: p**K,
    "outcome_consistency": lambda q, p: (2 * p - 1) ** 2,
    "sampling_variance": lambda q, p: p * (1 - p),
    "knowing_all_k": lambda q, p: q**K,
    "knowing_half_k": lambda q, p: sum(comb(K, c) * q**c * (1 - q) ** (K - c) for c in range(3, K + 1)),
}


@pytest.mark.parametrize("name", TRUTHS)
def test_what_was_planted_in_items_that_differ_is_found_through_the_whole_program(name: str) -> None:
    holds(card().arms[0].metrics[name], over_items(TRUTHS[name]))


def test_the_variance_of_items_and_that_of_draws_are_told_apart() -> None:
    mean = over_items(TRUTHS["avg_at_k"])
    holds(card().arms[0].metrics["item_variance"], over_items(lambda q, p: (p - mean) ** 2))
    alike = card(spread=0.0).arms[0].metrics
    holds(alike["item_variance"], 0.0)
    holds(alike["sampling_variance"], over_items(TRUTHS["sampling_variance"], spread=0.0))


def test_every_number_of_draws_has_its_row() -> None:
    rows = card().arms[0].breakdowns["trials"]
    assert list(rows) == ["1", "2", "3", "4", "5"]
    for n in range(1, K + 1):
        holds(rows[str(n)]["pass_at"], over_items(lambda q, p, n=n: 1 - (1 - p) ** n))
        holds(rows[str(n)]["pass_hat"], over_items(lambda q, p, n=n: p**n))
    metrics = card().arms[0].metrics
    assert rows["5"]["pass_at"].value == pytest.approx(metrics["pass_at_k"].value)
    assert rows["1"]["pass_at"].value == pytest.approx(metrics["avg_at_k"].value)
    assert rows["5"]["vote"] == metrics["vote_at_k"]


def test_the_vote_of_n_draws_is_what_self_consistency_decides_and_asks_for_nothing_new(tmp_path: Path) -> None:
    """Decision by decision, and the answers of the variants are those that the trials drew."""
    episodes, task = 12, bandit(arms=5, horizon=3)
    alone = run(tmp_path / "alone", episodes=episodes, trials=K, task=task)
    votes = {f"vote{n}": f"reason_act | self_consistency({n})" for n in (2, 3, 5)}
    every = {"base": "reason_act", **votes}
    voted = run(tmp_path / "votes", episodes=episodes, task=task, variants=every)
    drawn = alone.trials
    for n in (2, 3, 5):
        decided = voted.records.filter(variant=f"vote{n}").sort("episode", "step")["does"].to_list()
        assert drawn.sort("episode", "step")["voted"].list.get(n - 1).to_list() == decided
    assert voted.costs.paid.calls == alone.costs.paid.calls == episodes * 3 * K
    with read_ledger(alone.folder) as one, read_ledger(voted.folder) as other:
        keys = [{key for e in range(episodes) for key, _ in ledger.answers(e)} for ledger in (one, other)]
    assert keys[0] == keys[1]


def test_further_draws_change_nothing_of_the_first(tmp_path: Path) -> None:
    """Records, table and every figure of steps are those of a run that draws once."""
    variants = {"one": "reason_then_act", "two": "reason_then_act | debate(agents=2, rounds=1)", "any": "random_act"}
    task = bandit(arms=5, horizon=3)
    once = run(tmp_path / "once", variants=variants, task=task, episodes=6)
    often = run(tmp_path / "often", variants=variants, task=task, episodes=6, trials=3)
    of_draws = ("right_draws", "draws_differ")
    assert once.records.drop(of_draws).equals(often.records.drop(of_draws)) and not once.records["draws_differ"].any()
    for design in ("fork", "rollout"):
        repeated = run(tmp_path / design, variants=variants, task=task, episodes=3, trials=3, design=design)
        with read_ledger(repeated.folder) as ledger:
            records = list(ledger.records())
        assert all(len(r.trials) == 2 for r in records)
        samples = {r.variant: {t.sample for d in draws(r) for t in d.decision.turns if t.key} for r in records}
        assert samples["one"] == {0, 1, 2}
        assert samples["two"] == set(range(6))
    first, again = (result.score().arms[0].metrics for result in (once, often))
    for name, estimate in first.items():
        assert estimate.value is None or name == "latency" or str(estimate) == str(again[name]), name


def draws(record: Record) -> list[Record | Trial]:
    return [record, *record.trials]


def test_two_draws_of_a_rule_differ_and_costs_count_every_draw(tmp_path: Path) -> None:
    result = run(tmp_path, variants=["reason_act", "random_act"], episodes=40, trials=2)
    with read_ledger(result.folder) as ledger:
        random = [r for r in ledger.records() if r.variant == "random_act"]
    assert 0 < sum(r.decision.done == r.trials[0].decision.done for r in random) < 20
    alone = {v: c.calls for (_, _, v), c in result.costs.alone.items()}
    assert alone == {"reason_act": 80, "random_act": 0}
    costs = result.score().arms[0].breakdowns["costs"]
    assert costs["alone"]["calls"].value == costs["its part of this run"]["calls"].value == 80


def test_trials_are_planned_and_priced(tmp_path: Path) -> None:
    once = ak.forecast(task=ONE_STEP, model="simulated", variants=["reason_act"], episodes=10)
    variants = ["reason_act", "reason_act | self_consistency(5)"]
    often = ak.forecast(task=ONE_STEP, model="simulated", variants=["reason_act"], episodes=10, trials=4)
    assert often.shared.calls == 4 * once.shared.calls == 40
    shared = ak.forecast(task=ONE_STEP, model="simulated", variants=variants, episodes=10, trials=2)
    made = run(tmp_path, model="simulated", variants=variants, episodes=10, trials=2).costs.paid.calls
    assert shared.shared.calls == made == 10 * (2 + 4 + 4)


def test_paired_contrasts_of_draws_are_corrected_together(tmp_path: Path) -> None:
    variants = {"one": "reason_act", "vote": "reason_act | self_consistency(5)", "two": "reason_then_act"}
    scored = run(tmp_path, variants=variants, episodes=20, trials=3).score()
    found = {(c.metric, c.variant): c for _, _, c in scored.contrasts if c.metric in ("avg_at_k", "pass_hat_k")}
    assert len(found) == 4 and all(c.p_holm is not None for c in found.values())
    values = {a.variant: a.metrics["avg_at_k"].value for a in scored.arms}
    first, second = values["vote"], values["one"]
    assert first is not None and second is not None
    assert found["avg_at_k", "vote"].difference.value == pytest.approx(first - second)


def test_texts_are_voted_by_their_words_and_not_by_their_grades(tmp_path: Path) -> None:
    """Two wrong answers that differ have no plurality over one right answer that was given first."""
    answers = iter(["ACTION=Paris", "ACTION=Rome", "ACTION=Oslo"])
    file = tmp_path / "q.jsonl"
    file.write_text('{"question": "The capital of France?", "answer": "paris"}\n')
    model = ak.models.Scripted(lambda request, draw: next(answers))
    task = {"name": "questions", "path": str(file), "kind": "exact"}
    drawn = ak.run(task=task, model=model, variants=["act"], episodes=1, trials=3, out=tmp_path / "run").trials
    assert drawn["actions"].to_list() == [["paris", "rome", "oslo"]]
    assert (drawn["right"][0], drawn["voted"].to_list(), drawn["agree"][0]) == (1, [[True, True, True]], 0.0)


def test_probes_count_in_the_trial_in_which_they_were_asked(tmp_path: Path) -> None:
    task = {"name": "aiw", "variation": 1}
    model = ak.models.Scripted(lambda request, draw: "ACTION=3")
    result = ak.run(task=task, model=model, variants=["act"], episodes=2, trials=2, out=tmp_path / "run")
    assert result.trials.height == result.records.height
    assert result.trials["asked"].to_list() == result.records["asked"].to_list()


def test_draws_that_are_all_alike_are_told_and_failures_are_wrong_draws(tmp_path: Path) -> None:
    same = ak.models.Scripted(lambda request, draw: "BEST=Red\nACTION=Red")
    told = run(tmp_path / "same", model=same, episodes=12, trials=3).score().warnings
    assert any("alike word for word" in w and "temperature 0" in w for w in told)
    silent = Planted(knowing=1.0, greedy=0.0, optimal=1.0, parse_failure=0.5)
    scored = run(tmp_path / "silent", model=Simulated(silent), episodes=40, trials=4).score()
    assert any("draws hold no legal action" in w for w in scored.warnings)
    holds(scored.arms[0].metrics["avg_at_k"], 0.5)
    holds(scored.arms[0].metrics["pass_hat_k"], 0.5**4)


def test_a_run_that_drew_once_says_what_to_do(tmp_path: Path) -> None:
    result = run(tmp_path, episodes=4)
    estimate = result.score(["pass_at_k"]).arms[0].metrics["pass_at_k"]
    assert estimate.value is None and estimate.why.startswith(NOT_REPEATED)
    assert result.trials.is_empty() and "trials" not in result.score().arms[0].breakdowns


@pytest.mark.parametrize("k", [0, -1, 2.5, "three", True, 10_000])
def test_a_number_of_trials_that_is_none_is_refused(k: Any, tmp_path: Path) -> None:
    with pytest.raises(BadOption, match="trials is"):
        run(tmp_path, trials=k)
    assert not (tmp_path / "run").exists()


def test_a_run_is_resumed_with_as_many_draws(tmp_path: Path) -> None:
    run(tmp_path, episodes=4, trials=2)
    again = run(tmp_path, episodes=6, trials=2)
    assert again.outcome is not None and again.outcome.run_usage.made == 4
    with pytest.raises(RunFolderError, match="differs in: trials"):
        run(tmp_path, episodes=4, trials=3)


def test_a_record_with_trials_survives_its_json_and_an_older_one_has_none(tmp_path: Path) -> None:
    with read_ledger(run(tmp_path, episodes=1, trials=2).folder) as ledger:
        (record,) = ledger.records()
    assert decode(Record, encode(record)) == record
    older = encode(record).replace(encode(record.trials), b"[]").replace(b'"trials":[],', b"")
    assert decode(Record, older).trials == () and trials([older]).is_empty()


def test_one_item_has_no_interval_and_no_variance_of_items(tmp_path: Path) -> None:
    metrics = run(tmp_path, episodes=1, trials=3).score().arms[0].metrics
    assert metrics["avg_at_k"].low is None and "only 1 item" in metrics["avg_at_k"].why
    assert metrics["item_variance"].value is None


@settings(max_examples=25)
@given(st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=2, max_size=12))
def test_the_formulas_of_n_draws_are_those_over_all_their_subsets(rows: list[list[bool]]) -> None:
    table = pl.DataFrame(
        {
            "task": "t", "model": "m", "variant": "v", "episode": range(len(rows)), "step": 0, "trials": 4,
            "item": [f"{i}" for i in range(len(rows))], "right": [sum(r) for r in rows], "draws": rows,
            "voted": rows,
        }
    )  # fmt: skip
    from itertools import combinations

    for n in range(1, 5):
        subsets = [s for r in rows for s in combinations(r, n)]
        found = by_draws(table)[str(n)]
        assert found["pass_at"].value == pytest.approx(np.mean([any(s) for s in subsets]))
        assert found["pass_hat"].value == pytest.approx(np.mean([all(s) for s in subsets]))
    scores = np.array(rows, float)
    within = scores.var(axis=1, ddof=1).mean()
    assert METRICS.make("sampling_variance")(table).value == pytest.approx(within)
    between = scores.mean(axis=1).var(ddof=1) - within / 4
    assert METRICS.make("item_variance")(table).value == pytest.approx(between)
