"""Alice in Wonderland: a problem that a child solves, and easy questions that show whether its facts are understood.

One episode is one story. First come the Light questions about it (siblings in total, brothers of Alice's sister, girls
in total), as *probes* of what is known. Then comes the problem itself. Nezhurina et al. 2024 (arXiv 2406.02061);
`aiw_texts` holds the wording, the formulas and the licence of the quoted texts.

Invariants: stories, questions and numbers are functions of (options, seed) alone. The numbers of a story do not depend
on its wording, so wordings are compared on the same numbers. Drawn numbers are never published ones, and none of the
known wrong rules gives their right answer by accident.

The oracle's *greedy* set is the shallow answer of a reader who forgets Alice herself (M instead of M + 1; Bob in
`ext`). So the classes optimal, greedy and other mean: solved, forgot Alice, made another mistake.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..errors import BadOption
from ..options import flag, one_of, whole
from ..records import Oracle, Situation
from ..rng import named_rng
from .aiw_texts import FAMILIES, VARIATIONS, WORDINGS, AiwQuestion, Family, Numbers, drawable_numbers
from .base import FieldOptions, named_task
from .numbers import canonical_number

NUMBERS = ("published", "drawn")


@dataclass(frozen=True, slots=True)
class AIWState:
    """A point of an episode: the story, its numbers, and the number of questions so far."""

    seed: int
    variation: int
    numbers: Numbers
    turn: int = 0


@dataclass(frozen=True)
class AIW(FieldOptions):
    """An Alice-in-Wonderland problem; see the module's docstring. Build it with `aiw(...)`, which checks options."""

    problem: str = "aiw"
    variation: int | None = None
    wording: str = "standard"
    female_boost: bool = False
    numbers: str = "published"
    name = "aiw"

    def item(self, seed: int) -> str:
        """The story: its problem and variation. Numbers that are drawn anew do not make another story of it."""
        return self._story(self.problem, self._variation(seed))

    def start(self, seed: int) -> AIWState:
        variation = self._variation(seed)
        if self.numbers == "published":
            return AIWState(seed, variation, self._family.published[variation - 1])
        known = drawable_numbers(self.problem)
        story = "aiw" if self.problem == "light" else self.problem  # one story, whatever is asked about it
        return AIWState(seed, variation, known[int(named_rng(seed, "aiw", "numbers", story).integers(len(known)))])

    def situation(self, state: AIWState) -> Situation:
        question = self._question_at(state)
        easy = question is not self._family.problem
        return Situation(
            task=self.name,
            step=state.turn,
            horizon=len(self._questions),
            instruction=self._family.story(state.numbers, state.variation, self.female_boost),
            actions=(),
            noun="answer",
            shows=(),
            question=f"{question.text} {WORDINGS[self.wording]}",
            answer="number",
            item=self._item(state, question),
            probe=f"light: {question.name}" if easy and self.problem != "light" else "",
        )

    def oracle(self, state: AIWState) -> Oracle:
        question = self._question_at(state)
        right = str(question.answer(state.numbers))
        shallow = (str(self._family.shallow(state.numbers)),) if question is self._family.problem else ()
        return Oracle((right,), shallow, {right: 1.0}, {right: 0.0}, 1.0, (), "answer")

    def step(self, state: AIWState, action: str) -> tuple[AIWState, float, bool]:
        number = canonical_number(action)
        if number is None:
            raise BadOption(f"{action!r} is not a number", remedy="Answer with a number, such as 7.")
        right = number in self.oracle(state).optimal
        after, over = self.forfeit(state)
        return after, float(right), over

    def forfeit(self, state: AIWState) -> tuple[AIWState, bool]:
        self._question_at(state)
        after = replace(state, turn=state.turn + 1)
        return after, after.turn >= len(self._questions)

    @property
    def _family(self) -> Family:
        return FAMILIES[self.problem]

    @property
    def _questions(self) -> tuple[AiwQuestion, ...]:
        """The questions of an episode, in order."""
        return self._family.light if self.problem == "light" else (*self._family.light, self._family.problem)

    def _question_at(self, state: AIWState) -> AiwQuestion:
        if state.turn >= len(self._questions):
            raise BadOption("the episode is over", f"all {len(self._questions)} questions were asked")
        return self._questions[state.turn]

    def _variation(self, seed: int) -> int:
        return self.variation or 1 + seed % VARIATIONS

    def _item(self, state: AIWState, question: AiwQuestion) -> str:
        name = f"light {question.name}" if self.problem == "light" else self.problem
        return self._story(name, state.variation)

    def _story(self, name: str, variation: int) -> str:
        parts = [name, f"variation {variation}", self.wording]
        parts += ["female boost"] if self.female_boost else []
        parts += ["drawn"] if self.numbers == "drawn" else []
        return " ".join(parts)


@named_task("aiw", "Nezhurina et al. 2024 (2406.02061)")
def aiw(
    problem: str = "aiw",
    variation: int | None = None,
    wording: str = "standard",
    female_boost: bool = False,
    numbers: str = "published",
) -> AIW:
    """Alice in Wonderland: easy questions about a family, and a problem that needs the same facts.

    Args:
        problem: "aiw"; "light" (its easy questions alone, as questions in their own right); "aiw_plus" (cousins);
            "ext" (Alice and Bob both described); "friends", "colleagues", "circles" (the same set without a family).
        variation: 1 to 6; by default each in turn, by seed.
        wording: "standard", "thinking", "thinking_v2" (adds "step by step") or "restricted" (the answer and no more).
        female_boost: say that Alice is female; published for aiw, ext and friends, and refused for the other
            stories.
        numbers: "published", or "drawn" by seed, so that a memorised answer does not help. The variation then decides
            the order in which the story gives them.

    Raises:
        BadOption, UnknownName: an option is out of range or unknown.
    """
    for option, value, known in (("problem", problem, FAMILIES), ("wording", wording, WORDINGS)):
        one_of(f"aiw {option} option", value, known)
    one_of("aiw numbers option", numbers, NUMBERS)
    if variation is not None:
        whole("variation", variation, 1, VARIATIONS, remedy=f"Use a whole number from 1 to {VARIATIONS}, or none.")
    flag("female_boost", female_boost)
    if female_boost and not FAMILIES[problem].boost:
        able = ", ".join(name for name, family in FAMILIES.items() if family.boost)
        raise BadOption(f"{problem!r} has no version with female_boost", remedy=f"Use it with {able}.")
    return AIW(problem, variation, wording, female_boost, numbers)
