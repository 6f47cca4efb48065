"""Logs of Inspect in and out: a run says what Inspect says of its samples, and what is exported reads back equal."""

from collections.abc import Callable
from pathlib import Path

import pytest

from akrasia.importers import import_run
from akrasia.result import Result, open_run

read_eval_log = pytest.importorskip("inspect_ai.log", reason="the extra inspect is not installed").read_eval_log
Importing = Callable[..., Result]
Shared = Callable[[str], Path]


def test_the_published_logs_are_read_as_inspect_scored_them(imported: Importing, shared: Shared) -> None:
    folder = shared("published/inspect")
    run = imported("inspect", folder)
    logs = {log.eval.task: log for log in (read_eval_log(str(p), header_only=True) for p in folder.glob("*.eval"))}
    arms = {arm.task: arm for arm in run.score(["doing"]).arms}
    assert len(arms) == len(logs) == 4
    for task, log in logs.items():
        accuracy = log.results.scores[0].metrics["accuracy"].value
        assert arms[task].metrics["doing"].value == pytest.approx(accuracy) and arms[task].model == log.eval.model
        used = log.stats.model_usage[log.eval.model]
        counted = run.records.filter(task=task)["completion_tokens"].sum()
        assert counted == used.output_tokens


def test_an_exported_run_is_read_back_equal(imported: Importing, tmp_path: Path) -> None:
    rows = [
        "id,arm,answer,key,stated",
        *(f"q{i},{a},{i % n},1,{i % 2}" for i in range(12) for a, n in (("a", 2), ("b", 3))),
    ]
    run = imported("table", "rows.csv", "\n".join(rows))
    out = run.export(tmp_path / "logs", "inspect")
    logs = [read_eval_log(str(path)) for path in sorted(out.glob("*.eval"))]
    assert len(logs) == 2
    for log in logs:
        steps = run.records.filter(variant=log.eval.solver)
        for name, column in (("done", "does"), ("stated", "knows")):
            scored = {s.id: s.scores[name].value == "C" for s in log.samples}
            assert scored == dict(steps.select("item", column).iter_rows())
        assert log.results.scores[0].metrics["accuracy"].value == pytest.approx(float(steps["does"].mean()))
    import_run("inspect", out, tmp_path / "again", scorer="done")
    again = open_run(tmp_path / "again").records
    for variant in ("a", "b"):
        assert again.filter(variant=variant)["does"].to_list() == run.records.filter(variant=variant)["does"].to_list()
    one = run.export(tmp_path / "records.jsonl")
    assert one.is_file()
