"""A bundle is whole: every link of every page leads to a file of it, and it loads nothing from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

import akrasia as ak
from akrasia.cli import program
from akrasia.errors import BadOption
from akrasia.reports.viewer.bundle import write_bundle
from akrasia.reports.viewer.viewed_run import ViewedRun

View = Callable[..., list[ViewedRun]]


@pytest.fixture(scope="module")
def web(simulated: Path, hostile_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle of two runs, as the command writes it."""
    out = tmp_path_factory.mktemp("bundle") / "web"
    done = CliRunner().invoke(program(), ["view", str(simulated), str(hostile_run), "--bundle", str(out)])
    assert done.exit_code == 0, done.output
    assert f"{sum(1 for p in out.rglob('*') if p.is_file()) - 1:,} files" in done.output
    return out


def test_every_link_leads_to_a_file_of_the_bundle(web: Path) -> None:
    pages = list(web.rglob("*.html"))
    assert len(pages) > 40
    for path in pages:
        text = path.read_text()
        for address in re.findall(r'(?:href|src)="([^"#]+)', text):
            if not address.startswith("data:"):
                assert (path.parent / address).resolve().is_file(), (path, address)
        assert "http://" not in text and "https://" not in text and str(web.parent) not in text
        assert "akrasia-token" not in text and 'method="get"' not in text


def test_texts_of_models_stay_text_in_its_search(web: Path) -> None:
    script = (web / "hostile" / "texts.js").read_text()
    assert script.startswith("akrasiaTexts([") and script.endswith("]);\n") and script.isascii()
    assert "hidden zebra" in script


def test_a_bundle_replaces_a_bundle_and_nothing_else(viewed: View, tmp_path: Path) -> None:
    ak.run(task={"name": "bandit", "horizon": 1}, model="simulated", variants=["act"], episodes=2, out=tmp_path / "run")
    runs, out = viewed(tmp_path / "run"), tmp_path / "web"
    first = write_bundle(runs, out)
    assert write_bundle(runs, out) == first
    other = tmp_path / "thesis"
    other.mkdir()
    (other / "chapter.tex").write_text("years of work")
    with pytest.raises(BadOption, match="holds something else"):
        write_bundle(runs, other)
    assert (other / "chapter.tex").read_text() == "years of work"
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []
