"""A parser returns what was said or that nothing was: it never invents a label."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from akrasia.agents import read_action, read_answer, read_stated
from akrasia.agents.answers.parsing import match_label
from akrasia.tasks import aiw

COLOURS = ("Red", "Blue", "Green", "Violet")
LETTERS = tuple("ABCDEFGHIJ")
CELLS = ("0", "1", "4", "8", "10")
SETS = st.sampled_from([COLOURS, LETTERS, CELLS, ("Red", "Red Oak", "Oak"), ()])
PIECES = st.sampled_from(
    ["ACTION=", "ACTION:", "BEST=", "best button now is ", "The best arm is the ", "<ucb_values>", "</ucb_values>",
     "<values>", "</values>", "Red", "blue", "A", "a ", "4", "4.5", "-inf", "infinite", "∞", "-infinite", "inform",
     " = ", ": ", "\n", ", ", "**", "`", "1e999", "0.5", "+ 0.2", "(n=3)", "_", "not ", "ß", "İ", "=", "(", ")"]
)  # fmt: skip
ANY = st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=14).map("".join))


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("ACTION=Red", "Red"),
        ("ACTION=Blue\nno, wait\nACTION=Red", "Red"),
        ("Earlier: Step=3 Action=Blue Reward=0.50\nACTION=Green", "Green"),
        ("**ACTION=Red**", "Red"),
        ("**ACTION**: Red", "Red"),
        ("**ACTION:** `blue`", "Blue"),
        ("ACTION = \"GREEN\".", "Green"),
        ("action: [Violet]", "Violet"),
        ("ACTION=<Blue>", "Blue"),
        ("ACTION='Red'", "Red"),
        ("ACTION=Red, because it pays most", "Red"),
        ("ACTION=_Red_", "Red"),
        ("ACTION=\nRed", "Red"),
        ("BEST=Blue\nACTION=Red", "Red"),
        ("ACTION=the button Red", "Red"),
    ],
)  # fmt: skip
def test_the_last_action_wins_in_any_dress(text: str, label: str) -> None:
    assert read_action(text, COLOURS) == (label, "ok")


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("", "unparsable"),
        ("I take Red.", "unparsable"),
        ("REACTION=Red", "unparsable"),
        ("BEST=Red", "unparsable"),
        ("ACTION=Purple", "illegal"),
        ("ACTION=Red\nACTION=Purple", "illegal"),
        ("ACTION=Redish", "illegal"),
        ("ACTION=not Red", "unparsable"),
    ],
)
def test_an_unknown_action_is_illegal_and_none_is_unparsable(text: str, status: str) -> None:
    assert read_action(text, COLOURS) == (None, status)


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("BEST=Red\nACTION=Blue", ("Red",)),
        ("BEST=Blue\nBEST=Red", ("Red",)),
        ("**BEST**: **red**", ("Red",)),
        ("So the best button now is Violet.", ("Violet",)),
        ("The best button is Red.\nThe best button is the Blue one.", ("Blue",)),
        ("the best arm now is 'Green'", ("Green",)),
        ("The best button is Red.\nBEST=Blue", ("Blue",)),
        ("<ucb_values>Red = 1.2, Blue = 1.3</ucb_values>\nBEST=Red", ("Blue",)),
        ("<ucb_values>Red = 1.3\nBlue = 1.3\nGreen = 0.1</ucb_values>", ("Red", "Blue")),
        ("<values>Green: inf; Violet: infinite; Red: 3</values>", ("Green", "Violet")),
        ("<values>Green: ∞ (untried)\nRed: 9</values>", ("Green",)),
        ("<values>Red: -infinity, Blue: -3</values>", ("Blue",)),
        ("<values>- **Red**: 0.50\n- **Blue**: 0.71</values>", ("Blue",)),
        ("<values>UCB(Red) = 1.0, UCB(Blue) = 2.0</values>", ("Blue",)),
        ("<values>Red: 0.9 + 0.2 = 1.1\nBlue: 0.1 + sqrt(2*ln(9)/1) = 2.2</values>", ("Blue",)),
        ("<values>Red: mean + bonus = 1.7\nBlue: mean + bonus = 1.6</values>", ("Red",)),
        ("<values>Red (n=3): 1.7\nBlue (mean 2.5, n=1): 1.9</values>", ("Blue",)),
        ("<values>Red=1</values> again <values>Red=1, Blue=2</values>", ("Blue",)),
        ("<values>Red: mean 0.5</values>\nBEST=Green", ("Green",)),
    ],
)
def test_a_recommendation_is_read_from_values_then_best_then_a_sentence(text: str, labels: tuple[str, ...]) -> None:
    assert read_stated(text, COLOURS) == (labels, "ok")


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("", "unparsable"),
        ("Red pays most.", "unparsable"),
        ("BEST=Purple", "illegal"),
        ("the best button is one we have not tried", "illegal"),
        ("<values></values>", "unparsable"),
        ("<values>Purple: 3</values>", "unparsable"),
        ("<values>Red: -infinite-ish, Blue: inform</values>", "unparsable"),
        ("<values>Red: mean = 3.0, UCB = 4\nBlue: 1.0</values>", "unparsable"),
    ],
)
def test_no_recommendation_is_said_as_such(text: str, status: str) -> None:
    assert read_stated(text, COLOURS) == ((), status)


def test_an_article_is_not_the_button_a() -> None:
    assert read_stated("The best button is a new one.", LETTERS) == ((), "unparsable")
    assert read_stated("The best button is A because it pays.", LETTERS) == (("A",), "ok")
    assert read_action("ACTION=a", LETTERS) == ("A", "ok")
    assert read_action("ACTION=b.", LETTERS) == ("B", "ok")


def test_the_longest_label_and_whole_numbers_win() -> None:
    assert match_label("red oak, surely", ("Red", "Red Oak", "Oak")) == "Red Oak"
    assert read_action("ACTION=4.5", CELLS) == (None, "illegal")
    assert read_action("ACTION=10.", CELLS) == ("10", "ok")
    assert read_action("ACTION=100", CELLS) == (None, "illegal")


@given(ANY, SETS)
@example("<values>Red=-infinite</values>", COLOURS)
@example("ACTION=İ", COLOURS)
def test_any_text_gives_a_legal_label_or_none(text: str, actions: tuple[str, ...]) -> None:
    label, status = read_action(text, actions)
    assert (label in actions) if status == "ok" else (label is None and status in ("illegal", "unparsable"))
    stated, said = read_stated(text, actions)
    assert set(stated) <= set(actions)
    assert len(set(stated)) == len(stated)
    assert bool(stated) == (said == "ok")
    for found in (label, *stated):
        assert found is None or found.casefold() in text.casefold()


@given(ANY, st.sampled_from(COLOURS))
def test_an_appended_final_line_always_decides(noise: str, label: str) -> None:
    noise = re.sub(r"[<>:：﹕︓∶]", "", noise)  # "not:" and "they say:" introduce what is meant by nobody
    assert read_action(f"{noise}\nACTION={label}", COLOURS) == (label, "ok")
    assert read_stated(f"{noise}\nBEST={label}", COLOURS) == ((label,), "ok")


@given(st.dictionaries(st.sampled_from(COLOURS), st.floats(-99, 99).map(lambda x: round(x, 2)), min_size=1))
def test_values_are_ranked_as_numbers(values: dict[str, float]) -> None:
    for joiner in (", ", "\n", "; ", " "):
        block = joiner.join(f"{a} = {v}" for a, v in values.items())
        top = max(values.values())
        expected = tuple(a for a in COLOURS if values.get(a) == top)
        assert read_stated(f"<ucb_values>{block}</ucb_values>", COLOURS) == (expected, "ok")


def test_a_quoted_line_of_the_history_is_no_action() -> None:
    quoted = "I see Step=3 Action=Teal Reward=0.50\nStep=5 Action=Blue Reward=0.52\nso the bonus is sqrt("
    assert read_action(quoted, ("Blue", "Teal")) == (None, "unparsable")
    assert read_action(quoted + "\nACTION=Teal", ("Blue", "Teal")) == ("Teal", "ok")


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
    task = aiw()
    assert read_answer(text, task.situation(task.start(0))) == (number, "ok")
