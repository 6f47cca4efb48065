"""`akrasia show` says of a turn only what is so: whether its answer stood above, and whose words it has read."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

import akrasia as ak
from akrasia.cli import program
from akrasia.errors import RateLimited
from akrasia.ledger import read_ledger
from akrasia.models import Scripted
from akrasia.records import Draw, Request
from akrasia.reports.show import show_step

TASK = ak.tasks.bandit(arms=3, horizon=1, head_start=2, labels=["Red", "Blue", "Green"])


def says(request: Request, draw: Draw) -> str:
    if "Comment on this" in request.messages[-1].content:
        return "The critic's own words.\nBEST=Red"
    return f"Reasons of draw {draw.sample}.\nBEST=Blue\nACTION=Blue\nCONFIDENCE=70"


def shown(folder: Path, variant: str | None = None) -> str:
    buffer = io.StringIO()
    with read_ledger(folder) as ledger:
        record = next(ledger.records())
    show_step(folder, record.episode, record.step, [variant] if variant else [], Console(file=buffer, width=160))
    return buffer.getvalue()


def titles(text: str, agent: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(f"╭─ {agent} (")]


@pytest.mark.parametrize(
    ("plan", "agent", "reads"),
    [
        ("reason_then_act", "act", ", reads reason)"),
        ("reason_then_act | hide_rationale", "act", "sample 0)"),
        ("reason_then_act | filler_tokens", "act", ", reads filler)"),
        ("reason_then_act | truncate(share=0.0)", "act", "sample 0)"),
        ("reason_then_act | blind_actor", "act", ", reads reason)"),
        ("reason_act | critique", "reason_act.revise", ", reads reason_act, critic)"),
        ("reason_act | placebo(of='critique')", "reason_act.revise", ", reads reason_act)"),
        ("reason_act | placebo(of='critique')", "critic", "sample 0)"),
        ("reason_act | confidence | critique", "critic", ", reads reason_act)"),
        ("reason_act | self_consistency(3)", "vote", ", reads reason_act)"),
    ],
)
def test_a_turn_reads_those_whose_words_stand_in_its_prompt(tmp_path: Path, plan: str, agent: str, reads: str) -> None:
    ak.run(task=TASK, model=Scripted(says), variants=[plan], episodes=1, out=tmp_path / "run")
    (title,) = titles(shown(tmp_path / "run"), agent)
    assert reads in title, title


def test_an_answer_that_stands_above_is_said_to_and_no_other(tmp_path: Path) -> None:
    ak.run(task=TASK, model=Scripted(says), variants=["reason_act", "reason_act | critique"], episodes=1, out=tmp_path)
    text = shown(tmp_path)
    assert text.count("the same answer as above") == 1 and text.count("Reasons of draw 0.") >= 2


def test_a_call_that_was_given_up_is_not_the_answer_of_the_call_that_came_later(tmp_path: Path) -> None:
    """One call, asked for by two variants: given up in the first session, answered in the second."""
    down = [True]

    def model(request: Request, draw: Draw) -> str:
        if down[0]:
            raise RateLimited("busy", retry_after=0.0)
        return says(request, draw)

    def run(variants: list[str]) -> None:
        backend = Scripted(model)
        ak.run(task=TASK, model=backend, variants=variants, episodes=1, out=tmp_path / "run")

    run(["reason_act"])
    first = shown(tmp_path / "run")
    assert "no answer of this call is kept" in first and "the same answer" not in first
    down[0] = False
    run(["reason_act", "reason_act | critique"])
    assert shown(tmp_path / "run").count("the same answer as above") == 1


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("BEST=Red\nACTION=Red if it pays", ["done is not read (unparsable): not understood from 'if it pays' on"]),
        ("BEST=Mauve\nACTION=Red", ["stated is not read (illegal): not understood from 'Mauve' on"]),
        ("BEST=Red\nI press it.", ["done is not read (unparsable): no final ACTION= was found"]),
        (
            "<think>\nBEST=Red\nACTION=Red",
            ["stated is not read (truncated): the answer ends inside its thought", "done is not read (truncated)"],
        ),
        ("BEST=Red\nACTION=Red", []),
    ],
)
def test_where_the_reading_of_an_answer_stopped_is_shown(tmp_path: Path, answer: str, said: list[str]) -> None:
    ak.run(task=TASK, model=Scripted(lambda r, d: answer), variants=["reason_act"], episodes=1, out=tmp_path / "run")
    with read_ledger(tmp_path / "run") as ledger:
        record = next(ledger.records())
    command = ["show", str(tmp_path / "run"), str(record.episode), str(record.step)]
    text = CliRunner().invoke(program(), command, env={"COLUMNS": "160"}).output
    assert text.count("is not read") == len(said) and all(one in text for one in said), text


def test_nothing_is_said_of_what_an_answer_was_not_asked_for(tmp_path: Path) -> None:
    ak.run(task=TASK, model=Scripted(says), variants=["reason_then_act", "reason_act | critique"], episodes=1,
           out=tmp_path / "run")  # fmt: skip
    with read_ledger(tmp_path / "run") as ledger:
        record = next(ledger.records())
    command = ["show", str(tmp_path / "run"), str(record.episode), str(record.step)]
    text = CliRunner().invoke(program(), command, env={"COLUMNS": "160"}).output
    assert "the critic" in text.lower() and "is not read" not in text, text
