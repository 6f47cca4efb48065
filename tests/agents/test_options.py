"""An agent takes the options that its role declares, and a misspelled one is refused before anything runs."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import akrasia as ak
from akrasia.agents import AGENTS, Agent, ModelOptions
from akrasia.cli import program
from akrasia.errors import AkrasiaError, PlanError, UnknownName
from akrasia.graphs import GRAPHS, Node, Plan, graph
from akrasia.interventions import INTERVENTIONS, intervention, parse
from akrasia.records import Draw, Situation, Turn


@pytest.mark.parametrize(
    ("role", "option", "nearest"),
    [
        ("reasoner", "hnits", "hints"),
        ("debater", "confidnce", "confidence"),
        ("actor", "hide_rationnale", "hide_rationale"),
        ("critic", "blnd", "blind"),
        ("judge", "defre", "defer"),
        ("summariser", "mod", "mode"),
        ("voter", "rul", "rule"),
        ("editor", "sentence", "sentences"),
        ("epsilon_greedy", "epsilo", "epsilon"),
    ],
)
def test_an_unknown_option_is_refused_with_the_nearest(role: str, option: str, nearest: str) -> None:
    for make in (lambda: Agent(role, options={option: True}), lambda: Agent(role).with_options(**{option: True})):
        with pytest.raises(UnknownName, match=f"option of agent '{role}' named '{option}'. Did you mean '{nearest}'"):
            make()


@pytest.mark.parametrize("role", ["executor", "random", "oracle", "try_all"])
def test_a_role_without_options_takes_none(role: str) -> None:
    with pytest.raises(UnknownName, match="'move'"):
        Agent(role, options={"move": "again"})


@pytest.mark.parametrize(
    ("role", "options", "words"),
    [
        ("voter", {"rule": "plurallity"}, "'plurality'"),
        ("voter", {"rule": "borda", "ties": "frist"}, "'first'"),
        ("voter", {"rule": "majority", "otherwise": "plural"}, "'plurality'"),
        ("voter", {"rule": "supermajority", "level": 0.5}, "above 0.5"),
        ("editor", {"edit": "swop"}, "'swap'"),
        ("editor", {"edit": "truncate", "share": "half"}, "from 0 to 1"),
        ("reasoner", {"mode": "reasn"}, "'reason'"),
        ("debater", {"move": "ballot", "ballot": "rankings"}, "'ranking'"),
        ("summariser", {"mode": "story"}, "'history'"),
        ("reasoner", {"confidence": "no"}, "true or false"),
        ("reasoner", {"confidence": 1}, "true or false"),
        ("reasoner", {"budget": 0}, "at least 1"),
        ("actor", {"hints": ["look"]}, "texts by name"),
        ("actor", {"form": 7}, "Give a text"),
    ],
)
def test_a_value_out_of_range_is_refused_when_the_agent_is_made(role: str, options: Any, words: str) -> None:
    with pytest.raises(AkrasiaError, match=words) as refused:
        Agent(role, options=options)
    assert refused.value.remedy


def test_what_is_stored_is_what_was_given() -> None:
    agent = Agent("reasoner", options={"confidence": False, "hints": {}})
    assert agent.options == {"confidence": False, "hints": {}} and Agent("reasoner").options == {}
    assert agent != Agent("reasoner") and len({agent, Agent("reasoner")}) == 2
    assert agent.options_as(ModelOptions).move == "open" == agent.move


def test_every_role_of_ours_declares_its_options_and_what_each_is_for() -> None:
    for name in AGENTS:
        kind = AGENTS.factory(name).options  # type: ignore[attr-defined]
        about = "".join(k.__doc__ or "" for k in kind.__mro__)
        assert all(f.name in about or f.name == "hints" for f in fields(kind)), name


class Echo:
    """Role "echo": passes on what it reads; it declares no options."""

    name = "echo"

    def conclude(self, agent: Agent, situation: Situation, reads: tuple[Turn, ...], draw: Draw) -> Turn:
        return replace(reads[0], text=str(agent.options.get("anything")))


@dataclass(frozen=True)
class LoudOptions:
    volume: int = 1


class Loud(Echo):
    """Role "loud": declares options of its own, as any dataclass does."""

    name = "loud"
    options = LoudOptions


@pytest.fixture
def roles() -> Any:
    before = [dict(r._factories) for r in (AGENTS, GRAPHS, INTERVENTIONS)]
    AGENTS.register("echo", Echo)
    AGENTS.register("loud", Loud)
    yield
    for registry, table in zip((AGENTS, GRAPHS, INTERVENTIONS), before, strict=True):
        registry._factories.clear()
        registry._factories.update(table)  # type: ignore[arg-type]


def ending_in(role: str, options: Mapping[str, Any]) -> Plan:
    return Plan("mine", (Node("r", Agent("reasoner")), Node("it", Agent(role, options=options), ("r",))), "it", "r")


def test_a_role_of_ones_own_declares_options_or_takes_any(roles: None) -> None:
    assert ending_in("echo", {"anything": 3}).node("it").agent.options == {"anything": 3}
    assert ending_in("loud", {"volume": 3}).node("it").agent.declared == LoudOptions(3)
    with pytest.raises(UnknownName, match="'volume'"):
        ending_in("loud", {"volum": 3})
    with pytest.raises(PlanError, match="not JSON"):
        ending_in("echo", {"anything": object()})


def test_what_has_no_place_for_a_placebo_has_none(roles: None) -> None:
    @intervention("more samples", "somebody is loud", "this test")
    def louder(plan: Plan) -> Plan:
        """Louder."""
        node = Node("loud", Agent("loud"), (plan.decision,))
        return replace(plan, nodes=(*plan.nodes, node), decision="loud")

    with pytest.raises(PlanError, match="no placebo"):
        parse("reason_act | placebo(of='louder')")


def test_a_misspelled_option_ends_a_run_before_it_begins_in_python_in_toml_and_on_the_command_line(
    roles: None, tmp_path: Path
) -> None:
    @graph
    def misspelled() -> Plan:
        """One agent whose option is misspelled."""
        return Plan("", (Node("r", Agent("reasoner", options={"hnits": {}})),), "r", "r")

    settings = tmp_path / "run.toml"
    settings.write_text('name = "r"\ntask = "bandit"\nmodel = "simulated"\nepisodes = 1\nvariants = ["misspelled"]\n')
    with pytest.raises(UnknownName, match="'hints'"):
        ak.run(task="bandit", model="simulated", variants=["misspelled"], episodes=1, out=tmp_path / "python")
    for command in (["run", str(settings), "--out", str(tmp_path / "toml")], ["graphs", "show", "misspelled"]):
        result = CliRunner().invoke(program(), command)
        assert result.exit_code != 0 and "hints" in f"{result.output}{result.exception}"
    assert {p.name for p in tmp_path.iterdir()} == {"run.toml"}
