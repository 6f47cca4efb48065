"""Two arms side by side: the paired table of `akrasia compare`, from stored records alone.

The arms are two variants of one run, or one variant in two runs (two models, say) that hold the same tasks and the same
seeds. Every metric compared is one family: Holm's correction keeps the chance of any difference being shown between two
arms that are alike at most 5 %, Benjamini and Hochberg's the share of those shown that are none. In a run that was
looked at while it went on no p is valid: the intervals are anytime-valid then, together over the metrics of the table.

Invariants: only what is paired is compared, the same episodes of the same task, and in a fork the same situations; what
is not paired is refused with the reason. A difference is *shown* if its Holm-corrected p is at most 0.05 and its
interval excludes 0; otherwise the sentence says between what it lies.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import polars as pl

from ..errors import BadOption, RunFolderError, UnknownName
from .anytime import Looks
from .frame import PAIR
from .inference import FEW, Bounds, Contrast, Estimate, Interval, benjamini_hochberg, holm
from .metrics import Metric
from .metrics.base import ratio
from .pairs import Flips, count_flips, open_to, paired, same_situations
from .verdict import direction, span

__all__ = ["COMPARED", "Comparison", "Line", "compare", "compare_runs"]

COMPARED = ("knowing", "doing", "gap", "say_do")
Outcome = Literal["higher", "lower", "no difference shown", "too few episodes", "not measured"]


@dataclass(frozen=True, slots=True)
class Line:
    """One metric of both arms.

    Attributes:
        a, b: the arms' estimates over the steps that are paired; contrast: `b` minus `a` with its tests.
        bounds: what outcomes that are missing could have made of the difference; None where none is missing or the
            metric does not tell.
        missing: share of the outcomes of both arms that are missing; None where the metric does not tell.
        outcome: where `b` is shown to lie against `a`.
    """

    metric: str
    unit: str
    a: Estimate
    b: Estimate
    contrast: Contrast
    bounds: Bounds | None
    missing: float | None
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two arms on one task.

    Attributes:
        models: of `a` and of `b`.
        pairing: in words, what is paired with what.
        episodes, steps: how many are paired.
        flips: from `a` to `b`, None where the arms met different situations.
        tokens, calls: per decision of `b`, as a multiple of `a`'s; None where `a` takes none.
        left_out: episodes that one arm alone has.
        anytime: a run was looked at while it went on, so the intervals are anytime-valid and nothing has a p.
    """

    task: str
    models: tuple[str, str]
    a: str
    b: str
    pairing: str
    episodes: int
    steps: int
    left_out: int
    lines: tuple[Line, ...]
    flips: Flips | None
    tokens: float | None
    calls: float | None
    sentence: str
    anytime: bool = False


def compare(
    frame: pl.DataFrame,
    a: str,
    b: str,
    metrics: Sequence[str] = COMPARED,
    interval: Interval = "robust",
    looked: Mapping[str, Any] | None = None,
) -> tuple[Comparison, ...]:
    """Two variants of one run, on every task and model that has both.

    Args:
        frame: the table made by `akrasia.evals.frame`.
        a, b: variants, by name or by what follows the baseline's name: "critique" for
            "reason_act | critique(rounds=2)".
        metrics: names of metrics that are ratios; they are one family.
        looked: what the ledger keeps of the looks at a run under `until`.

    Raises:
        RunFolderError: the table is empty.
        UnknownName: no such variant or metric.
        BadOption: the two are one variant, or share no episode or situation.
    """
    if frame.is_empty():
        raise RunFolderError("the run holds no records yet", remedy="Resume it: akrasia run --resume FOLDER.")
    one, other = _variant(frame, a), _variant(frame, b)
    if one == other:
        raise BadOption(f"{one!r} would be compared with itself", remedy="Name two variants.")
    looks = Looks.of(looked) if looked else None
    found = []
    for (_, model), here in frame.group_by("task", "model", maintain_order=True):
        arms = [here.filter(variant=v) for v in (one, other)]
        if not any(arm.is_empty() for arm in arms):
            found.append(
                _compared((one, arms[0]), (other, arms[1]), (str(model), str(model)), metrics, interval, looks)
            )
    if not found:
        raise BadOption(
            f"{one!r} and {other!r} were not run on the same task and model", "there is nothing to pair",
            "Resume the run with both variants.",
        )  # fmt: skip
    return tuple(found)


