"""Every figure that was recounted from published outputs comes out of an import and the ordinary statistics."""

import importlib.util
import os
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import akrasia
from akrasia.evals.compare import Comparison
from akrasia.evals.scorecard import Scorecard
from akrasia.importers import import_run
from akrasia.result import Result, open_run

Shared = Callable[[str], Path]
Reflection = Callable[[Path], Result]
Importing = Callable[..., Result]
CLONE = Path(os.environ.get("AKRASIA_AIW", "AIW is not cloned"))


@pytest.fixture(scope="module")
def by_last(tmp_path_factory: pytest.TempPathFactory) -> Reflection:
    """The answers of Reflection-70B by the last rule, imported once for all tests."""

    @cache
    def load(source: Path) -> Result:
        folder = tmp_path_factory.mktemp("reflection") / "run"
        import_run("aiw", source, folder, rule="last")
        return open_run(folder)

    return load


def right(run: Result) -> dict[str, int]:
    counted = run.records.group_by("variant").agg(pl.col("does").sum()).rows()
    return {str(variant): int(n) for variant, n in counted}


def compared(run: Result, a: str, b: str) -> tuple[Comparison, int, int, float]:
    """The comparison, what b gains and loses against a, and the p of doing."""
    (one,) = run.compare(a, b)
    doing = next(line for line in one.lines if line.metric == "doing")
    assert one.flips is not None and doing.contrast.p is not None
    return one, one.flips.wrong_to_right, one.flips.right_to_wrong, doing.contrast.p


def draws(card: Scorecard, variant: str, n: int) -> dict[str, float]:
    arm = next(a for a in card.arms if a.variant == variant)
    return {name: float(e.value or 0) for name, e in arm.breakdowns["trials"][str(n)].items()}


def test_gsm8k_where_pairing_decides(imported: Importing, shared: Shared) -> None:
    run = imported("gsm8k", shared("published/gsm8k/example_model_solutions.jsonl"))
    assert right(run) == {
        "6b_finetuning": 286, "6b_verification": 515, "175b_finetuning": 458, "175b_verification": 742
    }  # fmt: skip
    assert compared(run, "6b_finetuning", "6b_verification")[1:3] == (293, 64)
    assert compared(run, "175b_finetuning", "175b_verification")[1:3] == (360, 76)
    one, gained, lost, p = compared(run, "175b_finetuning", "6b_verification")
    assert (gained, lost) == (209, 152) and p == pytest.approx(0.0032, abs=5e-5)
    assert "'6b_verification' has a higher doing" in one.sentence and one.items == 1319


def test_reflexion_against_equal_retries(imported: Importing, shared: Shared) -> None:
    run = imported("reflexion", shared("published/reflexion"))
    counts = right(run)
    assert [counts[f"retry after {n}"] for n in range(1, 8)] == [84, 94, 97, 98, 100, 101, 101]
    reached = [counts[f"reflexion after {n}"] for n in range(1, 16)]
    assert reached[:7] == [84, 103, 111, 113, 117, 118, 123] and reached[10] == 130 and reached[14] == 134
    one, gained, lost, p = compared(run, "retry after 7", "reflexion after 7")
    assert (gained, lost) == (23, 1) and p == pytest.approx(2.98e-6, rel=0.005)
    assert one.leaks == (True, True) and "told by the oracle" in one.sentence
    first, gained, lost, _ = compared(run, "retry after 1", "reflexion after 1")
    assert (gained, lost) == (0, 0) and first.items == 134
    assert all("told by the oracle" in v.sentence for v in run.score(headline=True).verdicts)


def test_game24_self_consistency_against_its_ceiling(imported: Importing, shared: Shared) -> None:
    run = imported("game24", shared("published/game24"))
    counts = right(run)
    assert (counts["io"], counts["cot"], counts["tree of thoughts"]) == (734, 403, 69)
    card = run.score()
    io, cot = draws(card, "io", 100), draws(card, "cot", 100)
    assert (io["pass_at"], io["vote"], io["tied"]) == pytest.approx((0.33, 0.09, 0.02))
    assert (cot["pass_at"], cot["vote"], cot["tied"]) == pytest.approx((0.49, 0.08, 0.11))
    assert draws(card, "io", 1)["pass_hat"] == pytest.approx(0.0734)


