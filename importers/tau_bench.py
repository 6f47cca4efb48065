"""The importer `tau-bench`: trajectories of tau-bench (Yao et al. 2024, 2406.12045), whole conversations with tools.

A row is a trial of a task: `task_id`, `trial`, `reward` (1 where the data base ends as it should), and `traj`, the
conversation in OpenAI's chat form. The model is not in the file; its name is the file's, "gpt-4o-airline".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .base import IMPORTERS, Intake, SourceRow
from .grading import as_verdict, judged
from .sources import beginning, files_of, json_rows, refuse_empty
from .transcripts import transcript_of

DOMAINS = ("airline", "retail", "telecom")


@dataclass(frozen=True)
class TauBenchImporter:
    """Trajectories of tau-bench with their rewards."""

    def recognises(self, source: Path) -> bool:
        """Rows with a task, a reward and a trajectory."""
        head = beginning(source)
        return all(key in head for key in (b'"task_id"', b'"reward"', b'"traj"'))

    def read(self, source: Path, intake: Intake) -> Iterator[SourceRow]:
        """One decision for each trial of a task."""
        intake.name, intake.tool = "tau-bench", "sierra-research/tau-bench"
        tools = silent = 0
        for path in files_of(source, (".json", ".jsonl"), intake):
            refuse_empty(path)
            model, task = _named(path)
            for where, row in json_rows(path, intake):
                problem = _problem(row)
                talk = None if problem else transcript_of(row["traj"])
                if problem or talk is None:
                    intake.leave_out(where, problem or "its trajectory holds no assistant that speaks")
                    continue
                tools, silent = tools + talk.tools, silent + talk.silent
                right = float(row["reward"]) >= 1.0
                done, optimal = judged("", right)
                yield SourceRow(
                    where,
                    item=f"task {row['task_id']}",
                    trial=row.get("trial"),
                    model=model,
                    task=task,
                    done=done,
                    optimal=optimal,
                    text=talk.answer,
                    messages=talk.before,
                    turns=talk.turns,
                    tool_calls=talk.tool_calls,
                    reasoning=talk.reasoning,
                    calls=talk.calls,
                    reward=float(row["reward"]),
                )
        if tools:
            intake.note(f"{tools:,} calls of tools by the assistant, {tools - silent:,} of them with text beside them")


def _problem(row: Any) -> str:
    if not isinstance(row, dict) or not isinstance(row.get("traj"), list) or "task_id" not in row:
        return "it holds no task with its trajectory"
    reward = row.get("reward")
    if isinstance(reward, bool) or not isinstance(reward, int | float) or as_verdict(reward, 1.0) is None:
        return "its reward is no number"
    trial = row.get("trial")
    return "" if trial is None or (isinstance(trial, int) and trial >= 0) else "its trial is no whole number from 0 on"


def _named(path: Path) -> tuple[str, str]:
    """(model, task) from a name such as gpt-4o-airline.json; the task alone where it names no domain."""
    stem = path.name.partition(".json")[0]
    for domain in DOMAINS:
        before, found, _ = stem.partition(f"-{domain}")
        if found:
            return before, f"tau-bench {domain}"
    return "", f"tau-bench {stem}"


IMPORTERS.register("tau-bench", TauBenchImporter)
