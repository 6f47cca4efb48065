"""Measure your agent in your own tests: fixtures of pytest, there as soon as akrasia is installed.

    def test_the_agent_does_what_it_knows(akrasia_run, assert_gap):
        result = akrasia_run(task="bandit", model="openai/gpt-4o-mini", variants=[my_agent()], episodes=60)
        assert_gap(result, below=0.2)

`akrasia_run` takes the keywords of `akrasia.run` and plays into the test's own `tmp_path`. `assert_gap` and
`assert_check` fail with the text of the check: what was measured, what it is at worst, and what to do. The worst case
decides; an arm that crashed, a run that stopped and too few episodes pass nothing. See docs/checks.md.

Invariant: nothing but pytest is imported before a fixture is used.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

__all__ = ["akrasia_run", "assert_check", "assert_gap"]

Checker = Callable[..., Any]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("akrasia").addoption(
        "--akrasia-level", type=float, default=0.95, help="level of the intervals of assert_gap and assert_check"
    )


@pytest.fixture
def akrasia_run(tmp_path: Path) -> Callable[..., Any]:
    """`akrasia_run(**settings)`: run an experiment below `tmp_path` and return its `Result`; prints nothing.

    The settings are those of `akrasia.run`; `out` is chosen where it is not given, a new folder for every call.
    """
    numbers = count(1)

    def run(*experiment: Any, **settings: Any) -> Any:
        import akrasia  # noqa: PLC0415  (only a test that measures something pays for it)

        return akrasia.run(*experiment, **{"out": tmp_path / f"akrasia-{next(numbers)}", **settings})

    return run


@pytest.fixture
def assert_check(request: pytest.FixtureRequest) -> Checker:
    """`assert_check(result, "doing(mine) >= 70%", ...)`: fail unless all checks hold; returns their report.

    Further keywords are those of `Result.check`; `level` is by default that of `--akrasia-level`.
    """
    level = request.config.getoption("--akrasia-level")

    def check(result: Any, *checks: str, **options: Any) -> Any:
        __tracebackhide__ = True
        report = result.check(*checks, **{"level": level, **options})
        if not report:
            pytest.fail(report.text, pytrace=False)
        return report

    return check


@pytest.fixture
def assert_gap(assert_check: Checker) -> Checker:
    """`assert_gap(result, below=0.2)`: fail unless the gap of every variant is shown to lie below a bound.

    `variant` names one of them; further keywords are those of `Result.check`.
    """

    def check(result: Any, *, below: float, variant: str | None = None, **options: Any) -> Any:
        __tracebackhide__ = True
        figure = "gap" if variant is None else f"gap({_quoted(variant)})"
        return assert_check(result, f"{figure} < {below}", **options)

    return check


def _quoted(name: str) -> str:
    quote = next((q for q in "\"'" if q not in name), None)
    return name if quote is None else f"{quote}{name}{quote}"
