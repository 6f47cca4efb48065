"""A run that stops when it knows enough stops at the same episode however it is run, and says what is valid then."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import akrasia as ak
from akrasia.errors import BadOption, UnknownName
from akrasia.evals import score
from akrasia.evals.anytime import InterimLooks
from akrasia.evals.run_tables import RunTables
from akrasia.experiments.stopping import looks, until
from akrasia.ledger.ledger import read_ledger

TASK = {"name": "bandit", "arms": 4, "head_start": 2, "horizon": 2}
VARIANTS = ["reason_act", "reason_act | re_evaluate", "reason_act | execute_stated", "act"]


def run(out: Path, episodes: int = 400, **more: Any) -> ak.Result:
    given = {"task": TASK, "model": "simulated", "variants": VARIANTS, "until": "gap +- 0.15"}
    return ak.run(**{**given, **more}, episodes=episodes, out=out)


def stored(result: ak.Result) -> dict[str, Any]:
    ledger = read_ledger(result.folder)
    found: dict[str, Any] = json.loads(ledger.meta("looks") or "null")
    ledger.close()
    return found


def test_looks_come_after_fixed_numbers_of_episodes() -> None:
    assert list(looks(30)) == [10, 13, 17, 22, 28, 30]
    assert list(looks(10)) == [10]
    assert list(looks(4)) == [4]


@pytest.mark.parametrize("text", ["gap +- 0.05", "gap+-0.05", " gap ± .05", "gap +/- 5e-2"])
def test_what_is_waited_for_is_read(text: str) -> None:
    assert str(until(text)) == "gap +- 0.05"
    assert until("doing difference +- 0.1").paired


@pytest.mark.parametrize(
    ("text", "kind", "says"),
    [
        ("gap", BadOption, 'Write "gap +- 0.05"'),
        ("gap +- 0", BadOption, "between 0 and 1"),
        ("gap +- 1.2.3", BadOption, "between 0 and 1"),
        ("gip +- 0.1", UnknownName, "Did you mean 'gap'"),
        ("regret +- 0.1", BadOption, "it is no share of steps"),
        (0.05, BadOption, "until is 0.05"),
    ],
)
def test_what_cannot_be_waited_for_is_refused_before_anything_is_written(
    tmp_path: Path, text: Any, kind: type[Exception], says: str
) -> None:
    with pytest.raises(kind, match=says.replace("+", r"\+")):
        run(tmp_path / "run", until=text)
    with pytest.raises(BadOption, match="no variant to compare"):
        run(tmp_path / "run", until="gap difference +- 0.1", variants=["reason_act", "reason_act | placebo"])
    assert list(tmp_path.iterdir()) == []


def test_the_run_stops_at_the_first_look_that_is_narrow_enough(tmp_path: Path) -> None:
    result = run(tmp_path / "run")
    found = stored(result)
    ends = [look["episodes"] for look in found["looks"]]
    assert found["stopped"] and ends == list(looks(400))[: len(ends)] and ends[-1] < 400
    assert sorted(set(result.records["episode"])) == list(range(ends[-1]))
    for look in found["looks"]:
        reach = max((i["high"] - i["low"]) / 2 for i in look["intervals"])
        assert (reach <= 0.15) == (look is found["looks"][-1])
        assert {i["variant"] for i in look["intervals"]} == set(VARIANTS[:2])  # no control, nothing unmeasured
    last = found["looks"][-1]["intervals"][0]
    gap = result.score().arms[0].metrics["gap"]
    assert last["value"] == pytest.approx(gap.value)


def test_neither_concurrency_nor_interruption_moves_the_stop(tmp_path: Path) -> None:
    wide, narrow = run(tmp_path / "wide", concurrency=64), run(tmp_path / "narrow", concurrency=1)
    parts = run(tmp_path / "parts", budget={"calls": 40})
    for calls in range(140, 5000, 100):
        if parts.outcome is not None and parts.outcome.stopped is None:
            break
        parts = run(tmp_path / "parts", budget={"calls": calls}, concurrency=3)
    assert stored(wide) == stored(narrow) == stored(parts)
    written = [r.export(r.folder / "records.jsonl").read_bytes() for r in (wide, narrow, parts)]
    assert written[0] == written[1] == written[2]


def test_a_narrower_wish_goes_on_with_the_same_sequence(tmp_path: Path) -> None:
    first = stored(run(tmp_path / "run"))
    again = stored(run(tmp_path / "run", until="gap +- 0.1"))
    assert again["looks"][: len(first["looks"])] == first["looks"] and len(again["looks"]) > len(first["looks"])


def test_a_difference_is_waited_for_against_the_baseline(tmp_path: Path) -> None:
    found = stored(run(tmp_path / "run", until="gap difference +- 0.2"))
    assert found["stopped"] and [i["variant"] for i in found["looks"][0]["intervals"]] == [VARIANTS[1]]


def test_the_ceiling_ends_a_run_that_never_knows_enough(tmp_path: Path) -> None:
    result = run(tmp_path / "run", episodes=14, until="gap +- 0.01")
    found = stored(result)
    assert not found["stopped"] and [look["episodes"] for look in found["looks"]] == [10, 13, 14]
    assert "not stopped by any" in shown(result)


def test_the_scorecard_says_which_intervals_are_valid(tmp_path: Path) -> None:
    result = run(tmp_path / "run")
    card = result.score()
    assert card.looks is not None and card.looks.stopped
    base = card.arms[0]
    last = stored(result)["looks"][-1]["intervals"][0]
    assert (base.anytime.low, base.anytime.high) == pytest.approx((last["low"], last["high"]))
    verdict = next(v for v in card.verdicts if v.variant == VARIANTS[1])
    assert verdict.change is not None and verdict.change.p is None
    arm = next(a for a in card.arms if a.variant == VARIANTS[1])
    assert card.contrast(arm, "gap", VARIANTS[0]) == verdict.change  # no table shows a p that is not valid
    fixed = next(c for _, _, c in card.contrasts if (c.metric, c.variant) == ("gap", VARIANTS[1]))
    assert fixed.p is not None and fixed.difference.low is not None and verdict.change.difference.low is not None
    assert verdict.change.difference.low < fixed.difference.low
    assert "anytime-valid, together over 2 contrasts" in verdict.sentence
    text = shown(result)
    assert "Looked at for 'gap +- 0.15' after 10, 13," in text and "gap, anytime-valid" in text
    assert "no p is valid" in text and "sign-flip" not in text
    page = result.report(tmp_path / "report.html").read_text()
    assert "none has a p" in page and "sign-flip" not in page
    assert ak.run(task=TASK, model="simulated", variants=VARIANTS[:1], out=tmp_path / "plain").score().looks is None


def shown(result: ak.Result) -> str:
    command = [sys.executable, "-c", "from akrasia.cli import main; main()", "score", str(result.folder)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


def test_a_placebo_is_called_out_by_the_intervals_that_are_valid(tmp_path: Path) -> None:
    table = run(tmp_path / "run", 20, variants=["reason_act", "reason_act | execute_stated"], until="").records
    pill = table.with_columns(control=pl.col("control").str.replace("execute_stated", "placebo"))
    looked = {"until": "gap +- 0.01", "looks": [{"episodes": 10}, {"episodes": 20}], "stopped": False}
    runs = [RunTables(pill, looks=InterimLooks.of(looked | {"bounds": {"bandit": bound}})) for bound in (2, 200)]
    warned = [any("a placebo is shown" in w for w in score(run).warnings) for run in (pill, *runs)]
    assert warned == [True, True, False]  # in episodes of up to 200 steps, two steps each say little
