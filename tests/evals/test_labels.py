"""Labels by hand are kept whole, replace each other by text, and are scored blind against parser and judge."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import akrasia as ak
from akrasia.errors import BadOption, RunFolderError
from akrasia.evals.inference import Estimate
from akrasia.evals.judge import CANNOT_TELL, Judged, cohens_kappa
from akrasia.evals.labels import LABELS, HumanLabel, human_labels, keep_label, label_agreement, label_of_step
from akrasia.ledger import read_ledger
from akrasia.models.providers.simulated import Planted, Simulated
from akrasia.records import Record


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("labels") / "run"
    task = ak.tasks.bandit(arms=4, horizon=5)
    ak.run(task=task, model=Simulated(Planted(parse_failure=0.3)), variants=["reason_act", "act"], episodes=6, out=out)
    return out


@pytest.fixture(scope="module")
def records(run: Path) -> list[Record]:
    with read_ledger(run) as ledger:
        return [r for r in ledger.records() if r.variant == "reason_act" and r.decision.rationale.strip()]


def label(text: str, action: str, read: str, item: str = "0", blind: bool = True, step: int = 0) -> HumanLabel:
    return HumanLabel(text, action, "", blind, "2026-01-01T00:00:00+00:00", read, item, (("t", "m", "v", 0, step),))


def test_a_label_comes_back_as_it_was_kept(records: list[Record], tmp_path: Path) -> None:
    first, second = records[0], next(r for r in records if r.decision.rationale != records[0].decision.rationale)
    kept = [label_of_step(r, r.actions[0], "why\nnot ‮ \x1b", "2026-01-01", True) for r in (first, second)]
    for one in kept:
        keep_label(tmp_path, one)
    assert list(human_labels(tmp_path).values()) == kept
    again = replace(kept[0], action=CANNOT_TELL, steps=(("t", "m", "v", 9, 9),))
    (now, _) = keep_label(tmp_path, again).values()
    assert now.action == CANNOT_TELL and now.steps == (("t", "m", "v", 9, 9), *kept[0].steps)
    assert [p.name for p in tmp_path.iterdir()] == [LABELS]


def test_what_cannot_be_a_label_is_refused(run: Path, records: list[Record]) -> None:
    with pytest.raises(BadOption, match="no action of this step"):
        label_of_step(records[0], "Nothing", "", "", True)
    with pytest.raises(BadOption, match="characters"):
        label_of_step(records[0], "", "x" * 5000, "", True)
    with read_ledger(run) as ledger:
        silent = next(r for r in ledger.records() if r.variant == "act")
    with pytest.raises(BadOption, match="no rationale"):
        label_of_step(silent, CANNOT_TELL, "", "", True)


@pytest.mark.parametrize("line", [b"{}", b"no json", b'{"text": 1}', b'{"text": "x", "action": "A"'])
def test_a_line_that_is_no_label_is_said_and_nothing_is_lost(tmp_path: Path, line: bytes) -> None:
    keep_label(tmp_path, label("a", "A", "A"))
    before = (tmp_path / LABELS).read_bytes() + line + b"\n"
    (tmp_path / LABELS).write_bytes(before)
    with pytest.raises(RunFolderError, match=r"line 2 of .* is no label"):
        human_labels(tmp_path)
    with pytest.raises(RunFolderError):
        keep_label(tmp_path, label("b", "B", "B"))
    assert (tmp_path / LABELS).read_bytes() == before


def test_kappa_is_of_blind_labels_alone() -> None:
    rows = [("A", "A"), ("B", "B"), ("A", "B"), ("B", "B"), (CANNOT_TELL, "A"), ("A", "A")]
    labels = [label(str(n), said, read, str(n)) for n, (said, read) in enumerate(rows)]
    seen = [label("s", "A", "B", blind=False), label("note only", "", "B")]
    agreement = label_agreement([*labels, *seen], None)
    assert (agreement.labelled, agreement.blind, agreement.judged) == (7, 6, 0)
    assert agreement.parser == cohens_kappa([(str(n), *pair) for n, pair in enumerate(rows)])
    assert agreement.judges == Estimate(None, why="nobody judged this run")


def test_judges_are_compared_where_they_read_what_people_did() -> None:
    steps = tuple(
        {"task": "t", "model": "m", "variant": "v", "episode": 0, "step": n, "stated": said, "knows": False}
        for n, said in enumerate(["A", "B", None, "A"])
    )
    judged = Judged(("judge",), steps, Estimate(None), Estimate(None), 0)
    given = ["A", "B", CANNOT_TELL, "B", "A"]
    agreement = label_agreement(
        [label(str(n), said, CANNOT_TELL, str(n), step=n) for n, said in enumerate(given)], judged
    )
    pairs = [("0", "A", "A"), ("1", "B", "B"), ("2", CANNOT_TELL, CANNOT_TELL), ("3", "B", "A")]
    assert agreement.judged == 4 and agreement.judges == cohens_kappa(pairs)
