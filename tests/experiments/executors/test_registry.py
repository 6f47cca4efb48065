"""Executors go by name, another package's as well as ours; what cannot be is refused before anything is written."""

import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import akrasia as ak
from akrasia.cli import program
from akrasia.errors import BadOption, UnknownName
from akrasia.experiments.executors.registry import EXECUTORS

TASK = {"name": "bandit", "arms": 5, "horizon": 2}


@pytest.mark.parametrize(
    ("settings", "kind", "text"),
    [
        ({"executor": "proceses"}, UnknownName, "Did you mean 'processes'"),
        ({"executor": "local", "workers": 2}, BadOption, "one process"),
        ({"address": "10.0.0.1:6379"}, BadOption, "no address"),
        ({"workers": 0}, BadOption, "workers is 0"),
        ({"workers": True}, BadOption, "workers is True"),
    ],
)
def test_an_executor_that_cannot_be_is_refused(
    tmp_path: Path, settings: dict[str, Any], kind: type[Exception], text: str
) -> None:
    with pytest.raises(kind, match=text):
        ak.run(task=TASK, model="simulated", variants=["act"], **settings, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


PACKAGE = '''
"""An executor of another package: one episode after the other."""
from contextlib import asynccontextmanager
from akrasia.experiments.executors import Executor, LocalExecutor

class OneByOne(Executor):
    played = 0

    def __init__(self, experiment, *, offline=False):
        self._inner = LocalExecutor(experiment, offline=offline)

    @asynccontextmanager
    async def running(self, store, emit=None):
        async with self._inner.running(store, emit) as session:
            class Session:
                run_usage = session.run_usage
                stop = session.stop

                async def __call__(self, assignments):
                    for assignment in assignments:
                        OneByOne.played += 1
                        if (stopped := await session([assignment])) is not None:
                            return stopped

            yield Session()
'''


def test_an_executor_of_another_package_is_used_by_name_from_python_toml_and_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "site" / "one_by_one-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: one-by-one\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[akrasia.executors]\none_by_one = one_by_one:OneByOne\n")
    (tmp_path / "site" / "one_by_one.py").write_text(PACKAGE)
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.chdir(tmp_path)
    toml = 'task = "bandit"\nmodel = "simulated"\nvariants = ["act"]\nepisodes = 2\n'
    Path("named.toml").write_text(toml + 'executor = "one_by_one"\n')
    Path("plain.toml").write_text(toml)
    EXECUTORS.__dict__.pop("_plugins", None)  # what is installed is looked up once
    try:
        settings: Any = {"task": TASK, "model": "simulated", "variants": ["act"], "episodes": 2}
        result = ak.run(**settings, executor="one_by_one", out="python")
        played = sys.modules["one_by_one"].OneByOne
        assert result.outcome is not None and result.outcome.missing == 0 and played.played == 2
        for args in (["named.toml", "--out", "toml"], ["plain.toml", "--executor", "one_by_one", "--out", "option"]):
            played.played = 0
            done = CliRunner().invoke(program(), ["run", *args, "--no-report"], catch_exceptions=False)
            assert done.exit_code == 0 and played.played == 2, done.output
    finally:
        EXECUTORS.__dict__.pop("_plugins", None)
        sys.modules.pop("one_by_one", None)
