"""The HTML report: one file that says what was measured, how surely, and where each number comes from.

Invariants: the same scorecard and experiment give the same bytes; the file loads nothing from anywhere and runs no
script; whatever was not measured is said in words, never shown as 0 or left blank; every name is escaped; a report that
cannot be written leaves the one before it untouched.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from ..evals.breakdown import BREAKDOWNS
from ..evals.inference import Contrast, Estimate
from ..evals.metrics import CLASSES, METRICS, PAIRWISE, TURN_METRICS
from ..evals.scorecard import Arm, Scorecard
from ..files import write_file
from ..records import Status
from . import svg
from .findings import findings
from .text import amount, p_value, share, short_name, signed, told, worst_to_best
from .two_way import SCALE, UNTESTED, two_way_rows

__all__ = ["render_report", "write_report"]

TEMPLATES = Path(__file__).parent / "templates"
DESIGNS = {
    "fork": "fork: every variant decides the situations that the baseline{of} meets",
    "rollout": "rollout: every variant plays its own episode on the same seeds",
}
SPLITS = {
    "all": "All steps",
    "untried left": "An untried arm is left",
    "all tried": "All arms tried",
    "valid only": "Valid only: steps with a legal action",
    "no legal action": "Steps without a legal action",
    "stated only": "Stated only: steps whose rationale can be read",
}
HEADINGS = {"optimal": "optimal", "greedy": "greedy", "other": "other", "none": "no legal action"}
STATUSES: tuple[str, ...] = get_args(Status)
FLIPS_IN_ROLLOUT = "not measured: in a rollout the variants meet different situations"


def write_report(card: Scorecard, experiment: dict[str, Any], path: Path) -> Path:
    """Write the report of a scorecard as one self-contained HTML file.

    Args:
        experiment: the resolved experiment as stored with the run; may be empty.
        path: the file, replaced at once or not at all.

    Returns:
        The path.

    Raises:
        RunFolderError: the file cannot be written; a report that was there before is kept.
    """
    return write_file(path, render_report(card, experiment).encode())


def render_report(card: Scorecard, experiment: dict[str, Any]) -> str:
    """The report as text."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    environment.filters["breakable"] = _breakable
    pairs = dict.fromkeys((a.task, a.model) for a in card.arms)
    groups = [_group(card, experiment, task, model) for task, model in pairs]
    of = f" of {experiment['leader']}" if experiment.get("leader") else ""
    return environment.get_template("report.html.j2").render(
        name=experiment.get("name", "experiment"),
        design=DESIGNS.get(card.design, card.design).format(of=of),
        groups=groups,
        warnings=card.warnings,
        two_way=[two_way_rows(t) for t in card.two_way],
        two_way_note=SCALE if all(t.tested for t in card.two_way) else f"{SCALE} {UNTESTED}",
        definitions=_definitions(card),
        experiment=experiment,
    )


@dataclass(frozen=True, slots=True)
class ReportCell:
    """A number as it is shown: its value, its interval, and what must be said with it.

    Where `measured` is false, `text` says why in words and `span` is empty.
    """

    text: str
    span: str = ""
    note: str = ""
    measured: bool = True

    def __str__(self) -> str:
        return " ".join(part for part in (self.text, self.span, self.note) if part)


@dataclass(frozen=True, slots=True)
class ReportRow:
    """One variant in the report; `kind` is "baseline", "control" or "variant"."""

    name: str
    kind: str
    role: str
    arm: Arm


def _group(card: Scorecard, experiment: dict[str, Any], task: str, model: str) -> dict[str, Any]:
    """Everything the report says about one task and model."""
    arms = [a for a in card.arms if (a.task, a.model) == (task, model)]
    base = card.baseline_of(arms[0])
    rows = [_row(arm, base) for arm in arms]
    contrasts = [c for t, m, c in card.valid if (t, m) == (task, model)]
    return {
        "task": task,
        "options": _options(experiment, task),
        "model": model,
        "notes": _notes(experiment, model),
        "base": base,
        "headline": [(name, _bounded(base, name)) for name in ("knowing", "doing", "gap")],
        "chance": _plain(_metric(base, "chance").value),
        "rows": rows,
        "shortened": any(row.name != row.arm.variant for row in rows),
        "figure": _figure(rows, base),
        "table": [_numbers(card, row, base) for row in rows],
        "contrasts": [_contrast_row(c, base) for c in contrasts],
        "funnels": _funnels(card, rows),
        "unencoded": _unencoded(rows, base),
        "silent": [row.name for row in rows if not row.arm.table.total],
        "classes": _classes(rows),
        **findings(card, arms, base),
        "splits": _splits(rows),
        "outcomes": _outcomes(rows),
        "metrics": _all_metrics(rows),
        "breakdowns": _breakdowns(rows),
    }


