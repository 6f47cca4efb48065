"""Concepts of numbers and sequences. A value is an integer or a tuple of integers."""

from __future__ import annotations

import re
from itertools import combinations
from math import gcd, isqrt

from numpy.random import Generator

from .concept import Concept, Constraint, TextFormat, draw_until, pick, strip_markup


def _parse_number(text: str) -> int | None:
    stripped = strip_markup(text).rstrip(".")
    return (
        int(stripped)
        if re.fullmatch(r"[0-9]{1,9}", stripped) and not (len(stripped) > 1 and stripped[0] == "0")
        else None
    )


def _mutate_number(rng: Generator, n: int) -> int | None:
    digits = str(n)
    i = int(rng.integers(len(digits)))
    new = digits[:i] + pick(rng, [c for c in "0123456789" if c != digits[i]]) + digits[i + 1 :]
    return int(new) if new[0] != "0" else None


def _number_constraints(rng: Generator, n: int) -> tuple[Constraint, ...]:
    low, high = n - int(rng.integers(3, 25)), n + int(rng.integers(3, 25))
    return (
        Constraint(f"greater than {low}", lambda v: v > low),
        Constraint(f"less than {high}", lambda v: v < high),
        Constraint(f"its last digit is {n % 10}", lambda v: v % 10 == n % 10),
    )


def _parse_list(text: str) -> tuple[int, ...] | None:
    stripped = strip_markup(text).replace("−", "-").strip("()[] .")
    if not re.fullmatch(r"[+-]?\d{1,9}(?:\s*,\s*[+-]?\d{1,9})+", stripped):
        return None
    return tuple(int(part) for part in stripped.split(","))


def _mutate_list(rng: Generator, numbers: tuple[int, ...]) -> tuple[int, ...]:
    i = int(rng.integers(len(numbers)))
    return (*numbers[:i], numbers[i] + int(pick(rng, (-3, -2, -1, 1, 2, 3))), *numbers[i + 1 :])


def _list_constraints(rng: Generator, numbers: tuple[int, ...]) -> tuple[Constraint, ...]:
    n, i = len(numbers), int(rng.integers(len(numbers)))
    high = max(map(abs, numbers))
    return (
        Constraint(f"exactly {n} numbers", lambda v: len(v) == n),
        Constraint(f"number {i + 1} is {numbers[i]}", lambda v: len(v) > i and v[i] == numbers[i]),
        Constraint(f"all numbers lie between {-high} and {high}", lambda v: max(map(abs, v)) <= high),
    )


NUMBER = TextFormat(
    "one positive integer in decimal digits, without leading zeros",
    "digit",
    _parse_number,
    str,
    lambda n: tuple(str(n)),
    _mutate_number,
    _number_constraints,
    ordered=True,
)
LIST = TextFormat(
    "integers separated by commas, such as 5, 1, 8",
    "number",
    _parse_list,
    lambda v: ", ".join(map(str, v)),
    tuple,
    _mutate_list,
    _list_constraints,
    ordered=True,
)


def _is_prime(n: int) -> bool:
    return n > 1 and all(n % d for d in range(2, isqrt(n) + 1))


