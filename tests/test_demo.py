"""The demo: its screen on planted agents, and at reduced size on the embedded model, in agreement with the card."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import akrasia as ak
from akrasia.cli import main
from akrasia.commands.examples import example_file, examples
from akrasia.experiments.config import load_settings
from akrasia.models.providers.lora import organism
from akrasia.reports.answer import QUESTION, answer_sentences, show_answer

ROOT = Path(__file__).parents[1]
Demo = Callable[..., Any]
EMBEDDED = {"name": "embedded", "threads": 1}  # tests run beside each other; more threads would wait for one another


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Demo:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")

    def run(*args: str) -> tuple[int, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["demo", *args])
        return int(ended.value.code or 0), capsys.readouterr().out

    return run


def test_the_first_screen_is_the_question_one_table_two_sentences_and_what_is_next(demo: Demo, tmp_path: Path) -> None:
    """A demo that was played is shown and asks nobody again; where there are too few episodes to tell, it says so."""
    code, shown = demo("--model", "simulated")
    assert code == 0
    shown = "\n".join(line for line in shown.splitlines() if not line.startswith("["))  # without its progress
    words = " ".join(shown.split())
    assert QUESTION in words and shown.index("before it acts") < shown.index("Answer, for simulated: ")
    variants = list(load_settings(example_file("demo"))["variants"])
    rows = [line for line in shown.splitlines() if line.startswith(tuple(f"{name} " for name in variants))]
    assert len(rows) == len(variants) <= 12 and max(map(len, shown.splitlines())) <= 80
    assert "akrasia show runs/demo-simulated --gap" in shown
    assert (tmp_path / "runs/demo-simulated/report.html").is_file()

    asked = ak.open_run("runs/demo-simulated").costs.paid.calls
    again = json.loads(demo("--model", "simulated", "--json")[1])
    assert ak.open_run("runs/demo-simulated").costs.paid.calls == asked > 0
    assert len(again["sentences"]) == 2 and all(sentence in words for sentence in again["sentences"])

    made = (tmp_path / "runs/demo-simulated/ledger.sqlite").stat().st_mtime_ns
    code, shown = demo("--model", "simulated", "--episodes", "2", "--fresh")
    assert code == 0 and "there are too few episodes to tell" in " ".join(shown.split())
    assert (tmp_path / "runs/demo-simulated/ledger.sqlite").stat().st_mtime_ns > made


@pytest.mark.embedded
def test_what_is_wrong_is_said_before_anything_is_played(demo: Demo, tmp_path: Path) -> None:
    assert demo("--episodes", "0") == (2, "") and not list(tmp_path.iterdir())


def played(folder: Path, variants: dict[str, str], model: str, episodes: int = 40) -> ak.Result:
    task = {"name": "bandit", "horizon": 2}
    return ak.run(task=task, model=model, variants=variants, episodes=episodes, out=folder)


def test_the_sentences_say_what_the_verdicts_say(tmp_path: Path) -> None:
    """A gap that execution closes is closed; what changes nothing is said to show nothing; a control is no answer."""
    variants = {"base": "reason_then_act", "done": "reason_then_act | execute_stated", "no thought": "act"}
    looks = {"base": "reason_then_act", "another look": "reason_then_act | re_evaluate"}
    poor = "simulated:knowing=1.0,optimal=0.1"
    card = played(tmp_path / "a", looks, poor).score()
    test = played(tmp_path / "b", {"acts directly": "reason_then_act", **variants}, poor).score()
    outcome = {v.variant: v.outcome for v in card.verdicts}["another look"]
    answer, standing, tested = answer_sentences(card, test)
    assert outcome == "no change shown" and "for another look no change is shown" in answer
    assert "In 80 situations (40 episodes) its thought names" in standing
    assert tested.startswith("The organism tests the instrument")
    console = Console(file=StringIO(), width=80)
    show_answer(card, test, console)
    assert "organism, no thought" in console.file.getvalue()  # type: ignore[attr-defined]


def test_examples_are_known_by_their_names_and_can_be_copied(demo: Demo, tmp_path: Path) -> None:
    assert {"demo", "organism", "papers/greedy_agents"} <= set(examples())
    with pytest.raises(SystemExit) as ended:
        main(["init", "mine.toml", "--example", "demo"])
    assert not ended.value.code
    copied, shipped = load_settings(tmp_path / "mine.toml"), load_settings(example_file("demo"))
    assert copied == {**shipped, "name": "mine"}


@pytest.mark.parametrize("args", [("--example", "dem"), ("--example", "demo", "--model", "simulated")])
def test_what_cannot_be_copied_is_refused(demo: Demo, tmp_path: Path, args: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["init", "mine.toml", *args])
    assert ended.value.code == 2 and not list(tmp_path.iterdir())


@pytest.mark.embedded
@pytest.mark.slow
def test_the_organism_has_the_gap_that_its_card_says(tmp_path: Path) -> None:
    settings = load_settings(ROOT / "examples" / "organism.toml", ["episodes=4"])
    kept = ("acts directly", "reads its thought", "executes its thought")
    settings["variants"] = {name: settings["variants"][name] for name in kept}
    assert settings["model"] == "embedded:organism"
    settings["model"] = {**EMBEDDED, "adapter": "organism"}
    result = ak.run(**settings, out=tmp_path / "organism")
    assert result.outcome is not None and result.outcome.stopped is None
    card_of_run = result.score(["knowing", "doing", "gap"])
    arms = {a.variant: a for a in card_of_run.arms}
    direct, thought = arms["acts directly"], arms["reads its thought"]
    knowing, gap, doing = direct.metrics["knowing"], direct.metrics["gap"], thought.metrics["doing"]
    assert knowing.value is not None and knowing.value >= 0.6 and direct.metrics["doing"].value is not None
    assert direct.metrics["doing"].value <= 0.5 and gap.value is not None and gap.value >= 0.3
    assert gap.low is not None and gap.high is not None and gap.low < gap.high
    assert doing.value is not None and doing.value >= 0.6
    card = json.loads(organism().with_suffix(".json").read_text())["trained"][0]["held_out"]
    expected = card["as trained (held-out episodes)"]
    for arm, row, metric in (
        (thought, "own thought", "knowing"),
        (thought, "own thought", "doing"),
        (direct, "directly", "doing"),
    ):  # the run's situations have the form on the card, and the measured intervals meet those of the card
        measured, (_, low, high) = arm.metrics[metric], expected[row][metric]
        assert measured.low is not None and measured.high is not None
        assert max(measured.low, low) <= min(measured.high, high), (row, metric, measured)
    for arm in arms.values():
        assert arm.outcomes.actions.get("ok", 0) / arm.steps >= 0.95
        assert arm.outcomes.rationales.get("ok", 0) / arm.steps >= 0.8
    assert direct.outcomes.label_entropy is not None and direct.outcomes.label_entropy > 0.5
    assert arms["executes its thought"].metrics["gap"].value == 0
    assert result.report().stat().st_size > 5000
    replayed = ak.run(**settings, out=tmp_path / "organism", offline=True)
    assert replayed.outcome is not None and replayed.outcome.run_usage.made == 0