def compare_runs(
    first: tuple[str, pl.DataFrame, Mapping[str, Any]],
    second: tuple[str, pl.DataFrame, Mapping[str, Any]],
    variant: str | None = None,
    metrics: Sequence[str] = COMPARED,
    interval: Interval = "robust",
    looked: Sequence[Mapping[str, Any]] = (),
) -> tuple[Comparison, ...]:
    """One variant in two runs, on every task that both hold.

    Args:
        first, second: each run's name, its table, and its experiment as stored with it.
        variant: by name; by default the baseline.
        looked: what the ledgers keep of the looks at either run, or at both.

    Raises:
        RunFolderError: a table is empty.
        UnknownName: no such variant or metric.
        BadOption: the runs differ in design, seeds, tasks or the variant's plan, or share no episode.
    """
    for name, table, _ in (first, second):
        if table.is_empty():
            raise RunFolderError(f"{name!r} holds no records yet", remedy=f"Resume it: akrasia run --resume {name}.")
    (left, frame_a, _), (right, frame_b, _) = first, second
    if left == right:
        raise BadOption(f"{left!r} would be compared with itself", remedy="Name two runs.")
    chosen = [_variant(f, variant or _baseline(f)) for f in (frame_a, frame_b)]
    _same(first, second, chosen)
    looks = min((Looks.of(x) for x in looked), key=lambda x: x.at[-1], default=None)
    tasks = [t for t in frame_a["task"].unique(maintain_order=True) if t in set(frame_b["task"])]
    found = []
    for task in tasks:
        parts = [f.filter(task=task, variant=v) for f, v in zip((frame_a, frame_b), chosen, strict=True)]
        for models in _models(str(task), parts, (left, right)):
            arms = [p.filter(model=m).with_columns(model=pl.lit("")) for p, m in zip(parts, models, strict=True)]
            found.append(_compared((left, arms[0]), (right, arms[1]), models, metrics, interval, looks))
    return tuple(found)


def _compared(
    one: tuple[str, pl.DataFrame],
    other: tuple[str, pl.DataFrame],
    models: tuple[str, str],
    metrics: Sequence[str],
    interval: Interval,
    looks: Looks | None,
) -> Comparison:
    (name_a, a), (name_b, b) = one, other
    everywhere = a["episode"].n_unique(), b["episode"].n_unique()
    shared = set(a["episode"]) & set(b["episode"])
    if not shared:
        raise BadOption(
            f"{name_a!r} and {name_b!r} share no episode on {a['task'][0]}",
            f"one has {_listed(a)}, the other {_listed(b)}",
            "Resume the shorter run, so that both hold the same episodes.",
        )
    a, b = (part.filter(pl.col("episode").is_in(shared)) for part in (a, b))
    same = _meet(a, b)
    if models[0] == models[1] and a["design"][0] == "fork":
        a, b = same_situations(a, b)
        if a.is_empty():
            raise BadOption(
                f"{name_a!r} and {name_b!r} decided no situation in common",
                "each was run with a baseline that played otherwise", "Run both in one experiment.",
            )  # fmt: skip
    elif not same:  # the seeds are paired, and each arm played its own way
        a, b = (part.with_columns(design=pl.lit("rollout")) for part in (a, b))
    lines = _lines((name_a, a), (name_b, b), metrics, interval, looks)
    episodes = a["episode"].n_unique()
    ratios = [_per_decision(b, c) / _per_decision(a, c) if _per_decision(a, c) else None for c in (_TOKENS, _CALLS)]
    return Comparison(
        task=str(a["task"][0]),
        models=models,
        a=name_a,
        b=name_b,
        pairing="the same situations" if same else "the same seeds; each arm met the situations that it led to",
        episodes=episodes,
        steps=a.height,
        left_out=sum(n - episodes for n in everywhere),
        lines=lines,
        flips=count_flips(b, a) if same else None,
        tokens=ratios[0],
        calls=ratios[1],
        sentence=_sentence(name_a, name_b, lines),
        anytime=looks is not None,
    )