def test_tau_bench_reliability(imported: Importing, shared: Shared) -> None:
    run = imported("tau-bench", shared("published/tau-bench/gpt-4o-airline.json"))
    card = run.score()
    (arm,) = card.arms
    assert (arm.model, arm.task, arm.items, arm.episodes) == ("gpt-4o", "tau-bench airline", 50, 200)
    found = [draws(card, arm.variant, n)["pass_hat"] for n in range(1, 5)]
    assert found == pytest.approx([0.420, 0.273, 0.220, 0.200], abs=5e-4)
    assert draws(card, arm.variant, 4)["pass_at"] == pytest.approx(0.72)
    assert run.imported is not None
    assert "1,164 calls of tools by the assistant, 90 of them with text beside them" in run.imported.notes
    assert not arm.metrics["prompt_tokens"].n and arm.tokens is None and arm.calls is not None


@pytest.mark.parametrize(
    ("name", "rule", "rows", "correct", "other", "verdicts"),
    [
        ("base_models.json", "first", 1320, 69, 73, "1,320 of 1,320 verdicts"),
        ("base_models.json", "last", 1320, 73, 69, "1,218 of 1,320 verdicts"),
        ("reflection_70b.json", "first", 800, 176, 182, "794 of 800 verdicts"),
        ("reflection_70b.json", "last", 800, 182, 176, "800 of 800 verdicts"),
    ],
)
def test_aiw_by_both_rules(
    name: str, rule: str, rows: int, correct: int, other: int, verdicts: str, imported: Importing, shared: Shared,
    by_last: Reflection,
) -> None:  # fmt: skip
    source = shared(f"aiw/{name}")
    known = (name, rule) == ("reflection_70b.json", "last")
    run = by_last(source) if known else imported("aiw", source, rule=rule)
    steps = run.records
    assert (steps.height, int(steps["valid"].sum()), int(steps["does"].sum())) == (rows, rows, correct)
    told = run.imported
    assert told is not None and not told.left_out and told.options["rule"] == rule
    assert any(f"{correct:,} right" in note and f"would be {other:,}" in note for note in told.notes)
    assert any(verdicts in note for note in told.notes)


def test_aiw_by_variation(by_last: Reflection, shared: Shared) -> None:
    run = by_last(shared("aiw/reflection_70b.json"))
    by_item = run.records.group_by("item", maintain_order=True).agg(pl.col("does").sum(), pl.len())
    assert by_item["does"].to_list() == [7, 39, 37, 48, 9, 26, 9, 7] and set(by_item["len"]) == {100}
    (arm,) = run.score().arms
    assert arm.metrics["spread"].value == pytest.approx(0.41) and len(arm.breakdowns["item"]) == 8


def published_answers() -> Any:
    path = Path(akrasia.__file__).parent / "benchmarks" / "published_answers.py"
    spec = importlib.util.spec_from_file_location("published_answers", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_published_chat_answers_are_read_as_they_are_stored_or_not_at_all(shared: Shared) -> None:
    base = published_answers().counted(shared("aiw/base_models.json"))["base_models"]
    assert (base.rows, base.first, base.right_first, base.last) == (1320, 1320, 69, 1218)
    chat = published_answers().counted(shared("aiw/reflection_70b.json"))["reflection_70b"]
    assert (chat.rows, chat.first, chat.last, chat.right_last) == (800, 794, 800, 182)
    assert (chat.same, chat.otherwise, chat.unread) == (795, 0, 5)


@pytest.mark.skipif(not CLONE.is_dir(), reason="AKRASIA_AIW names no clone of LAION-AI/AIW")
def test_all_scored_answers_of_a_clone() -> None:
    found = published_answers().counted(CLONE / "collected_responses")
    sets = {name: (one.rows, one.first, one.last) for name, one in found.items()}
    assert sets == {
        "AIW_base_models": (1320, 1320, 1218), "Reflection-70B": (800, 794, 800), "o1-set": (6700, 6694, 6683)
    }  # fmt: skip
    assert sum(one.best for one in found.values()) == 8814
    assert found["o1-set"].same >= 6330 and found["o1-set"].otherwise <= 11
