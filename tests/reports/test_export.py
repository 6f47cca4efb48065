"""Records leave a run in a format that is known by name, whole or not at all."""

import importlib.util
from pathlib import Path

import orjson
import polars as pl
import pytest
from click.testing import CliRunner

import akrasia as ak
from akrasia.cli import program
from akrasia.errors import BadOption, MissingExtra, RunFolderError, UnknownName
from akrasia.reports.export import EXPORTERS, Exporter, RecordSource


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> ak.Result:
    return ak.run(
        task="bandit", model="simulated", variants=["act"], episodes=2, out=tmp_path_factory.mktemp("export") / "run"
    )


def test_the_ending_of_the_file_names_the_format(result: ak.Result, tmp_path: Path) -> None:
    lines = result.export(tmp_path / "a.jsonl").read_bytes().splitlines()
    assert [orjson.loads(line)["episode"] for line in lines] == result.records["episode"].to_list()
    table = pl.read_parquet(result.export(tmp_path / "a.parquet"))
    assert table.equals(result.to_frame()) and table.columns == [*result.records.columns, "prompts"]
    assert pl.read_csv(result.export(tmp_path / "a.csv")).columns == table.columns


def test_every_prompt_is_exported_and_null_where_nobody_was_asked(tmp_path: Path) -> None:
    run = ak.run(
        task=ak.tasks.bandit(arms=3, horizon=2, head_start=3),
        model="simulated",
        variants={"base": "reason_then_act", "act": "act", "rule": "random_act"},
        episodes=2,
        out=tmp_path / "run",
    )
    lines = [orjson.loads(line) for line in run.export(tmp_path / "a.jsonl").read_bytes().splitlines()]
    for line in lines:
        assert len(line["prompts"]) == len(line["decision"]["turns"])
        for turn, prompt in zip(line["decision"]["turns"], line["prompts"], strict=True):
            assert (prompt is None) == (turn["key"] == "")
            assert prompt is None or prompt[-1]["content"]
    table = run.to_frame()
    for variant, prompts, knows, height in table.group_by("variant").agg("prompts", "knows", pl.len()).rows():
        told = [orjson.loads(p) for p in prompts if p is not None]
        assert len(told) == (0 if variant == "rule" else height)
        assert all((k is None) == (variant != "base") for k in knows)
        for turns in told:
            assert [t["agent"] for t in turns] == (["reason", "act"] if variant == "base" else ["act"])
            assert all("Step" in t["prompt"][-1]["content"] or t["prompt"] for t in turns)


def test_a_probe_has_a_line_of_its_own_and_no_row_in_the_table(tmp_path: Path) -> None:
    run = ak.run(task="aiw", model="simulated", variants=["reason_act"], episodes=2, out=tmp_path / "run")
    lines = [orjson.loads(line) for line in run.export(tmp_path / "a.jsonl").read_bytes().splitlines()]
    decided = [line for line in lines if "probe" not in line["tags"]]
    assert 0 < len(decided) < len(lines)
    prompts = [orjson.loads(told)[0]["prompt"] for told in run.to_frame()["prompts"]]
    assert prompts == [line["prompts"][0] for line in decided]


def test_a_data_set_of_hugging_face_needs_its_extra_or_is_made(result: ak.Result) -> None:
    if importlib.util.find_spec("datasets") is None:
        with pytest.raises(MissingExtra, match="akrasia\\[datasets\\]"):
            result.to_dataset()
    else:
        made = result.to_dataset()
        assert made.num_rows == result.records.height and "prompts" in made.column_names


def test_a_format_may_be_named(result: ak.Result, tmp_path: Path) -> None:
    done = CliRunner().invoke(program(), ["export", str(result.folder), str(tmp_path / "table"), "--format", "csv"])
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
    assert "How many records there are." in CliRunner().invoke(program(), ["list", "exporters"]).stdout


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