_TOKENS, _CALLS = ("prompt_tokens", "completion_tokens"), ("calls",)


def _per_decision(part: pl.DataFrame, columns: Sequence[str]) -> float:
    return float(sum(part[c].sum() for c in columns)) / part.height


def _meet(a: pl.DataFrame, b: pl.DataFrame) -> bool:
    """Whether both arms decided the very same situations, wherever they share an episode."""
    keys = [c for c in PAIR if c != "model"] + ["situation"]
    return a.height == b.height and a.join(b, on=keys, how="semi").height == a.height


def _lines(
    one: tuple[str, pl.DataFrame],
    other: tuple[str, pl.DataFrame],
    names: Sequence[str],
    interval: Interval,
    looks: Looks | None,
) -> tuple[Line, ...]:
    metrics = [ratio(name, "cannot be compared pair by pair", COMPARED) for name in dict.fromkeys(names)]
    if looks is None:
        contrasts = benjamini_hochberg(holm([paired(m, other, one, interval) for m in metrics]))
    else:
        contrasts = [looks.contrast(m, other, one, len(metrics)) for m in metrics]
    return tuple(_line(m, c, one, other, interval) for m, c in zip(metrics, contrasts, strict=True))


def _line(
    metric: Metric, contrast: Contrast, one: tuple[str, pl.DataFrame], other: tuple[str, pl.DataFrame], i: Interval
) -> Line:
    bounds = None if contrast.difference.value is None else open_to(metric, other, one, i)
    missing = None if not metric.tells_missing else 0.0 if bounds is None else bounds.missing
    return Line(
        metric.name, metric.unit, metric(one[1], i), metric(other[1], i), contrast, bounds, missing, _outcome(contrast)
    )  # fmt: skip


def _outcome(contrast: Contrast) -> Outcome:
    if contrast.difference.value is None:
        return "not measured"
    if contrast.difference.clusters < FEW:
        return "too few episodes"
    way = direction(contrast)
    return "higher" if way == "up" else "lower" if way == "down" else "no difference shown"


def _sentence(a: str, b: str, lines: Sequence[Line]) -> str:
    """What the table licenses, in words."""
    measured = [line for line in lines if line.outcome != "not measured"]
    if not measured:
        return f"Nothing to compare: no metric was measured in both. {lines[0].contrast.difference.why}".rstrip()
    few = [line for line in measured if line.outcome == "too few episodes"]
    if len(few) == len(measured):
        most = max(line.contrast.difference.clusters for line in few)
        return f"Too few episodes to call a difference ({most}, at least {FEW} are needed)."
    shown = [line for line in measured if line.outcome in ("higher", "lower")]
    if not shown:
        spans = "; ".join(f"{m.metric} between {span(m.contrast.difference)}" for m in measured if m not in few)
        return f"No difference shown between {a!r} and {b!r} in {_count(measured)}: {spans}."
    parts = [f"{line.outcome} {line.metric} by {_size(line.contrast)}" for line in shown]
    rest = [line.metric for line in measured if line not in shown]
    open_ = f" No difference shown in {', '.join(rest)}." if rest else ""
    return f"{b!r} has a {' and a '.join(parts)} than {a!r}, corrected over {_count(measured)}.{open_}"


def _count(lines: Sequence[Line]) -> str:
    return "1 metric" if len(lines) == 1 else f"{len(lines)} metrics"


def _size(contrast: Contrast) -> str:
    d = contrast.difference
    assert d.value is not None and d.low is not None and d.high is not None
    low, high = sorted((abs(d.low), abs(d.high)))
    return f"{abs(d.value):.2f} [{low:.2f}, {high:.2f}]"


