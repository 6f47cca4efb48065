"""Potemkin understanding: define a concept, then use it (Mancoridis et al. 2025, 2506.21521), on an own open set.

One episode is one concept; the concepts come in an order that is drawn anew each time all were asked about. Its first
question is the keystone, a multiple choice of definitions. It is a *probe*, so the records of the uses after it say
whether it was answered right. The uses are *classify* (instance or near miss: yes or no), *generate* (an instance under
constraints) and *edit* (change a text within a limit so that it becomes an instance or, where that is not too easy,
stops being one). The concept's program grades open answers into "right" and "wrong".

`PotemkinIncoherence` asks for an instance or a non-instance, then shows the answer and asks whether it is one. Right is
the label that agrees with the request, whatever the truth. Both tasks decide by a fair coin between instance and
non-instance, so always answering yes is right half of the time.

Invariants: every question is a function of (seed, concept, use), drawn from a stream of that name, so leaving out a use
changes no other question. Only the first question shows a definition.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from ...errors import BadOption, UnknownName
from ...records import Oracle, Situation
from ...rng import named_rng
from ..base import FieldOptions, action_index, named_task
from .concept import Concept, Constraint
from .concepts_games import GAMES
from .concepts_numbers import NUMBERS
from .concepts_structures import STRUCTURES
from .concepts_text import TEXT

CONCEPTS: dict[str, Concept] = {c.name: c for c in (*GAMES, *TEXT, *NUMBERS, *STRUCTURES)}
DOMAINS = tuple(dict.fromkeys(c.domain for c in CONCEPTS.values()))
USES = ("classify", "generate", "edit")
LETTERS = ("A", "B", "C", "D")
YES_NO = ("yes", "no")
RIGHT, WRONG = "right", "wrong"


@dataclass(frozen=True, slots=True)
class PotemkinState:
    """A point of an episode: the concept, the number of questions so far, and the last answer where it is needed."""

    seed: int
    concept: str
    turn: int = 0
    last_answer: str = ""


@dataclass(frozen=True, slots=True)
class _Question:
    """One question with its grading. `actions` is empty where the answer is open."""

    use: str
    ask: str
    observation: str = ""
    actions: tuple[str, ...] = ()
    optimal: str = RIGHT
    constraints: tuple[Constraint, ...] = ()
    text: str = ""
    wanted: bool = True
    solution: str = ""


@dataclass(frozen=True)
class _Episode(FieldOptions):
    """The common part of both tasks: the concepts, the course of an episode, and the grading of answers."""

    domain: str | None = None
    concepts: tuple[str, ...] | None = None
    name = ""

    @property
    def uses(self) -> tuple[str, ...]:
        """The questions of an episode, in order."""
        raise NotImplementedError

    def item(self, seed: int) -> str:
        """The concept: the published rates have one keystone question per concept, and every use counts under it."""
        names = [n for n in self.concepts or CONCEPTS if self.domain in (None, CONCEPTS[n].domain)]
        turn, place = divmod(seed, len(names))
        return names[int(named_rng(turn, "potemkin", "concepts").permutation(len(names))[place])]

    def start(self, seed: int) -> PotemkinState:
        return PotemkinState(seed, self.item(seed))

    def situation(self, state: PotemkinState) -> Situation:
        question, concept = self._question(state), CONCEPTS[state.concept]
        return Situation(
            task=self.name,
            step=state.turn,
            horizon=len(self.uses),
            instruction="You are asked about a concept. Read the question and answer it exactly as it asks.",
            observation=question.observation,
            actions=question.actions,
            noun="answer",
            shows=(),
            question=question.ask,
            answer="action" if question.actions else "text",
            item=f"{concept.name}/{question.use}",
            probe="define" if question.use == "define" else "",
        )

    def oracle(self, state: PotemkinState) -> Oracle:
        question = self._question(state)
        labels = question.actions or (RIGHT, WRONG)
        return Oracle(
            optimal=(question.optimal,),
            greedy=(),
            values={a: float(a == question.optimal) for a in labels},
            regret={a: float(a != question.optimal) for a in labels},
            forfeit=1.0,
            untried=(),
            rule="own request" if question.use == "label" else "definition",
        )

    def grade(self, state: PotemkinState, answer: str) -> str:
        """The label of an answer: the choice itself, or "right" or "wrong" for an open one."""
        question, concept = self._question(state), CONCEPTS[state.concept]
        if question.actions:
            return answer
        if question.use == "edit":
            fine = concept.is_valid_edit(question.text, answer, question.wanted)
        elif question.use == "generate":
            fine = concept.satisfies(answer, question.constraints)
        else:
            value = concept.form.parse(answer)
            fine = value is not None and concept.test(value) == question.wanted
        return RIGHT if fine else WRONG

    def solution(self, state: PotemkinState) -> str:
        """An answer that is right here: every question has one."""
        question = self._question(state)
        return question.optimal if question.actions else question.solution

    def step(self, state: PotemkinState, action: str) -> tuple[PotemkinState, float, bool]:
        question = self._question(state)
        if question.actions:
            action_index(action, question.actions)
        after = replace(state, turn=state.turn + 1, last_answer=action if question.use == "produce" else "")
        return after, float(self.grade(state, action) == question.optimal), after.turn >= len(self.uses)

    def forfeit(self, state: PotemkinState) -> tuple[PotemkinState, bool]:
        use = self._question(state).use
        after = replace(state, turn=state.turn + 1, last_answer="")
        return after, use == "produce" or after.turn >= len(self.uses)

    def _question(self, state: PotemkinState) -> _Question:
        if not 0 <= state.turn < len(self.uses):
            raise BadOption("the episode is over", f"all {len(self.uses)} questions were asked")
        return _make_question(state.seed, state.concept, self.uses[state.turn], state.last_answer)


@dataclass(frozen=True)
class Potemkin(_Episode):
    """The task "potemkin"; build it with `potemkin(...)`, which checks its options."""

    tasks: tuple[str, ...] = USES
    name = "potemkin"

    @property
    def uses(self) -> tuple[str, ...]:
        return ("define", *self.tasks)


@dataclass(frozen=True)
class PotemkinIncoherence(_Episode):
    """The task "potemkin_incoherence"; build it with `potemkin_incoherence(...)`, which checks its options."""

    name = "potemkin_incoherence"

    @property
    def uses(self) -> tuple[str, ...]:
        return ("produce", "label")


@lru_cache(maxsize=1024)  # a step needs its question several times
def _make_question(seed: int, name: str, use: str, last_answer: str) -> _Question:
    concept = CONCEPTS[name]
    rng = named_rng(seed, "potemkin", name, "produce" if use == "label" else use)
    form = f"Write it as {concept.form.words}."
    note = f" {concept.note}" if concept.note else ""
    if use == "define":
        options = [concept.definition, *(concept.wrong[i] for i in rng.permutation(len(concept.wrong))[:3])]
        order = [int(i) for i in rng.permutation(len(options))]
        shown = "\n".join(f"{a}: {options[i]}" for a, i in zip(LETTERS, order, strict=True))
        ask = f"Which of these says best what makes {concept.title}?"
        return _Question(use, ask, shown, LETTERS, LETTERS[order.index(0)])
    if use == "classify":
        yes = bool(rng.random() < 0.5)
        instance, near = concept.pair(rng)
        shown = f"The text is to be read as {concept.form.words}.{note}\n\nText:\n{instance if yes else near}"
        return _Question(use, f"Is the text {concept.title}? Answer yes or no.", shown, YES_NO, YES_NO[not yes])
    if use == "generate":
        constraints, hidden = concept.constraints(rng)
        listed = "\n".join(f"- {d.words}" for d in constraints)
        ask = f"Give {concept.title} that meets all conditions. {form}{note} Your answer is that text and nothing else."
        return _Question(use, ask, f"Conditions:\n{listed}", constraints=constraints, solution=hidden)
    wanted = bool(rng.random() < 0.5)
    instance, near = concept.pair(rng)
    if use == "edit":
        wanted = wanted or not concept.robust
        text, solution = (near, instance) if wanted else (instance, near)
        goal = f"it becomes {concept.title}" if wanted else f"it is no longer {concept.title}"
        ask = f"Change the text so that {goal}. {concept.form.limit(concept.changes)} {form}{note} "
        ask += "Your answer is the whole changed text and nothing else."
        return _Question(use, ask, f"Text:\n{text}", text=text, wanted=wanted, solution=solution)
    if use == "produce":
        ask = f"Give a text that {'is' if wanted else 'looks like, but is not,'} {concept.title}. {form}{note} "
        ask += "Your answer is that text and nothing else."
        return _Question(use, ask, wanted=wanted, solution=instance if wanted else near)
    shown = f"The text is to be read as {concept.form.words}.{note}\n\nText:\n{last_answer}"
    return _Question("label", f"Is the text {concept.title}? Answer yes or no.", shown, YES_NO, YES_NO[not wanted])


@named_task("potemkin", "Mancoridis et al. 2025 (2506.21521), on an own open set")
def potemkin(tasks: Sequence[str] = USES, domain: str | None = None, concepts: Sequence[str] | None = None) -> Potemkin:
    """Potemkin understanding: define a concept, then classify, generate and edit, graded by program.

    Args:
        tasks: the uses that follow the definition, in this order: "classify", "generate", "edit".
        domain: only concepts of "games", "text" or "maths".
        concepts: only these concepts.

    Raises:
        BadOption, UnknownName: an option is out of range or unknown.
    """
    if isinstance(tasks, str) or not isinstance(tasks, Sequence) or not tasks:
        raise BadOption(f"tasks is {tasks!r}", remedy=f"Use a list of some of {', '.join(USES)}.")
    for use in tasks:
        if use not in USES:
            raise UnknownName.among("potemkin task", str(use), USES)
    if len(set(tasks)) < len(tasks):
        raise BadOption("a potemkin task is named twice", remedy="Name each use once.")
    return Potemkin(*_chosen(domain, concepts), tuple(tasks))


@named_task("potemkin_incoherence", "Mancoridis et al. 2025 (2506.21521), on an own open set")
def potemkin_incoherence(domain: str | None = None, concepts: Sequence[str] | None = None) -> PotemkinIncoherence:
    """Potemkin incoherence: give an instance or a non-instance of a concept, then label that answer.

    Args:
        domain: only concepts of "games", "text" or "maths".
        concepts: only these concepts.

    Raises:
        BadOption, UnknownName: an option is out of range or unknown.
    """
    return PotemkinIncoherence(*_chosen(domain, concepts))


def _chosen(domain: str | None, concepts: Sequence[str] | None) -> tuple[str | None, tuple[str, ...] | None]:
    if domain is not None and domain not in DOMAINS:
        raise UnknownName.among("domain of concepts", str(domain), DOMAINS)
    if concepts is None:
        return domain, None
    if isinstance(concepts, str) or not isinstance(concepts, Sequence) or not concepts:
        raise BadOption(f"concepts is {concepts!r}", remedy="Use a list of names of concepts.")
    for name in concepts:
        if not isinstance(name, str) or name not in CONCEPTS:
            raise UnknownName.among("concept", str(name), CONCEPTS)
    if len(set(concepts)) < len(concepts):
        raise BadOption("a concept is named twice", remedy="Name each concept once.")
    if not any(domain in (None, CONCEPTS[name].domain) for name in concepts):
        raise BadOption(f"no chosen concept is of the domain {domain!r}", remedy="Leave out one of the two options.")
    return domain, tuple(concepts)
