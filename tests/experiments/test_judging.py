"""Judging a run: what the parser left is read by models, voted, calibrated, and kept on an account of its own."""

from __future__ import annotations

import asyncio
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import akrasia as ak
from akrasia.api import execute
from akrasia.cli import program
from akrasia.errors import BadOption, BudgetSpent
from akrasia.evals.judge import CANNOT_TELL, read_judged, texts_to_judge
from akrasia.experiments import assemble
from akrasia.ledger import read_ledger
from akrasia.models import Scripted
from akrasia.models.base import Price
from akrasia.records import Draw, Record, Request
from akrasia.rng import named_rng

TASK = {"name": "bandit", "arms": 4, "head_start": 2, "horizon": 3}
LABELS = re.compile(r"You face \d+ \w+: ([^.\n]+)\.")


def agent(request: Request, draw: Draw) -> str:
    """Recommends an action in prose, two times in three with the marker that the parser reads; one in six does not."""
    shown = LABELS.search("\n".join(m.content for m in request.messages))
    if shown is None:
        return "I see nothing to choose from."
    labels = [s.strip() for s in shown[1].split(",")]
    rng = named_rng(draw.episode, "agent", draw.step, draw.sample)
    best, done = (labels[int(i)] for i in rng.integers(len(labels), size=2))
    u = rng.random()
    if u < 1 / 6:
        return f"Hard to say, they are all alike to me.\nACTION={done}"
    marker = f"BEST={best}\n" if u > 1 / 3 else ""
    return f"I would go for {best}, since it pays.\n{marker}ACTION={done}"


def reader(template: str = '{{"action": "{}"}}') -> Any:
    """A judge that reads what the prose goes for, and answers in the form of `template`."""

    def script(request: Request, draw: Draw) -> str:
        text = request.messages[-1].content.split("<text>")[1].split("</text>")[0]
        choice = re.search(r"go for ([\w' -]+),", text)
        return template.format(choice[1] if choice else CANNOT_TELL)

    return script


def last(request: Request, draw: Draw) -> str:
    """A judge that names whatever is listed last."""
    return '{"action": "' + re.findall(r"^- (.+)$", request.messages[-1].content, re.MULTILINE)[-1] + '"}'


AGENT = Scripted(agent, "agent")
JUDGE = Scripted(reader(), "judge", price=Price(1e-6, 1e-6))
BAD = Scripted(last, "positional")


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    variants = ["reason_act", "reason_act | re_evaluate"]
    out = tmp_path_factory.mktemp("judged") / "run"
    return ak.run(task=TASK, model=AGENT, variants=variants, episodes=12, out=out).folder


@pytest.fixture
def result(played: Path, tmp_path: Path) -> ak.Result:
    """A copy of the run, which nobody has judged."""
    return ak.open_run(shutil.copytree(played, tmp_path / "run"))


def records(result: ak.Result) -> list[Record]:
    with read_ledger(result.folder) as ledger:
        return list(ledger.records())


def test_parser_first_and_the_judge_for_what_it_left(result: ak.Result) -> None:
    found = result.judge(JUDGE, calibrate=30)
    left = [r for r in records(result) if r.decision.stated_status == "unparsable"]
    assert len(found.steps) == len(left) > 5
    by = {(s["variant"], s["episode"], s["step"]): s for s in found.steps}
    for r in left:
        goes_for = re.search(r"go for ([\w' -]+),", r.decision.rationale)
        step = by[r.variant, r.episode, r.step]
        assert step["stated"] == (goes_for[1] if goes_for else None)
        assert step["knows"] == (step["stated"] in r.oracle.optimal)
    assert found.same.value == 1.0 and found.agreement.value == pytest.approx(1.0)
    assert 0 < found.calibrated <= 30
    assert read_judged(result.folder) == found


def test_a_judge_reads_what_the_parser_called_illegal(tmp_path: Path) -> None:
    """ "the second from the left" names an action to a reader, and none to the parser."""

    def script(request: Request, draw: Draw) -> str:
        best = LABELS.search(request.messages[0].content)
        assert best is not None
        label = best[1].split(",")[0].strip()
        return f"I would go for {label}, since it pays.\nBEST=that one of them\nACTION={label}"

    run = ak.run(task=TASK, model=Scripted(script, "vague"), variants=["reason_act"], episodes=3, out=tmp_path / "run")
    left = [r for r in records(run) if r.decision.stated_status in ("illegal", "unparsable")]
    judged = run.judge(JUDGE, calibrate=0)
    assert len(judged.steps) == len(left) == len(records(run)) > 0
    assert all(row["stated"] is not None for row in judged.steps)
    (arm,) = run.score().arms
    assert arm.judged is not None and (arm.judged.unread, arm.judged.judged) == (len(left), len(left))
    assert arm.metrics["stated_valid"].value == 0.0  # the parser's own numbers stay


