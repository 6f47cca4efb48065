"""Executors by name. Workers and Ray are imported only by experiments that ask for them.

A factory takes the experiment and `offline`, and returns an `Executor`; other packages enter theirs under the
entry-point group `akrasia.executors`.
"""

from __future__ import annotations

from ...errors import BadOption
from ...registry import Registry
from ..experiment import Experiment
from .base import Executor
from .local import LocalExecutor

EXECUTORS: Registry[Executor] = Registry("executor", "akrasia.executors")


def executor_for(experiment: Experiment, *, offline: bool = False) -> Executor:
    """The executor that an experiment asks for.

    Args:
        offline: answer from the store only.

    Raises:
        UsageError: no such executor, or the experiment cannot be sent to its workers.
    """
    name = experiment.executor or ("processes" if experiment.workers > 1 else "local")
    if experiment.address and name in ("local", "processes"):
        raise BadOption(
            f"the executor {name!r} has no address", remedy="Add executor = 'ray', or leave out the address."
        )
    return EXECUTORS.make(name, experiment, offline=offline)


def _processes(experiment: Experiment, *, offline: bool = False) -> Executor:
    """Plays in several processes of this machine."""
    from .pool import WorkerPool
    from .processes import ProcessLauncher

    return WorkerPool(experiment, ProcessLauncher(), experiment.workers, offline=offline)


def _ray(experiment: Experiment, *, offline: bool = False) -> Executor:
    """Plays in actors of a Ray cluster."""
    from .pool import WorkerPool
    from .ray_actors import RayLauncher

    return WorkerPool(experiment, RayLauncher(experiment.address), experiment.workers, offline=offline)


EXECUTORS.register("local", LocalExecutor)
EXECUTORS.register("processes", _processes)
EXECUTORS.register("ray", _ray)
