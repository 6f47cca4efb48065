"""The constrained readout tells how often a free answer was misread."""

from pathlib import Path

import akrasia as ak
from akrasia.evals.scorecard import Scorecard
from akrasia.models import Scripted
from akrasia.records import Draw, Request

EPISODES, STEPS = 40, 5


def run(out: Path, misread: float, unread: float = 0.0) -> Scorecard:
    """A model that says in `misread` of its free answers another action than it means, and in `unread` none."""

    def script(request: Request, draw: Draw) -> str:
        meant = request.messages[0].content.partition(": ")[2].partition(",")[0].strip()
        other = request.messages[0].content.partition(", ")[2].partition(",")[0].strip()
        place = (draw.episode * STEPS + draw.step) % 20
        if "name once more" in request.messages[-1].content:
            return f"ACTION={meant}"
        if place < 20 * unread:
            return f"BEST={meant}\nI shall take the one I have just named."
        return f"BEST={meant}\nACTION={other if place >= 20 - 20 * misread else meant}"

    result = ak.run(
        task=ak.tasks.bandit(arms=5, horizon=STEPS),
        model=Scripted(script, name=f"misread {misread} {unread}"),
        variants=["reason_act", "reason_act | constrained_readout"],
        episodes=EPISODES,
        out=out,
    )
    return result.score()


def test_planted_misreadings_are_recovered_with_an_interval(tmp_path: Path) -> None:
    card = run(tmp_path / "run", misread=0.25, unread=0.1)
    plain, asked = card.arms
    assert plain.metrics["reading_error"].value is None and "constrained_readout" in plain.metrics["reading_error"].why
    error = asked.metrics["reading_error"]
    assert error.value is not None and error.low is not None and error.high is not None
    assert error.low < 0.25 / 0.9 < error.high and error.n == 0.9 * EPISODES * STEPS
    assert asked.metrics["unread_but_known"].value == 0.1
    assert (asked.metrics["doing"], asked.metrics["gap"]) == (plain.metrics["doing"], plain.metrics["gap"])
    assert "differs from its constrained readout in 0.28" in card.verdicts[0].sentence


def test_an_answer_that_is_read_right_has_no_reading_error(tmp_path: Path) -> None:
    asked = run(tmp_path / "run", misread=0.0).arms[1]
    assert asked.metrics["reading_error"].value == 0.0 and asked.metrics["unread_but_known"].value == 0.0
