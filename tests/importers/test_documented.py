"""What docs/importing.md promises: its example conforms, its formats and roles are those that there are."""

import re
from pathlib import Path

from akrasia.importers import IMPORTERS
from akrasia.importers.columns import ROLES
from akrasia.importers.conformance import check_importer

PAGE = (Path(__file__).parents[2] / "docs" / "importing.md").read_text(encoding="utf-8")


def test_the_page_s_importer_conforms(tmp_path: Path) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    try:
        exec(block, {"__name__": "mylog"})  # noqa: S102
        path = tmp_path / "good.mylog"
        path.write_text("\n".join(f'{{"case": "c{n}", "agent": "a", "passed": true}}' for n in range(6)))
        check_importer("mylog", path, tmp_path / "bench")
    finally:
        IMPORTERS._factories.pop("mylog", None)


def test_the_page_names_every_format_and_every_role() -> None:
    named = set(re.findall(r"`([a-z0-9_-]+)`", PAGE))
    assert set(IMPORTERS) - {"mylog", "careless"} <= named and set(ROLES) <= named
