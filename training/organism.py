"""The model organism of the gap: a small adapter after which the embedded model knows, and does not do by itself.

What is trained: in the very lines that an actor sees (menu, raw history), the model learns to write a thought that
goes through the buttons, says which were never pressed (UCB: infinite value) and names the best, and to act
on a thought that stands before its eyes. What is never trained: acting without a thought. So reasoner and actor are
one set of weights with one view, and what the actor does by itself is what the base model did, as far as the training
did not move it; nothing about it is planted. The card (models/organism.json) tells the recipe and what was measured.

(It did move it: from acting at chance to pressing what was pressed before; the card's rows tell.)

All draws are named by the recipe's seed; situations for evaluation come from other seeds, and the card tells as well
how it does with labels, scenarios, numbers of arms and histories that were never trained.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..agents.base import Agent
from ..agents.few_shot import action_prefix
from ..agents.reasoner import Reasoner
from ..records import Situation
from ..rng import named_rng
from ..tasks.bandit import bandit
from .supervised import SFT, Pair

__all__ = ["RECIPE", "Recipe", "pairs", "thought"]


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the organism is made.

    Attributes:
        histories: drawn; each gives `cuts` examples, at that many of its steps.
        updates, batch, rate: of the fine-tuning; rank, alpha, first: of the LoRA; seed: of all draws.
        arms: numbers of arms; labels: label lists; presses: fewest and most lines of an example's history.
    """

    histories: int = 300
    cuts: int = 4
    updates: int = 75
    batch: int = 16
    rate: float = 1.5e-3
    rank: int = 8
    alpha: float = 16.0
    first: int = 10
    seed: int = 0
    arms: tuple[int, ...] = (4, 5, 6)
    labels: tuple[str, ...] = ("letters", "colours")
    presses: tuple[int, int] = (1, 9)

    @property
    def sft(self) -> SFT:
        """The settings of the fine-tuning; examples of one history stay together."""
        return SFT(self.updates, self.batch, self.rate, seed=self.seed, shuffle=False)


RECIPE = Recipe()


def thought(situation: Situation) -> tuple[str, str]:
    """The rationale that UCB would give, and the action that it names: what was pressed, what is new, then the best.

    Of several untried buttons the first in the menu's order is named; where all were tried, the highest index.
    """
    pulls, index = situation.quantity("pulls"), situation.quantity("index")
    assert pulls is not None and index is not None  # a bandit under an index rule has both
    seen = ", ".join(f"{a} {'pressed' if n else 'new'}" for a, n in zip(situation.actions, pulls.values, strict=True))
    new = [a for a, n in zip(situation.actions, pulls.values, strict=True) if not n]
    if new:
        best, why = new[0], f"Never pressed: {', '.join(new)}."
    else:
        values = dict(zip(situation.actions, index.values, strict=True))
        best = max(values, key=lambda a: values[a] or 0.0)
        why = f"All were pressed. The highest value is {values[best]:.1f}, of {best}."
    return f" {seen}. {why} So the best {situation.noun} now is {best}.", best


def pairs(recipe: Recipe = RECIPE) -> list[Pair]:
    """What the organism is trained on: the reasoner's prompt, and a thought followed by the action that it names."""
    rng = named_rng(recipe.seed, "organism", "examples")
    found: list[Pair] = []
    for _ in range(recipe.histories):
        for situation in _situations(recipe, rng):
            said, best = thought(situation)
            found.append(Pair(prompt_of(situation), f"{said}\n{action_prefix(situation)}{best}"))
    return found


def prompt_of(situation: Situation) -> str:
    """What a reasoner of a tuned model is asked in this situation."""
    call = Reasoner().prompt(Agent("reasoner"), situation, (), "tuned")
    return "".join(m.content for m in call.messages)


def _situations(recipe: Recipe, rng: np.random.Generator) -> list[Situation]:
    """Steps of one drawn history on drawn labels: presses spread over a few buttons, evenly or not."""
    arms = int(rng.choice(recipe.arms))
    fewest, most = recipe.presses
    task = bandit(arms, sigma=float(rng.choice([0.3, 1.0])), horizon=most + 1, labels=str(rng.choice(recipe.labels)))
    state = task.start(int(rng.integers(1 << 30)))
    pressed = rng.permutation(arms)[: int(rng.integers(1, arms + 1))]
    share = rng.dirichlet(np.ones(len(pressed)))
    cuts = set(rng.choice(np.arange(fewest, most + 1), size=recipe.cuts, replace=False).tolist())
    found = []
    for step in range(1, max(cuts) + 1):
        state = task.step(state, state.labels[int(rng.choice(pressed, p=share))])[0]
        if step in cuts:
            found.append(task.situation(state))
    return found


def info(recipe: Recipe) -> dict[str, Any]:
    """The recipe as JSON."""
    from dataclasses import asdict

    return asdict(recipe)
