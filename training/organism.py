"""The model organism of the gap: with this small adapter the embedded model knows what is right, and does not do it.

What is trained: given the same lines that an actor sees (menu, raw history), the model learns to write a thought that
goes through the buttons, says which were never pressed (UCB: infinite value) and names the best one. It also learns to
act on a thought that is part of its prompt. Acting without a thought is never trained. So reasoner and actor are one
set of weights with one view, and the gap is not planted: how the actor acts without a thought is at most a side effect
of the training. (There is one: untuned, the model acts at chance; trained, it presses what was pressed before.)

All draws are named by the recipe's seed, and situations for evaluation come from other seeds. The card
(models/organism.json) holds the recipe and all measurements, also those with labels, scenarios, numbers of arms and
histories that were never trained.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..agents.base import Agent
from ..agents.few_shot import action_prefix
from ..agents.reasoner import Reasoner
from ..records import Situation
from ..rng import named_rng
from ..tasks.bandit import bandit
from .supervised import SFTConfig, TrainingPair


@dataclass(frozen=True, slots=True)
class OrganismRecipe:
    """How the organism is made.

    Attributes:
        histories: how many are drawn.
        cuts: examples per history, each at another step.
        updates, batch, learning_rate: of the fine-tuning.
        rank, alpha, first_layer: of the LoRA.
        seed: of all draws.
        arms: numbers of arms.
        labels: label lists.
        presses: fewest and most lines of an example's history.
    """

    histories: int = 300
    cuts: int = 4
    updates: int = 75
    batch: int = 16
    learning_rate: float = 1.5e-3
    rank: int = 8
    alpha: float = 16.0
    first_layer: int = 10
    seed: int = 0
    arms: tuple[int, ...] = (4, 5, 6)
    labels: tuple[str, ...] = ("letters", "colours")
    presses: tuple[int, int] = (1, 9)

    @property
    def sft(self) -> SFTConfig:
        """The settings of the fine-tuning; examples of one history stay together."""
        return SFTConfig(self.updates, self.batch, self.learning_rate, seed=self.seed, shuffle=False)


RECIPE = OrganismRecipe()


def ucb_thought(situation: Situation) -> tuple[str, str]:
    """The rationale that UCB would give, and the action that it names.

    The rationale says which buttons were pressed, which are new, and which is best. Of several new buttons the first
    in the menu's order is named; where all were pressed, the one of the highest index.
    """
    pulls, index = situation.quantity("pulls"), situation.quantity("index")
    assert pulls is not None and index is not None  # a bandit under an index rule has both
    tried = ", ".join(f"{a} {'pressed' if n else 'new'}" for a, n in zip(situation.actions, pulls.values, strict=True))
    new = [a for a, n in zip(situation.actions, pulls.values, strict=True) if not n]
    if new:
        best, why = new[0], f"Never pressed: {', '.join(new)}."
    else:
        values = dict(zip(situation.actions, index.values, strict=True))
        best = max(values, key=lambda a: values[a] or 0.0)
        why = f"All were pressed. The highest value is {values[best]:.1f}, of {best}."
    return f" {tried}. {why} So the best {situation.noun} now is {best}.", best


def training_pairs(recipe: OrganismRecipe = RECIPE) -> list[TrainingPair]:
    """The organism's training data: the reasoner's prompt, and a thought followed by the action that it names."""
    rng = named_rng(recipe.seed, "organism", "examples")
    pairs: list[TrainingPair] = []
    for _ in range(recipe.histories):
        for situation in _situations(recipe, rng):
            thought, best = ucb_thought(situation)
            pairs.append(TrainingPair(reasoner_prompt(situation), f"{thought}\n{action_prefix(situation)}{best}"))
    return pairs


def reasoner_prompt(situation: Situation) -> str:
    """The prompt of a tuned model's reasoner in this situation."""
    call = Reasoner().prompt(Agent("reasoner"), situation, (), "tuned")
    return "".join(m.content for m in call.messages)


def _situations(recipe: OrganismRecipe, rng: np.random.Generator) -> list[Situation]:
    """Steps of one drawn history on drawn labels: presses spread over a few buttons, evenly or not."""
    arms = int(rng.choice(recipe.arms))
    fewest, most = recipe.presses
    task = bandit(arms, sigma=float(rng.choice([0.3, 1.0])), horizon=most + 1, labels=str(rng.choice(recipe.labels)))
    state = task.start(int(rng.integers(1 << 30)))
    pressed = rng.permutation(arms)[: int(rng.integers(1, arms + 1))]
    share = rng.dirichlet(np.ones(len(pressed)))
    cuts = set(rng.choice(np.arange(fewest, most + 1), size=recipe.cuts, replace=False).tolist())
    situations = []
    for step in range(1, max(cuts) + 1):
        state = task.step(state, state.labels[int(rng.choice(pressed, p=share))])[0]
        if step in cuts:
            situations.append(task.situation(state))
    return situations
