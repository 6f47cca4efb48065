"""A model whose answers are all cut off inside their thought: nothing is read of them, and integrity says so."""

from pathlib import Path
from typing import Any

import pytest

import akrasia as ak
from akrasia.evals.integrity import integrity_faults
from akrasia.ledger import read_ledger

THOUGHT = "The best button is Blue.\nBEST=Blue\nACTION=Blue\n"
TASK = ak.tasks.bandit(arms=3, horizon=2, head_start=2, labels=["Red", "Blue", "Green"])


def played(model: Any, folder: Path) -> ak.Result:
    return ak.run(task=TASK, model=model, variants=["reason_act", "reason_then_act"], episodes=2, out=folder)


# Every three of the four meet.
THOUGHTS = [
    (("length", "stop")[(i + j + k) % 2], name, tag, transport)
    for i, name in enumerate(("openai/gpt-4o", "hosted_vllm/some-model"))
    for j, tag in enumerate(("think", "thinking", "reasoning"))
    for k, transport in enumerate(("auto", "litellm"))
]


@pytest.mark.parametrize(("ends", "name", "tag", "transport"), THOUGHTS)
def test_a_thought_within_the_text(
    providers: Any, tmp_path: Path, ends: str, name: str, tag: str, transport: str
) -> None:
    providers.says = f"<{tag}>\n{THOUGHT * (400 if ends == 'length' else 1)}"  # 400: longer than any answer may be
    model = providers.model(name, transport=transport)
    run = played(model, tmp_path / "run")
    card = nothing_is_read(run)
    assert set(finish_reasons(run)) == {ends}
    assert "truncated" in str(card)


@pytest.mark.parametrize("transport", ["auto", "litellm"])
@pytest.mark.parametrize(
    "name", ["ollama_chat/qwen3:8b", "ollama/qwen3:8b", "deepseek/deepseek-reasoner", "openrouter/deepseek/deepseek-r1"]
)
def test_a_thought_in_a_field_of_its_own(providers: Any, tmp_path: Path, name: str, transport: str) -> None:
    providers.thought, providers.thinks = THOUGHT, 10**6
    nothing_is_read(played(providers.model(name, transport=transport), tmp_path / "run"))


def finish_reasons(run: ak.Result) -> list[str]:
    """How the server said that its answers ended."""
    with read_ledger(run.folder) as ledger:
        turns = [turn for record in ledger.records() for turn in record.decision.turns]
        answers = [answer for turn in turns if turn.key and (answer := ledger.answer(turn.key)) is not None]
    return [answer.response.finish_reason for answer in answers]


def nothing_is_read(run: ak.Result) -> ak.evals.Scorecard:
    """See that nothing is, and give the scorecard of it."""
    records = run.records
    assert set(records["status"]) == {"truncated"} and records["answers"].sum() > 0
    assert records["answers_read"].sum() == 0 and records["done"].drop_nulls().is_empty()
    assert records["stated"].drop_nulls().is_empty()
    for variant in records["variant"].unique():
        faults = integrity_faults(records.filter(records["variant"] == variant))
        assert [fault.share for fault in faults if fault.check == "failed"] == [1.0]
    card = run.score(["knowing", "gap"])
    assert all(arm.metrics["gap"].value is None for arm in card.arms)
    with read_ledger(run.folder) as ledger:
        turns = [turn for record in ledger.records() for turn in record.decision.turns]
        answers = [answer for turn in turns if turn.key and (answer := ledger.answer(turn.key)) is not None]
    assert answers and all("ACTION=Blue" in answer.response.reasoning for answer in answers)
    assert not any("ACTION=Blue" in answer.response.text for answer in answers)
    return card
