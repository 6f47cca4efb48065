"""How an ablation is run: the experiment as a value, its designs, the runner, executors and configuration.

Each part loads when it is first used: scoring a stored run needs none of them.
"""

from typing import TYPE_CHECKING

from ..lazy import lazy_names

if TYPE_CHECKING:
    from .config import assemble as assemble
    from .config import load_settings as load_settings
    from .experiment import Experiment as Experiment
    from .experiment import ModelSet as ModelSet
    from .runner import Outcome as Outcome
    from .runner import play_experiment as play_experiment
    from .variant import Variant as Variant
else:
    __getattr__, __dir__, __all__ = lazy_names(__name__)
