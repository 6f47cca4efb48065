"""The viewer's pages: from a run's state to HTML.

Invariants: the templates decide nothing but the layout, and every text that they are handed is escaped; a page that is
written into a folder is the one that the server shows, without what only a server can do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
from jinja2 import Environment

from ...errors import AkrasiaError, UnknownName
from ...evals.labels import LabelAgreement
from ...ledger import read_ledger
from ...ledger.provenance import session_lines
from ...records import FAILURES
from ..arm_rows import group_id
from ..html import TEMPLATES as REPORT_TEMPLATES
from ..html import breakable
from ..page import page_of
from ..page_charts import MINUS
from ..templating import html_environment
from ..text import share_text
from .filters import FILTERS, LISTED, SITUATION
from .links import Links
from .listing import Listing, Place, Query, list_situations
from .pieces import marked_pieces
from .search import TextHits
from .situation_page import situation_page
from .viewed_run import RunAbout, RunState, ViewedRun

HERE = Path(__file__).parent
STATIC: dict[str, tuple[Path, str]] = {
    "viewer.css": (HERE / "static" / "viewer.css", "text/css"),
    "viewer.js": (HERE / "static" / "viewer.js", "text/javascript"),
    "report.css": (REPORT_TEMPLATES / "report.css", "text/css"),
}
"""The viewer's own files, and the style of the report: name in addresses -> (file, media type)."""
SOMETIMES = ("lost-conclusion", "lost-action", "lost-reading", "trials")  # a column only where some step is so
COUNTED = ("gap", "mirror", *SOMETIMES, "improved", "worsened", "critic", "unparsable", "broken")


@cache
def _templates() -> Environment:
    environment = html_environment([HERE / "templates", REPORT_TEMPLATES])
    environment.filters["breakable"] = breakable
    environment.filters["pieces"] = marked_pieces
    environment.filters["zip"] = zip
    environment.globals.update(minus=MINUS, filters=FILTERS, listed=LISTED, blank=Query())
    return environment


def _render(template: str, links: Links, title: str, **values: Any) -> str:
    known = {"token": "", "live": False, "version": "", "links": links, "title": title, "query": Query()}
    return _templates().get_template(template).render(known | values)


def home_page(runs: Sequence[ViewedRun], links: Links) -> str:
    """The list of runs, newest first, by what is stored of each as a whole: their records are not read."""
    lines: list[tuple[str, RunAbout | None, str]] = []
    for run in runs:
        try:
            lines.append((run.name, run.about(), ""))
        except AkrasiaError as error:
            lines.append((run.name, None, str(error)))
    lines.sort(key=lambda line: line[1].started if line[1] is not None else "", reverse=True)
    return _render("home.html.j2", links, "runs", runs=lines)


def run_page(run: ViewedRun, links: Links, token: str = "", scorecard: str = "") -> str:
    """A run's first page.

    Args:
        token: lets the page change labels; "" where it may not.
        scorecard: the part that `scorecard_part` makes, where it is not to be fetched later.
    """
    state = run.state()
    imported = state.about.imported
    groups = [(code, task, model, _counts(state, task, model)) for code, (task, model) in state.groups.items()]
    return _render(
        "run.html.j2",
        links,
        run.name,
        run=run.name,
        state=state,
        groups=groups,
        chips=state.situations,
        counted=[name for name in COUNTED if name not in SOMETIMES or state.situations[name]],
        sessions=[imported.lines] if imported else [session_lines(s) for s in state.about.sessions],
        agreement=_agreement_words(run.agreement()),
        design=imported.sentence if imported else _design(state.about.experiment),
        scorecard=scorecard,
        token=token,
        live=state.live,
        version=state.version,
    )


def _design(experiment: Mapping[str, Any]) -> str:
    """How the variants came by their situations, in words; "" where it is not known."""
    return {
        "fork": "fork: every variant decides the situations that the baseline meets",
        "rollout": "rollout: every variant plays its own episodes",
    }.get(experiment.get("design", ""), "")


def scorecard_part(run: ViewedRun, state: RunState, links: Links) -> str:
    """The scorecard with its intervals and verdicts, as a part of a page; it takes as long as scoring does."""
    page = page_of(run.scorecard(state), state.about.experiment)
    return _templates().get_template("scorecard.html.j2").render(page=page, links=links, has_steps=True)


def _counts(state: RunState, task: str, model: str) -> list[tuple[str, str, Mapping[str, int]]]:
    """(variant, role, counts of its steps) of a task and model."""
    roles = {state.baseline: "baseline"} | {v: f"control: {kind}" for v, kind in state.controls.items()}
    counted = ((v, state.counts.get((task, model, v))) for v in state.variants)
    return [(v, roles.get(v, ""), sums) for v, sums in counted if sums is not None]


@dataclass(frozen=True, slots=True)
class _Cell:
    """What a variant did in a situation, in a list."""

    stated: str
    done: str
    kind: str
    knows: bool
    gap: bool
    marked: bool
    words: str
    draws: str


