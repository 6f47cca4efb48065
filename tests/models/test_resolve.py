"""A name becomes a model, or a message that says which name was meant; and naming a model loads nothing heavy."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from akrasia.cli import app
from akrasia.errors import BadOption, UnknownName
from akrasia.experiments import assemble, load_settings
from akrasia.models import MODELS, Scripted, Simulated, resolve
from akrasia.models.providers.remote import RemoteModel


@pytest.mark.parametrize(
    ("name", "meant"),
    [("embeded", "embedded"), ("simulate", "simulated"), ("simulatd:knowing=1", "simulated"), ("gpt-4o-mini", "gpt-4")],
)
def test_unknown_model_names_the_nearest(name: str, meant: str) -> None:
    with pytest.raises(UnknownName, match=meant):
        resolve(name)


@pytest.mark.parametrize(
    ("name", "option", "meant"),
    [
        ("simulated", "knowin", "knowing"),
        ("embedded", "thread", "threads"),
        ("openai/gpt-4o-mini", "api_bas", "api_base"),
    ],
)
def test_unknown_option_names_the_nearest(name: str, option: str, meant: str) -> None:
    with pytest.raises(UnknownName, match=meant):
        resolve(name, **{option: 1})


def test_planted_rates_come_from_the_name_and_from_options() -> None:
    model = resolve("simulated:knowing=0.5, optimal=0.2", greedy=0.7)
    assert isinstance(model, Simulated)
    assert (model.planted.knowing, model.planted.optimal, model.planted.greedy) == (0.5, 0.2, 0.7)
    assert model.info.id != Simulated().info.id


@pytest.mark.parametrize(
    "name", ["simulated:knowing=2", "simulated:knowing", "simulated:knowing=often", "simulated:greedy=.9,optimal=.9"]
)
def test_planted_rates_out_of_range_are_refused(name: str) -> None:
    with pytest.raises(BadOption):
        resolve(name)


def test_prices_are_dollars_per_million_tokens() -> None:
    price = resolve("openai/gpt-4o-mini", price={"prompt": 0.15, "completion": 0.6}).info.price
    assert price is not None
    assert (price.prompt, price.completion) == pytest.approx((0.15e-6, 0.6e-6))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("openai/gpt-4o-mini", {"price": {"prompt": 0.15}}),
        ("openai/gpt-4o-mini", {"timeout": 0}),
        ("openai/gpt-4o-mini", {"max_concurrency": 0}),
        ("openai/gpt-4o-mini", {"style": "chatty"}),
        ("embedded", {"style": "chatty"}),
        ("embedded", {"slots": 0}),
        ("embedded", {"threads": True}),
    ],
)
def test_option_out_of_range_is_refused_before_anything_is_loaded(name: str, options: dict[str, object]) -> None:
    with pytest.raises((BadOption, UnknownName)):
        resolve(name, **options)


def test_identity_names_all_that_changes_answers() -> None:
    """Two models with one identity would share their answers."""
    made = [
        RemoteModel("openai/m"),
        RemoteModel("openai/m", api_base="http://a/v1"),
        RemoteModel("openai/m", api_base="http://b/v1"),
        RemoteModel("openai/m", temperature=0.5),
        RemoteModel("openai/m", style="completion"),
        resolve("embedded"),
        resolve("embedded", temperature=0.5),
        resolve("embedded", style="chat"),
    ]
    assert len({m.info.id for m in made}) == len(made)
    assert RemoteModel("openai/m", max_concurrency=2).info.id == "openai/m"


def test_a_backend_stands_for_itself_and_anything_else_is_refused() -> None:
    backend = Scripted(lambda request, draw: "x")
    assert resolve(backend) is backend
    with pytest.raises(BadOption, match="not a model"):
        resolve(object())


def parrot(phrase: str = "Red", times: int = 1, loud: bool = False) -> Scripted:
    """A model that says one thing: parrot:Red or parrot:phrase=Red,times=2."""
    text = " ".join([f"ACTION={phrase}"] * times)
    return Scripted(lambda request, draw: text, name=f"parrot {phrase} {times} {loud}")


@pytest.fixture
def registered() -> None:
    MODELS.register("parrot", parrot)


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize(
    ("name", "options", "identity"),
    [
        ("parrot", {}, "parrot Red 1 False"),
        ("parrot:Blue, or Green", {}, "parrot Blue, or Green 1 False"),
        ("parrot:phrase=Blue, times=2, loud=true", {}, "parrot Blue 2 True"),
        ("parrot:times=2", {"phrase": "Blue"}, "parrot Blue 2 False"),
    ],
)
def test_a_registered_model_is_made_by_its_name(name: str, options: dict[str, Any], identity: str) -> None:
    assert resolve(name, **options).info.id == f"scripted/{identity}"
    table = {"name": name, **options}
    [models] = assemble({"task": "bandit", "variants": ["act"], "models": {"main": table}}).models
    assert models.slots["default"].info.id == f"scripted/{identity}"


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize(
    ("name", "nearest"), [("parot", "'parrot'"), ("parot:times=2", "'parrot'"), ("parrot:tims=2", "'times'")]
)
def test_a_misspelt_model_or_option_is_refused_in_python_in_toml_and_on_the_command_line(
    name: str, nearest: str, tmp_path: Path
) -> None:
    file = tmp_path / "experiment.toml"
    file.write_text(f'model = "{name}"\ntask = "bandit"\nvariants = ["act"]\n')
    good = ["run", str(tmp_path / "other.toml"), "--out", str(tmp_path / "run"), "--model", name]
    (tmp_path / "other.toml").write_text('task = "bandit"\nvariants = ["act"]\n')
    with pytest.raises(UnknownName, match=nearest):
        resolve(name)
    with pytest.raises(UnknownName, match=nearest):
        assemble(load_settings(file))
    with pytest.raises(UnknownName, match=nearest):
        app(good, standalone_mode=False)
    assert not (tmp_path / "run").exists()


def test_a_package_brings_models_by_entry_point(tmp_path: Path) -> None:
    package = tmp_path / "brought-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: brought\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text("[akrasia.models]\nbrought = brought:model\n")
    code = "from akrasia.models import Scripted\ndef model(text='x'):\n    'Says a text.'\n"
    (tmp_path / "brought.py").write_text(f"{code}    return Scripted(lambda r, d: text, name=text)\n")
    shown = subprocess.run(
        [sys.executable, "-c", "from akrasia.cli import main; main()", "list", "models"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    assert shown.returncode == 0, shown.stderr
    for words in ("brought", "Says a text.", "embedded", "simulated", "PROVIDER/MODEL"):
        assert words in shown.stdout


def test_naming_models_imports_no_client_library() -> None:
    """`akrasia --help` and an offline replay start without them."""
    code = (
        "import sys; from akrasia.models.resolve import resolve; resolve('openai/gpt-4o-mini'); resolve('simulated'); "
        "resolve('embedded'); heavy = {'litellm', 'langgraph', 'langchain_core', 'xllamacpp', 'openai'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
