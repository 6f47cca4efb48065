"""Is the gap trainable? Fine-tuning, cloning of experts and the model organism; what trains needs the extra `train`.

Invariant: a trained model is a model like any other. It is trained on the same prompts that an evaluation sends, and
it ends as a file that an experiment names as `embedded:FILE`, alone or beside any intervention.
"""

from typing import TYPE_CHECKING

from ..lazy import lazy_names

if TYPE_CHECKING:
    from .api import TrainingResult as TrainingResult
    from .api import clone as clone
    from .api import expert_data as expert_data
    from .api import train as train
else:
    __getattr__, __dir__, __all__ = lazy_names(__name__)
