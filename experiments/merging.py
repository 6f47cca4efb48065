"""Settings from a file, from --set and from the other options of a command line, merged into one table.

Precedence: file < --set < the other options. A --set below a key that such an option names (`--task bandit --set
task.arms=20`) is merged into it. A name alone is a table with that name: `task = "bandit"` takes `task.arms` as well.

Invariant: each value of --set and of the other options stands in the merged settings, or is refused. Two of them that
say different things of one setting are refused. What of the file gives way is told as a note, and where a request and
its key would go to another address by that, it is refused too.
"""

from __future__ import annotations

import datetime
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from ..errors import BadOption, UnknownName

Path = tuple[str, ...]
WHERE = ("api_base", "api_key_env")  # where a request goes, and with which key


@dataclass(frozen=True, slots=True)
class Flag:
    """An option of a command line, such as --task, and the setting that it gives.

    Attributes:
        source: as it was written, for messages.
    """

    source: str
    path: Path
    value: Any

    @property
    def key(self) -> str:
        """The setting as it is written behind --set."""
        return ".".join(self.path)


def merge_settings(
    settings: Mapping[str, Any], changes: Sequence[str] = (), flags: Iterable[Flag] = ()
) -> tuple[dict[str, Any], list[str]]:
    """(the settings with every change and flag, notes on what of them gave way); the argument stays as it is.

    Args:
        settings: of a file, or the defaults.
        changes: `key=value` as behind --set.
        flags: the other options that were given; those whose value is None were not.

    Raises:
        BadOption: a change is malformed, contradicts another one or a flag, or cannot be laid over the settings.
        UnknownName: a change is for a model that there is not.
    """
    merged, notes = _copied(dict(settings)), list[str]()
    given = [*map(read_change, changes), *(flag for flag in flags if flag.value is not None)]
    _refuse_contradictions([fact for each in given for fact in _facts(each)])
    given = _settle_models(merged, given, notes)
    facts = [fact for each in given for fact in _facts(each)]
    _refuse_contradictions(facts)
    for each in sorted(given, key=lambda g: len(g.path)):
        if each.path == ("task",) and _name_of(merged.get("task")) != _name_of(each.value):
            notes += _given_way(each, merged.pop("task", None), given)
        elif isinstance(each.value, Mapping) and each.path[0] not in ("task", "model", "models"):
            _take_out(merged, each.path)
        elif each.path == ("variants",):
            merged.pop("variants", None)
    _refuse_unnamed_models(merged, facts)
    for fact in facts:
        _lay(merged, fact)
    return merged, notes


def read_change(change: str) -> Flag:
    """A `key=value` of --set. The value is TOML, or a plain text where it is not.

    Raises:
        BadOption: there is no `=`, or the key is none.
    """
    source = f"--set {change}"
    key, sep, text = change.partition("=")
    try:
        table: Any = tomllib.loads(f"{key} = 0") if sep and key.strip() else {}
    except tomllib.TOMLDecodeError:
        table = {}
    path: list[str] = []
    while isinstance(table, dict) and len(table) == 1:
        ((name, table),) = table.items()
        path.append(name)
    if table != 0:
        raise BadOption(f"{change!r} is not a setting", remedy="Write --set key=value, such as --set task.arms=10.")
    return Flag(source, tuple(path), _value(text))


def _value(text: str) -> Any:
    """A number, true or false, a quoted text, a list or an inline table as in TOML; anything else is a plain text."""
    text = text.strip()
    try:
        values = tomllib.loads(f"x = [{text}]")["x"]
    except tomllib.TOMLDecodeError:
        return text
    one = len(values) == 1 and not text.endswith(",")
    if not one or isinstance(values[0], datetime.date | datetime.time):
        return text
    return values[0]


