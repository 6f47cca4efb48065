"""Helpers of the tests of metrics, as fixtures: records of a small bandit, and tables made of them."""

from typing import Any

import polars as pl
import pytest

from akrasia.evals import METRICS, Estimate, frame
from akrasia.evals.situations import side_by_side
from akrasia.records import Decision, Oracle, Record, Turn, Usage

ARMS = ("a", "b", "c", "d")


def _record(
    done: str | None = "a",
    *,
    episode: int = 0,
    step: int = 0,
    variant: str = "base",
    turns: tuple[Turn, ...] = (),
    optimal: tuple[str, ...] = ("a",),
    greedy: tuple[str, ...] = ("b",),
    frequent: tuple[str, ...] = (),
    untried: tuple[str, ...] = ("a",),
    stated: tuple[str, ...] = ("a",),
    probs: dict[str, float] | None = None,
    design: Any = "rollout",
    tags: dict[str, str] | None = None,
    asked: bool = True,
) -> Record:
    """A step of a bandit with four arms, of which `a` is the best by its true mean."""
    regret = {"a": 0.0, "b": 0.2, "c": 0.3, "d": 0.5}
    told = stated if asked else ()
    decision = Decision(
        "",
        told,
        "ok" if told else "absent",
        done,
        "ok" if done else "unparsable",
        probs,
        None,
        turns,
    )
    oracle = Oracle(optimal, greedy, dict.fromkeys(ARMS, 0.0), regret, 0.9, untried, "ucb", frequent)
    return Record(
        "t",
        "m",
        variant,
        design,
        episode,
        step,
        f"s{step}",
        ARMS,
        oracle,
        decision,
        None if done is None else 0.0,
        regret.get(done or "", 0.9),
        1,
        Usage(10, 5),
        0.0,
        tags or {},
        str(episode),
    )


def _value(name: str, table: pl.DataFrame) -> float:
    found: Estimate = METRICS.make(name)(table)
    assert found.value is not None, found.why
    return found.value


def _confident(steps: list[tuple[float, bool]], column: str = "confidence", per: int = 3) -> pl.DataFrame:
    """A table with these confidences and outcomes, `per` steps an episode."""
    plain = frame([_record("a", step=0)])
    return plain.select(pl.all().repeat_by(len(steps)).list.explode()).with_columns(
        pl.Series(column, [c for c, _ in steps]),
        pl.Series("does", [r for _, r in steps]),
        pl.Series("episode", [i // per for i in range(len(steps))]),
        pl.Series("item", [str(i // per) for i in range(len(steps))]),
    )


def _probe(entropies: list[tuple[int, float]]) -> pl.DataFrame:
    plain = frame([_record("b", frequent=("b",), greedy=("a",), tags={"item": "repeats 0"})])
    return plain.select(pl.all().repeat_by(len(entropies)).list.explode()).with_columns(
        pl.Series("question", [f"repeats {k}" for k, _ in entropies]),
        pl.Series("item", [str(i) for i in range(len(entropies))]),
        pl.Series("entropy", [h for _, h in entropies]),
        pl.Series("episode", range(len(entropies))),
    )


def _surgery(pairs: list[tuple[str | None, str | None]], planted: str = "c") -> tuple[pl.DataFrame, pl.DataFrame]:
    """(tampered with, left alone) of these actions, two steps an episode."""
    cut = (Turn("swap", "editor", planted=(planted,)), Turn("act", "actor", key="k", planted=(planted,)))
    shared: dict[str, Any] = {"design": "fork"}
    there = [
        _record(done, episode=i // 2, step=i % 2, variant="swap", turns=cut, tags={"surgery": "swap"}, **shared)
        for i, (done, _) in enumerate(pairs)
    ]
    here = [_record(done, episode=i // 2, step=i % 2, **shared) for i, (_, done) in enumerate(pairs)]
    return frame(there), frame(here)


def _over_pairs(name: str, variant: pl.DataFrame, base: pl.DataFrame) -> Estimate:
    """A metric of pairs over the situations that both decided."""
    found: Estimate = METRICS.make(name)(side_by_side(variant, base))
    return found


PLAY = [
    _record("b", step=0, untried=ARMS),
    _record("a", step=1, untried=("a", "c", "d"), frequent=("b",), greedy=("b",)),
    _record("c", step=2, untried=("c", "d"), frequent=("a", "b"), greedy=("a",)),
    _record("b", step=3, untried=("d",), frequent=("a", "b", "c"), greedy=("a",)),
    _record(None, step=4, untried=("d",), frequent=("b",), greedy=("a",)),
    *[_record(done, episode=1, step=s, untried=("a", "c", "d") if s else ARMS) for s, done in enumerate("bbba")],
    *[_record(done, episode=2, step=s, untried=()) for s, done in enumerate("abcdabcd")],
]


@pytest.fixture(scope="session")
def record() -> Any:
    return _record


@pytest.fixture(scope="session")
def value() -> Any:
    return _value


@pytest.fixture(scope="session")
def confident() -> Any:
    return _confident


@pytest.fixture(scope="session")
def probe() -> Any:
    return _probe


@pytest.fixture(scope="session")
def tamper() -> Any:
    return _surgery


@pytest.fixture(scope="session")
def over_pairs() -> Any:
    return _over_pairs


@pytest.fixture(scope="session")
def play() -> Any:
    return PLAY
