"""What must never happen: a number that looks measured and is not, an answer lost, a run mixed up with another."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

import akrasia as ak
from akrasia.errors import Unavailable
from akrasia.models import Scripted
from akrasia.records import Draw, Request, Response

TASK = ak.tasks.bandit(arms=4, horizon=3, head_start=3)


def answer(request: Request, draw: Draw) -> str:
    return "BEST=Red\nACTION=Red"


def run(tmp_path: Path, variants: Any, model: Any, **settings: Any) -> ak.Result:
    return ak.run(task=TASK, model=model, variants=variants, out=tmp_path / "run", **{"episodes": 4, **settings})


@pytest.mark.parametrize("status", ["refused", "error"])
def test_what_is_refused_or_failed_is_never_right_and_never_votes(tmp_path: Path, status: Any) -> None:
    def withheld(request: Request, draw: Draw) -> Response:
        labels = request.messages[0].content.split("buttons: ")[1].split(".")[0].split(", ")
        return Response(f"BEST={labels[0]}\nACTION={labels[0]}", status, "content_filter")

    variants = ["reason_act", "reason_act | self_consistency(n=3)", "reason_act | execute_stated", "reason_then_act"]
    records = run(tmp_path, variants, Scripted(withheld)).records
    assert not records["knows"].any() and not records["does"].any() and not records["valid"].any()
    assert set(records["status"]) == {status}


def test_steps_that_saw_different_situations_are_not_paired(tmp_path: Path) -> None:
    down = {"yes": True}

    def model(request: Request, draw: Draw) -> str | Exception:
        first = request.messages[0].content
        labels = first.split("buttons: ")[1].split(".")[0].split(", ")
        if down["yes"] and draw.step == 4 and len(request.messages) == 1:
            return Unavailable("down for a while")
        return f"BEST={labels[0]}\nACTION={labels[draw.step % 4]}"

    async def no_pause(seconds: float) -> None:
        return None

    scripted = Scripted(model)
    from akrasia.api import execute
    from akrasia.experiments import assemble
    from akrasia.experiments.executors import LocalExecutor

    settings = {"task": TASK, "model": scripted, "episodes": 4}
    first = assemble({**settings, "variants": ["reason_act", "reason_act | re_evaluate"]})
    asyncio.run(execute(first, tmp_path / "run", executor=LocalExecutor(first, sleep=no_pause)))
    down["yes"] = False
    second = assemble({**settings, "variants": ["reason_act", "reason_act | critique"]})
    result = asyncio.run(execute(second, tmp_path / "run", resume=True, executor=LocalExecutor(second, sleep=no_pause)))
    card = result.score()
    stale = next(a for a in card.arms if a.variant.endswith("re_evaluate"))
    assert stale.steps == 12 and stale.flips is not None
    paired = stale.flips.wrong_to_right + stale.flips.right_to_wrong + stale.flips.unchanged
    assert paired == 8  # the step that failed, and what the baseline saw after it, differ


def test_a_vote_of_one_changes_nothing_even_where_it_ties(tmp_path: Path) -> None:
    def ties(request: Request, draw: Draw) -> str:
        labels = request.messages[0].content.split("buttons: ")[1].split(".")[0].split(", ")
        return f"<values>{labels[0]}=inf, {labels[1]}=inf, {labels[2]}=1</values>\nACTION={labels[1]}"

    records = run(tmp_path, ["reason_act", "reason_act | self_consistency(n=1)"], Scripted(ties)).records
    columns = ["episode", "step", "stated", "done", "knows", "does", "follows"]
    one, other = (g.select(columns).sort("episode", "step") for _, g in records.group_by("variant"))
    assert one.equals(other) and set(one["follows"]) == {True}


def test_the_ceiling_stays_a_ceiling_whatever_is_applied_after_it(tmp_path: Path) -> None:
    variants = [
        "reason_act",
        "reason_act | execute_stated | re_evaluate",
        "reason_then_act | execute_stated | critique",
    ]
    card = run(tmp_path, variants, "simulated", episodes=10).score()
    for arm in card.arms[1:]:
        assert arm.metrics["say_do"].value == 1 and arm.metrics["gap"].value == 0


def test_a_placebo_is_compared_only_with_what_costs_as_many_calls(tmp_path: Path) -> None:
    variants = ["reason_act", "reason_act | re_evaluate", "reason_act | critique", "reason_act | placebo"]
    card = run(tmp_path, variants, "simulated").score()
    against = {c.variant for _, _, c in card.contrasts if c.against.endswith("placebo")}
    assert against == {"reason_act | re_evaluate"}


def test_failures_below_the_decision_are_seen(tmp_path: Path) -> None:
    variants = ["reason_act", "reason_act | self_consistency(n=9)"]
    arms = run(tmp_path, variants, "simulated:parse_failure=0.3", episodes=20).score().arms
    for arm in arms:
        share = arm.answers["ok"] / sum(arm.answers.values())
        assert 0.5 < share < 0.85
    assert arms[1].statuses == {"ok": 60}


def test_encoded_needs_that_nobody_spoke_before(tmp_path: Path) -> None:
    def probs(request: Request, draw: Draw) -> Response | str:
        choices = request.sampling.choices
        return Response(choices[0], probs={c: 1 / len(choices) for c in choices}, mass=0.5) if choices else " a view"

    model = Scripted(probs, style="completion")
    card = run(tmp_path, ["act", "reason_then_act"], model).score()
    measured = {a.variant: a.metrics["encoded"].value is not None for a in card.arms}
    assert measured == {"act": True, "reason_then_act": False}


def test_a_fork_measures_coverage_on_the_baseline_alone(tmp_path: Path) -> None:
    card = run(tmp_path, ["reason_act", "reason_act | execute_stated"], "simulated").score()
    assert [a.metrics["coverage"].value is not None for a in card.arms] == [True, False]


def test_an_interval_that_is_unknown_is_shown_as_such(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = ak.graphs.reason_act()
    run(tmp_path, {"x[/y]": base, "z[bold]": base | ak.critique()}, "simulated", episodes=1).show()
    shown = capsys.readouterr().out
    assert "[unknown]" in shown and "x[/y]" in shown and "z[bold]" in shown


def test_two_wrong_texts_are_no_agreement(tmp_path: Path) -> None:
    task = {"name": "potemkin", "tasks": ["generate"], "concepts": ["prime"]}
    model = Scripted(lambda request, draw: "BEST=4\nACTION=6")
    result = ak.run(task=task, model=model, variants=["reason_act"], episodes=3, out=tmp_path / "run")
    assert result.records["follows"].null_count() == result.records.height > 0
    assert result.score().arms[0].metrics["say_do"].value is None


def test_in_a_fork_only_the_baseline_labels_its_own_text(tmp_path: Path) -> None:
    model = Scripted(
        lambda request, draw: "BEST=yes\nACTION=yes" if "yes" in request.messages[0].content else "ACTION=7"
    )
    variants = ["reason_act", "reason_act | re_evaluate"]
    settings = {"task": {"name": "potemkin_incoherence", "concepts": ["prime"]}, "model": model, "variants": variants}
    for design, measured in (("fork", [True, False]), ("rollout", [True, True])):
        card = ak.run(**settings, design=design, episodes=4, out=tmp_path / design).score()
        assert [a.metrics["incoherence"].value is not None for a in card.arms] == measured


@pytest.mark.parametrize("wrap", ["{}", "{}.", "```\n{}\n```", "~~~\n{}\n~~~", "---\n{}\n---", "**{}**"])
def test_a_right_text_is_right_however_it_is_wrapped(wrap: str) -> None:
    from akrasia.rng import named_rng
    from akrasia.tasks import CONCEPTS

    for concept in CONCEPTS.values():
        instance = concept.instance(named_rng("wrap", concept.name))
        assert concept.is_instance(wrap.format(instance)), (concept.name, instance)


def test_half_a_surrogate_pair_is_a_malformed_row_and_the_rest_counts(tmp_path: Path) -> None:
    from akrasia.evals.published.aiw import score_file

    rows = [
        '{"question": "a \\ud800 b", "answer": "3"}',
        '{"question": "2 + 2?", "answer": "4"}',
    ]
    (tmp_path / "q.jsonl").write_text("\n".join(rows))
    with pytest.warns(UserWarning, match="row 1"):
        task = ak.tasks.questions(path=str(tmp_path / "q.jsonl"))
    assert len(task.malformed) == 1 and "surrogate" in task.malformed[0].reason
    row = '{"model": "m", "prompt": "%s", "model_response": "Answer: 7", "right_answer": "7"}'
    (tmp_path / "r.json").write_text("[" + row % "a \\ud800" + "," + row % "fine" + "]")
    score = score_file(tmp_path / "r.json")
    assert (score.rows, score.correct, [u.row for u in score.unscored]) == (1, 1, [1])