def _facts(given: Flag) -> list[Flag]:
    """The single values in what was given, each with its whole path."""
    path, value = given.path, given.value
    if _is_named(path) and isinstance(value, str):
        return [Flag(given.source, (*path, "name"), value)]
    if path == ("variants",) and isinstance(value, str):
        return [Flag(given.source, path, [value])]
    if isinstance(value, Mapping):
        return [fact for name, part in value.items() for fact in _facts(Flag(given.source, (*path, name), part))]
    return [given]


def _is_named(path: Path) -> bool:
    """Whether a text at this place is the name of a task or model, whose options may stand below it."""
    if path in (("task",), ("model",)):
        return True
    return path[:1] == ("models",) and (len(path) == 2 or (len(path) == 4 and path[2] == "slots"))


def _refuse_contradictions(facts: Sequence[Flag]) -> None:
    for a, b in combinations(facts, 2):
        short = min(len(a.path), len(b.path))
        if a.path[:short] != b.path[:short] or (a.path == b.path and repr(a.value) == repr(b.value)):
            continue
        said = f"each gives {a.key} another value" if a.path == b.path else f"{a.key} and {b.key} exclude each other"
        raise BadOption(f"{a.source} and {b.source} contradict each other", said, "Give one of them.")


def _settle_models(settings: dict[str, Any], given: Sequence[Flag], notes: list[str]) -> list[Flag]:
    """What was given, with everything about a single model at the place where that model stands in the settings.

    That place is `model`, or `models.NAME` where a change names it so. Models that give way are taken out.
    """
    naming = [g for g in given if g.path in (("model",), ("models",))]
    labels = {f.path[1]: g for g in given if g.path[0] == "models" for f in _facts(g) if len(f.path) > 1}
    _refuse_two_places(given)
    home = _only_model(settings)
    if naming and (home is None or any(_name_of(g.value) != _name_of(_at(settings, home)) for g in naming)):
        gone = [settings.pop(key, None) for key in ("model", "models")]
        settings.pop("leader", None)
        notes += _given_way(naming[0], gone, given)
        home = ("models", _one(labels)) if labels and ("model",) in [g.path for g in naming] else ("model",)
    elif home == ("model",) and labels:
        label = _one(labels)
        only = settings.pop("model")
        settings["models"] = {label: _table(only[0] if isinstance(only, list) else only)}
        home = ("models", label)
    elif home is None and isinstance(settings.get("models"), Mapping):
        where = ", ".join(f"models.{label}" for label in settings["models"])
        for g in given:
            if g.path[0] == "model":
                raise BadOption(f"{g.source} is for no model of the experiment", f"it has {where}", "Name one of them.")
    if home is None:
        return list(given)
    return [Flag(g.source, (*home, *g.path[1:]), g.value) if g.path[0] == "model" else g for g in given]


def _refuse_two_places(given: Sequence[Flag]) -> None:
    """Refuse changes of `model` beside changes of `models`; the option --model goes with both."""
    heads = {g.path[0]: g for g in given if g.path[0] in ("model", "models") and g.source.startswith("--set")}
    if len(heads) == 2:
        one, other = heads["model"].source, heads["models"].source
        raise BadOption(f"{one} and {other} contradict each other", "each names the models", "Use one of the two keys.")
    whole = next((g for g in given if g.path == ("models",) and g.source.startswith("--set")), None)
    flag = next((g for g in given if g.path == ("model",)), None)
    if whole is not None and flag is not None and not isinstance(whole.value, Mapping):
        raise BadOption(f"{flag.source} and {whole.source} contradict each other", remedy="Give one of them.")


def _one(labels: Mapping[str, Flag]) -> str:
    if len(labels) > 1:
        raise BadOption(
            f"{' and '.join(g.source for g in labels.values())} are for {len(labels)} models",
            "the experiment names one",
            "Give the options of one model, or name each: --set models.NAME.name=MODEL.",
        )
    return next(iter(labels))


def _only_model(settings: Mapping[str, Any]) -> Path | None:
    """Where the settings name their model; None where they name none or several."""
    models, model = settings.get("models"), settings.get("model")
    if models is None:
        return ("model",) if isinstance(_name_of(model), str) else None
    if not isinstance(models, Mapping) or len(models) != 1 or model is not None:
        return None
    (label,) = models
    return ("models", label)


