"""Executors go by name, another package's as well as ours; what cannot be is refused before anything is written."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import akrasia as ak
from akrasia.errors import BadOption, UnknownName

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
USED = """
import akrasia as ak
from akrasia.cli import app
from one_by_one import OneByOne
from pathlib import Path
from typer.testing import CliRunner

settings = {"task": {"name": "bandit", "horizon": 2}, "model": "simulated", "variants": ["act"], "episodes": 2}
result = ak.run(**settings, executor="one_by_one", out="python")
assert result.outcome.missing == 0 and OneByOne.played == 2
toml = 'task = "bandit"\\nmodel = "simulated"\\nvariants = ["act"]\\nepisodes = 2\\n'
Path("named.toml").write_text(toml + 'executor = "one_by_one"\\n')
Path("plain.toml").write_text(toml)
for args in (["named.toml", "--out", "toml"], ["plain.toml", "--executor", "one_by_one", "--out", "option"]):
    OneByOne.played = 0
    done = CliRunner().invoke(app, ["run", *args, "--no-report"], catch_exceptions=False)
    assert done.exit_code == 0 and OneByOne.played == 2, done.output
"""


def test_an_executor_of_another_package_is_used_by_name_from_python_toml_and_command_line(tmp_path: Path) -> None:
    info = tmp_path / "site" / "one_by_one-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: one-by-one\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[akrasia.executors]\none_by_one = one_by_one:OneByOne\n")
    (tmp_path / "site" / "one_by_one.py").write_text(PACKAGE)
    env = os.environ | {"PYTHONPATH": str(tmp_path / "site")}
    done = subprocess.run([sys.executable, "-c", USED], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
