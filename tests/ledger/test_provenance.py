"""What a session says of the code that played it: the working folder's commit, and whether files differ from it."""

import subprocess
from pathlib import Path

import pytest

from akrasia.ledger.provenance import begin_session


def git(*words: str) -> str:
    who = ("-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "commit.gpgsign=false")
    return subprocess.run(["git", *who, *words], check=True, capture_output=True, text=True).stdout.strip()


def code() -> tuple[str, bool]:
    session = begin_session()
    return session.revision, session.dirty


def test_the_commit_is_named_and_whether_tracked_files_differ_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert code() == ("", False), "in no repository"
    git("init", "-q")
    tracked = tmp_path / "agent.py"
    tracked.write_text("1\n")
    git("add", ".")
    assert code() == ("", False), "before the first commit"
    git("commit", "-q", "-m", "first")
    (tmp_path / "notes.txt").write_text("not tracked\n")
    assert code() == (git("rev-parse", "HEAD"), False)
    tracked.write_text("2\n")
    assert code() == (git("rev-parse", "HEAD"), True)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert code() == ("", False), "where git is not installed"
