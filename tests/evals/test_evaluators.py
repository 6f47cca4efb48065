"""A user's evaluator is measured like any metric; one that fails is told with its record, and the rest goes on."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import akrasia as ak
from akrasia.cli import app
from akrasia.errors import BadOption, UnknownName
from akrasia.evals import Estimate, Metric, score
from akrasia.evals.evaluator import EVALUATORS, Evaluator, select_evaluators
from akrasia.records import Record

VARIANTS = ["reason_then_act", "reason_then_act | critique", "act"]
BASE, OTHER, SILENT = VARIANTS


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> ak.Result:
    return ak.run(
        task={"name": "bandit", "arms": 5, "horizon": 4},
        model="simulated",
        variants=VARIANTS,
        episodes=12,
        out=tmp_path_factory.mktemp("evaluators") / "run",
    )


def does(record: Record) -> bool:
    return record.decision.done in record.oracle.optimal


def arms(card: Any) -> dict[str, Any]:
    return {a.variant: a for a in card.arms}


def test_an_evaluator_of_what_a_metric_measures_gives_its_estimates_and_contrasts(result: ak.Result) -> None:
    """`doing` written again as an evaluator: same shares, intervals, paired differences and p-values."""
    card = result.score(["doing"], evaluators=[does])
    for arm in card.arms:
        assert arm.metrics["does"] == arm.metrics["doing"]
        assert arm.metrics["does"].low is not None
        if not arm.baseline:
            mine, theirs = card.contrast(arm, "does", BASE), card.contrast(arm, "doing", BASE)
            assert mine is not None and theirs is not None
            assert mine.difference == theirs.difference
            # the random swaps of a test are named by the metric
            assert mine.p == pytest.approx(theirs.p, abs=0.03) and mine.p_holm is not None


def test_numbers_reasons_and_what_does_not_apply(result: ak.Result) -> None:
    @ak.evaluator(unit="turns", source="how many turns the transcript has")
    def turns(record: Record) -> int:
        return len(record.decision.turns)

    @ak.evaluator(name="follows its reason")
    def follows(record: Record) -> ak.evals.Reason | None:
        stated = record.decision.stated
        return ak.evals.Reason(record.decision.done in stated, f"recommends {stated[0]}") if stated else None

    card = result.score([], evaluators=["turns", "follows its reason"])
    found = arms(card)
    assert all(list(a.metrics) == ["turns", "follows its reason"] for a in card.arms)
    assert found[BASE].metrics["turns"].value == 2.0
    assert found[BASE].metrics["follows its reason"] == arms(result.score())[BASE].metrics["say_do"]
    assert found[SILENT].metrics["follows its reason"].value is None
    assert "applies to no record" in found[SILENT].metrics["follows its reason"].why
    said = result.evaluate([follows])
    assert said.height == 12 * 4 * 3
    assert set(said.filter(variant=SILENT)["value"]) == {None} == set(said["fault"])
    assert said.filter(variant=BASE)["why"].str.starts_with("recommends ").all()


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        (float("nan"), "it returned nan"),
        (float("inf"), "it returned inf"),
        ("yes", "it returned 'yes'"),
        ([1], r"it returned \[1\]"),
        (7, "no share"),
        (-0.1, "no share"),
        (10**400, "OverflowError"),
        (ak.evals.Reason("yes", "because"), "it returned 'yes'"),
        (ak.evals.Reason(True, None), "the reason is None"),  # type: ignore[arg-type]
        (ZeroDivisionError("division by zero"), "ZeroDivisionError: division by zero"),
    ],
)
def test_one_that_fails_is_not_measured_there_and_everything_else_is(
    result: ak.Result, returned: Any, said: str
) -> None:
    """It fails at two steps of one variant: that variant is not measured, with the first record and the reason."""

    def odd(record: Record) -> Any:
        if record.variant == OTHER and record.episode >= 10 and record.step == 3:
            if isinstance(returned, Exception):
                raise returned
            return returned
        return True

    card = result.score(["doing"], evaluators=[odd, does])
    found = arms(card)
    failed = found[OTHER].metrics["odd"]
    assert (failed.value, failed.low, failed.high) == (None, None, None)
    where = f"task bandit, model simulated, variant {OTHER}, episode 10, step 3"
    assert f"the evaluator 'odd' failed on 2 of 48 records, first on {where}" in failed.why
    assert pl.Series([failed.why]).str.contains(said).all()
    assert [w for w in card.warnings if w == failed.why]
    assert found[BASE].metrics["odd"].value == found[SILENT].metrics["odd"].value == 1.0
    against = card.contrast(found[OTHER], "odd", BASE)
    assert against is not None and against.difference.value is None and against.p is None
    assert "failed on 2 of 48" in against.difference.why
    rest = card.contrast(found[SILENT], "odd", BASE)
    assert rest is not None and rest.difference.value == 0.0
    assert all(a.metrics["does"] == a.metrics["doing"] for a in card.arms)
    faults = result.evaluate([odd]).filter(pl.col("fault").is_not_null())
    assert faults.select("variant", "episode", "step").rows() == [(OTHER, 10, 3), (OTHER, 11, 3)]
    assert faults["value"].null_count() == 2


def test_numbers_of_numpy_are_numbers(result: ak.Result) -> None:
    def half(record: Record) -> Any:
        return np.float32(0.5) if record.step else np.bool_(True)

    assert arms(result.score([], evaluators=[half]))[BASE].metrics["half"].value == pytest.approx(0.625)


@pytest.mark.parametrize(
    ("returned", "value", "why"),
    [
        (3, 3.0, "no interval"),
        (ak.evals.Reason(2.5, "the worst of them"), 2.5, "the worst of them"),
        (Estimate(0.5, 0.4, 0.6, 48, 12), 0.5, ""),
        (ak.evals.Reason(None, "no prices here"), None, "no prices here"),
        (None, None, "returned None"),
        (
            float("nan"),
            None,
            "'whole' failed on task bandit, model simulated, variant act: ValueError: it returned nan",
        ),
        (Estimate(float("nan")), None, "it returned nan"),
        ("much", None, "it returned 'much'"),
        (KeyError("x"), None, "KeyError: 'x'"),
    ],
)
def test_an_evaluator_of_the_table(result: ak.Result, returned: Any, value: float | None, why: str) -> None:
    seen: list[pl.DataFrame] = []

    def whole(steps: pl.DataFrame) -> Any:
        seen.append(steps)
        if isinstance(returned, Exception):
            raise returned
        return returned

    card = result.score(["doing"], evaluators=[Evaluator("whole", whole, unit="things", of="table")])
    found = arms(card)[SILENT].metrics["whole"]
    assert found.value == value and why in found.why
    assert [set(s["variant"]) for s in seen] == [{a.variant} for a in card.arms]
    assert all(a.metrics["doing"].value is not None for a in card.arms)
    assert (found.why in card.warnings) == ("failed" in found.why)
    with pytest.raises(BadOption, match="single records"):
        result.evaluate([Evaluator("whole", whole, of="table")])


def test_a_metric_of_ones_own_that_fails_is_told_and_the_rest_goes_on(result: ak.Result) -> None:
    own = Metric("of_no_column", "of no column", "share", "a test", pl.col("no_such_column"), pl.lit(1.0))
    card = score(result.records, ["doing"], evaluators=[own])
    assert all(a.metrics["of_no_column"].value is None for a in card.arms)
    assert all("no_such_column" in a.metrics["of_no_column"].why for a in card.arms)
    assert all(a.metrics["doing"].value is not None for a in card.arms)
    assert any("of_no_column" in w for w in card.warnings)
    against = card.contrast(arms(card)[OTHER], "of_no_column", BASE)
    assert against is not None and against.difference.value is None and "no_such_column" in against.difference.why


def test_what_an_evaluator_cannot_be(result: ak.Result) -> None:
    async def later(record: Record) -> bool:
        return True

    for made, said in (
        (lambda: ak.evaluator(name="gap")(does), "named 'gap'"),
        (lambda: ak.evaluator(name=" ")(does), "named ' '"),
        (lambda: ak.evaluator(later), "no plain function"),  # type: ignore[arg-type]
        (lambda: Evaluator("x", does, of="episode"), "'episode'"),  # type: ignore[arg-type]
        (lambda: select_evaluators([does, Evaluator("does", does)]), "asked for twice"),
        (lambda: select_evaluators(["nowhere.py:does"]), "cannot be loaded"),
        (lambda: select_evaluators([3]), "named ''"),  # type: ignore[list-item]
    ):
        with pytest.raises(BadOption, match=said):
            made()  # type: ignore[no-untyped-call]
    with pytest.raises(UnknownName, match="no evaluator named 'wordz'"):
        result.score(evaluators=["wordz"])


def test_probes_are_no_steps(tmp_path: Path) -> None:
    result = ak.run(task="potemkin", model="simulated", variants=["reason_act"], episodes=2, out=tmp_path / "run")
    seen: list[Record] = []

    def every(record: Record) -> bool:
        seen.append(record)
        return True

    card = result.score([], evaluators=[every])
    assert not [r for r in seen if "probe" in r.tags] and len(seen) == result.records.height
    assert card.arms[0].metrics["every"].n == result.records.height


def akrasia(*args: str) -> str:
    """What a command prints."""
    done = CliRunner().invoke(app, args, catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


MINE = """
import akrasia as ak

