"""Charts and tables as files: every format is what it says it is, the same for the same run, and names stay text."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

import akrasia as ak
from akrasia.errors import RunFolderError
from akrasia.models.providers.simulated import Planted, Simulated
from akrasia.reports.text import signed_rate_text

pytest.importorskip("matplotlib", reason="the extra figures is not installed")
NAME = r"50% $x_1$ & \input{x} | <b>"


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> ak.Result:
    return ak.run(
        task=ak.tasks.bandit(arms=4, horizon=3),
        model=Simulated(Planted(parse_failure=0.1)),
        variants={"base": "reason_act", NAME: "reason_act | critique", "fake": "reason_act | placebo"},
        episodes=6,
        out=tmp_path_factory.mktemp("files") / "run",
    )


@pytest.fixture(scope="module")
def files(result: ak.Result, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    written = result.report_files(tmp_path_factory.mktemp("files") / "out")
    return {path.name.partition("-")[2]: path.read_bytes() for path in written}


def test_every_format_is_what_it_says(files: dict[str, bytes]) -> None:
    charts = {name.rpartition(".")[0] for name in files if name.endswith(".png")}
    own = {"gap_per_variant", "gap_closed", "gap", "regret", "coverage", "flips", "pareto", "influence"}
    assert charts == own | {"items-1", "items-2"}
    for chart in charts:
        assert files[f"{chart}.png"].startswith(b"\x89PNG") and files[f"{chart}.pdf"].startswith(b"%PDF")
        assert b"<svg" in files[f"{chart}.svg"][:900]
    for table in ("variants", "outcomes", "contrasts", "effects"):
        assert {f"{table}.{ending}" for ending in ("csv", "md", "tex")} <= files.keys()


def test_the_same_run_gives_the_same_files(result: ak.Result, files: dict[str, bytes], tmp_path: Path) -> None:
    again = {path.name.partition("-")[2]: path.read_bytes() for path in result.report_files(tmp_path / "again")}
    assert again == files


def test_a_table_says_what_the_scorecard_says(result: ak.Result, files: dict[str, bytes]) -> None:
    rows = list(csv.reader(files["variants.csv"].decode().splitlines()))
    assert [row[0] for row in rows] == ["variant", "base", NAME, "fake"] and len({len(row) for row in rows}) == 1
    gap = result.score().arms[0].metrics["gap"].value
    assert gap is not None and rows[1][rows[0].index("gap")].startswith(f"{gap:.2f}".removeprefix("0"))


def test_the_effects_by_item_are_those_of_the_scorecard(result: ak.Result, files: dict[str, bytes]) -> None:
    table = list(csv.DictReader(files["effects.csv"].decode().splitlines()))
    for told in result.score(["gap"], by_item=True, mixed=False).by_item:
        rows = [r for r in table if r["variant"] == told.variant]
        assert [r["of"] for r in rows if r["of"].startswith("item")] == [f"item {i.item}" for i in told.items]
        assert rows[0]["of"] == "all decisions" and int(rows[0]["decisions"]) == 6 * 3
        least = next(r for r in rows if r["of"] == f"item {told.items[0].item}")
        assert least["observed"] == signed_rate_text(told.items[0].observed)
        assert least["effect"].startswith(signed_rate_text(told.items[0].effect))


def test_a_name_is_no_markup_in_any_format(files: dict[str, bytes]) -> None:
    tex, md = files["variants.tex"].decode(), files["variants.md"].decode()
    assert r"50\% \$x\_1\$ \& \textbackslash{}input\{x\} \textbar{} \textless{}b\textgreater{}" in tex
    assert r"50% $x_1$ & \\input{x} \| &lt;b>" in md
    columns = {line.count("&") - line.count(r"\&") for line in tex.splitlines() if line.endswith(r"\\")}
    assert len(columns) == 1
    assert b"$x_1$" in files["gap_closed.svg"]  # as text: no formula was made of it


def test_a_folder_that_cannot_be_made_is_said(result: ak.Result, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("stands where a folder would be made")
    with pytest.raises(RunFolderError, match="cannot be written"):
        result.report_files(tmp_path / "file" / "out")