def _divisor_sum(n: int) -> int:
    """Sum of the divisors of n that are smaller than n."""
    pairs = ((d, n // d) for d in range(1, isqrt(n) + 1) if n % d == 0)
    return sum(d if d == e else d + e for d, e in pairs) - n


def _is_triangular(n: int) -> bool:
    return n > 0 and isqrt(8 * n + 1) ** 2 == 8 * n + 1


def _is_arithmetic(v: tuple[int, ...]) -> bool:
    steps = {b - a for a, b in zip(v, v[1:], strict=False)}
    return len(v) >= 4 and len(steps) == 1 and steps != {0}


def _is_geometric(v: tuple[int, ...]) -> bool:
    if len(v) < 4 or 0 in v or abs(v[0]) == abs(v[1]):
        return False
    return all(v[i] ** 2 == v[i - 1] * v[i + 1] for i in range(1, len(v) - 1))


def _is_coprime(v: tuple[int, ...]) -> bool:
    return len(v) >= 3 and min(v) > 1 and all(gcd(a, b) == 1 for a, b in combinations(v, 2))


def _is_superincreasing(v: tuple[int, ...]) -> bool:
    return len(v) >= 4 and v[0] > 0 and all(v[i] > sum(v[:i]) for i in range(1, len(v)))


def _geometric(rng: Generator) -> tuple[int, ...]:
    start, factor = int(rng.integers(1, 8)), int(pick(rng, (2, 3, -2)))
    return tuple(start * factor**i for i in range(int(rng.integers(4, 6))))


def _arithmetic(rng: Generator) -> tuple[int, ...]:
    start, step = int(rng.integers(-20, 40)), int(pick(rng, [d for d in range(-9, 14) if abs(d) > 1]))
    return tuple(start + step * i for i in range(int(rng.integers(4, 7))))


def _superincreasing(rng: Generator) -> tuple[int, ...]:
    numbers: list[int] = []
    for _ in range(int(rng.integers(4, 7))):
        numbers.append(sum(numbers) + int(rng.integers(1, 4)))
    return tuple(numbers)


NUMBERS = (
    Concept(
        "prime", "a prime number", "maths",
        "An integer greater than 1 that only 1 and itself divide.",
        ("An odd integer greater than 1.", "An integer greater than 1 that no square greater than 1 divides.",
         "An integer that is equal to the sum of its smaller divisors."),
        NUMBER, _is_prime, lambda r: draw_until(r, lambda g: int(g.integers(101, 999)), _is_prime),
    ),
    Concept(
        "abundant", "an abundant number", "maths",
        "A positive integer that is smaller than the sum of its divisors other than itself.",
        ("A positive integer that is equal to the sum of its divisors other than itself.",
         "A positive integer that is greater than the sum of its divisors other than itself.",
         "A positive integer with more divisors than any smaller one."),
        NUMBER, lambda n: _divisor_sum(n) > n,
        lambda r: draw_until(r, lambda g: int(g.integers(101, 999)), lambda n: _divisor_sum(n) > n),
    ),
    Concept(
        "triangular", "a triangular number", "maths",
        "The sum of the integers from 1 to some positive n.",
        ("The sum of the odd integers from 1 to some positive n.",
         "The product of the integers from 1 to some positive n.",
         "An integer with exactly three divisors."),
        NUMBER, _is_triangular, lambda r: (n := int(r.integers(14, 140))) * (n + 1) // 2,
    ),
    Concept(
        "arithmetic_progression", "an arithmetic progression", "maths",
        "A sequence in which the difference between neighbours is always the same.",
        ("A sequence in which the ratio between neighbours is always the same.",
         "A sequence in which each number is the sum of the two before it.",
         "A sequence in which each number is greater than the one before it."),
        LIST, _is_arithmetic, _arithmetic, note="At least 4 numbers; the difference is not 0.",
    ),
    Concept(
        "geometric_progression", "a geometric progression", "maths",
        "A sequence in which the ratio between neighbours is always the same.",
        ("A sequence in which the difference between neighbours is always the same.",
         "A sequence of the squares of neighbouring integers.",
         "A sequence in which each number divides the one after it."),
        LIST, _is_geometric, _geometric, note="At least 4 numbers; the ratio is not 1, -1 or 0.",
    ),
    Concept(
        "pairwise_coprime", "a list of pairwise coprime numbers", "maths",
        "Numbers of which no two have a common divisor greater than 1.",
        ("Numbers that have no divisor greater than 1 common to all of them.", "Numbers that are all prime.",
         "Numbers of which each divides the next."),
        LIST, _is_coprime,
        lambda r: draw_until(r, lambda g: tuple(int(x) for x in g.integers(4, 60, size=4)), _is_coprime),
        note="At least 3 numbers, all greater than 1.",
    ),
    Concept(
        "superincreasing", "a superincreasing sequence", "maths",
        "A sequence of positive numbers in which each is greater than the sum of all before it.",
        ("A sequence of positive numbers in which each is greater than the one before it.",
         "A sequence of positive numbers in which each is the sum of all before it.",
         "A sequence of positive numbers in which each difference is greater than the one before it."),
        LIST, _is_superincreasing, _superincreasing, note="At least 4 numbers.",
    ),
)  # fmt: skip