def steps_page(run: ViewedRun, query: Query, links: Links, hits: TextHits | None = None) -> str:
    """A list of situations with what every variant did in each."""
    state = run.state()
    listing = list_situations(state, query, hits)
    shown = listing.on_page()
    variants = [v for v in state.variants if not query.variant or v in (query.variant, state.baseline)]
    return _render(
        "steps.html.j2",
        links,
        f"{FILTERS[query.show].title} \N{MIDDLE DOT} {run.name}",
        run=run.name,
        state=state,
        query=query,
        listing=listing,
        chips=state.situations,
        variants=variants,
        rows=_rows(state, listing, shown, variants),
        draws=int(state.about.experiment.get("trials", 1)),
        live=state.live,
        version=state.version,
    )


def _rows(
    state: RunState, listing: Listing, shown: pl.DataFrame, variants: Sequence[str]
) -> list[tuple[Place, list[_Cell | None]]]:
    """Every situation of a page with the cells of its variants."""
    k = int(state.about.experiment.get("trials", 1))
    steps = state.steps.join(shown, on=SITUATION, how="semi")
    marked = set(listing.marked.join(shown, on=SITUATION, how="semi").iter_rows())
    filtered = bool(FILTERS[listing.query.show].where is not None or listing.query.words)
    cells: dict[tuple[Any, ...], dict[str, _Cell]] = {}
    for row in steps.iter_rows(named=True):
        key = tuple(row[name] for name in SITUATION)
        kind = _kind(row)
        draws = f"{round(row['right_draws'] * k)}/{k}" if row["draws_differ"] and row["right_draws"] is not None else ""
        stated = (row["stated"] or "").replace("|", ", ") if row["asked"] else ""
        gap = bool(row["m_gap"])
        cells.setdefault(key, {})[row["variant"]] = _Cell(
            stated or ("?" if row["asked"] and row["answers"] else ""),
            row["done"] or row["status"],
            kind,
            bool(row["asked"] and row["knows"]),
            gap,
            filtered and (row["variant"], *key) in marked,
            f"{row['variant']}: {f'states {stated}, ' if stated else ''}does {row['done'] or 'nothing'} ({kind})"
            + (", knows and does not do" if gap else "")
            + (f"; {draws} draws right" if draws else ""),
            draws,
        )
    return [
        (Place(group_id(t, m), t, m, e, s), [cells.get((t, m, e, s), {}).get(v) for v in variants])
        for t, m, e, s in shown.iter_rows()
    ]


def _kind(row: Mapping[str, Any]) -> str:
    """What was done, as a colour: "free" where nobody says what is right."""
    if not row["valid"]:
        return "none"
    if row["does"] is None:
        return "free"
    return "optimal" if row["does"] else "greedy" if row["greedy"] else "other"


def step_page(
    run: ViewedRun,
    code: str,
    query: Query,
    links: Links,
    hits: TextHits | None = None,
    other: ViewedRun | None = None,
    others: Sequence[str] = (),
    token: str = "",
) -> str:
    """A situation with all variants side by side.

    Args:
        code: see `Place.code`. other: a second run that is laid beside; others: names of runs that could be.

    Raises:
        UnknownName: the run has no such situation.
    """
    state = run.state()
    place = _place(state, code)
    with ExitStack() as stack:
        both = [run, other] if other is not None else [run]
        sources = [(r.name, r.state(), stack.enter_context(read_ledger(r.folder)), r.tools) for r in both]
        page = situation_page(sources, place, query.words)
    if page is None:
        raise UnknownName(f"the run {run.name!r} has no situation {code!r}", remedy="Choose one from the list.")
    before, after, number = (listing := list_situations(state, query, hits)).beside(place)
    labels = {} if links.files else run.labels()
    return _render(
        "step.html.j2",
        links,
        f"{place.task}, episode {place.episode}, step {place.step} \N{MIDDLE DOT} {run.name}",
        failures=FAILURES,
        run=run.name,
        page=page,
        place=place,
        query=query,
        before=before,
        after=after,
        number=number,
        count=listing.places.height,
        others=others,
        labels=labels,
        token=token,
    )


def _place(state: RunState, code: str) -> Place:
    group, _, numbers = code.partition("-")
    episode, _, step = numbers.partition("-")
    plain = all(n.isascii() and n.isdigit() and len(n) < 18 for n in (episode, step))
    if group not in state.groups or not plain:
        raise UnknownName(f"there is no situation {code!r}", remedy="Choose one from the list.")
    return Place(group, *state.groups[group], int(episode), int(step))


def label_page(run: ViewedRun, links: Links, token: str) -> str:
    """The next text to be labelled blind: neither the parser's reading nor what was done is shown."""
    text, left = run.next_text()
    return _render(
        "label.html.j2",
        links,
        f"label \N{MIDDLE DOT} {run.name}",
        run=run.name,
        text=text,
        left=left,
        agreement=_agreement_words(run.agreement()),
        token=token,
    )


def error_page(links: Links, what: str, remedy: str) -> str:
    """A page that says what went wrong, and what to do."""
    return _render("error.html.j2", links, "not found", what=what, remedy=remedy)


def _agreement_words(agreement: LabelAgreement) -> Mapping[str, str]:
    """How far people agree with parser and judge, in words."""
    words = {"labelled": f"{agreement.labelled} text{'s' * (agreement.labelled != 1)}, {agreement.blind} of them blind"}
    for name, kappa in (("parser", agreement.parser), ("judges", agreement.judges)):
        if kappa.value is None:
            words[name] = f"not measured: {kappa.why}"
        else:
            words[name] = f"{share_text(kappa)} over {kappa.n} text{'s' * (kappa.n != 1)}"
    return words
