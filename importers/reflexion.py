"""The importer `reflexion`: the ALFWorld runs that were published with Reflexion (Shinn et al. 2023, 2303.11366).

The folder `alfworld_runs/root` holds `base_run_logs` (plain retry) and `reflexion_run_logs`, each with one file a trial
of 134 tasks. Only tasks that failed are tried again: an oracle says when to stop. So both arms are marked as told by
the oracle, and a success is never lost.

An arm is what was reached after k trials, "reflexion after 7": k trials of Reflexion are compared with k trials of
retry.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import BadOption
from .base import IMPORTERS, Intake, SourceRow
from .grading import judged
from .sources import files_of, json_rows

_TRIAL = re.compile(r"env_results_trial_(\d+)\.json$")
_LOGS = {"base_run_logs": "retry", "reflexion_run_logs": "reflexion"}
STOP = "oracle"


@dataclass(frozen=True)
class ReflexionImporter:
    """Success of each task after each trial, of plain retry and of Reflexion."""

    def recognises(self, source: Path) -> bool:
        """Files of trials, alone or in their folders."""
        return any(_TRIAL.search(p.name) for p in source.rglob("*.json")) if source.is_dir() else False

    def read(self, source: Path, intake: Intake) -> Iterator[SourceRow]:
        """One decision for each task and trial."""
        intake.name, intake.tool = "alfworld", "noahshinn/reflexion"
        files = sorted((number, path) for path in files_of(source, (".json",), intake) if (number := _trial(path)) >= 0)
        if not files:
            raise BadOption(
                f"{str(source)!r} holds no trial of Reflexion",
                "no file in it is called env_results_trial_N.json",
                "Give the folder that holds base_run_logs and reflexion_run_logs.",
            )
        intake.note("only tasks that failed are tried again: an oracle decides when to stop, in every arm")
        for arm in dict.fromkeys(_arm(path) for _, path in files):
            for number, path in files:
                if _arm(path) == arm:
                    yield from _tasks(path, f"{arm} after {number + 1}", number + 1, intake)


def _tasks(path: Path, arm: str, trials: int, intake: Intake) -> Iterator[SourceRow]:
    for where, row in json_rows(path, intake):
        place = f"{path.parent.name}/{where}"
        right: Any = row.get("is_success") if isinstance(row, dict) else None
        if not isinstance(right, bool) or not isinstance(row.get("name"), str):
            intake.leave_out(place, "it holds no task with its success")
            continue
        done, optimal = judged("", right)
        memory = row.get("memory")
        yield SourceRow(
            place,
            item=row["name"],
            variant=arm,
            model="text-davinci-003",
            done=done,
            optimal=optimal,
            text="\n\n".join(map(str, memory)) if isinstance(memory, list) else "",
            leaks=STOP,
        )


def _trial(path: Path) -> int:
    found = _TRIAL.search(path.name)
    return int(found[1]) if found else -1


def _arm(path: Path) -> str:
    return _LOGS.get(path.parent.name, path.parent.name)


IMPORTERS.register("reflexion", ReflexionImporter)
