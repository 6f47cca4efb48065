"""An index of texts finds what reading the run through finds, in every draw, whatever the case."""

from __future__ import annotations

from pathlib import Path

import pytest

import akrasia as ak
from akrasia.models import Scripted
from akrasia.records import Draw, Request, Response
from akrasia.reports.viewer.search import TextSearch

WORDS = [
    "a", "zebra", "ZEBRA", "STRASSE", "best=red", "\u202e", "שלום", '"', "\\", "<b>", "you face", "third draw",
    "nowhere", "thought of 1", "first\nsecond", "\0",
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    def model(request: Request, draw: Draw) -> Response:
        extra = "the third draw" if draw.sample == 2 else f"Zebra in the Straße {draw.episode} \u202e שלום"
        text = f'first\nsecond <b> "x" \\ \0 {extra}\nBEST=Red\nACTION=Red'
        return Response(text, reasoning=f"a thought of {draw.episode}")

    out = tmp_path_factory.mktemp("search") / "run"
    task = {"name": "bandit", "arms": 2, "horizon": 2, "labels": ["Red", "Blue"]}
    ak.run(task=task, model=Scripted(model), variants=["reason_act", "reason_act | critique"], episodes=3, trials=3,
           out=out)  # fmt: skip
    return out


@pytest.mark.parametrize("words", WORDS)
def test_the_index_finds_what_reading_finds(folder: Path, words: str) -> None:
    slow, fast = TextSearch(folder), TextSearch(folder)
    fast.prepare("1")
    by = ["variant", "episode", "step"]
    found = fast.find(words, "1").steps.sort(by)
    if words != "\0":  # what stands between texts is found nowhere
        assert found.equals(slow.find(words, "1").steps.sort(by))
    expected = {"nowhere": 0, "\0": 0, "thought of 1": 4}.get(words, 12)
    assert found.height == expected


def test_an_index_of_what_was_stored_before_is_not_used(folder: Path) -> None:
    search = TextSearch(folder)
    search.prepare("1")
    search._index = ("1", search._index[1]) if search._index else None
    assert search.find("zebra", "2").steps.height == 12
