"""A run that stops when it knows enough stops at the same episode however it is run, and says what is valid then."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner

import akrasia as ak
from akrasia.cli import program
from akrasia.errors import BadOption
from akrasia.evals import score
from akrasia.evals.anytime import InterimLooks
from akrasia.evals.run_tables import RunTables
from akrasia.experiments.stopping import look_schedule
from akrasia.ledger import read_ledger
from akrasia.models import Scripted

TASK = {"name": "bandit", "arms": 4, "head_start": 2, "horizon": 2}
VARIANTS = ["reason_act", "reason_act | re_evaluate", "reason_act | execute_stated", "act"]


def run(out: Path, episodes: int = 400, **more: Any) -> ak.Result:
    given = {"task": TASK, "model": "simulated", "variants": VARIANTS, "until": "gap +- 0.2"}
    return ak.run(**{**given, **more}, episodes=episodes, out=out)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> ak.Result:
    """A run that stopped by its rule; to be read only."""
    return run(tmp_path_factory.mktemp("stopped") / "run")


def stored(result: ak.Result) -> dict[str, Any]:
    with read_ledger(result.folder) as ledger:
        found: dict[str, Any] = json.loads(ledger.meta("looks") or "null")
    return found


def test_looks_come_after_fixed_numbers_of_episodes() -> None:
    assert list(look_schedule(30)) == [10, 13, 17, 22, 28, 30]
    assert list(look_schedule(10)) == [10]
    assert list(look_schedule(4)) == [4]


def test_the_run_stops_at_the_first_look_that_is_narrow_enough(stopped: ak.Result) -> None:
    result, found = stopped, stored(stopped)
    ends = [look["episodes"] for look in found["looks"]]
    assert found["stopped"] and ends == list(look_schedule(400))[: len(ends)] and ends[-1] < 400
    assert sorted(set(result.records["episode"])) == list(range(ends[-1]))
    for look in found["looks"]:
        reach = max((i["high"] - i["low"]) / 2 for i in look["intervals"])
        assert (reach <= 0.2) == (look is found["looks"][-1])
        assert {i["variant"] for i in look["intervals"]} == set(VARIANTS[:2])  # no control, nothing unmeasured
    last = found["looks"][-1]["intervals"][0]
    gap = result.score().arms[0].metrics["gap"]
    assert last["value"] == pytest.approx(gap.value)


def test_neither_concurrency_nor_interruption_moves_the_stop(stopped: ak.Result, tmp_path: Path) -> None:
    wide, narrow = stopped, run(tmp_path / "narrow", concurrency=1)
    parts = run(tmp_path / "parts", budget={"calls": 40})
    for calls in range(140, 5000, 100):
        if parts.outcome is not None and parts.outcome.stopped is None:
            break
        parts = run(tmp_path / "parts", budget={"calls": calls}, concurrency=3)
    assert stored(wide) == stored(narrow) == stored(parts)
    written = [r.export(r.folder / "records.jsonl").read_bytes() for r in (wide, narrow, parts)]
    assert written[0] == written[1] == written[2]


def test_a_narrower_wish_goes_on_with_the_same_sequence(stopped: ak.Result, tmp_path: Path) -> None:
    shutil.copytree(stopped.folder, tmp_path / "run")
    first = stored(stopped)
    again = stored(run(tmp_path / "run", until="gap +- 0.15"))
    assert again["looks"][: len(first["looks"])] == first["looks"] and len(again["looks"]) > len(first["looks"])


def test_a_difference_is_waited_for_against_the_baseline(tmp_path: Path) -> None:
    found = stored(run(tmp_path / "run", until="gap difference +- 0.2"))
    assert found["stopped"] and [i["variant"] for i in found["looks"][0]["intervals"]] == [VARIANTS[1]]


def test_the_ceiling_ends_a_run_that_never_knows_enough(tmp_path: Path) -> None:
    result = run(tmp_path / "run", episodes=14, until="gap +- 0.01")
    found = stored(result)
    assert not found["stopped"] and [look["episodes"] for look in found["looks"]] == [10, 13, 14]
    assert "not stopped by any" in shown(result)


def test_the_scorecard_says_which_intervals_are_valid(stopped: ak.Result, tmp_path: Path) -> None:
    result = stopped
    card = result.score()
    assert card.looks is not None and card.looks.stopped
    base = card.arms[0]
    last = stored(result)["looks"][-1]["intervals"][0]
    assert base.anytime is not None
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
    assert "Looked at for 'gap +- 0.2' after 10, 13," in text and "gap, anytime-valid" in text
    assert "no p is valid" in text and "sign-flip" not in text
    page = result.report(tmp_path / "report.html").read_text()
    assert "none has a p" in page and "sign-flip" not in page
    assert (
        ak.run(task=TASK, model="simulated", variants=VARIANTS[:1], episodes=2, out=tmp_path / "plain").score().looks
        is None
    )


def shown(result: ak.Result) -> str:
    return CliRunner().invoke(program(), ["score", str(result.folder)], catch_exceptions=False).output


def test_a_placebo_is_called_out_by_the_intervals_that_are_valid(tmp_path: Path) -> None:
    table = run(tmp_path / "run", 20, variants=["reason_act", "reason_act | execute_stated"], until="").records
    pill = table.with_columns(control=pl.col("control").str.replace("execute_stated", "placebo"))
    looked = {"until": "gap +- 0.01", "looks": [{"episodes": 10}, {"episodes": 20}], "stopped": False}
    runs = [RunTables(pill, looks=InterimLooks.of(looked | {"bounds": {"bandit": bound}})) for bound in (2, 200)]
    warned = [any("a placebo is shown" in w for w in score(run).warnings) for run in (pill, *runs)]
    assert warned == [True, True, False]  # in episodes of up to 200 steps, two steps each say little


def test_a_wish_that_the_items_cannot_fulfil_is_refused_before_anything_runs(tmp_path: Path) -> None:
    for task, items, reach in (({"name": "questions"}, 4, 0.36), ({"name": "aiw"}, 6, 0.29)):
        with pytest.raises(BadOption, match=f"has {items} items, whose interval reaches {reach}"):
            run(tmp_path / "run", task=task, until="doing +- 0.1")
    with pytest.raises(BadOption, match="has 1 item, whose"):
        run(tmp_path / "run", task={"name": "aiw", "variation": 3}, until="doing difference +- 0.9")
    assert not (tmp_path / "run").exists()


def test_a_run_ends_when_every_item_was_asked(tmp_path: Path) -> None:
    file = tmp_path / "q.jsonl"
    file.write_text("\n".join(json.dumps({"question": f"What is {n} + 0?", "answer": n}) for n in range(20)))

    def script(request: Any, draw: Any) -> str:
        even = any(f"What is {n} + 0?" in request.messages[0].content for n in range(0, 20, 2))
        right = next(n for n in range(20) if f"What is {n} + 0?" in request.messages[0].content)
        return f"BEST={right}\nACTION={right if even else 77}"

    task, model = {"name": "questions", "path": str(file)}, Scripted(script, "even")
    result = run(tmp_path / "run", 4000, task=task, model=model, variants=VARIANTS[:1], until="doing +- 0.15")
    found = stored(result)
    assert found["exhausted"] and not found["stopped"]
    assert [look["episodes"] for look in found["looks"]] == [10, 13, 17, 22]
    text = " ".join(shown(result).split())
    assert "every item had been asked, and to ask one again narrows no interval" in text
    assert "20 items in 22 episodes" in text
    looks = result.score().looks
    assert looks is not None and looks.exhausted


def test_an_item_counts_once_whenever_it_comes_again(tmp_path: Path) -> None:
    """Looks see the first episode of each item, as the scorecard does afterwards."""
    result = run(tmp_path / "run", episodes=13, task={"name": "aiw"}, until="doing +- 0.33", keep_going=True)
    looks = stored(result)["looks"]
    assert [look["intervals"] for look in looks[1:]] == [looks[0]["intervals"]] * (len(looks) - 1)
    card = result.score(["doing"])
    assert card.arms[0].items == 6 and looks[0]["intervals"]
