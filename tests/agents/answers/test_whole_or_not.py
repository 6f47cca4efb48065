"""Whatever stands around a label, the reading is that label or nothing; and no text takes long."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from akrasia.agents.answers import read_action, read_answer, read_recommendation, read_stated, unread_place
from akrasia.records import Situation, Status

COLOURS = ("Red", "Blue", "Green", "Violet")
LETTERS = tuple("ABCDEFGHIJ")
CALLS = ("move(x=1, y=[2])", "stop()", "go")
SETS = st.sampled_from([COLOURS, LETTERS, CALLS, ("yes", "no"), ("Alien", "Alien 3"), ("0", "4", "8")])
DRESSES = (
    "{}",
    "**{}**",
    "`{}`",
    "_{}_",
    '"{}"',
    "\u201c{}\u201d",
    "[{}]",
    "({})",
    "<{}>",
    "\\boxed{{{}}}",
    "$\\text{{{}}}$",
    "\\mathbf{{{}}}",
    "{}.",
    "{}!",
    "\u200b{}\u200b",
    " {}\u3000",
    "the {}",
    "I choose {}",
    "option {}",
    "<b>{}</b>",
    "~~x~~ {}",
    "{}\r",
    "\u00ab{}\u00bb",
    "**{}**.",
)
FRAMES = (
    "ACTION={}",
    "**ACTION:** {}",
    "BEST={}\nACTION={}\nCONFIDENCE=80",
    "ACTION={} CONFIDENCE=80",
    "Step=3 Action={}",
    "<think>ACTION=x</think>\nACTION={}",
    "<action>{}</action>",
    "ACTION:\n{}",
    "So my final answer is ACTION={}",
)
WORDS = st.sampled_from(
    [
        "because",
        "it",
        "was",
        "never",
        "tried",
        "not",
        "or",
        "and",
        "if",
        "the",
        "best",
        "wait",
        "no",
        "but",
        "is",
        "wrong",
        "Red",
        "Blue",
        "A",
        "C",
        "I",
        "yes",
        "4",
        "8",
        "Alien",
        "3",
        "stop()",
        "(",
        ")",
        ",",
        ".",
        "?",
        "-",
        "\n",
        ":",
        "...",
        "weil",
        "\u56e0\u4e3a",
        "porque",
        "second",
        "than",
        "also",
        "maybe",
        "then",
        "0.7",
        "%",
        "unless",
        "says",
        "he",
    ]
)
OPINIONS = (
    "If only the mean counted, ",
    "I do not think that ",
    "The critic says that ",
    "Nobody believes ",
    "Before, ",
)


@given(SETS, st.data(), st.sampled_from(DRESSES), st.sampled_from(FRAMES))
def test_a_dressed_label_is_that_label_or_nothing(
    actions: tuple[str, ...], data: st.DataObject, dress: str, frame: str
) -> None:
    label = data.draw(st.sampled_from(actions))
    text = frame.replace("{}", dress.format(label))
    assert read_action(text, actions)[0] in (label, None)
    assert read_stated(text, actions)[0] in ((label,), ())


@pytest.mark.parametrize("dress", DRESSES)
def test_a_colour_is_read_in_every_dress(dress: str) -> None:
    assert read_action(f"ACTION={dress.format('Red')}", COLOURS) == ("Red", "ok")


@given(st.sampled_from(COLOURS), st.lists(WORDS, max_size=8).map(" ".join))
def test_a_remark_leaves_the_label_or_nothing_unless_it_corrects_it(label: str, remark: str) -> None:
    said = read_action(f"ACTION={label} {remark}", COLOURS)[0]
    corrects = any(word in remark for word in ("no", "wait", "or"))
    assert said in (label, None) or (corrects and said in COLOURS)


@given(st.lists(WORDS, max_size=10).map(" ".join), SETS)
def test_words_without_a_marker_do_nothing(words: str, actions: tuple[str, ...]) -> None:
    assert read_action(words, actions) == (None, "unparsable")


@pytest.mark.parametrize("opinion", OPINIONS)
def test_conditions_denials_and_opinions_of_others_state_nothing(opinion: str) -> None:
    assert read_stated(f"{opinion}the best button is Red.", COLOURS) == ((), "unparsable")


@given(st.sampled_from(COLOURS), st.sampled_from(COLOURS), st.sampled_from(["or", "and", "/", "&", "then", "oder"]))
def test_two_labels_are_no_action(one: str, other: str, joint: str) -> None:
    said = read_action(f"ACTION={one} {joint} {other}", COLOURS)[0]
    assert said is None or one == other == said


@given(st.text(max_size=80), SETS)
def test_any_value_gives_a_typed_outcome(value: str, actions: tuple[str, ...]) -> None:
    label, status = read_action(f"ACTION={value}", actions)
    assert (label in actions) == (status == "ok")
    situation = Situation("own", 0, 1, "", (), answer="number")
    number, ended = read_answer(f"ACTION={value}", situation)
    assert (number is not None) == (ended == "ok")


BIG = 250_000
HUGE = {
    "a line": "ACTION=Red because " + "x " * (BIG // 2),
    "blanks": "ACTION=" + " " * BIG,
    "lines": "ACTION=Red" + "\n" * BIG,
    "10,000 markers": "ACTION=Red " * 10_000,
    "turns of a user": "Question: a\n" * 20_000 + "Answer: 5",
    "an answer and turns": "ACTION=Red\n" + "Human: a\n" * 20_000,
    "lost line breaks": "Answer: 5 " + "  A" * 50_000,
    "denials": "ACTION=" + "not Red, " * 15_000,
    "options offered": "Option 1:\n" * 22_500 + "ACTION=Red",
    "conditions below": "ACTION=7\n" + "if a, " * 37_500,
    "markers in phrases": "x ACTION=Red " * 10_000,
    "nested brackets": "ACTION=" + "(" * BIG + "Red" + ")" * BIG,
    "nested quotes": "ACTION=" + "\"'" * BIG,
    "values": "<values>" * 25_000,
    "thoughts": "<think>" * 25_000,
    "closed thoughts": "</think>" * 25_000,
    "digits": "ACTION=" + "1" * BIG,
    "thousands": "ACTION=" + "1," * BIG,
    "equations": "ACTION=" + "1=" * BIG,
    "NUL": "ACTION=Red\0" * 22_500,
    "half surrogates": "ACTION=\ud83d" * 22_500,
    "zero-width": "\u200b" * BIG + "ACTION=Red",
    "boxes": "\\boxed{" * 25_000,
    "corrections": "ACTION=Red, " + "no, " * 50_000,
    "rules": "ACTION=Red\n" + "- \n" * 50_000,
    "sentences": "the best button is " * 12_500,
    "headings": "### Answer\n" * 22_500,
    "tables": "|" * BIG,
    "offers": "ACTION=Red\n" + "If you want, press " * 12_500,
    "another is right": "ACTION=Red\n" + "Blue is " * 30_000,
    "sums": "ACTION=7\n" + "1 + " * 62_500 + "= 8",
    "small boxes": "\\boxed{7}" * 25_000,
    "users": "User: ACTION=Red\n" * 12_500,
    "confidences": "ACTION=7 " + "confidence " * 22_500,
    "blanks before a share": "ACTION=7" + " " * BIG + "9% sure",
    "East Asian signs": "ACTION=Red" + "\u6309\u94ae" * (BIG // 2),
    "reasons": "ACTION=Red\uff08" + "\u5e73" * BIG + "\u305f\u3081",
    "fences": "ACTION=" + "```\n" * 50_000,
    "pairs": "ACTION=" + "a: 7, " * 37_500,
}


@pytest.mark.parametrize("name", HUGE)
def test_a_huge_answer_takes_bounded_time(name: str) -> None:
    text = HUGE[name]
    statuses: set[Status] = {"ok", "illegal", "unparsable", "truncated"}
    for answer, actions in (("action", COLOURS), ("number", ()), ("text", ())):
        situation = Situation("own", 0, 1, "", actions, answer=answer)  # type: ignore[arg-type]
        begin = time.process_time()
        assert read_answer(text, situation)[1] in statuses
        assert read_recommendation(text, situation)[1] in statuses
        assert time.process_time() - begin < 3  # a quadratic pattern takes minutes


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("Red it is", "no final ACTION="),
        ("ACTION=", "nothing stands behind"),
        ("ACTION=Red if it pays", "not understood from 'if it pays'"),
        ("<think>ACTION=Red", "inside its thought"),
        ("ACTION=Red\nWait, no.", "taken back"),
        ("ACTION=Red", ""),
    ],
)
def test_the_place_where_understanding_stopped_is_said(text: str, place: str) -> None:
    said = unread_place(text, Situation("own", 0, 1, "", COLOURS))
    assert place in said and bool(said) == bool(place)


EAST = ("\u7ea2", "\u84dd", "\u7eff")  # red, blue, green


@pytest.mark.parametrize(
    ("said", "actions", "label"),
    [
        ("Red\u6309\u94ae", COLOURS, "Red"),
        ("\u9009\u62e9Red", COLOURS, "Red"),
        ("Red\u30dc\u30bf\u30f3", COLOURS, "Red"),
        ("Red\u3092\u62bc\u3057\u307e\u3059", COLOURS, "Red"),
        ("Red\u3092\u62bc\u3057\u307e\u305b\u3093", COLOURS, None),
        ("Red\u4ee5\u5916", COLOURS, None),
        ("\u4e0d\u9009Red", COLOURS, None),
        ("Red\u3001\u6b21\u306fBlue", COLOURS, None),
        ("C\u578b\u809d\u708e", LETTERS, None),
        ("\u7ef4\u751f\u7d20C", LETTERS, None),
        ("\u9009\u7ea2", EAST, "\u7ea2"),
        ("\u7ea2\uff0c\u56e0\u4e3a\u8fd8\u6ca1\u8bd5\u8fc7", EAST, "\u7ea2"),
        ("\u7ea2\uff0c\u5426\u5219\u84dd", EAST, None),
        ("\u7c89\u7ea2", EAST, None),
    ],
)
def test_labels_beside_east_asian_signs(said: str, actions: tuple[str, ...], label: str | None) -> None:
    assert read_action(f"ACTION={said}", actions)[0] == label


@pytest.mark.parametrize("said", ["f(x=1,y=[2])", "f( x = 1, y = [2] )", "`f(x=1, y=[2])`"])
def test_a_call_is_the_same_whatever_blanks_stand_around_its_signs(said: str) -> None:
    actions = ("f(x=1, y=[2])", "f(x=1, y=[3])", "g(a b)", "g( a b)")
    assert read_action(f"ACTION={said}", actions) == ("f(x=1, y=[2])", "ok")
    assert read_action("ACTION=g( a b)", actions)[0] == "g( a b)" != read_action("ACTION=g(a b)", actions)[0]
    assert read_action("ACTION=f(x=1, y=[2])[0]", actions)[0] is None


def test_a_letter_that_only_patterns_take_for_another_names_no_label() -> None:
    """`re.IGNORECASE` finds "Fire" in "Fıre", with a dotless i: no fold of it is a label."""
    labels = ("Fire", "Rest", "\u0130ce")
    for said in ("F\u0131re", "re\u017ft"):
        assert read_action(f"ACTION={said}", labels) == (None, "unparsable")
        assert read_action(f"ACTION=Fire\nMy choice is {said}", labels) == (None, "unparsable")
        assert read_stated(f"<values>\n{said} = 3\n\u0130ce = 2\n</values>", labels) == ((), "unparsable")
    assert read_action("ACTION=\u0130CE", labels) == ("\u0130ce", "ok")
    assert read_stated("<values>\n\u0130ce = 2\nFire = 1\n</values>", labels) == (("\u0130ce",), "ok")