def _given_way(by: Flag, gone: Any, given: Sequence[Flag]) -> list[str]:
    """Notes on the options of a file that are not used.

    Raises:
        BadOption: they say where requests to this provider go, and nothing that was given does.
    """
    notes = []
    for table in _tables(gone):
        name = str(table.get("name", "table"))
        lost = [key for key in table if key not in ("name", "slots")]
        said = {f.path[-1] for g in given for f in _facts(g)}
        astray = [key for key in WHERE if key in table and key not in said and f"{key}=" not in str(by.value)]
        if astray and str(_name_of(by.value)).partition("/")[0] == name.partition("/")[0]:
            raise BadOption(
                f"{by.source} takes the place of {name!r}",
                f"its {' and '.join(astray)} would not be used, and requests and key would go elsewhere",
                "Say where they go: " + " ".join(f"--set model.{key}={table[key]}" for key in astray),
            )
        if lost:
            verb = "is" if len(lost) == 1 else "are"
            notes.append(
                f"{by.source} takes the place of {name!r} in the file, whose {', '.join(lost)} {verb} not used"
            )
    return notes


def _refuse_unnamed_models(settings: Mapping[str, Any], facts: Sequence[Flag]) -> None:
    models = settings.get("models")
    known = list(models) if isinstance(models, Mapping) else []
    named = {fact.path[1] for fact in facts if fact.path[0] == "models" and fact.path[2:] == ("name",)}
    for fact in facts:
        if fact.path[0] == "models" and len(fact.path) > 1 and known and fact.path[1] not in {*known, *named}:
            raise UnknownName.among("model", fact.path[1], known)


def _lay(settings: dict[str, Any], fact: Flag) -> None:
    table: Any = settings
    for depth, name in enumerate(fact.path[:-1], 1):
        value = table.get(name, {})
        inner = value[0] if isinstance(value, list) and len(value) == 1 else value
        if _is_named(fact.path[:depth]) and isinstance(inner, str):
            inner = {"name": inner}
        if not isinstance(inner, dict):
            what = f"a list of {len(inner)}" if isinstance(inner, list) else repr(inner)
            raise BadOption(
                f"{fact.source} changes a key of {'.'.join(fact.path[:depth])}",
                f"that is {what} and not a table",
                "Name a key of a table, or give the whole value.",
            )
        table[name] = [inner] if isinstance(value, list) else inner
        table = inner
    table[fact.path[-1]] = fact.value


def _at(settings: Mapping[str, Any], path: Path) -> Any:
    value: Any = settings
    for name in path:
        value = value[name]
    return value


def _take_out(settings: dict[str, Any], path: Path) -> None:
    table: Any = settings
    for name in path[:-1]:
        table = table.get(name) if isinstance(table, dict) else None
    if isinstance(table, dict):
        table.pop(path[-1], None)


def _table(value: Any) -> dict[str, Any]:
    return {"name": value} if isinstance(value, str) else dict(value)


def _tables(value: Any) -> list[Mapping[str, Any]]:
    """The tables with options in what a file says of its task or models."""
    if isinstance(value, list):
        return [table for each in value for table in _tables(each)]
    if not isinstance(value, Mapping):
        return []
    return [value] if "name" in value else [table for each in value.values() for table in _tables(each)]


def _name_of(value: Any) -> Any:
    """The name in a task or model, or in a list of one; None where there is none or are several."""
    if isinstance(value, list):
        return _name_of(value[0]) if len(value) == 1 else None
    return value.get("name") if isinstance(value, Mapping) else value


def _copied(value: Any) -> Any:
    """Tables and lists anew, all else as it is: settings of Python hold live objects."""
    if isinstance(value, dict):
        return {key: _copied(part) for key, part in value.items()}
    return [_copied(part) for part in value] if isinstance(value, list) else value
