"""What a concept is: a definition with its rivals, a text format, and a program that says which texts are instances.

A *form* is a documented way to write a value as text (a game, an edge list, lines of verse) with its units (payoffs,
edges, words): an edit is measured in units. A *concept* is a test of such values, with a generator of instances.
A near miss is an instance with one unit changed so that the test fails, so classify cannot be answered by the look of
the text, and every edit question has a solution with one change. What `generate` demands is read off a hidden
instance: every question has an answer, and an example learned by heart is none.

Invariants: parsers never guess: a text that is not in the form is no instance, whatever it means; markdown fences,
quotes and spaces around it do not count. All values are tuples, strings and integers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from numpy.random import Generator

__all__ = ["Concept", "Constraint", "TextFormat", "strip_markup", "pick", "draw_until"]

_PATIENCE = 400


@dataclass(frozen=True, slots=True)
class Constraint:
    """One condition on a generated value: in words, and as a test."""

    words: str
    holds: Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class TextFormat:
    """How values are written.

    Args:
        words: the format, as told to the agent.
        unit: what an edit changes, such as "payoff".
        parse: text -> value, or None where the text is not in the form.
        write: value -> text; `parse(write(v)) == v`.
        units: the value's units; two values differ by as many as must be changed, added or removed.
        mutate: the value with one random unit changed, added or removed.
        demands: conditions read off a value, which it satisfies.
        ordered: units are compared in their order (edit distance), not as a multiset.
        fixed: units can only be changed, not added or removed.
    """

    words: str
    unit: str
    parse: Callable[[str], Any]
    write: Callable[[Any], str]
    units: Callable[[Any], tuple[Any, ...]]
    mutate: Callable[[Generator, Any], Any]
    constraints: Callable[[Generator, Any], tuple[Constraint, ...]]
    ordered: bool = False
    fixed: bool = False

    def distance(self, a: Any, b: Any) -> int:
        """How many units must be changed, added or removed to make `b` of `a`."""
        one, other = self.units(a), self.units(b)
        if not self.ordered:
            lost, won = Counter(one) - Counter(other), Counter(other) - Counter(one)
            return max(lost.total(), won.total())
        row = list(range(len(other) + 1))
        for i, x in enumerate(one, start=1):
            corner, row[0] = row[0], i
            for j, y in enumerate(other, start=1):
                corner, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, corner + (x != y))
        return row[-1]

    def limit(self, changes: int) -> str:
        """The edit constraint in words."""
        verb = "Change" if self.fixed else "Change, add or remove"
        return f"{verb} at most {'one' if changes == 1 else changes} {self.unit}{'' if changes == 1 else 's'}."


@dataclass(frozen=True, slots=True)
class Concept:
    """A concept that a program can grade.

    Args:
        name: identifier, as in `item` and in options.
        title: how a question calls an instance: "a zero-sum game".
        domain: "games", "text" or "maths".
        definition: the right one; `wrong`: plausible wrong ones, at least three.
        test: whether a value of the form is an instance.
        sample: a random instance.
        note: conventions needed to read the form, told with every question of use.
        changes: how many units an edit may change.
        robust: most single changes leave an instance one, so that spoiling it takes understanding: edit questions ask
            for it too. Elsewhere almost any change spoils, and edit only asks to make an instance.
    """

    name: str
    title: str
    domain: str
    definition: str
    wrong: tuple[str, ...]
    form: TextFormat
    test: Callable[[Any], bool]
    sample: Callable[[Generator], Any]
    note: str = ""
    changes: int = 1
    robust: bool = False

    def is_instance(self, text: str) -> bool:
        """Whether a text is in the form and is an instance."""
        value = self.form.parse(text)
        return value is not None and self.test(value)

    def pair(self, rng: Generator) -> tuple[str, str]:
        """An instance, and a near miss that one change makes of it."""
        while True:
            value = self.sample(rng)
            for _ in range(_PATIENCE):
                near = self.form.mutate(rng, value)
                # What is written must be readable again: an emptied line is not.
                if near is not None and not self.test(near) and self.form.parse(self.form.write(near)) == near:
                    return self.form.write(value), self.form.write(near)

    def instance(self, rng: Generator) -> str:
        """A random instance as text."""
        return self.form.write(self.sample(rng))

    def near_miss(self, rng: Generator) -> str:
        """A text in the form that one change makes an instance, and that is none."""
        return self.pair(rng)[1]

    def constraints(self, rng: Generator) -> tuple[tuple[Constraint, ...], str]:
        """What a generated instance must satisfy, and a hidden instance that does."""
        value = self.sample(rng)
        return self.form.constraints(rng, value), self.form.write(value)

    def satisfies(self, text: str, constraints: tuple[Constraint, ...]) -> bool:
        """Whether a text is an instance that satisfies all the demands."""
        value = self.form.parse(text)
        return value is not None and self.test(value) and all(d.holds(value) for d in constraints)

    def is_valid_edit(self, given: str, answer: str, into_instance: bool) -> bool:
        """Whether `answer` is `given`, changed within the limit, so that it is (or is not) an instance."""
        before, after = self.form.parse(given), self.form.parse(answer)
        if before is None or after is None:
            return False
        return self.test(after) == into_instance and 0 < self.form.distance(before, after) <= self.changes


_DASHES = str.maketrans({"\N{MINUS SIGN}": "-", "\N{EM DASH}": "-", "\N{EN DASH}": "-"})


def strip_markup(text: str) -> str:
    """A text without markdown fences, and its lines without quotes, emphasis and spaces around them."""
    lines = text.strip().translate(_DASHES).splitlines()
    fences = [i for i, line in enumerate(lines) if line.strip().startswith(("```", "~~~"))]
    if len(fences) >= 2:
        lines = lines[fences[0] + 1 : fences[1]]
    kept = (line.strip(" \t\r*`\"'“”‘’") for line in lines if set(line.strip()) != {"-"})
    return "\n".join(kept).strip().removesuffix(".")


def pick(rng: Generator, among: Any) -> Any:
    """One of a sequence's items, as it is."""
    return among[int(rng.integers(len(among)))]


def draw_until(rng: Generator, draw: Callable[[Generator], Any], test: Callable[[Any], bool]) -> Any:
    """Draw until the test holds."""
    while True:
        value = draw(rng)
        if test(value):
            return value