def _variant(frame: pl.DataFrame, name: str) -> str:
    known = [str(v) for v in frame["variant"].unique(maintain_order=True)]
    if name in known:
        return name
    base = _baseline(frame)
    added = {v: v.removeprefix(base).strip(" |") for v in known}
    for short in (added, {v: a.partition("(")[0] for v, a in added.items() if " | " not in a}):
        meant = [v for v, a in short.items() if a == name.strip(" |")]
        if len(meant) == 1:
            return meant[0]
    raise UnknownName.among("variant", name, known)


def _baseline(frame: pl.DataFrame) -> str:
    marked = frame.filter("baseline")["variant"]
    return str(marked[0] if len(marked) else frame["variant"][0])


def _same(
    first: tuple[str, pl.DataFrame, Mapping[str, Any]],
    second: tuple[str, pl.DataFrame, Mapping[str, Any]],
    chosen: Sequence[str],
) -> None:
    """Refuse two runs whose episodes are no pairs."""
    (left, frame_a, a), (right, frame_b, b) = first, second
    runs = f"{left!r} and {right!r}"
    for what in ("design", "seed"):
        if a.get(what) != b.get(what):
            raise BadOption(
                f"{runs} cannot be paired", f"the {what} of one is {a.get(what)!r}, of the other {b.get(what)!r}",
                f"Run one of them again with {what} = {json.dumps(a.get(what))}.",
            )  # fmt: skip
    tasks_a, tasks_b = _tasks(a), _tasks(b)
    shared = [t for t in tasks_a if t in tasks_b]
    if not set(frame_a["task"]) & set(frame_b["task"]) or not shared:
        raise BadOption(
            f"{runs} hold no task in common", f"{', '.join(tasks_a)} against {', '.join(tasks_b)}",
            "Compare runs of the same task.",
        )  # fmt: skip
    for task in shared:
        changed = [k for k in {**tasks_a[task], **tasks_b[task]} if tasks_a[task].get(k) != tasks_b[task].get(k)]
        if changed:
            k = changed[0]
            raise BadOption(
                f"{runs} play different tasks", f"{task} has {k} = {tasks_a[task].get(k)!r} in one and "
                f"{tasks_b[task].get(k)!r} in the other", "Compare runs of the same task.",
            )  # fmt: skip
    plans = [_plan(f, v) for f, v in zip((frame_a, frame_b), chosen, strict=True)]
    if plans[0] != plans[1]:
        raise BadOption(
            f"{runs} would be compared by different variants", f"{plans[0]} against {plans[1]}",
            "Name a variant that both hold.",
        )  # fmt: skip


def _tasks(about: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The options of every task, by the name that its records carry."""
    given = [dict(t) for t in about.get("task", [])]
    names = [t.pop("name") for t in given]
    return {
        n if names.count(n) == 1 else f"{n}({', '.join(f'{k}={v}' for k, v in t.items())})": t
        for n, t in zip(names, given, strict=True)
    }


def _plan(frame: pl.DataFrame, variant: str) -> str:
    return str(frame.filter(variant=variant)["plan"][0])


def _models(task: str, parts: Sequence[pl.DataFrame], runs: tuple[str, str]) -> list[tuple[str, str]]:
    """Which model of the first run is paired with which of the second."""
    one, other = ([str(m) for m in p["model"].unique(maintain_order=True)] for p in parts)
    if set(one) == set(other):
        return [(m, m) for m in one]
    if len(one) == len(other) == 1:
        return [(one[0], other[0])]
    raise BadOption(
        f"{runs[0]!r} and {runs[1]!r} hold several models on {task}", f"{', '.join(one)} against {', '.join(other)}",
        "Compare runs of one model each, or of the same models.",
    )  # fmt: skip


def _listed(part: pl.DataFrame) -> str:
    numbers = sorted(set(part["episode"]))
    return f"episode {numbers[0]}" if len(numbers) == 1 else f"episodes {numbers[0]} to {numbers[-1]}"
