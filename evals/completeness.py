"""Which episodes of a run are missing: what was planned, less what every variant has finished.

Invariant: everything here follows from what the ledger keeps, so a run that was interrupted, that its budget stopped,
or that is still being played says what it lacks whenever it is read. What a ledger cannot tell is not guessed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..ledger import LedgerReader

if TYPE_CHECKING:
    import polars as pl

    from .anytime import InterimLooks

Finished = Mapping[tuple[str, str, str], int]
"""How many of the planned episodes are finished, by task, model and variant."""
_BUDGET = re.compile(r"budget of (\$)?[\d.,]+ ?(calls|tokens|dollars)?")


@dataclass(frozen=True, slots=True)
class MissingEpisodes:
    """What one variant lacks on one task and model.

    Attributes:
        planned: episodes that the run asks for; missing: how many of them the variant has not finished, at least 1.
    """

    task: str
    model: str
    variant: str
    planned: int
    missing: int


def planned_episodes(experiment: Mapping[str, Any], looks: InterimLooks | None) -> int:
    """How many episodes a run asks for: those up to the look that ended it, or all where it was not under `until` when
    it was last played.
    """
    if looks is not None and experiment.get("until") and (looks.stopped or looks.exhausted):
        return looks.at[-1]
    return int(experiment.get("episodes", 0))


def asked_episodes(experiment: Mapping[str, Any], looks: InterimLooks | None) -> dict[str, int]:
    """How many episodes a run asks of each variant: those planned, or fewer where it was last played with fewer."""
    planned = planned_episodes(experiment, looks)
    variants = experiment.get("variants", {})
    return {v: min(planned, int(about.get("episodes", planned))) for v, about in variants.items()}


def missing_episodes(
    experiment: Mapping[str, Any], looks: InterimLooks | None, finished: Finished | None
) -> tuple[MissingEpisodes, ...]:
    """Every variant that lacks episodes, in the order of the experiment; empty where the run is complete.

    Args:
        experiment: as stored with the run; where it is empty nothing is known.
        finished: None where the ledger is too old to tell.
    """
    if finished is None or not planned_episodes(experiment, looks):
        return ()
    tasks = experiment.get("task_labels") or list(dict.fromkeys(task for task, _, _ in finished))
    models = experiment.get("labels") or list(dict.fromkeys(model for _, model, _ in finished))
    asked = asked_episodes(experiment, looks)
    arms = [(t, m, v) for t in tasks for m in models for v in asked]
    lacking = ((arm, asked[arm[2]] - finished.get(arm, 0)) for arm in arms)
    return tuple(MissingEpisodes(*arm, asked[arm[2]], missing) for arm, missing in lacking if missing > 0)


def stored_missing(ledger: LedgerReader) -> tuple[MissingEpisodes, ...]:
    """Every variant of a stored run that lacks episodes."""
    looked, experiment = (ledger.stored(key) for key in ("looks", "experiment"))
    if looked:
        from .anytime import InterimLooks  # with all of inference: few runs have any

    looks = InterimLooks.of(looked) if looked else None
    finished = ledger.finished_counts(planned_episodes(experiment or {}, looks))
    return missing_episodes(experiment or {}, looks, finished)


def missing_sentence(missing: Sequence[MissingEpisodes], ended: str = "", run: str = "the run") -> str:
    """What is missing, in words; "" where nothing is.

    Args:
        ended: how the last session ended; "" where it is not known.
        run: what the run is called.
    """
    if not missing:
        return ""
    listed: dict[tuple[str, str], list[str]] = {}
    for m in missing:
        listed.setdefault((m.task, m.model), []).append(m.variant)
    alike = len({(m.planned, m.missing) for m in missing}) == 1 and len(missing) > 1
    whole = len({tuple(variants) for variants in listed.values()}) == 1
    each = (
        [f"every variant lacks {missing[0].missing:,} of {missing[0].planned:,}"]
        if alike and whole
        else [
            f"{m.variant}{f' ({m.model} on {m.task})' if len(listed) > 1 else ''} lacks {m.missing:,} of {m.planned:,}"
            for m in missing
        ]
    )
    why = f" ({ended})" if ended else ""
    go_on = how_to_go_on(ended, run).removesuffix(".")
    return f"{run} is not complete{why}: of its episodes, {', '.join(each)}; {go_on[0].lower()}{go_on[1:]}"


def how_to_go_on(ended: str = "", run: str = "the run") -> str:
    """What to do about a run that ended early, as a sentence: a spent budget must be raised, or it ends there again.

    Args:
        ended: how it ended, in words; run: its folder.
    """
    command = f"akrasia run --resume {'RUN' if run == 'the run' else run}"
    spent = _BUDGET.search(ended)
    if spent is None:
        return f"Go on with {command}."
    return f"Raise it and go on: {command} --set budget.{'dollars' if spent[1] else spent[2]}=N."


def undecided_steps(steps: pl.DataFrame) -> dict[tuple[str, str, str], int]:
    """In a fork every variant decides the same situations: how many each lacks in the episodes that it holds."""
    if steps.is_empty() or steps["design"][0] != "fork":
        return {}
    where = ["task", "model", "episode", "step"]
    every = steps.select(where).unique()
    arms = steps.select("task", "model", "variant", "episode").unique()
    wanted = every.join(arms, on=["task", "model", "episode"])
    lost = wanted.join(steps.select(*where, "variant"), on=[*where, "variant"], how="anti")
    counted = lost.group_by("task", "model", "variant").len().rows()
    return {(str(task), str(model), str(variant)): int(n) for task, model, variant, n in counted}
