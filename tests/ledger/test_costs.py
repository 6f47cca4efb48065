"""The costs of a run count each answer once, and each variant as if it had run alone."""

from pathlib import Path

import akrasia as ak
from akrasia.models import Scripted

TASK = {"name": "bandit", "arms": 5, "horizon": 2}


def test_a_bill_counts_each_answer_once_and_each_variant_alone(tmp_path: Path) -> None:
    model = Scripted(lambda r, d: "BEST=Red\nACTION=Red", price=ak.models.Price(1e-6, 1e-6))
    variants = ["reason_act", "reason_act | execute_stated", "act"]
    result = ak.run(task=TASK, model=model, variants=variants, episodes=3, out=tmp_path / "run")
    costs = result.costs
    alone = {variant: paid.calls for (_, _, variant), paid in costs.alone.items()}
    assert alone["reason_act"] == alone["act"] == 6 and costs.naive.calls == sum(alone.values())
    assert costs.paid.calls == 12 < costs.naive.calls
    assert costs.paid.dollars is not None and costs.naive.dollars is not None
    assert 0 < costs.paid.dollars < costs.naive.dollars
    assert "12 calls paid; every variant alone would have made" in str(costs)


def test_where_no_price_is_known_the_bill_says_no_dollars(tmp_path: Path) -> None:
    model = Scripted(lambda r, d: "ACTION=Red", price=None)
    result = ak.run(task=TASK, model=model, variants=["act"], episodes=1, out=tmp_path / "run")
    assert result.costs.paid.dollars is None and result.costs.naive.dollars is None and "$" not in str(result.costs)
