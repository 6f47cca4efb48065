"""What is encoded is measured on a model behind an API, and an arm that binds nothing says so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tool_server import ToolServer, serving_tools

import akrasia as ak
from akrasia.models.providers.choice_probs import choice_probs
from akrasia.models.providers.remote import RemoteModel
from akrasia.records import TokenLogprob

TASK = {"name": "bandit", "horizon": 2, "labels": ["Red", "Blue", "Green"], "arms": 3}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ToolServer]:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-loopback")
    with serving_tools() as script:
        yield script


def test_an_arm_that_acts_shows_what_is_encoded(server: ToolServer, tmp_path: Path) -> None:
    server.probs = {"Red": 0.2, "Bl": 0.7, "Green": 0.1}
    plan = ak.graphs.act() | ak.interventions.constrain_action()
    model = RemoteModel("openai/gpt-4o-mini", api_base=server.base)
    result = ak.run(task=TASK, model=model, variants=[ak.graphs.act(), plan], episodes=2, out=tmp_path / "r")
    bound = result.records.filter(result.records["variant"].str.contains("constrain"))
    assert bound["encoded"].null_count() == 0 and bound["mass"].to_list() == [1.0] * bound.height
    assert set(bound["done"]) == {"Blue"} and bound["unsent"].null_count() == bound.height
    free = result.records.filter(~result.records["variant"].str.contains("constrain"))
    assert free["encoded"].null_count() == free.height


def test_a_server_that_gives_fewer_probabilities_is_asked_for_as_many(server: ToolServer, tmp_path: Path) -> None:
    server.probs, server.most_logprobs = {"Red": 0.2, "Bl": 0.7, "Green": 0.1}, 5
    model = RemoteModel("openai/gpt-4o-mini", api_base=server.base)
    plan = ak.graphs.act() | ak.interventions.constrain_action()
    result = ak.run(task=TASK, model=model, variants=[ak.graphs.act(), plan], episodes=2, out=tmp_path / "r")
    bound = result.records.filter(result.records["variant"].str.contains("constrain"))
    assert bound["encoded"].null_count() == 0 and bound["unsent"].null_count() == bound.height
    assert {body["top_logprobs"] for body in server.bodies if "top_logprobs" in body} == {20, 5}


def test_an_arm_that_cannot_be_bound_is_no_finding(server: ToolServer, tmp_path: Path) -> None:
    server.refuses, server.text = {"response_format", "tool_choice"}, "ACTION=Blue"
    plan = ak.graphs.act() | ak.interventions.constrain_action()
    model = RemoteModel("openai/gpt-4o-mini", api_base=server.base)
    result = ak.run(task=TASK, model=model, variants=[ak.graphs.act(), plan], episodes=2, out=tmp_path / "r")
    (verdict,) = result.score().verdicts
    assert verdict.outcome == "not measured" and "was not sent what was asked for (choices, schema)" in verdict.sentence


def token(text: str, p: float = 1.0, **others: float) -> TokenLogprob:
    from math import log

    top = {text: p, **others}
    return TokenLogprob(text, log(p), tuple((name, log(value)) for name, value in top.items()))


@pytest.mark.parametrize(
    ("tokens", "choices", "probs"),
    [
        ([token("ACTION"), token("="), token("Red", 0.6, Blue=0.4)], ("Red", "Blue"), {"Red": 0.6, "Blue": 0.4}),
        ([token("Red", 0.5, Blue=0.25, I=0.25)], ("Red", "Blue"), {"Red": 0.666667, "Blue": 0.333333}),
        # "Bl" can be both: what follows on the path that was taken tells them apart
        ([token("Bl", 0.8, Red=0.2), token("ue", 0.5, ack=0.5)], ("Blue", "Black", "Red"),
         {"Blue": 0.4, "Black": 0.4, "Red": 0.2}),
        # it can be both, and was not taken: nobody knows which
        ([token("Red", 0.4, Bl=0.6)], ("Blue", "Black", "Red"), None),
        ([token('{"action": "'), token("1", 0.9, **{"2": 0.1}), token('"', 0.3, **{"0": 0.7})], ("1", "10", "2"),
         {"1": 0.27, "10": 0.63, "2": 0.1}),
        ([token("I"), token(" think")], ("Red", "Blue"), None),
        ([], ("Red",), None),
    ],
)  # fmt: skip
def test_the_probability_of_each_choice(
    tokens: list[TokenLogprob], choices: tuple[str, ...], probs: dict[str, float] | None
) -> None:
    found, mass = choice_probs(tokens, choices)
    assert found == (None if probs is None else pytest.approx(probs, abs=1e-5)) and (mass is None) == (probs is None)
