"""The families of Alice-in-Wonderland problems: stories, questions and right answers.

The wording of stories, questions and instructions is that of Nezhurina et al. 2024 (arXiv 2406.02061), taken in short
excerpts from `prompts.json` of the repository LAION-AI/AIW, Apache License 2.0; numbers in comments are its prompt ids.
Families that were published without easy questions have our own. The formulas are ours too; tests compare them with
every published prompt of these families that has a right answer. Three of those are slips: 594 and 595 say 7
where 593 and 596 tell the same story with the same numbers and say 6, and 772 says 9 for 9 sisters and Alice.

    family                numbers, in this order                                              right answer
    aiw, light, friends,  N of the other sex, M of Alice's                                    M + 1
    colleagues
    ext                   A sisters of Alice, B brothers of Bob                               B + 1
    circles               N men and M women around Alice, F women and G men around Bob        M + F - 1
    aiw_plus              S sisters, B brothers, P nephews and nieces of an aunt, Q of an     (P - C) + (Q - C) + K
                          uncle, K children of that uncle; C = S + B + 1 children with Alice

The *shallow* answer of each is the slip that the papers describe: Alice herself is forgotten (in `ext`: Bob).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import product

Numbers = tuple[int, ...]
VARIATIONS = 6
ORDER_TURNED = (2, 3, 6)  # the variations that name Alice's own sex first

_FORM = 'the final answer in following form: "### Answer: ".'
_CHECK = "double check the path to the correct solution for any mistakes. Provide then " + _FORM
WORDINGS = {
    "standard": f"Solve this problem and provide {_FORM}",
    "thinking": f"Before providing answer to this problem, think carefully and {_CHECK}",
    "thinking_v2": f"Before providing answer to this problem, think carefully step by step and {_CHECK}",
    "restricted": "To answer the question, DO NOT OUTPUT ANY TEXT EXCEPT following format that contains final answer: "
    '"### Answer: ".',
}


@dataclass(frozen=True)
class AiwQuestion:
    """A question about a story, and its right answer as a function of the story's numbers."""

    name: str
    text: str
    answer: Callable[[Numbers], int]


@dataclass(frozen=True)
class Family:
    """One kind of story with its question and its easy questions (AIW Light).

    Attributes:
        story: (numbers, variation, whether Alice is said to be female) -> text.
        problem: the hard question.
        shallow: its answer where the person herself is forgotten.
        light: easy questions about the same story: the facts that the hard one needs.
        published: the numbers of variations 1 to 6.
        slips: answers of other wrong rules; numbers are only drawn if the right answer differs from all of them.
        ranges: per number, the values that may be drawn.
        boost: whether there is a version that says that Alice is female.
    """

    story: Callable[[Numbers, int, bool], str]
    problem: AiwQuestion
    shallow: Callable[[Numbers], int]
    light: tuple[AiwQuestion, ...]
    published: tuple[Numbers, ...]
    slips: Callable[[Numbers], tuple[int, ...]]
    ranges: tuple[range, ...]
    boost: bool = True


@cache
def drawable_numbers(problem: str) -> tuple[Numbers, ...]:
    """All numbers that may be drawn: they are not published, and no known wrong rule gives the right answer."""
    family = FAMILIES[problem]
    return tuple(
        n
        for n in product(*family.ranges)
        if n not in family.published
        and (problem != "aiw_plus" or min(n[2], n[3]) > n[0] + n[1] + 1)
        and family.problem.answer(n) not in (family.shallow(n), *family.slips(n))
    )


