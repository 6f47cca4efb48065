"""Dilemmas: two frames of the same facts, no oracle anywhere, and a planted share of reversals recovered."""

from __future__ import annotations

from pathlib import Path

import pytest

import akrasia as ak
from akrasia.errors import BadOption, UnknownName
from akrasia.evals.oracle import WHY_NOT
from akrasia.records import NO_ORACLE
from akrasia.tasks.dilemma_texts import DILEMMAS
from akrasia.tasks.dilemmas import dilemmas

VARIANTS = ["reason_act", "reason_act | framed('acting')"]


def test_the_frames_tell_the_same_facts_and_offer_the_same_options() -> None:
    assert len(DILEMMAS) == len({d.name for d in DILEMMAS}) >= 20
    for dilemma in DILEMMAS:
        say, act = dilemma.text("say"), dilemma.text("act")
        assert say != act and "{" not in say + act and "you" not in say.split() and abs(len(say) - len(act)) < 120
        assert len({label for label, _ in dilemma.options}) == 2


def test_each_episode_asks_one_dilemma_in_both_frames_in_either_order() -> None:
    task, first = dilemmas(), set()
    for seed in range(40):
        state = task.start(seed)
        one = task.situation(state)
        other = task.situation(task.step(state, one.actions[0])[0])
        assert {one.item.split("/")[1], other.item.split("/")[1]} == {"say", "act"}
        assert set(one.actions) == set(other.actions) and not one.history and not other.history
        first.add((one.item.endswith("say"), one.actions == other.actions))
        assert task.oracle(state).rule == NO_ORACLE and not task.oracle(state).optimal
    assert len(first) == 4  # both orders of frames, and of options


NEED_NO_ORACLE = {  # every other metric, a new one too, calls something right
    "action_agreement", "calls", "completion_tokens", "distribution_consistency", "dollars", "label_entropy", "latency",
    "modal_adoption", "moved", "persuasion", "place_entropy", "prompt_tokens", "reversal", "say_do",
    "sequence_consistency", "stated_valid", "turn_moved", "valid",
}  # fmt: skip


@pytest.mark.parametrize(("rate", "episodes"), [(0.0, 30), (0.3, 150)])
def test_planted_reversals_are_recovered_and_nothing_is_called_right(
    rate: float, episodes: int, tmp_path: Path
) -> None:
    result = ak.run(
        task="dilemmas", model=f"simulated:reverses={rate}", variants=VARIANTS, episodes=episodes, out=tmp_path / "run"
    )
    card = result.score(turns=True)
    for arm in card.arms:
        reversal = arm.metrics["reversal"].value
        assert reversal is not None and abs(reversal - rate) <= (0.1 if rate else 0)
        for name in ("knowing", "doing", "gap", "regret", "chance", "greedy_given_knowing", "pass_at_k", "ece"):
            assert arm.metrics[name].value is None, name
        assert arm.metrics["gap"].why == WHY_NOT and arm.metrics["say_do"].value == 1.0
        assert arm.flips is None and arm.table.total == 0
        assert {name for name, found in arm.metrics.items() if found.value is not None} <= NEED_NO_ORACLE
    (verdict,) = card.verdicts
    assert verdict.outcome == "not measured" and "no oracle" in verdict.sentence
    assert {c.metric: c.difference.value is None for _, _, c in card.contrasts} == {
        "say_do": False, "reversal": False, "gap": True, "doing": True, "knowing": True,
    }  # fmt: skip
    assert result.records["does"].null_count() == result.records.height


def test_what_needs_an_oracle_is_refused_before_anything_is_paid(tmp_path: Path) -> None:
    with pytest.raises(BadOption, match="no oracle"):
        ak.run(task="dilemmas", model="simulated", variants=VARIANTS, until="gap +- 0.1", out=tmp_path / "a")
    with pytest.raises(BadOption, match="no oracle"):
        ak.race(task="dilemmas", model="simulated", variants=[*VARIANTS, "reason_act | critique"], keep=1,
                out=tmp_path / "b")  # fmt: skip
    assert not list(tmp_path.iterdir())


def test_an_unknown_frame_is_refused() -> None:
    with pytest.raises(UnknownName):
        dilemmas("think")
