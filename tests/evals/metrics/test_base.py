"""What holds of every metric."""

import polars as pl

from akrasia.errors import NotMeasured
from akrasia.evals import METRICS
from akrasia.evals.metrics import table_read
from akrasia.ledger.step_columns import SCHEMA


def test_every_metric_of_an_empty_selection_says_so() -> None:
    """No metric shows a number, or breaks, where there is no step at all."""
    for name in (n for n in METRICS if table_read(METRICS.make(n)) == "steps"):
        try:
            assert METRICS.make(name)(pl.DataFrame(schema=SCHEMA)).value is None
        except NotMeasured as error:
            assert str(error)