def _row(arm: Arm, base: Arm) -> ReportRow:
    if arm.baseline:
        return ReportRow(arm.variant, "baseline", "baseline", arm)
    name = short_name(arm.variant, base.variant)
    return (
        ReportRow(name, "control", f"control: {arm.control}", arm)
        if arm.control
        else ReportRow(name, "variant", "", arm)
    )


def _figure(rows: list[ReportRow], base: Arm) -> dict[str, Any]:
    found = [_metric(row.arm, "gap") for row in rows]
    top, reference = svg.reach(found), _metric(base, "gap").value
    drawn = [
        (row, svg.whisker(e, row.kind, reference, top, f"{row.name}: gap {_share(e)}"), _share(e))
        for row, e in zip(rows, found, strict=True)
    ]
    return {"rows": drawn, "axis": svg.axis(top)}


def _numbers(card: Scorecard, row: ReportRow, base: Arm) -> dict[str, Any]:
    """A row of the main table."""
    arm = row.arm
    tokens = [_amount(_metric(arm, name)) for name in ("prompt_tokens", "completion_tokens")]
    found = card.contrast(arm, "gap", base.variant)
    return {
        "row": row,
        "rates": [_bounded(arm, name) for name in ("knowing", "doing", "gap", "say_do")],
        "flips": arm.flips,
        "no_flips": "" if arm.baseline else FLIPS_IN_ROLLOUT,
        "amounts": [_amount(_metric(arm, "calls"), 1), *tokens],
        "difference": None if arm.baseline else _difference(found),
        "p": None if arm.baseline else _p(found.p_holm if found else None),
    }


def _contrast_row(c: Contrast, base: Arm) -> dict[str, Any]:
    return {
        "metric": c.metric,
        "variant": short_name(c.variant, base.variant),
        "against": short_name(c.against, base.variant),
        "difference": _difference(c),
        "p": _p(c.p),
        "p_holm": _p(c.p_holm),
        "p_bh": _p(c.p_bh),
    }


def _funnels(card: Scorecard, rows: list[ReportRow]) -> list[dict[str, Any]]:
    """Encoded, stated, and stated and done, of every variant that was asked for a rationale."""
    origin = next((r for r in rows if _metric(r.arm, "encoded").value is not None), None)
    made = []
    for row in (r for r in rows if r.arm.table.total):
        chance = _metric(row.arm, "chance").value
        encoded, source = _metric(row.arm, "encoded"), ""
        if encoded.value is None and origin is not None:
            encoded, source = _metric(origin.arm, "encoded"), f"from {origin.name}"
            if card.design != "fork":
                source += ", which met other situations"
        stated, both = _metric(row.arm, "knowing"), row.arm.table.joint("knows", "optimal")
        levels: list[tuple[str, str, float | None, Estimate | None, ReportCell]] = [
            ("encoded", source, encoded.value, encoded, _share(encoded)),
            ("stated", "knowing", stated.value, stated, _share(stated)),
            ("stated and done", "knows and does", both, None, ReportCell(_plain(both))),
        ]
        shown = levels if encoded.value is not None else levels[1:]
        bars = [
            {"level": level, "source": origin_of, "cell": cell, "drawn": svg.bar(
                value, e, chance, level.split()[-1], f"{row.name}: {level} {cell}; chance {_plain(chance)}"
            )} for level, origin_of, value, e, cell in shown
        ]  # fmt: skip
        made.append({"row": row, "bars": bars, "chance": _plain(chance)})
    return made


