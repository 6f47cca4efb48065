"""A judge reads blind, its answer is read strictly, and its agreement is measured as the field measures it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import akrasia as ak
from akrasia.evals.judge import CANNOT_TELL, cohens_kappa, judge_prompt, read_ruling, texts_to_judge
from akrasia.ledger import read_ledger
from akrasia.models import Scripted
from akrasia.records import Draw, Record, Request
from akrasia.rng import named_rng

TASK = {"name": "bandit", "arms": 4, "head_start": 2, "horizon": 3}
LABELS = re.compile(r"You face \d+ \w+: ([^.\n]+)\.")


def agent(request: Request, draw: Draw) -> str:
    """Recommends an action in prose, two times in three with the marker that the parser reads; one in six does not."""
    found = LABELS.search("\n".join(m.content for m in request.messages))
    if found is None:
        return "I see nothing to choose from."
    labels = [s.strip() for s in found[1].split(",")]
    rng = named_rng(draw.episode, "agent", draw.step, draw.sample)
    best, done = (labels[int(i)] for i in rng.integers(len(labels), size=2))
    u = rng.random()
    if u < 1 / 6:
        return f"Hard to say, they are all alike to me.\nACTION={done}"
    marker = f"BEST={best}\n" if u > 1 / 3 else ""
    return f"I would go for {best}, since it pays.\n{marker}ACTION={done}"


AGENT = Scripted(agent, "agent")


@pytest.fixture
def result(tmp_path: Path) -> ak.Result:
    variants = ["reason_act", "reason_act | re_evaluate"]
    return ak.run(task=TASK, model=AGENT, variants=variants, episodes=12, out=tmp_path / "run")


def records(result: ak.Result) -> list[Record]:
    with read_ledger(result.folder) as ledger:
        found = list(ledger.records())
    return found


def test_judges_are_blind_and_orders_are_drawn(result: ak.Result) -> None:
    left, known = texts_to_judge(records(result), 20)
    assert [i.key for i in left] != sorted(i.key for i in left)
    places = []
    for item in [*left, *known]:
        (message,), sampling = judge_prompt(item)
        for secret in ("reason_act", "re_evaluate", "agent/", "scripted", "optimal", "ACTION=", "BEST="):
            assert item.read is None or secret not in message.content
        assert "reason_act" not in message.content and sampling.temperature == 0
        assert all(f'"{label}"' in sampling.schema for label in (*item.labels, CANNOT_TELL))
        if item.read is not None:
            places.append(item.labels.index(item.read))
    assert len(set(places)) > 2  # what is recommended stands anywhere in the list
    assert texts_to_judge(records(result), 20) == (left, known)


@pytest.mark.parametrize(
    ("said", "label"),
    [
        ('{"action": "Red"}', "Red"),
        ('Sure:\n```json\n{"action": "Red"}\n```', "Red"),
        ("red.", "Red"),
        ('{"action": "cannot tell"}', None),
        ('{"action": "Rd"}', None),
        ('{"action": ["Red"]}', None),
        ("Red or Blue", None),
        ("It recommends Red, I think", None),
        ("", None),
    ],
)
def test_an_answer_is_read_strictly(said: str, label: str | None) -> None:
    assert read_ruling(said, ["Red", "Blue"]) == label


def test_kappa_agrees_with_scikit_learn_and_its_interval_covers() -> None:
    from sklearn.metrics import cohen_kappa_score

    rng = np.random.default_rng(1)
    covered = []
    for _ in range(120):
        truth = rng.integers(3, size=60)
        other = np.where(rng.random(60) < 0.7, truth, rng.integers(3, size=60))
        rows = [(i // 2, "abc"[a], "abc"[b]) for i, (a, b) in enumerate(zip(truth, other, strict=True))]
        found = cohens_kappa(rows)
        assert found.value == pytest.approx(cohen_kappa_score(truth, other), abs=1e-9)
        assert found.low is not None and found.high is not None
        covered.append(found.low <= 0.7 <= found.high)
    assert 0.90 <= np.mean(covered) <= 0.99
    assert cohens_kappa([(0, "a", "a"), (1, "a", "a")]).value is None
    always = cohens_kappa([(i, x, x) for i, x in enumerate("ab" * 10)])
    assert always.value == always.high == 1 and always.low is not None and 0.4 < always.low < 0.8
    assert cohens_kappa([(0, "a", "a"), (0, "b", "b")]).low is None
