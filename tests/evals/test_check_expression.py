"""Checks as text: what is read, and what is refused with its place."""

from __future__ import annotations

import pytest

from akrasia.errors import BadOption
from akrasia.evals.check_expression import CheckedFigure, parse_checks

READ = [
    ("gap < 0.2", "gap", None, None, "<", 0.2),
    ("gap<.2", "gap", None, None, "<", 0.2),
    ("gap <= 20%", "gap", None, None, "<=", 0.2),
    ("gap ≤ 20 %", "gap", None, None, "<=", 0.2),
    ("gap < 1e-1", "gap", None, None, "<", 0.1),
    ("0.2 > gap", "gap", None, None, "<", 0.2),
    ("-gap > -0.2", "gap", None, None, "<", 0.2),
    ("0.3 - 0.1 > gap", "gap", None, None, "<", 0.2),
    ("gap - 0.2 < 0", "gap", None, None, "<", 0.2),
    ("doing(reason_act | critique) >= 0.7", "doing", "reason_act | critique", None, ">=", 0.7),
    ("doing ( a ) >= 0.7", "doing", "a", None, ">=", 0.7),
    ("doing(reason_act | critique(rounds=2)) >= 0.7", "doing", "reason_act | critique(rounds=2)", None, ">=", 0.7),
    ("doing('my (odd name') >= 0.7", "doing", "my (odd name", None, ">=", 0.7),
    ('doing("< 3 and more") >= 0.7', "doing", "< 3 and more", None, ">=", 0.7),
    ("doing(john's) >= 0.7", "doing", "john's", None, ">=", 0.7),
    ("doing(society(protocol='vote')) >= 0.7", "doing", "society(protocol='vote')", None, ">=", 0.7),
    ("gap(a) < gap(b)", "gap", "a", "b", "<", 0.0),
    ("gap(a) >= gap(b)", "gap", "a", "b", ">=", 0.0),
    ("doing(a) - doing(b) > 0.05", "doing", "a", "b", ">", 0.05),
    ("doing(a) > doing(b) + 5%", "doing", "a", "b", ">", 0.05),
    ("0.05 < doing(a) - doing(b)", "doing", "a", "b", ">", 0.05),
    ("gap < gap(b)", "gap", None, "b", "<", 0.0),
]


@pytest.mark.parametrize(("text", "metric", "variant", "against", "comparator", "bound"), READ)
def test_a_check_is_read(
    text: str, metric: str, variant: str | None, against: str | None, comparator: str, bound: float
) -> None:
    (one,) = parse_checks(text)
    assert one.text == text
    assert one.first == CheckedFigure(metric, variant)
    assert one.second == (None if against is None else CheckedFigure(metric, against))
    assert (one.comparator, one.bound) == (comparator, bound)


def test_several_are_joined_by_and() -> None:
    checks = parse_checks("gap(a and b) < 0.2 and doing >= 70% AND 0.1 <= knowing")
    assert [(c.text, c.comparator, c.bound) for c in checks] == [
        ("gap(a and b) < 0.2", "<", 0.2),
        ("doing >= 70%", ">=", 0.7),
        ("0.1 <= knowing", ">=", 0.1),
    ]


REFUSED = [
    ("", "is empty"),
    ("gap", "at its end: a comparison is missing"),
    ("gap 0.2", "at its end: a comparison is missing"),
    ("gap <", "at its end: a metric or a number is expected"),
    ("< 0.2", "at character 1, '< 0.2': a metric or a number is expected"),
    ("gap = 0.2", "at character 5, '= 0.2': a figure that is estimated is never equal"),
    ("gap != 0.2", "at character 5, '!= 0.2': a figure that is estimated is never equal"),
    ("0.1 < gap < 0.3", "at character 11, '< 0.3': this is a second comparison"),
    ("gap < 0.2 0.3", "at character 11, '0.3': this is not expected here"),
    ("gap < 0,2", "at character 8, ',2': this is not expected here"),
    ("gap < 20x", "at character 7, '20x': a metric or a number"),
    ("gap < 1.2.3", "at character 7, '1.2.3': a metric or a number"),
    ("gap < 1e999", "a number that is too large"),
    ("gap(a < 0.2", "at character 4, '(a < 0.2': the parenthesis is never closed"),
    ("gap() < 0.2", "at character 4, '() < 0.2': the parentheses name no variant"),
    ("gap(a)(b) < 0.2", "at character 7, '(b) < 0.2': this is not expected here"),
    ("2 * gap < 0.2", "at character 3, '* gap < 0.2': this is not expected here"),
    ("(gap) < 0.2", "at character 1, '(gap) < 0.2'"),
    ("gap < --1", "at character 8, '-1'"),
    ("gap < 0.2 or doing > 1", "at character 11, 'or doing > 1': checks must all hold"),
    ("not gap < 0.2", "at character 1, 'not gap < 0.': checks must all hold"),
    ("gap < 0.2 and", "at its end: a comparison is missing"),
    ("and gap < 0.2", "at character 1, 'and gap < 0.': a comparison is missing"),
    ("gap < 0.2 and and doing > 0", "at character 15, 'and doing > ': a comparison is missing"),
    ("0.1 < 0.2", "names no metric"),
    ("gap + doing < 1", "adds up figures"),
    ("gap(a) - gap(b) - gap(c) < 1", "adds up figures"),
    ("gap(a) < gap(a)", "compares gap(a) with itself"),
]


@pytest.mark.parametrize(("text", "said"), REFUSED)
def test_what_does_not_parse_is_refused_with_its_place(text: str, said: str) -> None:
    with pytest.raises(BadOption) as refused:
        parse_checks(text)
    assert said in str(refused.value)
