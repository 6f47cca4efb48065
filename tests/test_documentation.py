"""Documentation that runs: the README's Python, the files in examples/, and every command of the command line."""

from __future__ import annotations

import re
import runpy
import shlex
import shutil
import subprocess
import tomllib
from dataclasses import fields
from functools import cache
from pathlib import Path

import pytest

import akrasia
from akrasia.cli import main as akrasia_main
from akrasia.cli import program
from akrasia.errors import MissingExtra
from akrasia.experiments.config import assemble, load_settings
from akrasia.experiments.experiment import Experiment
from akrasia.experiments.planning.power import item_warnings
from akrasia.interventions import INTERVENTIONS
from akrasia.tasks import question_rows
from akrasia.training.recipe import assemble_training

ROOT = Path(__file__).parents[1]
PAGES = {path.name: path.read_text(encoding="utf-8") for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]}


def shortened(block: str) -> str:
    """A page's Python with runs of two episodes: that it runs is tried, and not how long it takes."""
    return re.sub(r"\bepisodes=\d{2,}", "episodes=2", block)


@cache
def commands() -> frozenset[str]:
    """Every command of the application, such as "run" and "graphs show"."""
    found: set[str] = set()
    for name, command in program().commands.items():
        found |= {f"{name} {verb}" for verb in getattr(command, "commands", {})} or {name}
    return frozenset(found)


def test_the_readme_s_python_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", PAGES["README.md"], re.DOTALL)
    assert blocks
    for block in blocks:
        (tmp_path / "block.py").write_text(shortened(block))
        runpy.run_path(str(tmp_path / "block.py"), run_name="__main__")
        assert "reason_act (baseline)" in capsys.readouterr().out
    assert list(tmp_path.glob("runs/*/report.html"))


