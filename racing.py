"""A race: play the best interventions to the end and drop, at any look, those that can no longer be among them.

    result = ak.race(keep=3, variants=[...], task="bandit", model="openai/gpt-4o-mini", episodes=200)
    print(result.race)

After 10 episodes, and then each time their number has grown by a quarter, every contender is compared with every other
(`akrasia.evals.race`). Who is shown to be worse than `keep` others leaves, and so does who was not measured; the next
episodes are played by those who are left. Controls are played with the contenders until the race ends.

Invariants: what was dropped follows from the records and the fixed looks alone, so an interrupted race that is resumed
drops the same arms; every interval of such a run is anytime-valid, of those who were dropped too.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import polars as pl

from .api import execute, prepared
from .blocking import blocking
from .errors import BadOption
from .evals.metrics import METRICS
from .evals.pairs import SAME_SITUATIONS, Pairing, Side
from .evals.race import Dropped, RaceEvidence, RaceResult
from .evals.situations import shared_situations
from .events import Listener
from .experiments.planning.forecast import forecast_run
from .experiments.stopping import look_schedule
from .ledger import Ledger
from .options import one_of, whole
from .result import Result
from .stored_run import RACE
from .tasks.base import says_what_is_right

if TYPE_CHECKING:
    from .experiments.experiment import Experiment
    from .experiments.settings import ExperimentSettings

LOWER = {"gap": True, "doing": False, "knowing": False}
PER = ("point", "dollar")


def race(
    experiment: Experiment | None = None,
    /,
    *,
    keep: int = 3,
    metric: str = "gap",
    per: str = "point",
    out: Path | str | None = None,
    on_event: Listener | Sequence[Listener] | None = None,
    **settings: Unpack[ExperimentSettings],
) -> Result:
    """Race the variants of an experiment for the best `keep` of them; `Result.race` says who is left and who went when.

    Args:
        experiment, settings: as for `run`; `episodes` is the most that are played.
        metric: "gap" (less is better), "doing" or "knowing"; per: a "point" of it, or a point per "dollar" beyond the
            baseline's price.
        out, on_event: as for `run`.

    Raises:
        UsageError: something that is asked for cannot be done; nothing was written.
    """
    chosen, folder = prepared(experiment, settings, out)
    return blocking(lambda: race_into(chosen, folder, keep, metric, per, resume=True, on_event=on_event))


async def race_into(
    experiment: Experiment,
    folder: Path,
    keep: int,
    metric: str = "gap",
    per: str = "point",
    *,
    resume: bool = False,
    fresh: bool = False,
    **options: Any,
) -> Result:
    """Race an experiment into a folder; `options` are those of `execute`.

    Raises:
        BadOption: the experiment is none that can be raced, with the reason.
    """
    evidence = _evidence(experiment, keep, metric, per)
    base, *others = experiment.variants
    controls = [v for v in others if v.name not in evidence.arms]
    contenders, dropped, looks = list(evidence.arms), list[Dropped](), list[int]()
    result = Result(folder)
    for at in look_schedule(experiment.episodes):
        racing = [v for v in others if v.name in contenders]
        step = replace(experiment, variants=(base, *racing, *controls), episodes=at)
        result = await execute(step, folder, resume=resume or bool(looks), fresh=fresh and not looks, **options)
        if result.outcome is not None and (result.outcome.stopped is not None or result.outcome.missing):
            return result
        looks.append(at)
        dropped += _leave(result, evidence, contenders, metric, base.name, at)
        contenders = [name for name in contenders if name not in {gone.variant for gone in dropped}]
        decided = len(contenders) <= keep
        ranked = _ranked(result, contenders, metric)
        _store(folder, experiment, RaceResult(keep, metric, per, tuple(looks), ranked, tuple(dropped), decided))
        if decided:
            break
    return result


def _evidence(experiment: Experiment, keep: int, metric: str, per: str) -> RaceEvidence:
    """A fresh race of the experiment's arms.

    Raises:
        BadOption: it cannot be raced.
    """
    one_of("metric of a race", metric, LOWER)
    one_of("what a race is per", per, PER)
    whole("the number of variants that a race keeps", keep, 1)
    if len(experiment.cell_names()) > 1 or experiment.design != "fork" or experiment.until:
        raise BadOption(
            "the experiment cannot be raced",
            "it takes one task, one model and the fork design, and ends when it is decided",
            "Race each task and model by itself, without until.",
        )
    if not says_what_is_right(experiment.tasks[0]):
        raise BadOption(
            f"the task {experiment.tasks[0].name!r} cannot be raced",
            f"nobody says what is right in it (no oracle), so there is no {metric}",
            "Race on a task with an oracle.",
        )
    arms = [v for v in experiment.variants[1:] if v.name in experiment.measured]
    silent = [v.name for v in arms if v.plan.recommends != "always"]
    if silent and metric != "doing":
        raise BadOption(
            f"{silent[0]!r} does not always state what it knows", f"so it has no {metric}", 'Use metric = "doing".'
        )
    costs = _costs(experiment, [v.name for v in arms]) if per == "dollar" else None
    (bound,) = experiment.bounds().values()
    return RaceEvidence([v.name for v in arms], keep, float(bound), LOWER[metric], costs)


def _costs(experiment: Experiment, arms: Sequence[str]) -> dict[str, float]:
    """What a decision of each arm costs beside the baseline's, by the forecast."""
    alone = {row.variant: None if row.alone is None else row.alone.dollars for row in forecast_run(experiment).rows}
    base = alone[experiment.variants[0].name]
    costs: dict[str, float] = {}
    for name in arms:
        cost = alone[name]
        if cost is None or base is None:
            raise BadOption(f"no price is known for {name!r}", remedy="Race per point, or give the model a price.")
        costs[name] = cost - base
    return costs


