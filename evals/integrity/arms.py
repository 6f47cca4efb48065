"""Checks of an arm as a whole: against its baseline, and against what the experiment asked of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import orjson
import polars as pl

from ..completeness import how_to_go_on
from ..run_tables import RunTables
from .faults import IntegrityFault, first_step

MOST_MISSING = 0.2
_LIMITS = ("max_tokens",)  # a limit that an agent of its own has is no intervention
_SAME = ["task", "model", "episode", "step"]


@dataclass(frozen=True, slots=True)
class ExpectedArm:
    """What the experiment, as stored with the run, asks of an arm; empty where that is not known.

    Attributes:
        episodes: how many it is to have.
        stopped: why the run ended early, if it did; finished: the episodes that it played to their ends then.
        agents: the nodes that are to ask a model; slots: the model slots through which a graph says that it asks.
    """

    episodes: int | None = None
    stopped: str = ""
    finished: frozenset[int] | None = None
    agents: tuple[str, ...] = ()
    slots: tuple[str, ...] = ()


def expected_arm(run: RunTables, task: str, model: str, variant: str) -> ExpectedArm:
    """What the experiment of a run asks of an arm. Under `until` a run that did not end early is complete."""
    asks = run.experiment.get("variants", {}).get(variant, {})
    episodes = asks.get("episodes", run.experiment.get("episodes"))
    if run.experiment.get("until") and not run.stopped:
        episodes = None
    finished = run.played.get((task, model, variant), frozenset()) if run.stopped else None
    return ExpectedArm(episodes, run.stopped, finished, tuple(asks.get("agents", ())), tuple(asks.get("slots", ())))


def asked_slots(steps: pl.DataFrame) -> set[str]:
    """The model slots through which somebody asked; empty as well where the ledger does not say."""
    return _named_in(steps, "slots")


def missing_faults(steps: pl.DataFrame, expected: ExpectedArm) -> list[IntegrityFault]:
    """Episodes that are missing, and slots of a graph through which nobody asked."""
    found = []
    asked, at = asked_slots(steps), first_step(steps)
    for slot in expected.slots:
        if asked and slot not in (*asked, "default"):
            remedy = f"Let the graph ask ak.ChatModel(slot={slot!r}), or do not declare the slot."
            found.append(
                IntegrityFault("slot", 1.0, f"nobody asked through the slot {slot!r}", remedy, *at, agent=slot)
            )
    here = set(steps["episode"].unique()) if expected.finished is None else expected.finished
    missing = [] if expected.episodes is None else sorted(set(range(expected.episodes)) - here)
    if expected.episodes and len(missing) / expected.episodes > MOST_MISSING:
        why = f" ({expected.stopped.rstrip('.')})" if expected.stopped else ""
        cause = f"{len(missing)} of {expected.episodes} episodes are not complete{why}"
        share = len(missing) / expected.episodes
        remedy = how_to_go_on(expected.stopped)
        found.append(IntegrityFault("missing", share, cause, remedy, missing[0], 0, of="its episodes"))
    return found


def same_requests(steps: pl.DataFrame, base: pl.DataFrame) -> list[IntegrityFault]:
    """Whether an arm asked exactly what its baseline asked, and so decided the same, at every step that both hold."""
    mine = steps.select(*_SAME, "requests", "done", "stated")
    both = mine.join(base.select(*_SAME, "requests", "done", "stated"), on=_SAME, suffix="_base")
    alike = pl.all_horizontal(pl.col(c).eq_missing(pl.col(f"{c}_base")) for c in ("requests", "done", "stated"))
    if both.is_empty() or both["requests"].null_count() == both.height or not both.select(alike.all()).item():
        return []
    cause = "this arm asked exactly what its baseline asked"
    remedy = "Nothing was changed: no message and no setting differs. Look at one with akrasia show."
    return [IntegrityFault("unchanged", 1.0, cause, remedy, *first_step(both))]


def unsent_faults(steps: pl.DataFrame, base: pl.DataFrame) -> list[IntegrityFault]:
    """Settings that this arm asks for, its baseline does not, and the model was not sent."""
    before, after = _unsent(base), _unsent(steps)
    here, agents = _named_in(base, "agents"), _named_in(steps, "agents")
    anyone = set().union(*before.values()) if before else set()
    differing: dict[str, set[tuple[str, str]]] = {}
    for text in steps["unsent"].drop_nulls().unique():
        for agent, settings in orjson.loads(text).items():
            new = set(settings.items()) - (before.get(agent, set()) if agent in here else anyone)
            if agent not in here:
                new = {(name, value) for name, value in new if name not in _LIMITS}
            if new:
                differing.setdefault(text, set()).update(new)
    missed = {agent: lost for agent, lost in before.items() if agent in agents and not after.get(agent)}
    touched = steps.filter(pl.col("unsent").is_in(list(differing))) if differing else steps.head(0)
    names = set().union(*differing.values()) if differing else set()
    if touched.is_empty() and missed:  # the baseline asks for what is not sent, and this arm takes it back
        touched, names = steps, set().union(*missed.values())
    if touched.is_empty():
        return []
    cause = f"the model was not sent what was asked for ({_in_words(names)})"
    remedy = "Use a model or a provider that takes it, or drop the change."
    return [IntegrityFault("settings", touched.height / steps.height, cause, remedy, *first_step(touched))]


def unsent_cautions(steps: pl.DataFrame) -> list[str]:
    """Settings that were asked for and not sent, limits apart."""
    names = {n for lost in _unsent(steps).values() for n in lost if n[0] not in _LIMITS}
    return [f"the model was not sent {_in_words(names)}, which its agents ask for"] if names else []


def unrecorded_cautions(steps: pl.DataFrame) -> list[str]:
    """Tools of a graph whose results are not kept: a resumed run calls them again, and may go another way."""
    names = sorted({name for text in steps["unrecorded"].drop_nulls().unique() for name in text.split(", ")})
    if not names:
        return []
    several = "tools" if len(names) > 1 else "tool"
    return [
        f"the {several} {', '.join(names)} of its graph are not recorded, so a replay may differ: ak.recorded(tool)"
    ]


def _in_words(settings: Iterable[tuple[str, str]]) -> str:
    """Settings with their values, of one that differs between situations its name alone: "choices, seed=3"."""
    return ", ".join(name if value == "set" else f"{name}={value}" for name, value in sorted(settings))


def _unsent(steps: pl.DataFrame) -> dict[str, set[tuple[str, str]]]:
    """By agent, the settings that were asked for and not sent."""
    unsent: dict[str, set[tuple[str, str]]] = {}
    for text in steps["unsent"].drop_nulls().unique():
        for agent, settings in orjson.loads(text).items():
            unsent.setdefault(agent, set()).update(settings.items())
    return unsent


def _named_in(steps: pl.DataFrame, column: str) -> set[str]:
    return {name for names in steps[column].drop_nulls().unique() for name in orjson.loads(names)}
