"""Who made the decisive error: on plain transcripts, and on a labelled set through the whole program."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from akrasia.benchmarks.decisive import PLANS, accuracy, labelled
from akrasia.evals.metrics.decisive import trace


def turn(agent: str, position: str | None, *reads: str, speaker: str = "", role: str = "reasoner") -> dict[str, Any]:
    speaker = speaker or agent.partition(".")[0]
    right = position == "A"
    return dict(agent=agent, speaker=speaker, role=role, lane=0, position=position, right=right, reads=list(reads))


def debate(first: str, second: str, vote: str) -> list[dict[str, Any]]:
    """Three speakers before and after they read each other, and the vote."""
    names = ["r", "s", "t"]
    before = [turn(n, p) for n, p in zip(names, first, strict=True)]
    after = [turn(f"{n}.2", p, *names, speaker=n) for n, p in zip(names, second, strict=True)]
    return [*before, *after, turn("vote", vote, "r.2", "s.2", "t.2", role="voter")]


@pytest.mark.parametrize(
    ("turns", "place", "had_right"),
    [
        ([turn("reason", "A"), turn("act", "B", "reason")], 1, True),  # the actor slips
        ([turn("reason", "B"), turn("act", "B", "reason")], 0, False),  # it does what it was told
        ([turn("reason", "C"), turn("critic", "B", "reason"), turn("reason.2", "B", "reason", "critic")], 1, False),
        ([turn("reason", "A"), turn("critic", "B", "reason"), turn("reason.2", "B", "reason", "critic")], 1, True),
        ([turn("reason", "A"), turn("act", None, "reason")], 1, True),  # it says nothing that can be read
        (debate("ABB", "BBB", "B"), 1, False),  # a majority of two: without the first of them there is none
        (debate("AAA", "ABB", "B"), 4, True),  # nobody had said so before: the first of two who left it
        (debate("CAB", "CAA", "C"), 6, True),  # the vote itself went against its ballots
        ([turn("r", "B"), turn("s", "C"), turn("t", "C"), turn("r.2", "B", "r", "s", "t")], 0, False),  # it keeps
        (debate("BCC", "BCC", "C"), 1, False),  # no single correction does: C began with the second
    ],
)  # fmt: skip
def test_the_decisive_error_is_that_without_which_it_would_be_right(
    turns: list[dict[str, Any]], place: int, had_right: bool
) -> None:
    assert trace(turns) == (place, had_right)


@pytest.mark.parametrize("name", list(PLANS)[:1] + list(PLANS)[2:3])
def test_on_a_labelled_set_it_is_mostly_right(name: str, tmp_path: Path) -> None:
    rows = labelled(PLANS[name], 50, tmp_path)
    shares = accuracy(rows)
    assert rows.height >= 8 and shares["named"] >= 0.8 and shares["named"] > shares["last"]