@ak.evaluator(unit="letters")
def letters(record):
    return len(record.decision.done or "")

@ak.evaluator
def broken(record):
    return 1 / record.step
"""


def test_the_command_line_takes_an_evaluator_from_a_file(result: ak.Result, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    command = ["score", str(result.folder)]
    asked = [x for name in ("letters", "broken") for x in ("--evaluator", f"{tmp_path}/mine.py:{name}")]
    card = json.loads(akrasia(*command, *asked, "--json"))
    assert [set(a["metrics"]) for a in card["arms"]] == [{"letters", "broken"}] * 3
    assert all(a["metrics"]["letters"]["value"] > 0 and a["metrics"]["broken"]["value"] is None for a in card["arms"])
    shown = akrasia(*command, *asked)
    for said in ("not measured", "against the baseline", "! the evaluator 'broken' failed on 12 of 48 records"):
        assert said in shown
    with pytest.raises(BadOption, match="cannot be loaded"):
        akrasia(*command, "--evaluator", f"{tmp_path}/mine.py:other")


def test_a_package_brings_evaluators_by_entry_point(result: ak.Result, tmp_path: Path) -> None:
    """Its entry point names the evaluator itself."""
    package = tmp_path / "brought-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: brought\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text("[akrasia.evaluators]\nletters = brought:letters\n")
    (tmp_path / "brought.py").write_text(MINE.split("@ak.evaluator\n")[0])
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import akrasia as ak;"
        f"print(ak.open_run({str(result.folder)!r}).score([], evaluators=['letters']).arms[0].metrics['letters']);"
        "from akrasia.cli import main; main(['list', 'evaluators'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout[0].isdigit() and "letters" in done.stdout


def test_a_cell_that_is_run_twice_defines_its_evaluator_anew(result: ak.Result) -> None:
    for value in (1, 2):

        def cell(record: Record, value: int = value) -> int:
            return value

        ak.evaluator(unit="things")(cell)
        assert arms(result.score([], evaluators=["cell"]))[BASE].metrics["cell"].value == value
    assert "cell" in EVALUATORS
