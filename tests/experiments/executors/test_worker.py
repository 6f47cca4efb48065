"""What a worker is made from arrives as it was, or is refused; shares of a limit add up to it."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from akrasia.errors import BadOption
from akrasia.experiments import assemble
from akrasia.experiments.executors.processes import ProcessLauncher
from akrasia.experiments.executors.worker import VERSION, WorkerSpec, share_of, unpack_spec
from akrasia.interventions import INTERVENTIONS, parse


def test_every_intervention_survives_pickling() -> None:
    for name in INTERVENTIONS:
        change = INTERVENTIONS.make(name)
        assert pickle.loads(pickle.dumps(change)) == change
    plan = parse("reason_then_act | critique(rounds=2) | self_consistency(n=3)")
    copy = pickle.loads(pickle.dumps(plan))
    assert copy == plan and copy.name == plan.name


def test_an_experiment_arrives_as_it_was_and_another_version_is_refused() -> None:
    task = {"name": "bandit", "arms": 5, "horizon": 2}
    experiment = assemble({"task": task, "model": "simulated", "variants": ["act", "reason_act"], "episodes": 3})
    packed = ProcessLauncher().serialize(WorkerSpec(experiment, 0, 2, False, False, VERSION))
    assert unpack_spec(packed).experiment.identity() == experiment.identity()
    with pytest.raises(BadOption, match="Install the same everywhere"):
        unpack_spec(ProcessLauncher().serialize(WorkerSpec(experiment, 0, 2, False, False, "0.0.1")))
    with pytest.raises(BadOption, match="cannot be rebuilt"):
        unpack_spec(b"no spec")


@given(st.integers(0, 1000), st.integers(1, 40))
def test_shares_of_a_limit_add_up_to_it(total: int, count: int) -> None:
    parts = [share_of(total, index, count) for index in range(count)]
    assert sum(parts) == total and max(parts) - min(parts) <= 1
