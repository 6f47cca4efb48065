"""An intervention of one's own, found in a file: in expressions, experiment files, worker processes and errors."""

import json
import pickle
from pathlib import Path

import pytest

import akrasia as ak
from akrasia.errors import BadOption, UnknownName
from akrasia.experiments.config import assemble
from akrasia.graphs import reason_act
from akrasia.interventions import own, parse

CODE = '''
from dataclasses import replace
import akrasia as ak


@ak.intervention("prompt", "how long the reasoner may think", "our own")
def told_to_be_brief(plan, sentences=3):
    """Told to be brief: the reasoner thinks in a few sentences."""
    hints = {"brief": f"Think in at most {sentences} sentences."}
    return replace(plan, nodes=tuple(replace(n, agent=n.agent.with_options(hints=hints)) for n in plan.nodes))


@ak.interventions.view("context", "only the last steps are shown", "our own")
def only_recent(situation, draw, steps=3):
    """Only recent steps."""
    return replace(situation, history=situation.history[-steps:])
'''


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("own")
    (made / "to_be_brief.py").write_text(CODE)
    return made


@pytest.fixture(autouse=True)
def _there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


BRIEF, RECENT = "./to_be_brief.py:told_to_be_brief", "./to_be_brief.py:only_recent"


def test_it_is_the_intervention_that_stands_there_and_its_text_rebuilds_it() -> None:
    plan = parse(f"reason_act | own('{BRIEF}', sentences=2)")
    assert plan == reason_act() | own(BRIEF, sentences=2) == parse(plan.name)
    assert plan.nodes[0].agent.options["hints"] == {"brief": "Think in at most 2 sentences."}
    assert pickle.loads(pickle.dumps(plan)) == plan


def test_its_placebo_has_a_filler_in_the_place_of_its_hint() -> None:
    plan = parse(f"""reason_act | placebo(of="own('{BRIEF}')")""")
    (hint,) = plan.nodes[0].agent.options["hints"].values()
    assert hint and "Think" not in hint
    controls = ak.controls_for(reason_act() | own(BRIEF))
    assert controls.plans["placebo"].nodes == plan.nodes


def test_a_view_has_its_code_in_the_identity_and_no_placebo() -> None:
    plan = parse(f"reason_act | own('{RECENT}', steps=1)")
    assert plan.code.known and plan.code.digest
    assert "placebo" in ak.controls_for(plan).left_out


def test_an_experiment_file_finds_it_in_every_worker(tmp_path: Path) -> None:
    variants = {"baseline": "reason_act", "brief": f"reason_act | own('{BRIEF}')"}
    settings = {"task": "bandit", "model": "simulated", "variants": variants, "episodes": 2}
    assert assemble(settings).variants[1].plan.nodes[0].agent.options["hints"]
    result = ak.run(**settings, workers=2, out=tmp_path / "run")
    prompts = {r["variant"]: json.dumps(r["prompts"]) for r in result.to_frame().to_dicts()}
    assert "at most 3 sentences" in prompts["brief"] and "at most 3 sentences" not in prompts["baseline"]


@pytest.mark.parametrize(
    ("step", "says"),
    [
        ("own('./absent.py:brief')", "there is no file"),
        ("own('./to_be_brief.py:nothing')", "there is no 'nothing'"),
        ("own('./to_be_brief.py:replace')", "is no intervention"),
        ("own()", "one place"),
        ("own(3)", "one place"),
        ("own('a', 'b')", "one place"),
    ],
)
def test_what_is_none_is_said(step: str, says: str) -> None:
    with pytest.raises(BadOption, match=says):
        parse(f"reason_act | {step}")


def test_an_option_that_it_lacks_is_named() -> None:
    with pytest.raises(UnknownName, match="sentences"):
        parse(f"reason_act | own('{BRIEF}', sentense=2)")
