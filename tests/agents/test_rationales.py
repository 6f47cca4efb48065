"""The rationale of a model that thinks: its answer, its thought, or both."""

import re
from pathlib import Path
from typing import Any

import pytest

import akrasia as ak
from akrasia.errors import UnknownName
from akrasia.ledger import read_ledger
from akrasia.models.providers.scripted import Scripted
from akrasia.records import Request

THOUGHT = "<think>\n{0} was never tried. So the best button is {0}.\n</think>\n"


def played(out: Path, answer: str, variants: list[Any], episodes: int = 2) -> Any:
    """A run whose model gives one answer; {0} and {1} are two buttons of the situation."""

    def say(request: Request, _: Any) -> str:
        text = " ".join(m.content for m in request.messages)
        listed = re.search(r"buttons: ([\w, ]+)", text)
        assert listed is not None
        return answer.format(*listed[1].split(", "))

    task = ak.tasks.bandit(arms=3, horizon=1)
    return ak.run(task=task, model=Scripted(say), variants=variants, episodes=episodes, out=out, keep_going=True)


def decisions(folder: Path) -> list[Any]:
    with read_ledger(folder) as ledger:
        return [record.decision for record in ledger.records()]


@pytest.mark.parametrize(
    ("variant", "thought"),
    [
        ("reason_act", False),
        ("reason_act(rationale='reasoning')", True),
        ("reason_act(rationale='both')", False),  # what is said last counts
        ("act(rationale='reasoning')", True),
    ],
)
def test_what_is_stated_is_read_where_it_is_asked_for(tmp_path: Path, variant: str, thought: bool) -> None:
    played(tmp_path / "run", THOUGHT + "BEST={1}\nACTION={1}", [variant])
    for decision in decisions(tmp_path / "run"):
        assert decision.stated_status == decision.status == "ok"
        assert (decision.stated != (decision.done,)) == thought
        assert ("never tried" in decision.rationale) == ("rationale" in variant)
        assert ("BEST=" in decision.rationale) == ("reasoning" not in variant)


def test_an_actor_reads_the_thought_as_the_rationale(tmp_path: Path) -> None:
    played(tmp_path / "run", THOUGHT + "BEST={1}\nACTION={1}", ["reason_then_act(rationale='reasoning')"], episodes=1)
    (decision,) = decisions(tmp_path / "run")
    with read_ledger(tmp_path / "run") as ledger:
        answer = ledger.answer(decision.turns[1].key)
    assert answer is not None
    prompt = answer.request.messages[-1].content
    assert "was never tried" in prompt and "BEST=" not in prompt


def test_a_thought_that_is_not_shown_is_a_fault_and_no_guess(tmp_path: Path) -> None:
    result = played(tmp_path / "run", "BEST={1}\nACTION={1}", ["reason_act(rationale='reasoning')"], episodes=12)
    assert {(d.stated, d.stated_status, d.status) for d in decisions(tmp_path / "run")} == {((), "unparsable", "ok")}
    faults = [fault for arm in result.score().arms for fault in arm.integrity]
    (said,) = [fault for fault in faults if "its thought as the rationale" in fault.cause]
    assert "display" in said.remedy


def test_a_thought_that_is_cut_off_is_truncated(tmp_path: Path) -> None:
    played(tmp_path / "run", "<think>\nSo the best button is {0}.\nBut the", ["reason_act(rationale='reasoning')"])
    assert {d.status for d in decisions(tmp_path / "run")} == {"truncated"}


def test_an_unknown_rationale_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match="reasoning"):
        ak.graphs.reason_act(rationale="reasonin")
