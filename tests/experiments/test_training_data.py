"""Training data: what was said or would have been said, in prompts that are asked later, and read back as meant."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

import akrasia as ak
from akrasia.agents.answers.parsing import read_action, replace_action
from akrasia.cli import program
from akrasia.errors import BadOption, NotMeasured, UnknownName
from akrasia.experiments.training_data import Demonstration
from akrasia.graphs import GRAPHS
from akrasia.models import Planted, Scripted, Simulated
from akrasia.models.gateway import Gateway
from akrasia.models.roles import ModelRoles
from akrasia.records import Draw, Message, Request
from akrasia.tasks import TASKS, bandit, contextual, potemkin, tictactoe
from akrasia.training.cloning import (
    PLANS,
    demonstrations,
    expert_rationale,
    expert_steps,
    experts_for,
    preferences,
    prompt_completion_pairs,
)

TASK = {"name": "bandit", "arms": 5, "head_start": 3, "horizon": 3}
GAPPED = Simulated(Planted(knowing=0.8, optimal=0.3, greedy=0.6))
COLOURS = ("Red", "Blue", "Dark Green")


def akrasia(*args: str) -> str:
    done = CliRunner().invoke(program(), [*args], catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def the(said: list[dict[str, str]]) -> str:
    (one,) = said
    assert one["role"] == "assistant"
    return one["content"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> ak.Result:
    return ak.run(
        task=TASK,
        model=GAPPED,
        variants=["reason_act", "reason_act | re_evaluate", "reason_then_act"],
        episodes=12,
        out=tmp_path_factory.mktemp("data") / "run",
    )


def test_good_answers_are_those_that_were_given_where_they_were_right(run: ak.Result, tmp_path: Path) -> None:
    data = run.data(tmp_path / "sft.jsonl")
    base = run.records.filter(variant="reason_act")
    assert len(rows(tmp_path / "sft.jsonl")) == len(data.rows) == base["does"].sum() > 0
    assert data.steps == base.height and data.left_out["not optimal"] == base.height - base["does"].sum()
    for row in rows(tmp_path / "sft.jsonl"):
        assert list(row) == ["messages"] and [m["role"] for m in row["messages"]] == ["user", "assistant"]
        assert "BEST=" in row["messages"][-1]["content"] and "End with two lines" in row["messages"][0]["content"]
    follows = run.data(tmp_path / "follows.jsonl", only="follows")
    assert len(follows.rows) == (base["does"] & base["follows"]).sum() < len(data.rows)
    assert len(run.data(tmp_path / "valid.jsonl", only="valid").rows) == base["valid"].sum()


def test_the_gap_is_corrected_and_nothing_else(run: ak.Result, tmp_path: Path) -> None:
    told = akrasia("data", str(run.folder), "--form", "preference", "--out", str(tmp_path / "gap.jsonl"))
    base = run.records.filter(variant="reason_act")
    pairs = rows(tmp_path / "gap.jsonl")
    assert len(pairs) == (base["knows"] & ~base["does"]).sum() > 0 and f"{len(pairs)} rows from 36 steps" in told
    for row in pairs:
        assert set(row) == {"prompt", "chosen", "rejected"} and row["prompt"][-1]["role"] == "user"
        better, worse = the(row["chosen"]), the(row["rejected"])
        assert better.rpartition("=")[0] == worse.rpartition("=")[0]
        best = better.split("BEST=")[1].split("\n")[0]
        assert better.endswith(f"ACTION={best}") and not worse.endswith(f"ACTION={best}")


def test_an_answer_that_variants_share_is_told_once(run: ak.Result, tmp_path: Path) -> None:
    """re_evaluate begins with the baseline's own answer, and asks again."""
    both = run.data(tmp_path / "a.jsonl", only="valid", variants=["reason_act", "reason_act | re_evaluate"])
    assert len(both.rows) == 2 * 36 and both.steps == 2 * 36
    lines = (tmp_path / "a.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(set(lines)) == len(lines)
    again = [r for r in rows(tmp_path / "a.jsonl") if len(r["messages"]) == 4]
    assert len(again) == 36


def test_of_a_reasoner_and_an_actor_the_actor_is_corrected(run: ak.Result, tmp_path: Path) -> None:
    data = run.data(tmp_path / "b.jsonl", "preference", variants=["reason_then_act"])
    part = run.records.filter(variant="reason_then_act")
    assert len(data.rows) == (part["knows"] & ~part["does"]).sum()
    assert data.left_out["that take no action"] == 36
    for row in rows(tmp_path / "b.jsonl"):
        assert the(row["chosen"]).startswith("ACTION=") and "A reasoner has thought" in row["prompt"][0]["content"]


def test_names_an_intervention_gave_are_the_names_that_are_written(tmp_path: Path) -> None:
    run = ak.run(
        task=TASK, model=GAPPED, variants=["reason_act", "reason_act | permute_labels"], episodes=12, out=tmp_path / "r"
    )
    run.data(tmp_path / "p.jsonl", "preference", variants=["reason_act | permute_labels"])
    for row in rows(tmp_path / "p.jsonl"):
        better = the(row["chosen"])
        assert better.split("BEST=")[1].split("\n")[0] == better.split("ACTION=")[1]


def test_a_run_without_such_steps_says_so_and_writes_nothing(tmp_path: Path) -> None:
    honest = ak.run(task=TASK, model=Simulated(Planted(knowing=1, optimal=1, greedy=0)), episodes=3, out=tmp_path / "r")
    for call, error, said in (
        (lambda: honest.data(tmp_path / "x.jsonl", "preference"), NotMeasured, "recommends an optimal action"),
        (lambda: honest.data(tmp_path / "x.jsonl", "dpo"), UnknownName, "dpo"),
        (lambda: honest.data(tmp_path / "x.jsonl", only="optimum"), UnknownName, "optimal"),
        (lambda: honest.data(tmp_path / "x.jsonl", variants=["reason"]), UnknownName, "reason_act"),
        (lambda: honest.data(tmp_path / "x.csv"), BadOption, "jsonl"),
        (lambda: akrasia("data", "--out", str(tmp_path / "x.jsonl")), BadOption, "--expert"),
        (lambda: akrasia("data", str(honest.folder), "--expert", "ucb", "--out", "x.jsonl"), BadOption, "or of an"),
    ):
        with pytest.raises(error, match=said):
            call()
    assert [p.name for p in tmp_path.iterdir()] == ["r"]


def test_what_failed_and_what_is_open_is_left_out_and_counted(tmp_path: Path) -> None:
    def answer(request: Request, draw: Draw) -> str:
        return "ACTION=nowhere" if draw.episode % 2 else "BEST=B\nACTION=A"

    task = {**TASK, "labels": ["A", "B", "C", "D", "E"]}
    run = ak.run(task=task, model=Scripted(answer), episodes=8, out=tmp_path / "r")
    data = run.data(tmp_path / "v.jsonl", only="valid")
    assert len(data.rows) == 12 and data.left_out == {"without a legal action": 12}
    open_ = ak.run(task={"name": "potemkin"}, model=Scripted(lambda r, d: "ACTION=1"), episodes=1, out=tmp_path / "p")
    with pytest.raises(NotMeasured, match="open questions"):
        open_.data(tmp_path / "o.jsonl", "preference")


@pytest.mark.parametrize("style", ["chat", "completion", "tuned"])
@pytest.mark.parametrize("plan", PLANS)
async def test_clones_are_trained_on_the_very_prompts_they_are_asked(plan: Any, style: Any) -> None:
    """Who knows the expert's answers by heart, and is asked by the plan itself, says and does what the expert did."""
    task = bandit(arms=4, horizon=6)
    data = demonstrations(task, "ucb", 3, 0, plan, style)
    assert data.steps == 18 and len(data.rows) == 18 * (2 if plan == "reason_then_act" else 1)
    heart = {row.prompt: row.answer for row in data.rows if isinstance(row, Demonstration)}
    assert all(len(row.prompt) == 1 for row in data.rows)
    gateway = Gateway([Scripted(lambda request, draw: heart[request.messages], style=style)])
    models = ModelRoles(gateway, {"default": "scripted/scripted"})
    for situation, oracle, action in expert_steps(task, "ucb", 3, 0):
        decision = await GRAPHS.make(plan).decide(situation, models, 0, situation.step, None)
        assert (decision.done, decision.status) == (action, "ok") and action in oracle.optimal
        if plan != "act":
            assert (decision.stated, decision.stated_status) == ((action,), "ok")


def test_a_rationale_is_the_arithmetic_of_the_rule() -> None:
    for situation, oracle, action in expert_steps(bandit(arms=3, horizon=6), "ucb", 2):
        said = expert_rationale(situation, action)
        for name in situation.actions:
            value, (line,) = oracle.values[name], [x for x in said.splitlines() if x.startswith(f"{name}:")]
            assert line.endswith("value infinite." if value is None else f"value {value:.2f}.")
        assert said.endswith(f"So the best button now is {action}.") and "1 times" not in said
    for situation, _, action in expert_steps(contextual(arms=3, horizon=4, users=9), "linucb", 1):
        assert f"now is {action}." in expert_rationale(situation, action, brief=True)


def test_no_experiment_plays_an_episode_that_was_cloned() -> None:
    task = bandit(arms=5, horizon=1, sigma=1.0)
    taught = {s.actions for s, _, _ in expert_steps(task, "ucb", 40, 0)}
    again = {s.actions for s, _, _ in expert_steps(task, "ucb", 40, 1)}
    asked = {task.situation(task.start(n)).actions for n in range(40)}
    assert len(taught) == len(again) == len(asked) == 40
    assert not taught & asked and not taught & again
    assert [a for _, _, a in expert_steps(task, "ucb", 5)] == [a for _, _, a in expert_steps(task, "ucb", 5)]


def test_an_expert_without_a_rule_gives_actions_alone() -> None:
    assert experts_for(tictactoe()) == ["uniform", "oracle"] and not experts_for(TASKS.make("aiw"))
    data = demonstrations(tictactoe(), "oracle", 2, plan="act")
    assert data.rows and all(row.answer.startswith("ACTION=") for row in data.rows if isinstance(row, Demonstration))
    with pytest.raises(BadOption, match='plan = "act"'):
        demonstrations(tictactoe(), "oracle", 2)
    with pytest.raises(BadOption, match="does not recommend"):
        demonstrations(bandit(arms=3), "uniform", 5)
    with pytest.raises(UnknownName, match="ucb"):
        demonstrations(bandit(), "ucbb", 1)
    with pytest.raises(UnknownName, match="reason_act"):
        demonstrations(bandit(), "ucb", 1, plan="reason_acts")  # type: ignore[arg-type]
    with pytest.raises(BadOption, match="open questions"):
        demonstrations(potemkin(), "oracle", 1, plan="act")


@pytest.mark.parametrize("style", ["chat", "completion", "tuned"])
@pytest.mark.parametrize("plan", PLANS)
def test_an_expert_is_preferred_to_the_greedy_action(plan: Any, style: Any, tmp_path: Path) -> None:
    task = {"name": "bandit", "arms": 4, "horizon": 8}
    told = akrasia(
        "data",
        "--expert",
        "ucb",
        "--form",
        "preference",
        "--set",
        "arms=4",
        "--set",
        "horizon=8",
        "--plan",
        plan,
        "--style",
        style,
        "--episodes",
        "6",
        "--out",
        str(tmp_path / "e.jsonl"),
    )
    steps = list(expert_steps(bandit(arms=4, horizon=8), "ucb", 6))
    worse = [(a, [g for g in o.greedy if g not in o.optimal]) for _, o, a in steps]
    pairs = rows(tmp_path / "e.jsonl")
    assert len(pairs) == sum(bool(greedy) for _, greedy in worse) and f"{len(pairs)} rows" in told
    for row, (action, (greedy, *_)) in zip(pairs, (w for w in worse if w[1]), strict=True):
        better, lesser = (x if isinstance(x, str) else the(x) for x in (row["chosen"], row["rejected"]))
        end = " Reward" if (style, plan) == ("tuned", "reason_act") else ""
        assert better.rstrip("\n").endswith(action + end) and lesser.rstrip("\n").endswith(greedy + end)
    assert ak.training.expert_data(tmp_path / "f.jsonl", task, plan=plan, style=style, episodes=6).steps == len(steps)


@given(
    st.sampled_from(COLOURS),
    st.sampled_from(COLOURS),
    st.sampled_from(
        [
            "BEST=Red\nACTION={}",
            "ACTION={}",
            "**Action:** {}\n",
            'so {{"action": "{}"}}',
            "Step=4 Action={}",
            "ACTION=Blue no wait\nACTION={} it is",
            "Step=3 Action=Red Reward=0.10\nACTION={}\nStep=9 Action=Blue Reward=1.0",
            "{}",
            " {}\n",
        ]
    ),
)
def test_an_action_is_exchanged_and_read_back(own: str, other: str, form: str) -> None:
    text = form.format(own)
    assert replace_action(text, COLOURS, other) == form.format(other)
    assert text.strip() in COLOURS or read_action(form.format(other), COLOURS) == (other, "ok")
    assert replace_action("nothing is chosen here", COLOURS, other) is None


def test_pairs_are_texts_as_the_server_sees_them() -> None:
    class Template:
        """A tokenizer's chat template that only appends."""

        chat_template = "{}"

        def apply_chat_template(self, chat: Any, tokenize: bool, add_generation_prompt: bool = False) -> str:
            text = "".join(f"<{m['role']}>{m['content']}</>" for m in chat)
            return text + "<assistant>" * add_generation_prompt

    chat = Demonstration((Message("user", "which?"),), "ACTION=A")
    text = Demonstration((Message("user", "Thought:"),), " A is.", "completion", "\n")
    one, other = prompt_completion_pairs([chat, text], Template())
    assert (one.prompt, one.completion) == ("<user>which?</><assistant>", "ACTION=A</>")
    assert (other.prompt, other.completion) == ("Thought:", " A is.\n")
    with pytest.raises(BadOption, match="template"):
        prompt_completion_pairs([chat])


def test_preferences_need_a_greedy_action_that_is_worse() -> None:
    with pytest.raises(NotMeasured, match="greedy"):
        preferences(bandit(arms=3, rule="greedy", horizon=1), "ucb", 2)
