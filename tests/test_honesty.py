"""What must never happen: a number that looks measured and is not, an answer lost, a run mixed up with another."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

import akrasia as ak
from akrasia.agents import read_action
from akrasia.errors import BudgetSpent, PlanError, RunFolderError, RunStopped, Unavailable, UnknownName
from akrasia.interventions import INTERVENTIONS
from akrasia.models import Budget, Gateway, Price, Scripted, resolve
from akrasia.records import Draw, Message, Request, Response, Sampling, Usage

TASK = ak.tasks.bandit(arms=4, horizon=3, head_start=3)


def answer(request: Request, draw: Draw) -> str:
    return "BEST=Red\nACTION=Red"


def run(tmp_path: Path, variants: Any, model: Any, **settings: Any) -> ak.Result:
    return ak.run(task=TASK, model=model, variants=variants, out=tmp_path / "run", **{"episodes": 4, **settings})


def test_a_quoted_line_of_the_history_is_no_action() -> None:
    quoted = "I see Step=3 Action=Teal Reward=0.50\nStep=5 Action=Blue Reward=0.52\nso the bonus is sqrt("
    assert read_action(quoted, ("Blue", "Teal")) == (None, "unparsable")
    assert read_action(quoted + "\nACTION=Teal", ("Blue", "Teal")) == ("Teal", "ok")


def test_a_folder_refuses_another_plan_under_the_same_name(tmp_path: Path) -> None:
    base = ak.graphs.reason_act()
    run(tmp_path, {"base": base, "mine": base | ak.critique()}, "simulated")
    with pytest.raises(RunFolderError, match="holds a variant 'mine' with another plan"):
        run(tmp_path, {"base": base, "mine": base | ak.self_consistency(5)}, "simulated")
    with pytest.raises(RunFolderError, match="differs in: baseline"):
        run(tmp_path, {"other name": base}, "simulated")


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


def test_in_completion_style_an_actor_alone_cannot_look_again(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="has no words there"):
        run(tmp_path, ["act", "act | re_evaluate"], Scripted(answer, style="completion"))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", INTERVENTIONS.names())
def test_in_completion_style_no_intervention_is_measured_that_changes_nothing(tmp_path: Path, name: str) -> None:
    """Whatever is not refused asks something else, or acts otherwise, than the baseline does."""

    def asked(variant: str) -> list[Any]:
        made: list[Any] = []

        def model(request: Request, draw: Draw) -> str:
            made.append((repr(request), draw))
            top = request.messages[-1].content.rpartition("Scores: ")[2].partition(" ")[0]
            return (
                request.sampling.choices[0] if request.sampling.choices else f" 2.0. So the best button now is {top}."
            )

        style: dict[str, Any] = {"model": Scripted(model, style="completion"), "episodes": 2}
        ak.run(task=TASK, variants=[variant], out=tmp_path / variant.replace(" ", ""), **style)
        return sorted(made, key=repr)

    variants = ["reason_then_act", f"reason_then_act | {name}"]
    try:
        plain, changed = map(asked, variants)
    except PlanError as refused:
        assert refused.remedy
        return
    acts = name in ("execute_stated", "try_all", "epsilon_greedy")
    bound = name == "constrain_action"  # an actor is bound to its labels anyway
    leaks = name == "multi_turn_aiw"  # only wrong answers are asked again
    assert acts or bound or leaks or plain != changed


@pytest.mark.parametrize(
    ("variant", "option"),
    [
        ("reason_act | critique(blind=True)", "blind"), ("reason_act | confidence", "confidence"),
        ("reason_then_act | commit", "commit"), ("reason_act | think_longer", "budget"), ("liang", "think"),
        ("multi_persona", "agreement"), ("society(signed=True)", "signed"),
        ("society(protocol='confidence_weighted')", "confidence"),
    ],
)  # fmt: skip
def test_what_a_worked_prompt_leaves_out_is_refused(tmp_path: Path, variant: str, option: str) -> None:
    with pytest.raises(PlanError, match=f"'{option}' of"):
        run(tmp_path, ["reason_act", variant], Scripted(answer, style="completion"))
    assert not (tmp_path / "run").exists()


def test_without_a_history_a_worked_prompt_shows_nothing_computed_from_it(tmp_path: Path) -> None:
    prompts: list[str] = []

    def model(request: Request, draw: Draw) -> str:
        prompts.append(request.messages[-1].content)
        return request.sampling.choices[0] if request.sampling.choices else " The best is Red."

    run(tmp_path, ["reason_then_act | no_history"], Scripted(model, style="completion"))
    assert prompts and not any("Scores:" in p or "Reward=" in p for p in prompts)


def test_fresh_and_offline_together_remove_nothing(tmp_path: Path) -> None:
    from akrasia.api import execute
    from akrasia.experiments import assemble

    result = run(tmp_path, ["reason_act"], "simulated")
    before = (tmp_path / "run" / "ledger.sqlite").read_bytes()
    experiment = assemble({"task": TASK, "model": "simulated", "variants": ["reason_act"], "episodes": 4})
    with pytest.raises(RunFolderError, match="--resume --offline"):
        asyncio.run(execute(experiment, tmp_path / "run", fresh=True, offline=True))
    assert (tmp_path / "run" / "ledger.sqlite").read_bytes() == before
    assert result.records.height == 12


def test_a_slot_that_nobody_speaks_through_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="Did you mean 'critic'?"):
        run(tmp_path, ["reason_act | critique"], {"default": "simulated", "crtic": "simulated:knowing=1"})
    slots = {"default": {"name": "simulated"}, "critic": {"name": "simulated", "knowing": 1.0}}
    result = run(tmp_path, ["reason_act | critique"], slots)
    assert set(result.records["model"]) == {"simulated + critic: simulated:knowing=1"}


def test_two_settings_of_one_model_are_told_apart_by_their_table_names(tmp_path: Path) -> None:
    models = {"sure": {"name": "simulated", "knowing": 1.0}, "unsure": {"name": "simulated", "knowing": 0.5}}
    result = ak.run(task=TASK, models=models, variants=["reason_act"], episodes=2, out=tmp_path / "run")
    assert set(result.records["model"]) == {"sure", "unsure"}


async def test_a_dollar_budget_waits_for_calls_that_may_turn_out_cheaper() -> None:
    def cheap(request: Request, draw: Draw) -> Response:
        return Response("x", usage=Usage(1, 1))

    model = Scripted(cheap, price=Price(0.0, 0.01), max_concurrency=16)
    gateway = Gateway([model], budget=Budget(dollars=6.0))
    request = Request(model.info.id, (Message("user", "?"),), Sampling(max_tokens=500))  # $5 at most, $0.01 in fact
    answers = await asyncio.gather(*(gateway.complete(request, Draw(i, 0)) for i in range(20)))
    assert len(answers) == 20 and gateway.run_usage.dollars == pytest.approx(0.2)
    with pytest.raises(BudgetSpent, match=r"\$0.2000 are paid"):
        await gateway.complete(Request(model.info.id, (), Sampling(max_tokens=600)), Draw(0, 1))


async def test_stopping_does_not_wait_out_a_pause() -> None:
    model = Scripted(lambda request, draw: Unavailable("busy"))
    gateway = Gateway([model])
    asking = asyncio.ensure_future(gateway.complete(Request(model.info.id, ()), Draw(0, 0)))
    await asyncio.sleep(0.05)
    gateway.stop(RunStopped("interrupted"))
    with pytest.raises(RunStopped):
        await asyncio.wait_for(asking, 2)


async def test_cancelling_a_run_stops_asking(tmp_path: Path) -> None:
    asked: list[int] = []

    class Slow(Scripted):
        async def generate(self, request: Request, draw: Draw) -> Response:
            asked.append(1)
            await asyncio.sleep(0.02)
            return Response("BEST=Red\nACTION=Red")

    settings = {"task": TASK, "variants": ["reason_act"], "episodes": 400, "model": Slow(answer, max_concurrency=4)}
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(ak.arun(out=tmp_path / "run", **settings), 1.0)
    before = len(asked)
    await asyncio.sleep(0.3)
    assert len(asked) == before < 400
    assert (await ak.arun(out=tmp_path / "run", **{**settings, "episodes": 1})).records.height


def test_langchain_models_that_differ_in_a_field_have_different_answers() -> None:
    from langchain_core.language_models import FakeListChatModel

    class Mine(FakeListChatModel):
        bias: int = 0

        @property
        def _identifying_params(self) -> dict[str, Any]:
            return {}

    ids = {resolve(Mine(responses=["x"], bias=b)).info.id for b in (0, 3)}
    assert len(ids) == 2


def test_a_notebook_cell_may_define_its_intervention_twice() -> None:
    for _ in range(2):

        @ak.intervention("another look", "nothing", "a test")
        def twice_defined(plan: Any) -> Any:
            """Change nothing."""
            return plan

    assert str(ak.graphs.act() | twice_defined()) == "act | twice_defined"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("ACTION=7", "7"),
        ("### Answer: 6 + 1 = 7", "7"),
        ("ACTION=6+1=7", "7"),
        ("ACTION=\n7", "7"),
        ("ACTION=4*6-5=19.", "19"),
    ],
)
def test_a_number_is_read_behind_its_working(text: str, number: str) -> None:
    from akrasia.agents import read_answer

    task = ak.tasks.aiw()
    assert read_answer(text, task.situation(task.start(0))) == (number, "ok")


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
