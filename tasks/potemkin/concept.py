"""Concepts: each has a definition with wrong rivals, a text format, and a program that recognises instances.

A *form* is a documented way to write a value as text (a game, an edge list, lines of verse). Its units are payoffs,
edges or words, and an edit is measured in units. A *concept* is a test of such values, with a generator of instances.
A near miss is an instance with one unit changed so that the test fails. So classify cannot be answered from the look of
the text, and every edit question has a solution with one change. The constraints of `generate` are taken from a hidden
instance, so every question has an answer, and a memorised example is not one.

Invariants: parsers never guess. A text that is not in the form is not an instance, whatever it means; markdown fences,
quotes and spaces around it do not count. All values are tuples, strings and integers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from numpy.random import Generator

_PATIENCE = 400


@dataclass(frozen=True, slots=True)
class Constraint:
    """One condition on a generated value: in words, and as a test."""

    words: str
    holds: Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class TextFormat:
    """How values are written as text.

    Args:
        words: the format, as the agent reads it.
        unit: what an edit changes, such as "payoff".
        parse: text -> value, or None where the text is not in the form.
        write: value -> text; `parse(write(v)) == v`.
        units: the value's units; the distance of two values is how many must be changed, added or removed.
        mutate: the value with one random unit changed, added or removed.
        constraints: conditions that a given value satisfies.
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
            removed, added = Counter(one) - Counter(other), Counter(other) - Counter(one)
            return max(removed.total(), added.total())
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
        title: an instance, as a question names it: "a zero-sum game".
        domain: "games", "text" or "maths".
        definition: the right one.
        wrong: plausible wrong definitions, at least three.
        test: whether a value of the form is an instance.
        sample: a random instance.
        note: conventions needed to read the form, part of every question of use.
        changes: how many units an edit may change.
        robust: after most single changes an instance is still one, so breaking it takes understanding, and edit
            questions ask for that too. Elsewhere almost any change breaks it, and edit only asks to make an instance.
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
        """An instance, and a near miss that differs from it by one change."""
        while True:
            value = self.sample(rng)
            for _ in range(_PATIENCE):
                near = self.form.mutate(rng, value)
                # The text must parse to the same value; one with an emptied line does not.
                if near is not None and not self.test(near) and self.form.parse(self.form.write(near)) == near:
                    return self.form.write(value), self.form.write(near)

    def instance(self, rng: Generator) -> str:
        """A random instance as text."""
        return self.form.write(self.sample(rng))

    def near_miss(self, rng: Generator) -> str:
        """A text in the form that one change makes an instance, and that is none."""
        return self.pair(rng)[1]

    def constraints(self, rng: Generator) -> tuple[tuple[Constraint, ...], str]:
        """Constraints on a generated instance, and a hidden instance that satisfies them."""
        value = self.sample(rng)
        return self.form.constraints(rng, value), self.form.write(value)

    def satisfies(self, text: str, constraints: tuple[Constraint, ...]) -> bool:
        """Whether a text is an instance that satisfies all the demands."""
        value = self.form.parse(text)
        return value is not None and self.test(value) and all(d.holds(value) for d in constraints)

    def is_valid_edit(self, text: str, answer: str, into_instance: bool) -> bool:
        """Whether `answer` is `text`, changed within the limit, so that it is (or is not) an instance."""
        before, after = self.form.parse(text), self.form.parse(answer)
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
    """A random item of a sequence."""
    return among[int(rng.integers(len(among)))]


def draw_until(rng: Generator, draw: Callable[[Generator], Any], test: Callable[[Any], bool]) -> Any:
    """Draw until the test holds."""
    while True:
        value = draw(rng)
        if test(value):
            return value