def _leave(
    result: Result, evidence: RaceEvidence, contenders: Sequence[str], metric: str, base: str, at: int
) -> list[Dropped]:
    """Who leaves at a look: those who were not measured, and those who were shown to be worse than enough others."""
    steps = result.records.filter(pl.col("episode") < at)
    broken = {a.variant: a.integrity for a in result.score([metric], turns=False).arms if a.integrity}
    gone = [Dropped(name, at, (), f"not measured: {broken[name][0]}") for name in contenders if name in broken]
    racing = [name for name in contenders if name not in broken]
    if len(racing) < 2:
        return gone
    names = [base, *racing]
    parts = shared_situations(*(steps.filter(variant=name) for name in names))
    sides = tuple(Side(name, part) for name, part in zip(names, parts, strict=True))
    first, *sums = Pairing(sides, "situations", SAME_SITUATIONS, planned=True).first_sums(METRICS.make(metric))
    beaten = evidence.look(dict(zip(racing, sums, strict=True)), racing, first)
    return gone + [Dropped(name, at, by) for name, by in beaten.items()]


def _ranked(result: Result, contenders: Sequence[str], metric: str) -> tuple[str, ...]:
    """The contenders, the best so far first."""
    made, sign = METRICS.make(metric), 1 if LOWER[metric] else -1
    steps = result.records
    values = {name: made(steps.filter(pl.col("variant") == name)).value for name in contenders}
    return tuple(sorted(contenders, key=lambda name: (sign * (values[name] or 0.0), name)))


def _store(folder: Path, experiment: Experiment, race: Any) -> None:
    """Keep how the race stands, and that the run was looked at: its intervals are anytime-valid from then on."""
    looks = {
        "until": f"race for the best {race.keep} by {race.metric}",
        "bounds": experiment.bounds(),
        "looks": [{"episodes": at, "intervals": []} for at in race.looks],
        "stopped": race.decided,
        "exhausted": False,
        "loose": [],
    }
    with Ledger(folder) as ledger:
        ledger.set_meta(RACE, json.dumps(asdict(race)))
        ledger.set_meta("looks", json.dumps(looks))
