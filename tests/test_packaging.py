"""The wheel holds the whole package and works alone; no file ties the project to one machine or one registry."""

import os
import re
import runpy
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NOT_PACKAGED = {"tests", "examples", "benchmarks", "docs"}
PLUGINS = Path("plugins")  # its modules stand at the top level of the wheel


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command away from the checkout and return what it prints; show all of it when it fails."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{command} failed\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def files() -> list[Path]:
    """The files of a clean clone, relative to the root: all that git tracks or would add."""
    listing = ("ls-files", "-z", "--cached", "--others", "--exclude-standard")
    try:
        names = run("git", "-c", "safe.directory=*", *listing, cwd=ROOT).split("\0")
    except (OSError, AssertionError):
        pytest.skip("needs git and a git checkout")
    return sorted({Path(name) for name in names if name and (ROOT / name).is_file()})


@pytest.fixture(scope="module")
def packages(files: list[Path]) -> dict[Path, str]:
    """Folder -> dotted name of every package in the tree."""
    folders = [file.parent for file in files if file.name == "__init__.py"]
    return {
        folder: ".".join(("akrasia", *folder.parts))
        for folder in folders
        if not NOT_PACKAGED.intersection(folder.parts[:1])
    }


@pytest.fixture(scope="module")
def wheel(files: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of the tree in a folder of another name."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for file in files:
        (source / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, source / file)
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, source, cwd=out)
    return next(out.glob("akrasia-*.whl"))


def test_one_version_stands_everywhere_and_a_tag_must_name_it(tmp_path: Path) -> None:
    faults = runpy.run_path(str(ROOT / "benchmarks" / "release.py"))["faults"]
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert faults(ROOT) == []
    assert any("the tag is v99.0" in fault for fault in faults(ROOT, "v99.0"))
    for name in ("pyproject.toml", "CITATION.cff", "CHANGELOG.md", "__init__.py", "docs/citation.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "CHANGELOG.md").write_text(f"# Changelog\n\n## [{version}] - 2026-12-01\n", encoding="utf-8")
    assert faults(tmp_path, f"v{version}") == []
    (tmp_path / "CITATION.cff").write_text("version: 0.0.9\n", encoding="utf-8")
    assert faults(tmp_path) == [f"CITATION.cff names the version 0.0.9, pyproject.toml {version}."]


def test_every_package_is_listed(packages: dict[Path, str]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert sorted(project["tool"]["setuptools"]["packages"]) == sorted(packages.values())


@pytest.mark.slow
def test_wheel_holds_every_file_of_every_package(wheel: Path, files: list[Path], packages: dict[Path, str]) -> None:
    """Nothing forgotten (add data files to `package-data` in pyproject.toml) and nothing slipped in."""
    rooms = {folder for folder in packages if folder.parts}
    front = {file for file in files if len(file.parts) == 1 and (file.suffix == ".py" or file.name == "py.typed")}
    inside = {file for file in files if rooms.intersection(file.parents) or file.parts[0] == "examples"}
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    expected = {f"akrasia/{file.as_posix()}" for file in front | inside}
    expected |= {file.name for file in files if file.parent == PLUGINS}
    assert sorted(expected - names) == [], "left out of the wheel"
    assert sorted(names - expected) == [], "in the wheel by mistake"
    assert "akrasia/py.typed" in names
    assert any(name.startswith("akrasia/reports/templates/") for name in names)


@pytest.mark.slow
def test_wheel_works_alone(wheel: Path, tmp_path: Path) -> None:
    """Installed into an empty environment that sees this one's dependencies, but not this checkout."""
    home, elsewhere = tmp_path / "environment", tmp_path / "elsewhere"
    elsewhere.mkdir()
    run(sys.executable, "-m", "venv", "--without-pip", home, cwd=elsewhere)
    python = home / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check")
    run(*pip, "install", "--no-deps", "--no-index", "--no-compile", wheel, cwd=elsewhere)

    # A folder named in a .pth file is searched for modules; its own .pth files (the checkout's) do not run.
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    installed = Path(run(python, "-c", ask, cwd=elsewhere).strip())
    shared = dict.fromkeys((sysconfig.get_path("purelib"), sysconfig.get_path("platlib")))
    (installed / "dependencies.pth").write_text("\n".join(shared) + "\n", encoding="utf-8")

    assert "Usage" in run(home / "bin" / "akrasia", "--help", cwd=elsewhere)
    several = (
        "import akrasia; akrasia.run; print(akrasia.__file__)\n"
        "from akrasia.cli import app\n"
        "for line in ('demo --model simulated --episodes 4', 'demo --help', 'list examples',\n"
        "             'init mine.toml --example demo', 'plan mine.toml --model simulated'):\n"
        "    app(line.split(), standalone_mode=False)"
    )
    where, _, printed = run(python, "-c", several, cwd=elsewhere).partition("\n")
    assert Path(where) == installed / "akrasia" / "__init__.py"
    assert "a debate of 3" in printed and "akrasia show runs/demo-simulated --gap" in printed
    assert "--fresh" in printed and "papers/greedy_agents" in printed and "whole run" in printed

    # pytest rewrites the modules of a distribution that has a plugin, and its loader keeps no source.
    test = (
        "import akrasia as ak\n\n\ndef test_an_agent(akrasia_run, assert_gap):\n"
        "    task = {'name': 'bandit', 'horizon': 2}\n"
        "    result = akrasia_run(task=task, model='simulated', variants=['reason_act'], episodes=12)\n"
        "    assert isinstance(result, ak.Result)\n    assert_gap(result, below=0.999)\n"
    )
    (elsewhere / "test_agent.py").write_text(test, encoding="utf-8")
    # Plugins of others take a second to import.
    others = ("langsmith_plugin", "anyio", "benchmark", "codspeed", "recording", "socket", "syrupy", "asyncio", "xdist")
    without = [word for name in ("cacheprovider", "hypothesispytest", *others) for word in ("-p", f"no:{name}")]
    assert "1 passed" in run(python, "-m", "pytest", "-q", *without, "test_agent.py", cwd=elsewhere)


def test_no_file_names_a_registry_or_a_home_folder(files: list[Path]) -> None:
    """A clone must install anywhere: which index to ask is the reader's configuration, never the project's."""
    tied = re.compile(
        r"https?://[^\s\"'<>]*/simple\b"  # the address of a package index
        r"|files\.pythonhosted\.org"
        r"|--(?:extra-|default-)?index-url\b|--find-link[s]\b|file:/{2}"
        r"|(?<![\w.:/-])/(?:home|Users|root)/\w"  # an absolute home path
    )
    found = []
    for file in files:
        content = (ROOT / file).read_bytes()
        if b"\0" in content[:8192]:
            continue
        for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), start=1):
            if match := tied.search(line):
                found.append(f"{file}:{number}: {match.group()}")
    assert not found, "\n".join(found)
