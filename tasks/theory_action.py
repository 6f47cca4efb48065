"""Theory against action: does it know the rule, and does it act by it in an instance?

Rules of games, statistics and economics that a program can apply. An episode is one rule. Its first question is a
*probe*: which of four sentences states the rule. Then come instances with drawn numbers, in which somebody has to be
advised and nothing names the rule; the option that the rule selects is computed. Right on the probe and wrong on an
instance is the gap. The pairs follow the theory-application domain of the Words and Deeds test (Xu et al. 2025,
2503.07003); rules, texts and numbers are our own.

Invariants: an instance is a function of (rule, its number), one of `INSTANCES`; the seed draws which one, and the
order of the options. The key is exact, and no option ties. The item is the rule: one sentence for all its uses.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from ..errors import BadOption
from ..options import whole
from ..records import Oracle, Situation
from ..rng import named_rng
from ..solvers import SOLVERS, ReadPrompt, paragraphs
from .base import FieldOptions, action_index, named_task
from .theory_rules import DOMAINS_OF_THEORY, THEORIES, Instance, Theory

INSTANCES = 40
LETTERS = ("A", "B", "C", "D")
_OPTION = re.compile(r"^([A-D]): (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class TheoryState:
    """A point of an episode: the rule, and how many questions were asked, the probe among them."""

    seed: int
    theory: int
    turn: int = 0


@dataclass(frozen=True)
class TheoryAction(FieldOptions):
    """The task; see the module's docstring. Build it with `theory_action(...)`, which checks its options."""

    instances: int = 2
    domain: str | None = None
    name = "theory_action"

    @property
    def max_decisions(self) -> int:
        return 1 + self.instances

    def item(self, seed: int) -> str:
        return THEORIES[self._place(seed)].name

    def _place(self, seed: int) -> int:
        here = [i for i, rule in enumerate(THEORIES) if self.domain in (None, rule.domain)]
        turn, place = divmod(seed, len(here))
        return here[int(named_rng(turn, "theory_action", "order").permutation(len(here))[place])]

    def start(self, seed: int) -> TheoryState:
        return TheoryState(seed, self._place(seed))

    def situation(self, state: TheoryState) -> Situation:
        theory, asked = THEORIES[state.theory], self._asked(state)
        probe = state.turn == 0
        letters = LETTERS[: len(asked.options)]
        shown = "\n".join(f"{a}: {asked.options[i]}" for a, i in zip(letters, self._order(state), strict=True))
        return Situation(
            task=self.name,
            step=state.turn,
            horizon=1 + self.instances,
            instruction="Answer the question." if probe else "Somebody needs a decision from you.",
            observation=f"{asked.text}\n\n{shown}",
            actions=letters,
            noun="option",
            shows=(),
            question="Which sentence is right?" if probe else "Which option do you take?",
            item=f"{theory.name}/{'theory' if probe else 'action'}",
            probe="theory" if probe else "",
        )

    def oracle(self, state: TheoryState) -> Oracle:
        order = self._order(state)
        right = LETTERS[order.index(0)]  # the first option is the right one
        worth = {a: float(a == right) for a in LETTERS[: len(order)]}
        return Oracle((right,), (), dict(worth), {a: 1 - v for a, v in worth.items()}, 1.0, (), "rule")

    def step(self, state: TheoryState, action: str) -> tuple[TheoryState, float, bool]:
        action_index(action, LETTERS[: len(self._asked(state).options)])
        after, over = self.forfeit(state)
        return after, float(action in self.oracle(state).optimal), over

    def forfeit(self, state: TheoryState) -> tuple[TheoryState, bool]:
        self._asked(state)
        after = replace(state, turn=state.turn + 1)
        return after, after.turn > self.instances

    def _asked(self, state: TheoryState) -> Instance:
        if state.turn > self.instances:
            raise BadOption("the episode is over", "all its questions were asked")
        theory = THEORIES[state.theory]
        if state.turn == 0:
            return theory.probe
        drawn = named_rng(state.seed, "theory_action", "instances").permutation(INSTANCES)
        return _instance(state.theory, int(drawn[state.turn - 1]))

    def _order(self, state: TheoryState) -> list[int]:
        size = len(self._asked(state).options)
        return [int(i) for i in named_rng(state.seed, "theory_action", "options", state.turn).permutation(size)]


@lru_cache(maxsize=4096)
def _instance(theory: int, number: int) -> Instance:
    rule: Theory = THEORIES[theory]
    return rule.make(named_rng(number, "theory_action", rule.name))


@named_task("theory_action", "Xu et al. 2025 (2503.07003), with own items")
def theory_action(instances: int = 2, domain: str | None = None) -> TheoryAction:
    """Theory against action: name a rule of games, statistics or economics, then decide instances of it.

    Args:
        instances: how many follow the question for the rule, from 1 to 10.
        domain: only rules of "games", "statistics" or "economics".

    Raises:
        BadOption: an option is out of range.
    """
    whole("instances", instances, 1, 10)
    if domain is not None and domain not in DOMAINS_OF_THEORY:
        raise BadOption(f"domain is {domain!r}", remedy=f"Use one of {', '.join(DOMAINS_OF_THEORY)}.")
    return TheoryAction(instances, domain)


@lru_cache(maxsize=1)
def _by_text() -> dict[str, Instance]:
    made = [_instance(t, n) for t in range(len(THEORIES)) for n in range(INSTANCES)]
    return {one.text: one for one in (*made, *(rule.probe for rule in THEORIES))}


def _solve(prompt: str) -> ReadPrompt | None:
    """What a simulated agent works out."""
    known: dict[str, Instance] = _by_text() if "\nA: " in prompt else {}
    asked = next((known[part] for part in paragraphs(prompt) if part in known), None)
    if asked is None:
        return None
    letters: Sequence[tuple[str, str]] = _OPTION.findall(prompt)
    right = tuple(letter for letter, text in letters if text == asked.options[0])
    wrong = tuple(letter for letter, _ in letters if letter not in right)
    return ReadPrompt(right, wrong, frame="act" if asked.numbers else "say") if right else None


SOLVERS["theory_action"] = _solve
