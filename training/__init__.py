"""Training: is the gap trainable? Weights, fine-tuning, the organism of the gap; what trains needs the extra `train`.

Invariant: a trained model is a model like any other. What is trained is the prompt form that evaluation asks in, and
what comes out is a file that `embedded:FILE` names in an experiment, beside any intervention.
"""

__all__: list[str] = []
