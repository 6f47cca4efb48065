"""The importer `inspect`: logs of Inspect, `.eval` and `.json`, read by Inspect itself (extra `inspect`).

A sample is a decision: its id is the item, its epoch the trial, a score the verdict. `target` is kept as what is right,
the messages and calls of tools as the transcript. A sample that ended in an error or at a limit, without a score, is a
decision that failed. Several logs of one task are arms: by their models where these differ, else by their solvers.

Scores: C, true and 1 are right; I, N, false and 0 are not. What lies between, P among it, needs `threshold`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import BadOption, MissingExtra, UnknownName
from ..options import real
from ..records import Status, Usage
from .base import IMPORTERS, SEVERAL, Intake, SourceRow
from .grading import as_verdict, judged
from .sources import beginning, files_of, refuse_empty
from .transcripts import text_of, transcript_of

LETTERS = {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0}  # Inspect's own reading of its letters
SHORT = 200  # characters of an answer beyond which the verdict stands in its place


@dataclass(frozen=True)
class InspectImporter:
    """Logs of Inspect: samples, epochs, scores, transcripts with calls of tools, errors and limits.

    Args:
        scorer: whose score counts, where a log holds several; by default the first.
        threshold: the least score that is right.
    """

    scorer: str = ""
    threshold: float | str | None = None

    def __post_init__(self) -> None:
        """Refuse a threshold that is no number."""
        if self.threshold is not None:
            real("the threshold", self._least, -1e300, 1e300)

    @property
    def _least(self) -> float | None:
        try:
            return None if self.threshold is None else float(self.threshold)
        except ValueError:
            raise BadOption(f"the threshold is {self.threshold!r}", remedy="Give a number.") from None

    def recognises(self, source: Path) -> bool:
        """A log by its name, or by the fields that it begins with."""
        if source.is_dir():
            return any(source.rglob("*.eval"))
        head = beginning(source)
        return source.suffix == ".eval" or (b'"eval"' in head and b'"status"' in head and b'"version"' in head)

    def read(self, source: Path, intake: Intake) -> Iterator[SourceRow]:
        """One decision for each sample of each epoch."""
        log_of, samples_of = _library()
        paths = files_of(source, (".eval", ".json"), intake)
        headers = {path: _header(log_of, path) for path in paths}
        if len({h.eval.task for h in headers.values()}) == 1:
            intake.name = next(iter(headers.values())).eval.task
        versions = sorted({v for h in headers.values() if (v := h.eval.packages.get("inspect_ai"))})
        intake.tool = f"inspect_ai {', '.join(versions)}".strip()
        if len(versions) > 1:
            intake.note(f"the logs were written by several versions of Inspect: {', '.join(versions)}")
        arms = _arms(headers)
        for path, header in headers.items():
            model, variant = arms[path]
            if header.status != "success":
                intake.note(f"{path.name}: the evaluation ended as {header.status!r}")
            if header.eval.model_roles:
                roles = ", ".join(f"{role}: {m.model}" for role, m in header.eval.model_roles.items())
                intake.note(f"{path.name}: model roles {roles}")
            samples = samples_of(str(path), all_samples_required=False, resolve_attachments=True)
            for sample in _each(samples, path, intake):
                intake.rows += 1
                where = f"{path.name}, sample {sample.id!r} of epoch {sample.epoch}"
                row = self._row(where, sample, path, intake)
                if row is not None:
                    row.task, row.model, row.variant = header.eval.task, model, variant
                    yield row

    def _row(self, where: str, sample: Any, path: Path, intake: Intake) -> SourceRow | None:
        row = _sample_row(where, sample)
        name = self._scorer(sample.scores or {}, path, intake)
        if not name:
            failed: Status | None = "error" if sample.error else "truncated" if sample.limit else None
            if failed is None:
                intake.leave_out(where, "it has no score")
                return None
            row.done, row.status = None, failed
            row.text = row.text or (sample.error.message if sample.error else f"limit: {sample.limit.type}")
            return row
        score = sample.scores[name]
        right = _verdict(score.value, self._least)
        if right is None:
            intake.leave_out(where, f"its score {name} lies between right and wrong: name the least with --threshold")
            return None
        answer = score.answer if isinstance(score.answer, str) and len(score.answer) <= SHORT else ""
        row.done, row.optimal = judged(answer, right)
        if isinstance(score.value, int | float) and not isinstance(score.value, bool):
            row.reward = float(score.value)
        return row

    def _scorer(self, scores: Mapping[str, Any], path: Path, intake: Intake) -> str:
        if self.scorer and scores and self.scorer not in scores:
            raise UnknownName.among(f"scorer of {path.name!r}", self.scorer, scores)
        if len(scores) > 1 and not self.scorer:
            intake.note(f"{path.name} has the scorers {', '.join(scores)}; the first counts, see --option scorer=NAME")
        return self.scorer if self.scorer in scores else next(iter(scores), "")


def _sample_row(where: str, sample: Any) -> SourceRow:
    """All of a sample but its score."""
    talk = transcript_of([m.model_dump() for m in sample.messages])
    target = sample.target if isinstance(sample.target, str) else "; ".join(sample.target)
    asked = sample.input if isinstance(sample.input, str) else "\n".join(text_of(m.content) for m in sample.input)
    usage = _usage(sample.model_usage)
    costs = [u.total_cost for u in sample.model_usage.values()] if sample.model_usage else []
    return SourceRow(
        where,
        item=str(sample.id),
        trial=sample.epoch - 1,
        question=asked,
        optimal=(target,) if target else (),
        text=sample.output.completion if talk is None else talk.answer,
        messages=() if talk is None else talk.before,
        turns=() if talk is None else talk.turns,
        tool_calls=() if talk is None else talk.tool_calls,
        reasoning="" if talk is None else talk.reasoning,
        calls=None if talk is None else talk.calls,
        usage=usage,
        cost=None if not costs or None in costs else float(sum(costs)),
        latency=sample.total_time,
    )


def _usage(used: Mapping[str, Any]) -> Usage | None:
    if not used:
        return None
    total = Usage()
    for one in used.values():
        cached = (one.input_tokens_cache_read or 0) + (one.input_tokens_cache_write or 0)
        total += Usage(one.input_tokens + cached, one.output_tokens, cached, one.reasoning_tokens or 0)
    return total


def _verdict(value: Any, threshold: float | None) -> bool | None:
    if isinstance(value, str) and value in LETTERS:
        value = LETTERS[value]
    if isinstance(value, list | dict):
        return None
    return as_verdict(value, threshold)


def _arms(headers: Mapping[Path, Any]) -> dict[Path, tuple[str, str]]:
    """(model, variant) of each log: what tells the logs of one task apart."""
    tasks: dict[str, list[Path]] = {}
    for path, header in headers.items():
        tasks.setdefault(header.eval.task, []).append(path)
    arms: dict[Path, tuple[str, str]] = {}
    for paths in tasks.values():
        models = [headers[p].eval.model for p in paths]
        solvers = [_solvers(headers[p]) for p in paths]
        several = len(set(models)) > 1
        names = [m if several else "" for m in models]
        if len(set(solvers)) > 1 or not several:
            names = [" ".join(filter(None, pair)) for pair in zip(names, solvers, strict=True)]
        for path, name, model in zip(paths, _told_apart(names), models, strict=True):
            arms[path] = (SEVERAL if several else model, name)
    return arms


def _told_apart(names: Sequence[str]) -> list[str]:
    return [f"{n} ({names[:i].count(n) + 1})" if names.count(n) > 1 else n for i, n in enumerate(names)]


def _solvers(header: Any) -> str:
    """The solvers of a log, without those that every evaluation has."""
    steps = [step.solver for step in header.plan.steps]
    named = [s for s in steps if s not in ("generate", "system_message", "use_tools")] or steps
    return header.eval.solver or " + ".join(named) or "generate"


def _header(log_of: Any, path: Path) -> Any:
    refuse_empty(path)
    try:
        return log_of(str(path), header_only=True)
    except Exception as error:  # the reader is a stranger's, and raises types of its own
        why = f"{type(error).__name__}: {error}".partition("\n")[0]
        raise BadOption(f"{str(path)!r} is no log of Inspect", why, "Give a .eval or .json log.") from None


def _each(samples: Iterator[Any], path: Path, intake: Intake) -> Iterator[Any]:
    """The samples of a log, as far as it can be read."""
    number = 0
    while True:
        try:
            sample = next(samples)
        except StopIteration:
            return
        except Exception as error:  # a damaged log ends where it is damaged, and what was read before stays
            intake.rows += 1
            intake.leave_out(f"{path.name}, after {number} samples", f"it cannot be read: {type(error).__name__}")
            return
        number += 1
        yield sample


def _library() -> tuple[Any, Any]:
    try:
        from inspect_ai.log import read_eval_log, read_eval_log_samples
    except ImportError:
        raise MissingExtra(
            "logs of Inspect are read by the package inspect-ai", remedy="Install it: pip install 'akrasia[inspect]'."
        ) from None
    return read_eval_log, read_eval_log_samples


IMPORTERS.register("inspect", InspectImporter)