def _unencoded(rows: list[ReportRow], base: Arm) -> str:
    """Why no variant shows what is encoded; empty where one does."""
    seen = any(_metric(row.arm, "encoded").value is not None for row in rows)
    return "" if seen else _share(_metric(base, "encoded")).text


def _classes(rows: list[ReportRow]) -> dict[str, Any]:
    """The 2 x 3 table of every variant that was asked for a rationale, as joint shares and as conditionals."""
    asked = [r for r in rows if r.arm.table.total]
    lost = any(cells["none"] for r in asked for cells in r.arm.table.counts.values())
    columns = [c for c in CLASSES if c != "none" or lost]
    tables = []
    for row in asked:
        table = row.arm.table
        lines = [
            {
                "row": {"knows": "rationale correct", "does not know": "not correct"}[line],
                "joint": [(_plain(table.joint(line, c)), cells[c]) for c in columns],
                "conditional": [_conditional(table.conditional(line, c)) for c in columns],
                "steps": sum(cells.values()),
            }
            for line, cells in table.counts.items()
        ]
        tables.append({"row": row, "lines": lines, "steps": table.total})
    return {"columns": [HEADINGS[c] for c in columns], "tables": tables, "lost": lost}


def _splits(rows: list[ReportRow]) -> list[dict[str, Any]]:
    """Knowing, doing and gap per subset of steps; a subset without steps is one line in words."""
    made = []
    for name in dict.fromkeys(split for row in rows for split in row.arm.splits):
        lines = [(row, row.arm.splits[name]) for row in rows if name in row.arm.splits]
        empty = [line for line in lines if line[1]["doing"].value is None]
        made.append({
            "title": SPLITS.get(name, name),
            "empty": _share(lines[0][1]["doing"]).text if len(empty) == len(lines) else "",
            "lines": [
                (row, f"{found['doing'].n:,.0f}", [_share(found[m]) for m in ("knowing", "doing", "gap")])
                for row, found in lines
            ],
        })  # fmt: skip
    return made


def _all_metrics(rows: list[ReportRow]) -> dict[str, Any]:
    """Every metric: a line each where at least one variant has it; else why none has."""
    lines, missing = [], []
    for name in rows[0].arm.metrics:
        found = [_metric(row.arm, name) for row in rows]
        title = getattr(_known(name), "title", name)
        if any(e.value is not None for e in found):
            lines.append((title, name, [_whole(row.arm, name) for row in rows]))
        else:
            missing.append((title, name, found[-1].why))
    return {"names": [row.name for row in rows], "lines": lines, "missing": missing}


def _breakdowns(rows: list[ReportRow]) -> list[dict[str, Any]]:
    """What lies behind the metrics: a table for each breakdown that some variant has."""
    made = []
    for name, title in BREAKDOWNS.items():
        found = [(row, key, cells) for row in rows for key, cells in row.arm.parts.get(name, {}).items()]
        columns = list(dict.fromkeys(c for _, _, cells in found for c in cells))
        lines = [(row, key, [told(cells[c]) if c in cells else "" for c in columns]) for row, key, cells in found]
        if lines:
            made.append({"title": title, "key": name, "columns": columns, "lines": lines})
    return made


def _known(name: str) -> Any:
    """The metric of that name, of whatever kind; a user's evaluator is none of them."""
    kind = next((k for k in (METRICS, TURN_METRICS, PAIRWISE) if name in k), None)
    return None if kind is None else kind.make(name)


def _outcomes(rows: list[ReportRow]) -> dict[str, Any]:
    """What became of the answers of every variant: one column per status that occurs."""

    def columns(counts: Iterable[dict[str, int]]) -> list[str]:
        seen = {status for one in counts for status in one}
        return [s for s in STATUSES if s in seen] + sorted(seen - set(STATUSES))

    actions = columns(row.arm.statuses for row in rows)
    rationales = columns(row.arm.stated_statuses for row in rows)
    lines = []
    for row in rows:
        arm = row.arm
        asked = sum(n for s, n in arm.stated_statuses.items() if s != "absent")
        lines.append({
            "row": row,
            "actions": [arm.statuses.get(s, 0) for s in actions],
            "rationales": [arm.stated_statuses.get(s, 0) for s in rationales],
            "lost": f"{arm.steps - arm.statuses.get('ok', 0):,} of {arm.steps:,}",
            "unread": f"{asked - arm.stated_statuses.get('ok', 0):,} of {asked:,}" if asked else "none asked for",
        })  # fmt: skip
    return {"actions": actions, "rationales": rationales, "lines": lines}


