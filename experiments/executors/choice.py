"""Which engine plays an experiment; workers and Ray are imported only where they are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import BadOption, UnknownName
from .base import Engine
from .local import Local

if TYPE_CHECKING:
    from ..runner import Experiment

__all__ = ["ENGINES", "engine_for"]

ENGINES = ("local", "processes", "ray")


def engine_for(experiment: Experiment, *, offline: bool = False) -> Engine:
    """The engine that an experiment asks for.

    Raises:
        UsageError: no such engine, or the experiment cannot be sent to its workers.
    """
    name = experiment.engine or ("processes" if experiment.workers > 1 else "local")
    if name not in ENGINES:
        raise UnknownName.among("engine", name, ENGINES)
    if experiment.address and name != "ray":
        raise BadOption(f"the engine {name!r} has no address", remedy="Add engine = 'ray', or leave out the address.")
    if name == "local":
        if experiment.workers > 1:
            raise BadOption("the engine 'local' has one process", remedy="Use engine = 'processes', or workers = 1.")
        return Local(experiment, offline=offline)
    from .pool import Crew, Office

    office: Office
    if name == "ray":
        from .ray_actors import OnRay

        office = OnRay(experiment.address)
    else:
        from .processes import Processes

        office = Processes()
    return Crew(experiment, office, experiment.workers, offline=offline)
