"""Potemkin rates: what is measured of texts, and of whom."""

from __future__ import annotations

from pathlib import Path

import akrasia as ak
from akrasia.models import Scripted


def test_two_wrong_texts_are_no_agreement(tmp_path: Path) -> None:
    task = {"name": "potemkin", "tasks": ["generate"], "concepts": ["prime"]}
    model = Scripted(lambda request, draw: "BEST=4\nACTION=6")
    result = ak.run(task=task, model=model, variants=["reason_act"], episodes=3, out=tmp_path / "run")
    assert result.records["follows"].null_count() == result.records.height > 0
    assert result.score().arms[0].metrics["say_do"].value is None


def test_in_a_fork_only_the_baseline_labels_its_own_text(tmp_path: Path) -> None:
    model = Scripted(
        lambda request, draw: "BEST=yes\nACTION=yes" if "yes" in request.messages[0].content else "ACTION=7"
    )
    variants = ["reason_act", "reason_act | re_evaluate"]
    settings = {"task": {"name": "potemkin_incoherence", "concepts": ["prime"]}, "model": model, "variants": variants}
    for design, measured in (("fork", [True, False]), ("rollout", [True, True])):
        card = ak.run(**settings, design=design, episodes=4, out=tmp_path / design).score()
        assert [a.metrics["incoherence"].value is not None for a in card.arms] == measured
