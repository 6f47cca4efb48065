"""Records leave a run in a format that is known by name, whole or not at all."""

from pathlib import Path

import orjson
import polars as pl
import pytest
from typer.testing import CliRunner

import akrasia as ak
from akrasia.cli import app
from akrasia.errors import BadOption, RunFolderError, UnknownName
from akrasia.reports.export import EXPORTERS, Exporter, RecordSource


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> ak.Result:
    return ak.run(
        task="bandit", model="simulated", variants=["act"], episodes=2, out=tmp_path_factory.mktemp("export") / "run"
    )


def test_the_ending_of_the_file_names_the_format(result: ak.Result, tmp_path: Path) -> None:
    lines = result.export(tmp_path / "a.jsonl").read_bytes().splitlines()
    assert [orjson.loads(line)["episode"] for line in lines] == result.records["episode"].to_list()
    assert pl.read_parquet(result.export(tmp_path / "a.parquet")).equals(result.records)
    assert pl.read_csv(result.export(tmp_path / "a.csv")).columns == result.records.columns


def test_a_format_may_be_named(result: ak.Result, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["export", str(result.folder), str(tmp_path / "table"), "--format", "csv"])
    assert done.exit_code == 0
    assert (tmp_path / "table").read_bytes() == result.export(tmp_path / "table.csv").read_bytes()


def test_an_exporter_of_ones_own_is_known_by_name_everywhere(result: ak.Result, tmp_path: Path) -> None:
    def make() -> Exporter:
        """How many records there are."""
        return count

    def count(run: RecordSource) -> bytes:
        return str(len(run.lines())).encode()

    EXPORTERS.register("count", make)
    assert result.export(tmp_path / "a.count").read_bytes() == str(result.records.height).encode()
    assert "How many records there are." in CliRunner().invoke(app, ["list", "exporters"]).stdout


def test_an_unknown_format_is_refused_with_the_nearest(result: ak.Result, tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="'parquet'"):
        result.export(tmp_path / "a.parqet")
    with pytest.raises(UnknownName, match="'jsonl'"):
        result.export(tmp_path / "a", "json")
    with pytest.raises(BadOption, match="no ending"):
        result.export(tmp_path / "a")
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_written_leaves_nothing_behind(result: ak.Result, tmp_path: Path) -> None:
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(RunFolderError, match="cannot be written"):
        result.export(tmp_path / "a.csv")
    assert [p.name for p in tmp_path.iterdir()] == ["a.csv"]
