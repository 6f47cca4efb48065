"""A name becomes a model, or a message that says which name was meant; and naming a model loads nothing heavy."""

import subprocess
import sys

import pytest

from akrasia.errors import BadOption, UnknownName
from akrasia.models import Scripted, Simulated, resolve
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


def test_naming_models_imports_no_client_library() -> None:
    """`akrasia --help` and an offline replay start without them."""
    code = (
        "import sys; from akrasia.models.resolve import resolve; resolve('openai/gpt-4o-mini'); resolve('simulated'); "
        "resolve('embedded'); heavy = {'litellm', 'langgraph', 'langchain_core', 'xllamacpp', 'openai'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
