"""What a reasoning implies is read whole or not at all, whatever it concludes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from akrasia.agents.answers.implied import read_implied, without_conclusion
from akrasia.records import Situation

ARMS = Situation("bandit", 0, 1, "", ("Red", "Blue", "Gold"))
CELLS = Situation("tictactoe", 0, 1, "", ("0", "4", "8"))
SUM = Situation("questions", 0, 1, "", (), answer="number")
END = "\n\nSo Red it is.\nBEST=Red\nACTION=Red"

READ = {
    "sums": ("Red: 0.5 + 1.2 = 1.7\nBlue: 0.4 + 1.9 = 2.3\nGold: 0.1 + 1.2 = 1.3", ("Blue",)),
    "named sums": ("- Red: mean + bonus = 1.7\n- Blue: mean + bonus = 2.3\n- Gold: mean + bonus = 1.3", ("Blue",)),
    "named index": ("1. **Red** (3 pulls): index = 1.7\n2. **Blue**: index = 1.1\n3. **Gold**: index = 2", ("Gold",)),
    "bare": ("Red: 1.7\n\nBlue: 1.1\nGold: 1.2", ("Red",)),
    "never tried": ("Red: 1.7\nBlue: never tried\nGold: 2.2", ("Blue",)),
    "infinite": ("Red = 1.7\nBlue = infinite (untried)\nGold = inf", ("Blue", "Gold")),
    "table": ("| button | n | UCB |\n|---|---|---|\n| Red | 3 | 1.7 |\n| Blue | 9 | 1 |\n| Gold | 1 | 2 |", ("Gold",)),
    "the last of two lists": ("Red: 9\nBlue: 1\nGold: 1\n\nOnce more:\nRed: 1\nBlue: 3\nGold: 1", ("Blue",)),
    "block": ("<values>\nRed = 1\nBlue = 3\nGold = 2\n</values>", ("Blue",)),
    "minus": ("Red: -0.5\nBlue: -0.1\nGold: -2", ("Blue",)),
}  # fmt: skip
NOT_READ = {
    "counts": "Red: n = 3\nBlue: n = 4\nGold: n = 1",
    "means alone": "Red: mean = 0.3\nBlue: mean = 0.4\nGold: mean = 0.1",
    "one without a number": "Red: 1.7\nBlue: rather good\nGold: 1.1",
    "several numbers": "Red: 1.7 3\nBlue: 1.1 4\nGold: 1.2 5",
    "a table without a heading": "Red | 3 | 1.7\nBlue | 9 | 1.1\nGold | 1 | 2.0",
    "numbers and outcomes": "Red: 1.7\nBlue: win\nGold: 1.1",
    "a block that leaves one open": "<values>\nRed = 1\nBlue = ?\nGold = 2\n</values>",
}
ABSENT = {
    "prose": "Blue has paid best, Gold hardly.",
    "not all": "Red: 1.7\nBlue: 2.3",
    "behind the conclusion": "I think.\nBEST=Red\nRed: 1\nBlue: 2\nGold: 3",
    "broken by prose": "Red: 1.7\nBlue: 2.3\nThat is all I can say of these.\nGold: 1",
}


@pytest.mark.parametrize("name", READ)
def test_values_of_every_action_are_read_apart_from_the_conclusion(name: str) -> None:
    text, top = READ[name]
    read = read_implied(text + END, ARMS)
    assert (read.labels, read.status) == (top, "ok")
    assert (read.concluded, read.concluded_status) == (("Red",), "ok")


@pytest.mark.parametrize("name", NOT_READ)
def test_values_that_cannot_be_read_whole_imply_nothing(name: str) -> None:
    read = read_implied(NOT_READ[name] + END, ARMS)
    assert (read.labels, read.status) == ((), "unparsable")


@pytest.mark.parametrize("name", ABSENT)
def test_a_reasoning_without_values_of_all_is_not_known_to_imply_anything(name: str) -> None:
    read = read_implied(ABSENT[name], ARMS)
    assert (read.labels, read.status) == ((), "absent")


def test_outcomes_of_moves_are_values() -> None:
    text = "0: O wins next, a loss for me\n4: draw\n8: I lose\nBEST=8"
    assert read_implied(text, CELLS).status == "unparsable"
    read = read_implied(text.replace("O wins next, a loss for me", "loss"), CELLS)
    assert (read.labels, read.concluded) == (("4",), ("8",))


def test_the_last_equation_is_what_a_number_rests_on() -> None:
    read = read_implied("Sisters: 3 + 1 = 4.\nBEST=3\nACTION=3", SUM)
    assert (read.labels, read.status, read.concluded) == (("4",), "ok", ("3",))
    assert read_implied("She has four sisters.\nBEST=3", SUM).status == "absent"


def test_thoughts_count_and_a_conclusion_that_contradicts_a_block_is_read_apart() -> None:
    read = read_implied("BEST=Red", ARMS, thought="Red: 1\nBlue: 2\nGold: 0")
    assert (read.labels, read.concluded) == (("Blue",), ("Red",))
    read = read_implied("<values>Red = 1; Blue = 3; Gold = 2</values>\nBEST=Gold", ARMS)
    assert (read.labels, read.concluded) == (("Blue",), ("Gold",))


@given(st.text(alphabet="Red:Blue=Gold| -0.5\n*<>values/", max_size=300))
def test_no_text_breaks_the_reader(text: str) -> None:
    read = read_implied(text, ARMS)
    assert set(read.labels) <= set(ARMS.actions) and bool(read.labels) == (read.status == "ok")
    assert text.startswith(without_conclusion(text))
