"""A run as a folder of files that any web server can show, and any browser from a disk.

Invariants: the folder is written beside its place and put there once it is whole; it holds no path and no name of this
machine; it loads nothing from elsewhere.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from ...errors import BadOption, RunFolderError
from ...ledger import read_ledger
from ..html import render_report
from ..page_charts import RunSteps
from .filters import FILTERS, LISTED
from .links import Links
from .listing import Query, list_situations
from .pages import STATIC, home_page, run_page, scorecard_part, step_page, steps_page
from .viewed_run import RunState, ViewedRun

MARK = "akrasia-bundle.json"
TEXTS = 4_000  # characters of a text that are searched in a folder of files


def write_bundle(
    runs: Sequence[ViewedRun], folder: Path, told: Callable[[int, int], None] = lambda done, of: None
) -> int:
    """Write the viewer's pages of some runs into a folder; a bundle that was there before is replaced.

    Args:
        told: called with (situations written, situations in all).

    Returns:
        How many files were written.

    Raises:
        BadOption: the folder holds something else.
        RunFolderError: it cannot be written; what was there before is kept.
    """
    if folder.exists() and not (folder.is_dir() and ((folder / MARK).is_file() or not any(folder.iterdir()))):
        raise BadOption(f"{str(folder)!r} is no bundle", "it holds something else", "Choose a new folder.")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
        try:
            count = 0
            for name, text in _files(runs, told):
                path = part / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(text.encode())
                count += 1
            (part / MARK).write_text(json.dumps({"runs": [run.name for run in runs], "files": count}))
            part.chmod(0o755)
            if folder.exists():
                shutil.rmtree(folder)
            part.rename(folder)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise
    except OSError as error:
        raise RunFolderError(
            f"{str(folder)!r} cannot be written",
            error.strerror or str(error),
            "Choose another folder, or free the disk.",
        ) from None
    return count


def _files(runs: Sequence[ViewedRun], told: Callable[[int, int], None]) -> Iterator[tuple[str, str]]:
    """(path, text) of every file."""
    states = {run.name: run.wait() for run in runs}
    yield "index.html", home_page(runs, Links(files=True))
    for name, (path, _) in STATIC.items():
        yield f"static/{name}", path.read_text(encoding="utf-8")
    total, done = sum(list_situations(s, Query()).places.height for s in states.values()), 0
    for run in runs:
        state, links = states[run.name], Links(run.name, files=True)
        yield f"{run.name}/index.html", run_page(run, links, scorecard=scorecard_part(run, state, links))
        steps = RunSteps(run.folder, state.steps)
        yield f"{run.name}/report.html", render_report(run.scorecard(state), state.about.experiment, steps, links)
        yield from _lists(run, state, links)
        for place in list_situations(state, Query()).all_places():
            yield f"{run.name}/{links.step(place)}", step_page(run, place.code, Query(), links)
            told(done := done + 1, total)
        yield f"{run.name}/texts.js", _texts(run, state, links)


def _lists(run: ViewedRun, state: RunState, links: Links) -> Iterator[tuple[str, str]]:
    """The lists of situations: of each filter that a page offers, and, where a number leads to it, of each variant."""
    queries = [Query(show) for show in LISTED]
    queries += [
        Query(show, variant, group) for show in FILTERS for group, place in state.groups.items()
        for variant in state.variants if (*place, variant) in state.counts
    ]  # fmt: skip
    for query in queries:
        listing = list_situations(state, query)
        if query.variant and listing.places.is_empty():
            continue
        for page in range(1, listing.pages + 1):
            paged = replace(query, page=page)
            yield f"{run.name}/{links.steps(paged, page=page)}", steps_page(run, paged, links)


def _texts(run: ViewedRun, state: RunState, links: Links) -> str:
    """All texts as a script that hands them to the page: one row per situation, each text once."""
    rows = []
    with read_ledger(run.folder) as ledger:
        for place in list_situations(state, Query()).all_places():
            texts: dict[str, None] = {}
            for variant in state.variants:
                record = ledger.step_record(place.task, place.model, variant, place.episode, place.step)
                for turn in record.decision.turns if record is not None else ():
                    texts[turn.text[:TEXTS]] = None
                    answer = ledger.answer(turn.key) if turn.key else None
                    if answer is not None:
                        texts[answer.response.reasoning[:TEXTS]] = None
            name = f"{place.model}, {place.task}, {place.episode}.{place.step}"
            rows.append([links.step(place), name, "\n".join(filter(None, texts))])
    return f"akrasiaTexts({json.dumps(rows, ensure_ascii=True)});\n"
