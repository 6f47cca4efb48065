"""`akrasia view` says what is wrong in one sentence, and serves on the loopback alone."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner

import akrasia as ak
from akrasia.cli import main, program

pytest.importorskip("uvicorn", reason="the extra viewer is not installed")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("view") / "one"
    ak.run(task=ak.tasks.bandit(arms=3, horizon=1), model="simulated", variants=["reason_act"], episodes=2, out=out)
    return out


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as ended:
        main(["view", *arguments])
    told = capsys.readouterr().err
    assert ended.value.code in (1, 2) and "Traceback" not in told
    return told


def test_what_is_no_run_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "there is no such folder" in refused(capsys, str(tmp_path / "nowhere"))
    assert "it is no run, and no folder of runs" in refused(capsys, str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert "Make a run first" in refused(capsys)


def test_a_half_written_ledger_is_said(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    half = tmp_path / "half"
    half.mkdir()
    whole = (run / "ledger.sqlite").read_bytes()
    (half / "ledger.sqlite").write_bytes(whole[: len(whole) // 2])
    told = refused(capsys, str(half), "--bundle", str(tmp_path / "out"))
    assert "ledger" in told and not (tmp_path / "out").exists()
    (half / "ledger.sqlite").write_bytes(b"no database at all, and long enough to be looked at" * 9)
    assert "not a ledger" in refused(capsys, str(half))


def test_a_port_in_use_and_one_that_is_none_are_said(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told = refused(capsys, str(run), "--port", str(port))
    assert f"cannot listen at 127.0.0.1, port {port}" in told and "--port 0" in told
    assert "ports go from 0 to 65535" in refused(capsys, str(run), "--port", "70000")
    assert "cannot listen at" in refused(capsys, str(run), "--host", "no.such.host.invalid")


def test_a_viewer_serves_until_it_is_interrupted(run: Path) -> None:
    command = [sys.executable, "-c", "from akrasia.cli import main; main()", "view", str(run), "--port", "0"]
    viewer = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert viewer.stdout is not None
        address = re.search(r"http://127\.0\.0\.1:\d+/one/", viewer.stdout.readline())
        assert address is not None
        with urllib.request.urlopen(address[0]) as answer:
            assert "reason_act" in answer.read().decode()
    finally:
        viewer.send_signal(signal.SIGINT)
        _, told = viewer.communicate(timeout=60)
    assert viewer.returncode == 0 and told == ""


def test_help_names_what_it_does() -> None:
    told = CliRunner().invoke(program(), ["view", "--help"]).output
    assert "side by side" in told and "--bundle" in told
