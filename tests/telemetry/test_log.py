"""A run is logged on stderr or to a file, and no line holds a prompt or a key."""

import contextlib
import io
import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from akrasia.cli import main
from akrasia.events import AttemptFailed, RunBegan
from akrasia.telemetry.log import Log


def test_a_logged_line_holds_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "a-key-of-odd-shape")
    out = io.StringIO()
    logger = logging.Logger("test", logging.DEBUG)
    logger.addHandler(logging.StreamHandler(out))
    log = Log(logger)
    log(AttemptFailed("k", "m", 1, "reset", 'got "a-key-of-odd-shape" and sk-0123456789', True, False))
    log(RunBegan("a-key-of-odd-shape", ("t",), ("sk-0123456789",), ("v",), 1, "fork"))
    said = out.getvalue()
    assert "odd-shape" not in said and "0123456789" not in said and said.count("[key]") == 4
    assert said.startswith('attempt failed key=k model=m attempt=1 fault=reset why="got \\"[key]\\" and [key]"')
    quiet = logging.Logger("quiet", logging.WARNING)
    quiet.addHandler(logger.handlers[0])
    Log(quiet)(RunBegan("r", (), (), (), 1, "fork"))
    assert out.getvalue() == said


@pytest.fixture
def akrasia(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """The command line, in a folder of its own: (exit code, what it says on stderr)."""

    def run(*args: str) -> tuple[int, str]:
        argv, sys.argv = sys.argv, ["akrasia", *args]
        try:
            with contextlib.chdir(tmp_path):
                main()
            code: Any = 0
        except SystemExit as end:
            code = end.code
        finally:
            sys.argv = argv
        return int(code or 0), capsys.readouterr().err

    return run


def test_the_command_line_logs_on_stderr_or_to_a_file(tmp_path: Path, akrasia: Callable[..., tuple[int, str]]) -> None:
    (tmp_path / "e.toml").write_text(
        'model = "simulated"\nvariants = ["reason_act"]\nepisodes = 2\n[task]\nname = "bandit"\nhorizon = 2\n'
    )
    code, said = akrasia("run", "e.toml", "--out", "a", "--no-report", "--log-level", "info")
    assert code == 0, said
    lines = said.splitlines()
    assert " info run began run=" in lines[0] and " info run ended " in lines[-1]
    assert not any(" debug " in line for line in lines)
    logged = ["--log-level", "debug", "--log-file", "log.jsonl"]
    code, said = akrasia("run", "e.toml", "--out", "b", "--no-report", *logged)
    assert code == 0 and said == ""
    events = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert events[0]["event"] == "run began" and events[0]["level"] == "info" and events[-1]["event"] == "run ended"
    assert sum(e["event"] == "call answered" for e in events) == events[-1]["made"] > 0
    assert "ACTION" not in (tmp_path / "log.jsonl").read_text()
    code, said = akrasia("judge", "a", "--model", "simulated", "--log-level", "loud")
    assert code == 2 and "no log level named 'loud'" in said
    code, said = akrasia("run", "e.toml", "--out", "c", "--log-file", "no/such/folder/log")
    assert code == 2 and "--log-file" in said and not (tmp_path / "c").exists()
