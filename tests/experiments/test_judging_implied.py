"""Judging what a reasoning implies: its conclusion is cut off, a planted accuracy is found, losses are told apart."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

import akrasia as ak
from akrasia.agents.answers.implied import reasoning_alone
from akrasia.cli import program
from akrasia.errors import BadOption, BudgetSpent
from akrasia.evals.judge import IMPLIED, read_judged
from akrasia.ledger import read_ledger
from akrasia.models import Scripted
from akrasia.models.base import Price
from akrasia.records import Draw, Record, Request
from akrasia.rng import named_rng

TASK = {"name": "bandit", "arms": 3, "head_start": 2, "horizon": 4}
LABELS = re.compile(r"You face \d+ \w+: ([^.\n]+)\.")
FAVOURS = re.compile(r"^(.+) has paid more often", re.MULTILINE)
SLIPS = 0.4
ACCURACY = 0.85
EPISODES = 60


def agent(request: Request, draw: Draw) -> str:
    """Favours an action, by values in half of its answers and in prose in the others; its conclusion often slips."""
    shown = LABELS.search("\n".join(m.content for m in request.messages))
    if shown is None:
        return "I see nothing to choose from."
    labels = [s.strip() for s in shown[1].split(",")]
    rng = named_rng(draw.episode, "agent", draw.step, draw.sample)
    favoured, other, done = (labels[int(i)] for i in rng.integers(len(labels), size=3))
    valued, slips = rng.random(2) < (0.5, SLIPS)
    best = other if slips else favoured
    prose = f"{favoured} has paid more often than the others ({draw.episode}/{draw.step})."
    if valued:
        prose = "\n".join(f"{a}: {2.5 if a == favoured else 0.5 + draw.episode / 1000}" for a in labels)
    return f"{prose}\nSo I choose {best}. It is the best choice.\nBEST={best}\nACTION={done}"


def reads(accuracy: float, seen: list[str] | None = None) -> Scripted:
    """A judge that names what the text favours, and now and then another of the actions."""

    def script(request: Request, draw: Draw) -> str:
        prompt = request.messages[-1].content
        if seen is not None:
            seen.append(prompt)
        text = prompt.split("<text>")[1].split("</text>")[0].strip()
        labels = sorted(re.findall(r"^- (.+)$", prompt, re.MULTILINE))
        prose = FAVOURS.search(text)
        meant = prose[1] if prose else next(line.partition(":")[0] for line in text.splitlines() if "2.5" in line)
        rng = named_rng(1, "judge", text)
        if rng.random() >= accuracy:
            meant = [a for a in labels if a != meant][int(rng.integers(len(labels) - 1))]
        return f'{{"action": "{meant}"}}'

    return Scripted(script, f"reader {accuracy}", price=Price(1e-6, 1e-6))


AGENT = Scripted(agent, "agent")


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("implied") / "run"
    return ak.run(task=TASK, model=AGENT, variants=["reason_act"], episodes=EPISODES, out=out).folder


@pytest.fixture
def result(played: Path, tmp_path: Path) -> ak.Result:
    """A copy of the run, which nobody has judged."""
    return ak.open_run(shutil.copytree(played, tmp_path / "run"))


def records(result: ak.Result) -> list[Record]:
    with read_ledger(result.folder) as ledger:
        return list(ledger.records())


def favoured(record: Record) -> str:
    prose = FAVOURS.search(record.decision.rationale)
    lines = record.decision.rationale.splitlines()
    return prose[1] if prose else next(line.partition(":")[0] for line in lines if "2.5" in line)


def test_the_judge_sees_the_reasoning_and_neither_conclusion_nor_action_nor_variant(result: ak.Result) -> None:
    seen: list[str] = []
    found = result.judge(reads(1.0, seen), implied=True)
    prose = [r for r in records(result) if FAVOURS.search(r.decision.rationale)]
    assert len(found.steps) == len(prose) > 50 and found.calibrated == 50
    for prompt in seen:
        for secret in ("BEST", "ACTION", "So I choose", "best choice", "reason_act", "optimal", "scripted", "bandit"):
            assert secret not in prompt.replace('{"action"', "")
    assert read_judged(result.folder, IMPLIED) == found and read_judged(result.folder) is None


def test_a_reader_without_errors_recovers_what_was_planted_exactly(result: ak.Result) -> None:
    before = result.score(["implied", "lost_in_conclusion"])
    result.judge(reads(1.0), implied=True)
    card = result.score()
    (arm,) = card.arms
    assert arm.judged_implied is not None and card.judged_implied is not None
    assert arm.metrics["implied"] == before.arms[0].metrics["implied"]  # the parser's own numbers stay
    rates, mine = arm.judged_implied.metrics, records(result)
    assert arm.judged_implied.parser["implied"] == arm.metrics["implied"]
    implied = [r for r in mine if favoured(r) in r.oracle.optimal]
    slipped = [r for r in implied if r.decision.stated[0] not in r.oracle.optimal]
    acted = [r for r in implied if r not in slipped and r.decision.done not in r.oracle.optimal]
    follows = [r for r in mine if favoured(r) == r.decision.stated[0]]
    assert rates["implied"].n == len(mine)
    assert rates["implied"].value == pytest.approx(len(implied) / len(mine))
    assert rates["lost_in_conclusion"].value == pytest.approx(len(slipped) / len(mine))
    assert rates["lost_in_action"].value == pytest.approx(len(acted) / len(mine))
    assert rates["lost_in_reading"].value == 0
    assert rates["conclusion_follows"].value == pytest.approx(len(follows) / len(mine))


def test_the_planted_accuracy_of_a_judge_is_printed(result: ak.Result) -> None:
    found = result.judge(reads(ACCURACY), calibrate=200, implied=True)
    same = found.same
    assert same.low is not None and same.high is not None and same.low <= ACCURACY <= same.high
    assert same.high - same.low < 0.2
    kappa = 1 - (1 - ACCURACY) / (1 - 1 / 3)
    assert found.agreement.low is not None and found.agreement.high is not None
    assert found.agreement.low <= kappa <= found.agreement.high
    shown = " ".join(CliRunner().invoke(program(), ["score", str(result.folder), "--wide"]).stdout.split())
    assert "What is implied was judged by reader 0.85" in shown and "Cohen's kappa" in shown
    assert "lost in conclusion" in shown and "implied, parser" in shown
    result.judge(reads(1.0))  # of recommendations: both lie side by side
    assert read_judged(result.folder, IMPLIED) == found
    assert "What reasonings imply, with judges" in result.report().read_text()


def test_the_judged_model_judges_no_implication_of_its_own(result: ak.Result) -> None:
    for judges in ([AGENT], [reads(1.0), AGENT]):
        with pytest.raises(BadOption, match="would judge itself") as refused:
            result.judge(*judges, implied=True)
        assert "Name another model" in str(refused.value)
    assert not (result.folder / "judge").exists()


def test_a_budget_stops_it_and_the_same_call_goes_on(result: ak.Result) -> None:
    with pytest.raises(BudgetSpent):
        result.judge(reads(1.0), implied=True, budget={"calls": 3})
    assert read_judged(result.folder, IMPLIED) is None
    found = result.judge(reads(1.0), implied=True)
    with read_ledger(result.folder / "judge") as ledger:
        assert ledger.paid().calls == found.cost["calls"]


def test_the_command_reads_what_is_implied(result: ak.Result) -> None:
    done = CliRunner().invoke(program(), ["judge", str(result.folder), "--implied", "--model", "simulated"])
    assert done.exit_code == 0, done.output
    said = " ".join(done.stdout.split())
    assert "The parser left open what" in said and "What is implied was judged by simulated" in said


@pytest.mark.parametrize(
    ("text", "alone"),
    [
        ("Red pays most.\nSo I choose Blue.\nBEST=Blue\nmore", "Red pays most."),
        ("Red pays most. Therefore, Blue it is.\nMy recommendation is BEST=Blue", "Red pays most."),
        ("Red pays most. I would go for Blue, since it is new.", "Red pays most."),
        ("I would not go by luck here. Red paid 3 of 4.", "I would not go by luck here. Red paid 3 of 4."),
        ("**BEST=Blue**", ""),
        ("Blue is the best choice.", ""),
    ],
)
def test_the_conclusion_is_cut_off_in_form_and_in_words(text: str, alone: str) -> None:
    assert reasoning_alone(text) == alone
