"""A race drops who can no longer be among the best, keeps who is, and what it reports of both stays valid."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import akrasia as ak
from akrasia.errors import BadOption
from akrasia.evals.race import RaceEvidence
from akrasia.experiments import assemble
from akrasia.ledger import read_ledger
from akrasia.models import Scripted
from akrasia.result import Result
from akrasia.rng import named_rng
from akrasia.tasks import bandit

TASK = bandit(arms=2, horizon=2, head_start=1, labels=["Red", "Blue"])


def agent(request: Any, draw: Any) -> str:
    """Knows always; does it in half of the cases, nearly always if it is told to be strict, never if asked again."""
    rng = named_rng(draw.episode, "racer", draw.step, draw.sample, len(request.messages))
    text = request.messages[0].content
    rate = 0.0 if len(request.messages) > 1 else 0.95 if "Follow the rule exactly" in text else 0.5
    best = "Blue" if "Action=Red" in text and "Action=Blue" not in text else "Red"
    other = "Red" if best == "Blue" else "Blue"
    return f"BEST={best}\nACTION={best if rng.random() < rate else other}"


ARMS = {"base": "reason_act", "strict": "reason_act | strict", "again": "reason_act | re_evaluate",
        "persona": "reason_act | persona"}  # fmt: skip


def race(folder: Path, **settings: Any) -> Result:
    defaults: dict[str, Any] = {"task": bandit(arms=2, horizon=1, head_start=1, labels=["Red", "Blue"]),
                                "model": Scripted(agent), "variants": ARMS, "episodes": 150}  # fmt: skip
    return ak.race(**{**defaults, "keep": 1, **settings}, out=folder / "run")


@pytest.fixture(scope="module")
def raced(tmp_path_factory: pytest.TempPathFactory) -> Result:
    return race(tmp_path_factory.mktemp("raced"))


def test_the_best_is_kept_and_the_others_leave_when_it_is_shown(raced: Result) -> None:
    result, stood = raced, raced.race
    assert stood is not None and stood.decided and stood.contenders == ("strict",)
    assert [d.variant for d in stood.dropped][0] == "again"
    assert all("strict" in d.beaten_by for d in stood.dropped)
    played = {v: n for v, n in result.records.group_by("variant").agg(n=pl.len()).rows()}
    assert played["again"] < played["strict"] == stood.looks[-1] < 150
    assert "dropped after" in str(stood)
    assert result.missing == ()


def test_intervals_of_survivors_and_of_the_dropped_are_anytime_valid(raced: Result) -> None:
    card = raced.score(["gap"])
    assert card.looks is not None and card.looks.until.startswith("race")
    for name in ("strict", "again"):
        arm = next(a for a in card.arms if a.variant == name)
        contrast = card.contrast(arm, "gap", "base")
        assert contrast is not None and contrast.p is None and contrast.difference.low is not None
        truth = {"strict": -0.45, "again": 0.5}[name]
        assert contrast.difference.high is not None and contrast.difference.low <= truth <= contrast.difference.high


def test_an_interrupted_race_drops_the_same_arms_and_pays_nothing_twice(tmp_path: Path, raced: Result) -> None:
    short = race(tmp_path, budget={"calls": 60})
    assert short.outcome is not None and short.outcome.stopped is not None
    again = race(tmp_path)
    assert again.race == raced.race
    with read_ledger(tmp_path / "run") as one, read_ledger(raced.folder) as other:
        assert one.paid().calls == other.paid().calls
        assert json.loads(one.meta("race") or "{}")["decided"]


def test_who_is_not_measured_leaves_and_wins_nothing(tmp_path: Path) -> None:
    """An answer that nobody can read has no gap; it is no way to win."""

    def silent(request: Any, draw: Any) -> str:
        return "Hm." if "careful statistician" in request.messages[0].content else agent(request, draw)

    stood = race(tmp_path, model=Scripted(silent), episodes=60, keep_going=True).race
    assert stood is not None
    gone = next(d for d in stood.dropped if d.variant == "persona")
    assert gone.why.startswith("not measured") and gone.beaten_by == ()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"keep": 3}, "nobody to drop"),
        ({"keep": 0}, "variants that a race keeps"),
        ({"metric": "regret"}, "metric of a race"),
        ({"per": "token"}, "what a race is per"),
        ({"design": "rollout"}, "cannot be raced"),
        ({"until": "gap +- 0.1"}, "cannot be raced"),
        ({"task": [TASK, bandit(arms=3)]}, "cannot be raced"),
        ({"per": "dollar"}, "no price is known|costs no more"),
    ],
)
def test_what_cannot_be_raced_is_refused_before_anything_runs(settings: Any, words: str, tmp_path: Path) -> None:
    with pytest.raises(Exception, match=words) as caught:
        race(tmp_path, **settings)
    assert isinstance(caught.value, BadOption | ak.errors.UnknownName) and not (tmp_path / "run").exists()


def test_per_dollar_the_cheaper_of_two_that_help_alike_wins() -> None:
    rng = np.random.default_rng(4)
    base = (rng.random(400) < 0.6).astype(float)
    arms = {name: base * (rng.random(400) < 0.5) for name in ("cheap", "dear")}
    den = np.ones(400)
    sums = {name: (num, den) for name, num in arms.items()}
    evidence = RaceEvidence(["cheap", "dear"], 1, 1.0, costs={"cheap": 1.0, "dear": 5.0})
    assert evidence.look(sums, ["cheap", "dear"], (base, den)) == {"dear": ("cheap",)}
    assert RaceEvidence(["cheap", "dear"], 1, 1.0).look(sums, ["cheap", "dear"]) == {}


def test_nobody_is_dropped_for_luck() -> None:
    """Twenty arms that are alike: in 60 races at most a few drop anybody (5 % are allowed)."""
    unlucky = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        sums = {str(a): ((rng.random(120) < 0.5).astype(float), np.ones(120)) for a in range(6)}
        evidence = RaceEvidence(list(sums), 1, 1.0)
        gone = [evidence.look({a: (n[:at], d[:at]) for a, (n, d) in sums.items()}, list(sums)) for at in (20, 60, 120)]
        unlucky += any(gone)
    assert unlucky <= 7


def test_an_experiment_can_be_raced_from_a_value(tmp_path: Path) -> None:
    settings = {"task": {"name": "bandit", "horizon": 1, "head_start": 2}, "model": "simulated", "episodes": 12}
    value = assemble({**settings, "variants": ["reason_act", "reason_act | strict", "reason_act | persona"]})
    assert ak.race(value, keep=1, out=tmp_path / "run").race is not None


def test_a_look_bets_on_new_items_alone_and_comes_to_the_same() -> None:
    """Look after look, at once, and after items changed: the greatest capital that a bet from the start ever had."""
    rng = named_rng(0, "test", "race looks")
    den = np.full(300, 4.0)
    sums = {name: (rng.integers(0, 5, 300).astype(float), den) for name in "abc"}

    def cut(n: int) -> dict[str, Any]:
        return {name: (num[:n], d[:n]) for name, (num, d) in sums.items()}

    step, once = RaceEvidence("abc", 1, 4), RaceEvidence("abc", 1, 4)
    for n in (10, 11, 150, 300):
        step.look(cut(n), "abc")
    once.look(cut(300), "abc")
    bets = (np.arange(20) + 0.5) / 20
    for (one, other), capital in once.shown.items():
        x = (sums[other][0] - sums[one][0]) / 8
        plain = np.cumprod(1 + 2 * bets[:, None] * x, axis=1).mean(axis=0)
        assert capital == pytest.approx(np.log(plain.max()), abs=1e-9)
        assert step.shown[one, other] == pytest.approx(capital, abs=1e-9)
    sums["a"] = (sums["a"][0][::-1].copy(), den)  # an item is another than at the look before: all are bet on again
    step.look(cut(300), "abc")
    fresh = RaceEvidence("abc", 1, 4)
    fresh.look(cut(300), "abc")
    assert all(step.shown[pair] >= fresh.shown[pair] - 1e-9 for pair in fresh.shown)