def _definitions(card: Scorecard) -> list[tuple[str, str, str]]:
    """Title, unit and definition of every metric in the scorecard."""
    found = []
    for name in dict.fromkeys(name for arm in card.arms for name in arm.metrics):
        metric = _known(name)
        title, unit = getattr(metric, "title", name), getattr(metric, "unit", "")
        found.append((title, unit, getattr(metric, "source", "") or (METRICS.about(name) if name in METRICS else "")))
    return found


def _options(experiment: dict[str, Any], task: str) -> str:
    """The options of a task in words; empty where the record's name holds them or the experiment is not known."""
    found = [t for t in experiment.get("task", []) if t.get("name") == task]
    return ", ".join(f"{k} {v}" for k, v in found[0].items() if k != "name") if len(found) == 1 else ""


def _notes(experiment: dict[str, Any], model: str) -> list[tuple[str, str, str]]:
    """Slot, label and note of every model that served under this label."""
    for slots in experiment.get("models", []):
        others = sorted(slot for slot in slots if slot != "default")
        named = [
            str(slots[s]["label"]) if s == "default" else f"{s}: {slots[s]['label']}" for s in ("default", *others)
        ]
        if " + ".join(named) == model:
            return [(s, slots[s]["label"], slots[s].get("note", "")) for s in ("default", *others)]
    return []


def _metric(arm: Arm, name: str) -> Estimate:
    return arm.metrics.get(name, Estimate(None, why="not among the metrics that were asked for"))


def _share(estimate: Estimate) -> ReportCell:
    if estimate.value is None:
        return _missing(estimate.why)
    value, _, span = share(estimate).partition(" ")
    return ReportCell(value, span, estimate.why)


def _bounded(arm: Arm, name: str) -> ReportCell:
    """A share, with what answers that could not be read could have made of it."""
    cell = _share(_metric(arm, name))
    if name not in arm.bounds:
        return cell
    ends = f"unread answers at worst .. best: {worst_to_best(arm.bounds[name])}"
    return replace(cell, note=f"{cell.note}; {ends}" if cell.note else ends)


def _whole(arm: Arm, name: str) -> str:
    """An estimate of any unit with its bounds; empty where it was not measured."""
    if _metric(arm, name).value is None:
        return ""
    ends = f"; unread: {worst_to_best(arm.bounds[name])}" if name in arm.bounds else ""
    return f"{_metric(arm, name)}{ends}"


def _difference(contrast: Contrast | None) -> ReportCell:
    if contrast is None:
        return _missing("not among the metrics that were asked for")
    if contrast.difference.value is None:
        return _missing(contrast.difference.why)
    value, _, span = signed(contrast).replace("-", "\N{MINUS SIGN}").partition(" ")
    return ReportCell(value, span, contrast.difference.why)


def _amount(estimate: Estimate, digits: int = 0) -> ReportCell:
    return _missing(estimate.why) if estimate.value is None else ReportCell(amount(estimate, digits))


def _p(p: float | None) -> ReportCell:
    return ReportCell("not tested", measured=False) if p is None else ReportCell(p_value(p))


def _conditional(value: float | None) -> ReportCell:
    return _missing("no such step") if value is None else ReportCell(_plain(value))


def _missing(why: str) -> ReportCell:
    return ReportCell(f"not measured: {why}" if why else "not measured", measured=False)


def _breakable(name: str) -> Markup:
    """A name that may be wrapped where its parts meet, so that a narrow column does not cut a word."""
    text = escape(name)
    for end in ("_", "(", ","):
        text = text.replace(end, Markup(f"{end}<wbr>"))
    return text


def _plain(value: float | None) -> str:
    """A rate without its interval, in the form that `share` gives it."""
    return "not measured" if value is None else share(Estimate(value)).partition(" ")[0]
