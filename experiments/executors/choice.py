"""Which executor plays an experiment; workers and Ray are imported only where they are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import BadOption, UnknownName
from .base import Executor
from .local import LocalExecutor

if TYPE_CHECKING:
    from ..runner import Experiment

__all__ = ["EXECUTORS", "executor_for"]

EXECUTORS = ("local", "processes", "ray")


def executor_for(experiment: Experiment, *, offline: bool = False) -> Executor:
    """The executor that an experiment asks for.

    Raises:
        UsageError: no such executor, or the experiment cannot be sent to its workers.
    """
    name = experiment.executor or ("processes" if experiment.workers > 1 else "local")
    if name not in EXECUTORS:
        raise UnknownName.among("executor", name, EXECUTORS)
    if experiment.address and name != "ray":
        raise BadOption(
            f"the executor {name!r} has no address", remedy="Add executor = 'ray', or leave out the address."
        )
    if name == "local":
        if experiment.workers > 1:
            raise BadOption(
                "the executor 'local' has one process", remedy="Use executor = 'processes', or workers = 1."
            )
        return LocalExecutor(experiment, offline=offline)
    from .pool import WorkerLauncher, WorkerPool

    office: WorkerLauncher
    if name == "ray":
        from .ray_actors import RayExecutor

        office = RayExecutor(experiment.address)
    else:
        from .processes import ProcessLauncher

        office = ProcessLauncher()
    return WorkerPool(experiment, office, experiment.workers, offline=offline)