@pytest.mark.parametrize(
    ("page", "count", "prints"),
    [
        ("evaluators.md", 2, ("wordy", "curious", "names ", "Contrast(metric='curious'", "reason_act -> reason_act2")),
        ("results.md", 2, ("difference", "prompts", "| critique", "The gap per variant")),
    ],
)
def test_the_python_of_a_page_runs_and_prints_what_it_is_about(
    page: str,
    count: int,
    prints: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", PAGES[page], re.DOTALL)
    assert len(blocks) == count
    (tmp_path / "block.py").write_text(shortened("\n".join(blocks)))
    runpy.run_path(str(tmp_path / "block.py"), run_name="__main__")
    printed = capsys.readouterr().out
    for text in prints:
        assert text in printed


ELSEWHERE = {
    "README.md",
    "evaluators.md",
    "results.md",
    "tasks.md",
    "importing.md",
}  # pages whose blocks other tests run
GIVEN = {  # what a block of a page takes for granted
    "checks.md": "import akrasia as ak\nmy_agent = ak.graphs.reason_act\n",
    "reading.md": "import akrasia as ak\ntask = ak.tasks.bandit()\nsituation = task.situation(task.start(0))\n",
    "langgraph.md": (  # the simulated model plays games and answers no question
        "import akrasia as ak\nright = ak.models.Scripted(lambda request, draw: 'It is B.\\nBEST=B\\nACTION=B')\n"
    ),
    "integrations.md": "from akrasia.integrations import as_openevals\n",
    "columns.md": (
        "import akrasia as ak\n"
        "ak.run(task='bandit', model='simulated', variants=['reason_act'], episodes=2).export('steps.csv')\n"
    ),
    "judging.md": (
        "import akrasia as ak\n"
        "ak.run(task='bandit', model='simulated:knowing=0.5', variants=['reason_act'], episodes=2, out='runs/demo')\n"
    ),
}
STAND_INS = {'"openai/gpt-4o-mini"': '"simulated"', '"openai:gpt-4o-mini"': "ak.ChatModel()"}  # nobody is asked here
BLOCKS = [
    pytest.param(page, block, id=f"{page}-{number}")
    for page, text in sorted(PAGES.items())
    if page not in ELSEWHERE
    for number, block in enumerate(re.findall(r"```python\n(.*?)```", text, re.DOTALL))
]


@pytest.mark.parametrize(("page", "block"), BLOCKS)
def test_the_python_of_every_other_page_runs(
    page: str, block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if page == "langgraph.md":
        block = block.replace('    model="openai/gpt-4o-mini",\n', "    model=right,\n")
    for name, stand_in in STAND_INS.items():
        block = block.replace(name, stand_in)
    script = tmp_path / "block.py"
    script.write_text(GIVEN.get(page, "") + shortened(block))
    try:
        runpy.run_path(str(script), run_name="__main__")
    except MissingExtra as missing:
        pytest.skip(str(missing))


WALKED = [page for page, text in sorted(PAGES.items()) if "```console" in text]


@pytest.fixture
def named_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files that TOML blocks name, as their pages write them."""
    monkeypatch.chdir(tmp_path)
    (csv,) = re.findall(r"```\n(question,.*?)```", PAGES["questions.md"], re.DOTALL)
    (tmp_path / "questions.csv").write_text(csv)
    (toml,) = re.findall(r"```toml\n(.*?)```", PAGES["questions.md"], re.DOTALL)
    (tmp_path / "questions.toml").write_text(toml)
    (code,) = (b for b in re.findall(r"```python\n(.*?)```", PAGES["interventions.md"], re.DOTALL) if "__main__" in b)
    (tmp_path / "mine.py").write_text(code)
    INTERVENTIONS._factories.pop("brief", None)  # the page's block, run as a script, has the name too
    return tmp_path


@pytest.mark.usefixtures("named_files")
@pytest.mark.parametrize("page", WALKED)
def test_the_commands_of_a_page_run_one_after_the_other(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    """As a reader types them, with the simulated model in the place of the embedded one, and runs of a few episodes."""
    lines = "".join(re.findall(r"```console\n(.*?)```", PAGES[page], re.DOTALL)).splitlines()
    assert lines
    for line in lines:
        program, verb, *rest = shlex.split(line, comments=True)
        if verb in ("demo", "run", "plan") and "--model" not in rest:
            rest += ["--model", "simulated", *(["--out", "runs/demo"] if verb == "demo" else [])]
        if verb in ("demo", "run") and "--episodes" not in rest and "--resume" not in rest:
            rest += ["--episodes", "2"]
        with pytest.raises(SystemExit) as ended:
            akrasia_main([verb, *rest])
        assert program == "akrasia" and not ended.value.code, (line, capsys.readouterr().err)


TOMLS = [
    pytest.param(page, block, id=f"{page}-{number}")
    for page, text in sorted(PAGES.items())
    for number, block in enumerate(re.findall(r"```toml\n(.*?)```", text, re.DOTALL))
    if page != "configuration.md" and "project" not in tomllib.loads(block)  # tested below, or no experiment
]


@pytest.mark.usefixtures("named_files")
@pytest.mark.parametrize(("page", "block"), TOMLS)
def test_every_experiment_in_a_page_is_understood(page: str, block: str) -> None:
    """What names its variants is a whole experiment and assembles as it stands; anything else is a part of one."""
    settings = tomllib.loads(block)
    rest = {} if "variants" in settings else {"task": "bandit", "variants": ["reason_then_act | critique"]}
    assert assemble({**rest, **settings}).variants


def test_the_intervention_of_the_page_is_found_by_its_file(named_files: Path) -> None:
    """Its experiment file is played, and what the page says of its placebo is so."""
    (toml,) = (b for b in re.findall(r"```toml\n(.*?)```", PAGES["interventions.md"], re.DOTALL) if "own(" in b)
    result = akrasia.run(**tomllib.loads(toml), out=named_files / "run")
    prompts = {row["variant"]: row["prompts"] for row in result.to_frame().to_dicts()}
    assert "at most 2 sentences" in prompts["brief"] and "at most 2 sentences" not in prompts["placebo"]
    assert "This part of the message" in prompts["placebo"]


def test_the_page_of_columns_computes_what_the_scorecard_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    model = "simulated:parse_failure=0.1"
    result = akrasia.run(task="bandit", model=model, variants=["reason_act", "reason_act | critique"], episodes=4)
    result.export("steps.csv")
    (block,) = re.findall(r"```python\n(.*?)```", PAGES["columns.md"], re.DOTALL)
    (tmp_path / "block.py").write_text(block)
    steps = runpy.run_path(str(tmp_path / "block.py"))["steps"]
    for arm in result.score(metrics=["knowing", "doing", "gap"]).arms:
        means = steps[steps["variant"] == arm.variant][["knows", "does", "gap"]].mean()
        assert list(means) == pytest.approx([arm.metrics[m].value for m in ("knowing", "doing", "gap")])
    if shutil.which("Rscript"):
        (block,) = re.findall(r"```r\n(.*?)```", PAGES["columns.md"], re.DOTALL)
        (tmp_path / "block.R").write_text(block)
        printed = subprocess.run(["Rscript", "block.R"], capture_output=True, text=True, check=True).stdout
        gaps = steps.groupby("variant")["gap"].mean()
        assert {line.split()[-2]: float(line.split()[-1]) for line in printed.splitlines()[1:]} == {
            variant.split()[-1]: pytest.approx(gap, abs=1e-5) for variant, gap in gaps.items()
        }


def test_every_page_is_in_the_site() -> None:
    listed = set(re.findall(r"^([a-z_]+)$", PAGES["index.md"], re.MULTILINE))
    assert {f"{name}.md" for name in listed} | {"index.md", "README.md"} == set(PAGES)


def test_the_package_s_docstring_is_the_readme_s_example() -> None:
    for line in ("base = ak.graphs.reason_act()", "task=ak.tasks.bandit(arms=5, sigma=1.0, horizon=10),"):
        assert line in (akrasia.__doc__ or "") and line in PAGES["README.md"]


def test_the_readme_names_every_command() -> None:
    assert {c for c in commands() if not re.search(rf"(`|^)akrasia {c}\b", PAGES["README.md"], re.M)} == set()


def test_every_command_that_a_page_names_exists() -> None:
    """Whatever stands after `akrasia` at the start of code is a command of it."""
    verbs = {c.partition(" ")[0] for c in commands()}
    for page, text in PAGES.items():
        code = re.findall(r"(?:`|^ {4}|^)akrasia\s([a-z]+)((?:\s[a-z]+)?)", text, re.MULTILINE)
        assert {verb for verb, _ in code} <= verbs, page
        groups = {c.partition(" ")[0] for c in commands() if " " in c}
        assert {" ".join(f"{verb}{rest}".split()) for verb, rest in code if verb in groups} <= commands(), page


class CommandLine:
    """Plays a command in this process: (exit code, all that it printed)."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self._capture = capture

    def __call__(self, *args: str) -> tuple[int, str]:
        self._capture.readouterr()
        with pytest.raises(SystemExit) as ended:
            akrasia_main(args)
        return int(ended.value.code or 0), "".join(self._capture.readouterr())


@pytest.fixture
def command_line(capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(capsys)


@pytest.mark.parametrize("command", sorted(commands()))
def test_every_command_explains_itself(command_line: CommandLine, command: str) -> None:
    code, said = command_line(*command.split(), "--help")
    assert code == 0 and f"akrasia {command}" in said, said


def test_the_architecture_page_names_every_room_and_only_classes_that_exist() -> None:
    page = PAGES["architecture.md"]
    own = {p.name for p in ROOT.iterdir() if p.suffix == ".py" or (p / "__init__.py").is_file()}
    assert {name for name in own if f"`{name}`" not in page and f"`{name}/`" not in page} == set()
    words = page.partition("## Words of the machine room")[2].partition("## Three flows")[0]
    rows = [row.split("|")[1] for row in words.splitlines() if row.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`([A-Z]\w+)`", row)}
    outside = {"tests", "benchmarks", "examples"}
    rooms = [p for p in ROOT.iterdir() if p.name not in outside and not p.name.startswith(".")]
    files = [path for room in rooms for path in (room.rglob("*.py") if room.is_dir() else [room])]
    texts = (path.read_text(encoding="utf-8") for path in files if path.suffix == ".py")
    defined = {name for text in texts for name in re.findall(r"^class (\w+)", text, re.MULTILINE)}
    assert len(named) > 30 and named <= defined


TRAININGS = [p for p in sorted((ROOT / "examples").glob("*.toml")) if "rlft" in tomllib.loads(p.read_text())]
EXPERIMENTS = [p for p in sorted((ROOT / "examples").glob("*.toml")) if p not in TRAININGS]


@pytest.mark.parametrize("path", TRAININGS, ids=lambda p: p.name)
def test_every_training_file_is_understood(path: Path) -> None:
    """What a training will do is worked out from the file alone; it needs no torch."""
    training = assemble_training(load_settings(path))
    about = training.as_json()
    assert about["task"]["name"] == "bandit" and about["plan"] == "act" and training.evaluations


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda p: p.name)
def test_every_experiment_file_assembles_and_runs_small(command_line: CommandLine, path: Path, tmp_path: Path) -> None:
    named = re.findall(r"^# +akrasia show \S+ (\d+) (\d+)", path.read_text(), re.MULTILINE)
    episodes, out = max([0, *(int(episode) for episode, _ in named)]) + 1, str(tmp_path / "out")
    run = ["run", str(path), "--model", "simulated", "--episodes", str(episodes), "--out", out, "--no-report"]
    if not named and "horizon" in load_settings(path).get("task", {}):
        run += ["--set", "task.horizon=2"]
    code, said = command_line(*run)
    assert code == 0, said
    for episode, step in named:
        code, shown = command_line("show", out, episode, step)
        assert code == 0 and f"episode {episode}, step {step}" in shown


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda p: p.name)
def test_every_experiment_file_is_long_enough_for_its_verdicts(path: Path) -> None:
    """What ships must be able to end in a conclusion: enough items for a corrected p to reach 0.05."""
    settings = {k: v for k, v in load_settings(path).items() if k not in ("models", "leader")}
    experiment = assemble({**settings, "model": "simulated"})
    assert not [warning for warning in item_warnings(experiment) if "too few" in warning]


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda p: p.name)
def test_every_experiment_file_is_planned_with_its_power(command_line: CommandLine, path: Path) -> None:
    code, said = command_line("plan", str(path), "--model", "simulated", "--effect", "0.1")
    assert code == 0 and "For a difference of 0.1: " in said


def test_the_configuration_page_shows_every_setting_and_all_of_it_is_understood(tmp_path: Path) -> None:
    (block,) = re.findall(r"```toml\n(.*?)```", PAGES["configuration.md"], re.DOTALL)
    (tmp_path / "example.toml").write_text(block)
    experiment = assemble(load_settings(tmp_path / "example.toml"))
    assert [m.label for m in experiment.models] == ["main", "other"]
    known = {"address", *tomllib.loads(block)}
    assert {f.name for f in fields(Experiment)} - {"tasks"} | {"task"} == known


def test_the_references_are_those_of_the_code_and_say_what_every_option_means() -> None:
    pages = runpy.run_path(str(ROOT / "benchmarks" / "reference.py"))["PAGES"]
    for name, make in pages.items():
        assert make() == PAGES[name], "run: make reference"
        assert "|  |\n" not in PAGES[name], "an option without a meaning"
    assert {f"## akrasia {command}" for command in commands()} <= set(PAGES["cli.md"].splitlines())
    named = set(re.findall(r"^\| (\w+) \|", PAGES["settings.md"], re.MULTILINE))
    assert {f.name for f in fields(Experiment)} - {"tasks"} | {"task"} <= named


def test_the_questions_page_names_every_column_that_is_read() -> None:
    page = PAGES["questions.md"]
    for names in (question_rows.QUESTION, question_rows.OPTIONS, question_rows.CONTEXT):
        assert {name for name in names if f"`{name}`" not in page} == set()
