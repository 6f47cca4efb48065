"""What tests of importers share: an import in one line, and the published data where they are."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from akrasia.importers import import_run
from akrasia.result import Result, open_run

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
Importing = Callable[..., Result]


@pytest.fixture
def imported(tmp_path: Path) -> Importing:
    """Import a source, or text that is written into a file of that name, and open the run."""

    def load(
        kind: str, source: Path | str, text: str | bytes | None = None, out: str = "run", **options: Any
    ) -> Result:
        path = tmp_path / source if text is not None else Path(source)
        if text is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
        import_run(kind, path, tmp_path / out, fresh=True, **options)
        return open_run(tmp_path / out)

    return load


@pytest.fixture
def shared() -> Callable[[str], Path]:
    """A published file; the test is skipped where it is not there."""

    def find(name: str) -> Path:
        if not (SHARED / name).exists():
            pytest.skip(f"{name} is not here")
        return SHARED / name

    return find