def test_both_numbers_are_reported_and_the_parser_s_stay_as_they_were(result: ak.Result) -> None:
    before = result.score()
    result.judge(JUDGE)
    after = result.score()
    assert before.judged is None and after.judged is not None
    for old, new in zip(before.arms, after.arms, strict=True):
        assert old.metrics == new.metrics and old.splits == new.splits
        assert new.judged is not None
        left, told = new.judged.unread, new.judged.judged
        assert 0 < told < left
        mine = [r for r in records(result) if r.variant == new.variant]
        knowing = new.judged.metrics["knowing"].value
        said = [s for s in after.judged.steps if s["variant"] == new.variant and s["knows"]]
        known = sum(bool(set(r.decision.stated) & set(r.oracle.optimal)) for r in mine)
        assert knowing == pytest.approx((known + len(said)) / len(mine))
    assert before.contrasts == after.contrasts
    shown = CliRunner().invoke(program(), ["score", str(result.folder)]).stdout
    assert "knowing, parser" in shown and "knowing, with judges" in shown and "Cohen's kappa" in shown


def test_the_same_text_is_asked_once_whoever_wrote_it(result: ak.Result) -> None:
    left = texts_to_judge(records(result), 0)[0]
    found = result.judge(JUDGE, calibrate=0)
    assert found.cost["calls"] == len(left) < len(found.steps) == sum(len(i.steps) for i in left)
    assert found.agreement.value is None and "no rationale" in found.agreement.why


def test_a_majority_of_all_judges_is_needed(result: ak.Result) -> None:
    both = result.judge(JUDGE, BAD)
    alone = result.judge(JUDGE)
    three = result.judge(JUDGE, BAD, Scripted(reader("{}"), "plain"))
    agreed = [s["stated"] for s in both.steps if s["stated"] is not None]
    assert len(agreed) < sum(s["stated"] is not None for s in alone.steps)
    assert sorted(map(str, three.steps)) == sorted(map(str, alone.steps))
    assert both.agreement.value is not None and both.agreement.value < 0.7
    assert three.judges == ("judge", "positional", "plain")


def test_the_judged_model_is_never_the_only_judge(result: ak.Result) -> None:
    with pytest.raises(BadOption, match="would judge itself alone"):
        result.judge(AGENT)
    with pytest.raises(BadOption, match="named twice"):
        result.judge(JUDGE, JUDGE)
    with pytest.raises(BadOption, match="follows no instructions"):
        result.judge(Scripted(reader(), "texts", style="completion"))
    with pytest.raises(BadOption, match="calibrate is -1"):
        result.judge(JUDGE, calibrate=-1)
    assert not (result.folder / "judge").exists()
    assert result.judge(JUDGE, AGENT).judges == ("judge", "agent")


def test_judging_has_its_own_account_and_goes_on_where_it_stopped(result: ak.Result) -> None:
    before = (result.folder / "ledger.sqlite").read_bytes()
    with pytest.raises(BudgetSpent):
        result.judge(JUDGE, budget={"calls": 3})
    assert read_judged(result.folder) is None
    whole = result.judge(JUDGE)
    with read_ledger(result.folder / "judge") as ledger:
        calls = ledger.paid().calls
    assert calls == whole.cost["calls"] and (whole.cost["dollars"] or 0) > 0
    assert result.judge(Scripted(lambda *_: 1 / 0, "judge")) == result.judge(JUDGE)  # type: ignore[arg-type, return-value]
    assert (result.folder / "ledger.sqlite").read_bytes() == before


def test_a_run_that_starts_over_is_no_longer_judged(result: ak.Result) -> None:
    result.judge(JUDGE)
    settings = {"task": TASK, "model": AGENT, "variants": ["reason_act"], "episodes": 2}
    asyncio.run(execute(assemble(settings), result.folder, fresh=True))
    assert read_judged(result.folder) is None


def test_the_command_judges_and_says_how_far_to_believe_it(result: ak.Result) -> None:
    command = ["judge", str(result.folder), "--model", "simulated"]
    stopped = CliRunner().invoke(program(), [*command, "--calls", "1"])
    assert stopped.exit_code == 3 and read_judged(result.folder) is None
    done = CliRunner().invoke(program(), command)
    assert done.exit_code == 0, done.output
    said = " ".join(done.stdout.split())
    assert "The parser left" in said and "could not tell" in said and "own account" in said
    assert "Cohen's kappa" in said
