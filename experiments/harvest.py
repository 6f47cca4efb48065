"""Training data out of a run: its records and stored answers, read once and handed to the export.

Invariant: a ledger is only read; whose answers are taken is named, by default those of the baseline alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..errors import UnknownName
from ..interventions.training.export import Data, form_named, gap_pairs, good_answers
from ..records import Record, Request, Response
from .ledger import read_ledger

__all__ = ["harvest"]


def harvest(
    folder: Path,
    form: str = "sft",
    only: str = "optimal",
    variants: Sequence[str] = (),
    models: Sequence[str] = (),
    tasks: Sequence[str] = (),
) -> Data:
    """What a run gives to train on; see `akrasia.interventions.training.export`.

    Args:
        only: for the form "sft", which answers.
        variants: by default the baseline; models, tasks: by default all.

    Raises:
        UnknownName: no such form, kind of answers, variant, model or task.
        NotMeasured: the run holds nothing of the kind.
        RunFolderError, LedgerError: the folder holds no run that can be read.
    """
    wanted = form_named(form)
    ledger = read_ledger(folder)
    try:
        held = list(zip(*ledger.arms(), strict=True)) or [(), (), ()]
        for kind, names, known in zip(("task", "model", "variant"), (tasks, models, variants), held, strict=True):
            for name in names:
                if name not in known:
                    raise UnknownName.among(kind, name, known)

        def taken(record: Record) -> bool:
            own = record.variant in variants if variants else record.tags.get("arm") == "baseline"
            return own and (not models or record.model in models) and (not tasks or record.task in tasks)

        def answer(key: str) -> tuple[Request, Response] | None:
            found = ledger.answer(key)
            return None if found is None else (found.request, found.response)

        records = filter(taken, ledger.records())
        return gap_pairs(records, answer) if wanted == "preference" else good_answers(records, answer, only)
    finally:
        ledger.close()
