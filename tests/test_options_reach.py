"""What a command line gives reaches the run: the task's options, and the host that is asked with which key."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from akrasia.cli import main

OTHER_KEY = "sk-other-0123456789abcdef"


@pytest.fixture(autouse=True)
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ended(*args: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(args)
    return int(end.value.code or 0)


def refused(capsys: pytest.CaptureFixture[str], *args: str) -> str:
    """The message of a command that is refused before anything is written."""
    before = sorted(Path().rglob("*"))
    assert ended(*args) == 2
    assert sorted(Path().rglob("*")) == before
    return capsys.readouterr().err


def stored(folder: str) -> Any:
    with sqlite3.connect(Path(folder) / "ledger.sqlite") as connection:
        (value,) = connection.execute("SELECT value FROM meta WHERE key = 'experiment'").fetchone()
    return json.loads(value)


FILES = {
    "no file": None,
    "the same model": '[models.main]\nname = "openai/test"\n',
    "another model": '[models.main]\nname = "groq/other"\ntimeout = 5\n',
}
REST = '[task]\nname = "bandit"\narms = 3\nhorizon = 1\n[variants]\na = "act"\n'


ADDRESSES = [
    ["--set", "models.main.api_base={}", "--set", "models.main.transport={}"],
    ["--set", "model.api_base={}", "--set", "model.transport={}"],
    ["--set", 'models={{main={{api_base="{}", transport="{}"}}}}'],
    ["colon"],
]
# Every two of the three meet.
WAYS = [
    (("auto", "litellm")[(i + j) % 2], address, file)
    for i, address in enumerate(ADDRESSES)
    for j, file in enumerate(FILES)
]


@pytest.mark.parametrize(("transport", "address", "file"), WAYS)
def test_the_request_and_the_key_go_where_it_was_said(
    openai_server: Any, default_host: Any, transport: str, address: list[str], file: str, api_key: str
) -> None:
    openai_server.answer = lambda messages, seed: "ACTION=Blue"
    start = []
    if FILES[file] is not None:
        Path("e.toml").write_text(
            f"{FILES[file] if file == 'name' else ''}{REST}{FILES[file] if file != 'name' else ''}"
        )
        start = ["e.toml"]
    named, values = "openai/test", iter((openai_server.base, transport))
    given = [part if "{}" not in part or "{{" in part else part.format(next(values)) for part in address]
    given = [part.format(openai_server.base, transport) if "{{" in part else part for part in given]
    if address == ["colon"]:
        named, given = f"openai/test:api_base={openai_server.base},transport={transport}", []
    few = ["--episodes", "1", "--variant", "act", "--set", "task.horizon=1"]
    assert ended("run", *start, "--model", named, *given, *few, "--out", "run") == 0
    assert openai_server.answered >= 1 and not default_host.bodies and not default_host.headers
    assert {h["authorization"] for h in openai_server.headers} == {f"Bearer {api_key}"}
    is_direct = [h["user-agent"] == "akrasia" for h in openai_server.headers]
    assert all(is_direct) if transport == "auto" else not any(is_direct)


@pytest.mark.parametrize("transport", ["auto", "litellm"])
def test_the_key_is_the_one_of_the_variable_that_was_said(
    openai_server: Any, default_host: Any, transport: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTHER_KEY", OTHER_KEY)
    options = [f"api_base={openai_server.base}", "api_key_env=OTHER_KEY", f"transport={transport}"]
    sets = [part for option in options for part in ("--set", f"models.main.{option}")]
    ended("run", "--model", "openai/test", *sets, "--episodes", "1", "--set", "task.horizon=1", "--out", "run")
    assert {h["authorization"] for h in openai_server.headers} == {f"Bearer {OTHER_KEY}"}
    assert not default_host.headers


def test_the_address_of_a_file_is_not_lost_to_another_model_of_its_provider(
    openai_server: Any, default_host: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("e.toml").write_text(f'{REST}[models.main]\nname = "openai/test"\napi_base = "{openai_server.base}"\n')
    assert "would go elsewhere" in refused(capsys, "run", "e.toml", "--model", "openai/other", "--out", "run")
    openai_server.answer = lambda messages, seed: "ACTION=Blue"
    assert ended("run", "e.toml", "--model", "openai/test", "--episodes", "1", "--out", "run") == 0
    assert openai_server.answered == 1 and not default_host.headers and not default_host.bodies


def test_options_of_a_named_task_are_used(capsys: pytest.CaptureFixture[str]) -> None:
    few = ["--model", "simulated", "--episodes", "1"]
    assert ended("run", "--task", "bandit", "--set", "task.arms=20", *few, "--out", "run") == 0
    (task,) = stored("run")["task"]
    assert task["arms"] == 20
    Path("e.toml").write_text(REST)
    assert ended("run", "e.toml", "--task", "tictactoe", "--set", "task.opponent=minimax", *few, "--out", "t") == 0
    (task,) = stored("t")["task"]
    assert (task["name"], task["opponent"]) == ("tictactoe", "minimax")
    assert "whose arms, horizon are not used" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["run", "plan"])
@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--task", "tictactoe", "--set", "task.opponent=nonsense"], "nonsense"),
        (["--task", "tictactoe", "--set", "task.arms=5"], "arms"),
        (["--task", "bandit", "--set", "task.armz=5"], "'arms'"),
        (["--task", "bandit", "--set", "task=aiw"], "contradict each other"),
        (["--set", "task.arms=5", "--set", "task.arms=6"], "contradict each other"),
        (["--set", "task.arms"], "--set key=value"),
        (["--set", "episodes=3", "--episodes", "4"], "contradict each other"),
        (["--set", "models.main.knowing=0.5", "--set", "models.main.knowin=0.5"], "'knowing'"),
        (["--set", "model=embedded"], "contradict each other"),
        (["--task", "aiw", "--task", "bandit"], "--task is given twice"),
        (["--episodes", "3", "--episodes", "4"], "--episodes is given twice"),
        (["--set", "task.sigma=True"], "sigma is 'True'"),
    ],
)
def test_what_cannot_be_used_is_refused(
    verb: str, args: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    message = refused(capsys, verb, "--model", "simulated", *args)
    assert says in message and message.count("\n") == 1


def test_the_default_model_takes_options_too(capsys: pytest.CaptureFixture[str]) -> None:
    for key in ("model", "models.main"):
        assert "slot_tokens" in refused(capsys, "plan", "--set", f"{key}.slot_tokens=0")
        assert "'slot_tokens'" in refused(capsys, "plan", "--set", f"{key}.slot_token=5")


def test_a_plan_takes_the_flags_of_a_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended("plan", "--task", "bandit", "--set", "task.arms=20", "--model", "simulated", "--episodes", "2") == 0
    shown = capsys.readouterr().out
    assert "arms=20" in shown and "2 episodes" in shown


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["train", "--updates", "3", "--set", "rlft.updates=4"], "contradict each other"),
        (["train", "--set", "out=x"], "out"),
        (["train", "--task", "tictactoe", "--set", "task.arms=5"], "arms"),
        (["data", "--expert", "ucb", "--out", "d.jsonl", "--task", "bandit", "--set", "armz=5"], "'arms'"),
        (["data", "--expert", "ucb", "--out", "d.jsonl", "--task", "bandit", "--set", "name=aiw"], "contradict"),
        (["data", "--expert", "ucb", "--out", "d.jsonl", "--variant", "act"], "--variant is not used"),
        (["data", "nowhere", "--out", "d.jsonl", "--task", "bandit"], "--task is not used"),
        (["clone", "--out", "c.gguf", "--task", "bandit", "--set", "task.armz=5"], "'arms'"),
        (["data", "nowhere", "--out", "d.jsonl", "--form", "preference", "--only", "valid"], "--only is not used"),
        (["import", "gsm8k", "x.json", "--out", "r", "--rule", "last"], "'rule'"),
        (["import", "aiw", "x.json", "--out", "r", "--option", "rulle=last"], "'rule'"),
        (["tasks", "show", "bandit", "--arms", "5", "--arms", "6"], "arms is given twice"),
    ],
)
def test_other_verbs_drop_nothing_either(args: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert says in refused(capsys, *args)


def test_an_expert_plays_the_task_with_its_options() -> None:
    for prefix in ("", "task."):
        assert ended("data", "--expert", "ucb", "--episodes", "1", "--set", f"{prefix}arms=4", "--out", "d.jsonl") == 0
        assert "4 buttons" in Path("d.jsonl").read_text()
