"""akrasia measures why language-model agents know the right action and do another, and tests what closes that gap.

    import akrasia as ak

    base = ak.graphs.reason_act()
    result = ak.run(
        task=ak.tasks.bandit(arms=5, sigma=1.0, horizon=10),
        model="embedded",
        variants=[base, base | ak.re_evaluate(), base | ak.critique(), base | ak.placebo()],
        episodes=16,
    )
    result.show()

The top level holds what such a script needs; everything else lies in its room, such as `ak.interventions.retry` or
`ak.training.train`. Importing the package imports no room: each name loads when it is first used (`lazy.py`).
"""

from typing import TYPE_CHECKING

from .lazy import lazy_names

__version__ = "0.1.0"

if TYPE_CHECKING:
    from . import agents as agents
    from . import errors as errors
    from . import evals as evals
    from . import events as events
    from . import experiments as experiments
    from . import graphs as graphs
    from . import integrations as integrations
    from . import interventions as interventions
    from . import middleware as middleware
    from . import models as models
    from . import records as records
    from . import tasks as tasks
    from . import training as training
    from .api import arun as arun
    from .api import forecast as forecast
    from .api import run as run
    from .evals.evaluator import evaluator as evaluator
    from .experiments.variant import Variant as Variant
    from .graphs.recorded import recorded as recorded
    from .interventions import controls_for as controls_for
    from .interventions import critique as critique
    from .interventions import debate as debate
    from .interventions import intervention as intervention
    from .interventions import placebo as placebo
    from .interventions import re_evaluate as re_evaluate
    from .interventions import self_consistency as self_consistency
    from .models.chat_model import ChatModel as ChatModel
    from .racing import race as race
    from .result import Result as Result
    from .result import open_run as open_run
else:
    __getattr__, __dir__, __all__ = lazy_names(__name__)