def plural(n: int, noun: str) -> str:
    """`1 brother`, `2 brothers`."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def _two(numbers: Numbers, variation: int, other: str, same: str) -> tuple[str, str]:
    """Both groups, in the order of the variation."""
    pair = plural(numbers[0], other), plural(numbers[1], same)
    return (pair[1], pair[0]) if variation in ORDER_TURNED else pair


def _aiw_story(numbers: Numbers, variation: int, female: bool) -> str:  # 55, 56, 63, 69, 457, 458; female 193, 197, ...
    first, second = _two(numbers, variation, "brother", "sister")
    return f"Alice {'is female and ' if female else ''}has {first} and she also has {second}."


def _ext_story(numbers: Numbers, variation: int, female: bool) -> str:  # 264, 266, 268, 270, 455, 456; female 407-410
    sisters, brothers = plural(numbers[0], "sister"), plural(numbers[1], "brother")
    if female:
        text = f"Alice is female and has {sisters}. Bob is male and has {brothers}."
    else:
        text = f"Alice has {sisters} and Bob has {brothers}."
    return f"Alice and Bob are sister and brother. {text}"


def _group_story(noun: str, bound: str) -> Callable[[Numbers, int, bool], str]:
    """Friends (577, 580-584; female 403-406) and colleagues (591)."""

    def story(numbers: Numbers, variation: int, female: bool) -> str:
        first, second = _two(numbers, variation, f"male {noun}", f"female {noun}")
        text = f"Alice {'is female who ' if female else ''}has {first} and she also has {second}."
        return f"{text} All mentioned persons are {noun}s {bound} each other and have no other {noun}s aside."

    return story


def _circles_story(numbers: Numbers, variation: int, female: bool) -> str:  # 637-642
    men, women, hers, his = numbers
    return (
        f"Alice has {plural(men, 'male colleague')} and she also has {plural(women, 'female colleague')} in total. All "
        "these mentioned persons in the circle around Alice are colleagues of each other. Bob has "
        f"{plural(hers, 'female colleague')} and {plural(his, 'male colleague')} in total. All these mentioned persons "
        "in the circle around Bob are colleagues of each other. The people in the circle around Bob do not have other "
        "colleagues aside - with the only exception of Matilda. She is colleague of Bob, being part of Bob's circle, "
        "and she is also colleague of Alice, being part of Alice's circle. All the mentioned persons have no "
        "colleagues beyond the already described group of people."
    )


def _plus_story(numbers: Numbers, variation: int, female: bool) -> str:  # 559-564
    sisters, brothers, aunts, uncles, children = numbers
    child = "daughter" if variation in (4, 6) else "son"
    return (
        f"Alice has {plural(sisters, 'sister')} and {plural(brothers, 'brother')} in total. Her mother has 2 brothers. "
        f"She also has 1 sister who does not have children and who has {aunts} nephews and nieces in total. Alice's "
        f"father has 2 sisters. He also has a brother who has {uncles} nephews and nieces in total, and who also has "
        f"{plural(children, child)}."
    )


def _pair_slips(n: Numbers) -> tuple[int, ...]:
    return (n[0], n[1], n[0] + 1, n[0] + n[1], n[0] + n[1] + 1)


def _circle_slips(n: Numbers) -> tuple[int, ...]:
    men, women, hers, his = n
    return (women, hers, women + 1, women + hers, women + hers + 1, women - 1, men, men + his, men + women, hers + his)


def _plus_slips(n: Numbers) -> tuple[int, ...]:
    sisters, brothers, aunts, uncles, children = n
    mother, father = aunts - sisters - brothers - 1, uncles - sisters - brothers - 1
    parts = (mother, father, children, mother + father, mother + children, father + children, sisters + brothers)
    return (*parts, aunts, uncles, aunts + uncles, aunts + uncles + children)


_PAIRS = ((3, 6), (4, 2), (1, 4), (4, 1), (2, 3), (3, 5))
_DRAWN_PAIRS = (range(2, 13), range(1, 13))


def _first(n: Numbers) -> int:
    return n[0]


def _second(n: Numbers) -> int:
    return n[1]


def _second_and_one(n: Numbers) -> int:
    return n[1] + 1


def _both(n: Numbers) -> int:
    return n[0] + n[1]


def _group(noun: str, bound: str) -> Family:
    return Family(
        story=_group_story(noun, bound),
        problem=AiwQuestion("asked", f"How many female {noun}s does male {noun} of Alice have?", _second_and_one),
        shallow=_second,
        light=(
            AiwQuestion(f"{noun}s", f"How many {noun}s does Alice have?", _both),
            AiwQuestion("males", f"How many male {noun}s does female {noun} of Alice have?", _first),
            AiwQuestion("females", "How many females are there in total?", _second_and_one),  # 359-362
        ),
        published=_PAIRS,
        slips=_pair_slips,
        ranges=_DRAWN_PAIRS,
    )


_AIW = Family(
    story=_aiw_story,
    problem=AiwQuestion("asked", "How many sisters does Alice's brother have?", _second_and_one),
    shallow=_second,
    light=(
        AiwQuestion("siblings", "How many siblings does Alice have?", _both),  # 277-280
        AiwQuestion("family", "How many brothers does Alice's sister have?", _first),  # 271-274
        AiwQuestion("girls", "How many girls are there in total?", _second_and_one),  # 343-346
    ),
    published=_PAIRS,
    slips=_pair_slips,
    ranges=_DRAWN_PAIRS,
)

FAMILIES: dict[str, Family] = {
    "aiw": _AIW,
    "light": _AIW,
    "aiw_plus": Family(
        story=_plus_story,
        problem=AiwQuestion(
            "asked", "How many cousins does Alice's sister have?", lambda n: n[2] + n[3] + n[4] - 2 * (n[0] + n[1] + 1)
        ),
        shallow=lambda n: n[2] + n[3] + n[4] - 2 * (n[0] + n[1]),
        light=(
            AiwQuestion("siblings", "How many siblings does Alice have?", _both),
            AiwQuestion("children", "How many children do Alice's parents have?", lambda n: n[0] + n[1] + 1),
            AiwQuestion(
                "mother's side",
                "How many cousins does Alice have on her mother's side?",
                lambda n: n[2] - n[0] - n[1] - 1,
            ),
        ),
        published=(
            (1, 1, 6, 5, 2),
            (2, 1, 6, 4, 1),
            (2, 1, 7, 5, 1),
            (1, 3, 6, 5, 1),
            (2, 1, 6, 5, 1),
            (1, 1, 6, 5, 1),
        ),
        slips=_plus_slips,
        ranges=(range(1, 4), range(1, 4), range(4, 13), range(4, 13), range(1, 4)),
        boost=False,
    ),
    "ext": Family(
        story=_ext_story,
        problem=AiwQuestion("asked", "How many brothers does Alice have?", _second_and_one),
        shallow=_second,
        light=(
            AiwQuestion("siblings", "How many siblings does Alice have?", lambda n: n[0] + n[1] + 1),  # 289-291
            AiwQuestion("sisters", "How many sisters does Alice's sister have?", _first),
            AiwQuestion("boys", "How many boys are there in total?", _second_and_one),
        ),
        published=((3, 6), (2, 2), (1, 4), (3, 1), (2, 3), (3, 5)),
        slips=_pair_slips,
        ranges=_DRAWN_PAIRS,
    ),
    "friends": _group("friend", "with"),
    "colleagues": _group("colleague", "of"),
    "circles": Family(
        story=_circles_story,
        problem=AiwQuestion("asked", "How many female colleagues does Matilda have?", lambda n: n[1] + n[2] - 1),
        shallow=lambda n: n[1] + n[2] - 2,
        light=(
            AiwQuestion("colleagues", "How many colleagues does Alice have?", _both),
            AiwQuestion("Bob's", "How many female colleagues does Bob have?", lambda n: n[2]),
            AiwQuestion(
                "females", "How many females are there in the circle around Alice, with Alice herself?", _second_and_one
            ),
        ),
        published=tuple((3, women, 2, 1) for women in (6, 2, 4, 1, 3, 5)),
        slips=_circle_slips,
        ranges=(range(2, 10), range(2, 10), range(3, 6), range(1, 4)),
        boost=False,
    ),
}
