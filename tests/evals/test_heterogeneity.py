"""For whom an intervention works: by item, by what is untried, by difficulty, and beside a mixed model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import akrasia as ak
from akrasia.cli import app
from akrasia.errors import BadOption
from akrasia.evals import Estimate
from akrasia.evals.heterogeneity import Heterogeneity
from akrasia.evals.mixed import mixed_check
from akrasia.models import Scripted
from akrasia.models.providers.simulated import arms_in
from akrasia.records import Draw, Request, digest
from akrasia.reports.arm_rows import arm_rows
from akrasia.reports.forest import MOST_ITEMS
from akrasia.reports.item_charts import effects_table
from akrasia.rng import named_rng

TASK = {"name": "bandit", "arms": 6, "head_start": 3, "horizon": 6}
ITEMS = 28


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> ak.Result:
    pytest.importorskip("statsmodels")
    return ak.run(
        task=TASK, model="simulated:knowing=0.8,optimal=0.4,greedy=0.4,spread=1.5", episodes=ITEMS, trials=3,
        variants=["reason_act", "reason_act | try_all"], out=tmp_path_factory.mktemp("runs") / "run",
    )  # fmt: skip


@pytest.fixture(scope="module")
def told(run: ak.Result) -> Heterogeneity:
    """Its effects on the gap; a mixed model takes a while, and is fitted once for all tests."""
    (effects,) = run.heterogeneity("gap")
    return effects


def test_every_part_is_told_and_fits_the_headline(run: ak.Result, told: Heterogeneity) -> None:
    card = run.score(["gap"])
    assert told.whole.difference == card.contrast(card.arms[1], "gap", "reason_act").difference  # type: ignore[union-attr]
    assert len(told.items) == ITEMS and told.spread and told.p is not None and told.p < 0.01
    assert [i.effect for i in told.items] == sorted(i.effect for i in told.items)
    assert all(i.low <= i.effect <= i.high for i in told.items)
    parts = {(p.by, p.name): p.difference for p in told.subgroups}
    assert set(parts) == {
        ("untried", "left"),
        ("untried", "none"),
        *(("difficulty", d) for d in ("hard", "middle", "easy")),
    }
    assert sum(parts["untried", n].n for n in ("left", "none")) == told.whole.difference.n
    assert sum(parts["difficulty", n].n for n in ("hard", "middle", "easy")) == told.whole.difference.n
    further = [sum(draws[1:]) for draws in run.trials.filter(variant="reason_act")["draws"]]  # the first is compared
    for name, right in (("hard", 0), ("middle", 1), ("easy", 2)):
        assert parts["difficulty", name].n == further.count(right)
    untried = run.records.filter(variant="reason_act")["untried_left"]
    assert parts["untried", "left"].n == untried.sum()
    left, none = parts["untried", "left"].value, parts["untried", "none"].value
    assert left is not None and none is not None and left < none  # try_all acts only where something is untried
    assert told.mixed.agrees and "agrees" in told.mixed.sentence


def test_the_command_line_shows_a_forest_and_gives_json(run: ak.Result) -> None:
    shown = CliRunner().invoke(app, ["score", str(run.folder), "--by-item"], env={"COLUMNS": "80"})
    assert shown.exit_code == 0 and "●" in shown.output and "untried left" in shown.output
    given = CliRunner().invoke(app, ["score", str(run.folder), "--by-item", "--metric", "doing", "--json"])
    (one,) = json.loads(given.output)
    assert one["metric"] == "doing" and len(one["items"]) == ITEMS and one["mixed"]["agrees"] is True


def test_the_report_and_the_scorecard_tell_the_effects_by_item(
    run: ak.Result, told: Heterogeneity, tmp_path: Path
) -> None:
    """The same numbers on the page and in JSON, and none where nobody asked for them."""
    assert run.score(["gap"]).by_item == () and run.score(["gap"], by_item=True).by_item == (told,)
    given = CliRunner().invoke(app, ["score", str(run.folder), "--json"])
    (one,) = json.loads(given.output)["by_item"]
    assert [i["item"] for i in one["items"]] == [i.item for i in told.items]
    page = run.report(tmp_path / "report.html").read_text()
    section = page[page.index("For whom it works") : page.index("From encoded to done")]
    assert section.count('class="name">item ') == MOST_ITEMS and f"{ITEMS - MOST_ITEMS} more items" in section
    assert "an action is untried" in section and "hard for the baseline" in section
    assert "Mixed model: not compared" in section and "akrasia report RUN --mixed" in section  # it takes longest
    asked = ["report", str(run.folder), "--mixed", "--out", str(tmp_path / "asked.html")]
    assert CliRunner().invoke(app, asked).exit_code == 0
    assert "agrees with the design-based" in (tmp_path / "asked.html").read_text()


def test_a_broken_arm_has_no_forest_and_the_page_says_why(tmp_path: Path) -> None:
    def read_where_not_reworded(request: Request, draw: Draw) -> str:
        """Right in most of what it recommends and in half of what it does."""
        prompt = request.messages[-1].content
        known, rng = arms_in(prompt), named_rng(draw.episode, digest(prompt))
        assert known is not None
        labels, optimal = known
        if "pays a noisy reward" not in prompt and rng.random() < 0.9:
            return "I will think about it."
        stated = optimal[0] if rng.random() < 0.9 else labels[int(rng.integers(len(labels)))]
        done = stated if rng.random() < 0.5 else labels[int(rng.integers(len(labels)))]
        return f"BEST={stated}\nACTION={done}"

    run = ak.run(
        task=TASK, model=Scripted(read_where_not_reworded), episodes=20, out=tmp_path / "run",
        variants={"base": "reason_act", "fine": "reason_act | try_all", "broken": "reason_act | paraphrase_prompt"},
    )  # fmt: skip
    card = run.score(by_item=True, mixed=False)
    fine, broken = card.by_item
    assert fine.items and fine.whole.difference.value is not None
    assert (broken.variant, broken.items, broken.subgroups, broken.whole.difference.value) == ("broken", (), (), None)
    page = run.report().read_text()
    section = page[page.index("For whom it works") : page.index("From encoded to done")]
    assert "By item: not measured" in section and section.count('class="forest"') == 1
    table = effects_table(arm_rows(card, *card.groups[0]))
    assert table is not None
    (line,) = [line for line in table.lines if line.name == "broken"]
    assert "not measured" in line.cells[-1].cell.missing


def test_an_arm_without_the_metric_is_told_by_that_and_not_by_its_items(tmp_path: Path) -> None:
    run = ak.run(
        task=TASK, model="simulated", episodes=8, variants=["reason_act", "random_act"], out=tmp_path / "run",
    )  # fmt: skip
    (told,) = run.heterogeneity("gap")
    assert told.whole.difference.value is None and told.why == told.whole.difference.why != ""
    assert "decided once" not in told.why


def test_what_cannot_be_told_is_refused_or_said(run: ak.Result, tmp_path: Path) -> None:
    with pytest.raises(BadOption, match="no effect by item"):
        run.heterogeneity("ece")
    once: dict[str, Any] = {"task": TASK | {"horizon": 1}, "model": "simulated", "episodes": 12}
    alone = ak.run(**once, variants=["reason_act"], out=tmp_path / "alone")
    with pytest.raises(BadOption, match="beside the baseline"):
        alone.heterogeneity()
    (told,) = ak.run(**once, variants=["reason_act", "reason_act | try_all"], out=tmp_path / "once").heterogeneity()
    assert not told.items and "decided once" in told.why
    assert told.mixed.agrees is None and "decided once" in told.mixed.sentence


def outcomes(effects: np.ndarray, sizes: np.ndarray, i: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    codes = np.repeat(np.arange(len(sizes)), sizes)
    rng = named_rng(i, "test", "mixed")
    b = (rng.random(len(codes)) < 0.5).astype(float)
    a = (rng.random(len(codes)) < 0.5 + effects[codes]).astype(float)
    return a, b, codes


def test_the_mixed_model_holds_the_common_effect_of_items() -> None:
    """Items differ so much, and are decided so often, that without an effect of each it would be too sure."""
    pytest.importorskip("statsmodels")
    held = []
    for i in range(16):
        effects = 0.1 + 0.2 * named_rng(i, "test", "effects").standard_normal(12)
        a, b, codes = outcomes(effects, np.full(12, 40), i)
        e = mixed_check(a, b, codes, Estimate(None)).difference
        if e.low is not None and e.high is not None:
            held.append(e.low <= 0.1 <= e.high)
    assert len(held) >= 14 and np.mean(held) >= 0.8


def test_a_disagreement_is_said() -> None:
    """Two large items lose and many small ones gain: the mean decision and the mean item part."""
    pytest.importorskip("statsmodels")
    effects = np.array([-0.4, -0.4, *[0.4] * 20])
    a, b, codes = outcomes(effects, np.array([200, 200, *[6] * 20]), 0)
    value = float(np.mean(a - b))
    check = mixed_check(a, b, codes, Estimate(value, value - 0.1, value + 0.1))
    assert check.agrees is False and "DISAGREES" in check.sentence
