"""Where in an answer stands what was read of it: the place holds the label that the reader returns."""

from __future__ import annotations

import pytest

from akrasia.agents.answers import place_read, read_action, read_stated
from akrasia.records import Situation

LABELS = ("Red", "Blue", "Green")
SHOWN = Situation("bandit", 0, 1, "", LABELS)


@pytest.mark.parametrize(
    ("text", "stated", "place"),
    [
        ("Blue is new.\nBEST=Blue\nACTION=Red", True, "BEST=Blue"),
        ("Blue is new.\nBEST=Blue\nACTION=Red", False, "ACTION=Red"),
        ("BEST=Red\nno, wait\nBEST=**Green**", True, "BEST=**Green"),
        ("So the best button now is Green.", True, "best button now is Green"),
        ("<think>ACTION=Blue</think>ACTION=Red", False, "ACTION=Red"),
        ("  Green \n", False, "Green"),
        ("I think so.", True, None),
        ("I think so.", False, None),
        ("<think>BEST=Blue", True, None),
        ("<values>\nRed = 1\nBlue = 2\nGreen = 0\n</values>", True, None),
    ],
)
def test_the_place_is_that_of_the_marker_and_its_label(text: str, stated: bool, place: str | None) -> None:
    found = place_read(text, SHOWN, stated=stated)
    assert (None if found is None else text[slice(*found)]) == place
    if found is not None:
        read = read_stated(text, LABELS)[0] if stated else (read_action(text, LABELS)[0],)
        assert text.strip() in LABELS or all(str(label) in text[slice(*found)] for label in read)


def test_open_answers_have_places_too() -> None:
    number = Situation("questions", 0, 1, "", (), answer="number")
    text = "12 and 30 make 42.\nACTION=42"
    found = place_read(text, number)
    assert found is not None and text[slice(*found)] == "ACTION=42"
