"""Training: is the gap trainable? Weights, fine-tuning, the organism of the gap; what trains needs the extra `train`.

Invariant: a trained model is a model like any other. What is trained is the prompt form that evaluation asks in, and
what comes out is a file that `embedded:FILE` names in an experiment, beside any intervention.
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
