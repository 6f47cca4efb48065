"""Experiments as TOML, and the resolved experiment as JSON in its run folder.

A file holds the keywords of `akrasia.run`:

    name = "demo"
    model = "embedded"                       # or a list, or tables [models.NAME] with options and slots
    episodes = 16
    design = "fork"
    until = "gap +- 0.05"                    # stop earlier than `episodes`, once this is known
    leader = "embedded"                      # of several models: whose baseline plays for all
    trials = 5                               # every decision is drawn so often
    keep_going = true                        # also where the first decisions of a variant all failed alike
    workers = 2                              # processes; or executor = "ray" and the address of a cluster
    variants = ["reason_act", "reason_act | critique(rounds=2)"]      # or a table of names
    [task]                                   # or [[task]] for several
    name = "bandit"
    arms = 5
    [budget]                              # calls, tokens, dollars
    calls = 2000

Every unknown key is refused with its nearest neighbour. `--set task.arms=10` changes one value, see `merging.py`.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import date, time
from pathlib import Path
from typing import Any

from ..agents.base import asks_model, runs_graph
from ..agents.few_shot import STYLE_NOTES
from ..errors import BadOption, UnknownName
from ..graphs.decider import Decider
from ..graphs.plan import Plan
from ..models.base import Backend
from ..models.budget import Budget
from ..models.resolve import resolve
from ..registry import bind
from ..tasks.base import TASKS, Task
from .executors import EXECUTORS
from .experiment import Experiment, ModelSet
from .merging import merge_settings
from .variant import as_variants

_KEYS = ("task", "model", *(f.name for f in fields(Experiment) if f.name != "tasks"))


def load_settings(path: Path | str, changes: Sequence[str] = ()) -> dict[str, Any]:
    """Read a TOML file into settings, the keywords of `assemble`, with `key=value` changes applied.

    Raises:
        BadOption: the file is absent or is not TOML, or a change is none.
    """
    name = str(path)
    try:
        settings = tomllib.loads(Path(path).read_bytes().decode("utf-8-sig"))
    except (FileNotFoundError, NotADirectoryError):
        raise BadOption(f"there is no experiment file {name!r}", remedy="Give the path of a TOML file.") from None
    except UnicodeDecodeError as error:
        raise BadOption(f"{name!r} is not in UTF-8", str(error), "Save it as UTF-8, as TOML asks.") from None
    except (tomllib.TOMLDecodeError, RecursionError, OSError) as error:
        raise BadOption(f"{name!r} is not an experiment file", str(error), "Write TOML.") from None
    _refuse_dates(settings, name)
    return merge_settings(settings, changes)[0]


def _refuse_dates(value: Any, file: str, key: str = "") -> None:
    """Refuse the one kind of value that TOML has and a run cannot keep as JSON."""
    if isinstance(value, dict):
        for name, part in value.items():
            _refuse_dates(part, file, f"{key}.{name}" if key else name)
    elif isinstance(value, list):
        for part in value:
            _refuse_dates(part, file, key)
    elif isinstance(value, date | time):
        raise BadOption(f"{key} in {file!r} is a date or a time", str(value), "Put it in quotes, or give a number.")


def assemble(settings: Mapping[str, Any]) -> Experiment:
    """The experiment that settings describe; every value is checked before anything is written.

    Raises:
        UsageError: an unknown key, name or value, with the remedy.
    """
    for key in settings:
        if key not in _KEYS:
            raise UnknownName.among("setting", key, _KEYS)
    for key in ("task", "variants"):
        if not settings.get(key):
            raise BadOption(f"the experiment has no {key}", remedy=f"Add {key} = ... to it.")
    texts = {key: _text(settings, key) for key in ("until", "executor", "address", "leader")}
    if texts["executor"]:
        EXECUTORS.factory(texts["executor"])  # refuses an unknown name
    return Experiment(
        tasks=tasks_of(settings["task"]),
        models=_models(settings),
        variants=as_variants(settings["variants"]),
        episodes=settings.get("episodes", 16),
        seed=settings.get("seed", 0),
        design=settings.get("design", "fork"),
        budget=budget_of(settings.get("budget")),
        concurrency=settings.get("concurrency"),
        name=str(settings.get("name", "experiment")),
        workers=1 if settings.get("workers") is None else settings["workers"],
        keep_going=False if settings.get("keep_going") is None else settings["keep_going"],
        trials=1 if settings.get("trials") is None else settings["trials"],
        **texts,
    )


def _text(settings: Mapping[str, Any], key: str) -> str:
    value = settings.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadOption(f"{key} is {value!r}", remedy="Give a text in quotes.")
    return value


def _models(settings: Mapping[str, Any]) -> tuple[ModelSet, ...]:
    model, models = settings.get("model"), settings.get("models")
    if model is not None and models is not None:
        raise BadOption(
            "the experiment names its models twice, as model and as models",
            remedy="Use one of them; options of a model stand in its table: [models.main] with name = ...",
        )
    return model_sets(models if models is not None else "embedded" if model is None else model)


def tasks_of(value: Any) -> tuple[Task, ...]:
    """Tasks from a task, its name, a table with name and options, or a list of these."""
    many = value if isinstance(value, list | tuple) else [value]
    return tuple(one_task(t) for t in many)


def one_task(value: Any) -> Task:
    """A task from itself, its name, or a table with its name and options."""
    if isinstance(value, str):
        return TASKS.make(value)
    if isinstance(value, Mapping):
        options = dict(value)
        name = options.pop("name", None)
        if not isinstance(name, str):
            raise BadOption("a task has no name", remedy='Write [task] with name = "bandit".')
        return TASKS.make(name, **options)
    if isinstance(value, Task):
        return value
    raise BadOption(f"{value!r} is not a task", remedy="Give a task, its name, or a table with its name and options.")


def model_sets(value: Any) -> tuple[ModelSet, ...]:
    """Model sets from a name or backend, a table with its name and options, a list of these, a mapping of slots, or a
    mapping of labels to tables.
    """
    if isinstance(value, list | tuple):
        return tuple(s for v in value for s in model_sets(v))
    if isinstance(value, Mapping):
        if isinstance(value.get("name"), str):
            return (_model_table("", value),)
        if "default" not in value and value and all(isinstance(v, Mapping) for v in value.values()):
            return tuple(_model_table(name, table) for name, table in value.items())
        return (_slots(value),)
    return (ModelSet({"default": resolve(value)}),)


def _model_table(label: str, table: Mapping[str, Any]) -> ModelSet:
    options = dict(table)
    slots = options.pop("slots", {})
    if not isinstance(slots, Mapping):
        raise BadOption(f"the slots of model {label!r} are {slots!r}", remedy='Write slots = { critic = "..." }.')
    return ModelSet({"default": _model(options, label), **{s: _model(m, s) for s, m in slots.items()}}, label)


def _model(value: Any, label: str = "main") -> Backend:
    """A model from its name, a backend, or a table with its name and options."""
    if not isinstance(value, Mapping):
        return resolve(value)
    options = dict(value)
    name = options.pop("name", None)
    if not isinstance(name, str):
        which = f"the model {label!r}" if label else "the model"
        raise BadOption(
            f"{which} has no name", remedy=f'Write [models.{label or "main"}] with name = "openai/gpt-4o-mini".'
        )
    return resolve(name, **options)


def _slots(value: Mapping[str, Any]) -> ModelSet:
    if "default" not in value:
        raise BadOption(
            "no model serves the slot 'default'", f"slots: {', '.join(value)}", "Add default = ... to the models."
        )
    backends: dict[str, Backend] = {slot: _model(model, slot) for slot, model in value.items()}
    return ModelSet(backends)


def budget_of(value: Any) -> Budget:
    """A budget from a table with calls and dollars, or None for no limit."""
    if value is None or isinstance(value, Budget):
        return value or Budget()
    if isinstance(value, Mapping):
        budget: Budget = bind("setting", "budget", Budget, (), dict(value))
        return budget
    raise BadOption(
        f"the budget is {value!r}", remedy="Write budget = { calls = 1000, tokens = 2000000, dollars = 2.5 }."
    )


def experiment_json(experiment: Experiment) -> dict[str, Any]:
    """The resolved experiment as JSON: what its run folder keeps beside the ledger."""
    return {
        "name": experiment.name,
        "task": [{"name": t.name, **t.options} for t in experiment.tasks],
        "task_labels": experiment.labels(),
        "models": [
            {slot: {"id": b.info.id, "label": b.info.label, "note": _note(b)} for slot, b in m.slots.items()}
            for m in experiment.models
        ],
        "labels": [m.label for m in experiment.models],
        "variants": {
            v.name: {
                "plan": v.plan.name,
                "fingerprint": v.plan.fingerprint,
                **({"code": v.plan.code.digest} if v.plan.code.digest else {}),
                **({} if v.code_known else {"code_known": False}),
                **({"leaks": v.tags["leaks"]} if "leaks" in v.tags else {}),
                "calls": "?" if v.plan.calls is None else v.plan.calls,
                "depth": "?" if v.plan.depth is None else v.plan.depth,
                "episodes": experiment.episodes,
                **_speakers(v.plan),
            }
            for v in experiment.variants
        },
        "episodes": experiment.episodes,
        "decisions": experiment.bounds(),
        "seed": experiment.seed,
        "design": experiment.design,
        **({"leader": experiment.leader} if experiment.leader else {}),
        **({"until": experiment.until} if experiment.until else {}),
        **({"trials": experiment.trials} if experiment.trials > 1 else {}),
        "identity": json.dumps(experiment.identity(), sort_keys=True),
    }


def _speakers(plan: Decider) -> dict[str, list[str]]:
    """Who is to ask a model in a plan; of its graphs from elsewhere, through which slots they say that they ask."""
    if not isinstance(plan, Plan):
        return {"slots": sorted(plan.slots)}
    own = {"agents": [n.name for n in plan.nodes if asks_model(n.agent) and not runs_graph(n.agent)]}
    return own | ({"slots": sorted({slot for g in plan.graphs for slot in g.slots})} if plan.graphs else {})


def _note(backend: Backend) -> str:
    """What a reader must know about how a model is prompted and read."""
    return "; ".join(filter(None, [STYLE_NOTES.get(backend.info.style, ""), backend.info.note]))
