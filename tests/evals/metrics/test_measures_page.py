"""docs/measures.md names every measure once, with its unit."""

from __future__ import annotations

import re
from pathlib import Path

from akrasia.evals.measuring import select_metrics

PAGE = (Path(__file__).parents[3] / "docs" / "measures.md").read_text(encoding="utf-8")


def test_the_page_has_every_measure_with_its_unit_and_what_it_does_not_show() -> None:
    rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in PAGE.splitlines() if line.startswith("| `")]
    units = {name: row[2].strip() for row in rows for name in re.findall(r"`(\w+)`", row[0])}
    shipped = {name: m for name, m in select_metrics(None).items() if type(m).__module__.startswith("akrasia.")}
    assert set(units) == set(shipped)
    assert {name: m.unit for name, m in shipped.items()} == units
    assert all(len(row) == 5 and all(cell.strip() for cell in row) for row in rows)
