"""The learning loop at toy size: a tiny random model with a character tokenizer, through the real gateway."""

import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from akrasia import errors, graphs
from akrasia.interventions.training.returns import Scale, Shaping
from akrasia.interventions.training.rollouts import Batch, Rollouts, Sample
from akrasia.models.gateway import Desk, Gateway
from akrasia.records import Draw, Message, Oracle, Request, Sampling, Situation
from akrasia.tasks import bandit

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from akrasia.interventions.training.objective import divergence, entropy_of, log_probs, objective  # noqa: E402
from akrasia.interventions.training.policy import Policy  # noqa: E402
from akrasia.interventions.training.rlft import RLFT, Update, rlft  # noqa: E402
from akrasia.interventions.training.rows import logits_at, pack  # noqa: E402
from akrasia.interventions.training.weights import Weights  # noqa: E402

LETTERS = "\x00?\n ,.:=-0123456789ABCDEFTRSabcdefghinoprstuwx"


class Characters:
    """A tokenizer of characters; what it does not know is "?"."""

    eos_token_id = 0

    def __call__(self, text: str, add_special_tokens: bool = False) -> dict[str, list[int]]:
        return {"input_ids": [max(LETTERS.find(c), 1) for c in text]}

    def decode(self, ids: list[int], skip_special_tokens: bool = True) -> str:
        return "".join(LETTERS[i] for i in ids if i or not skip_special_tokens)


def tiny(seed: int = 0) -> Weights:
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    config = transformers.LlamaConfig(
        vocab_size=len(LETTERS), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=512, tie_word_embeddings=True,
    )  # fmt: skip
    return Weights(transformers.LlamaForCausalLM(config).float().eval(), Characters())


@dataclass(frozen=True)
class Press:
    """Two buttons, and it is always B that pays."""

    horizon: int = 2
    name = "press"

    @property
    def options(self) -> dict[str, Any]:
        return {"horizon": self.horizon}

    def start(self, seed: int) -> int:
        return 0

    def situation(self, state: int) -> Situation:
        return Situation("press", state, self.horizon, "Press.", ("A", "B"), noun="button")

    def oracle(self, state: int) -> Oracle:
        return Oracle(("B",), (), {"A": 0.0, "B": 1.0}, {"A": 1.0, "B": 0.0}, 1.0, (), "truth")

    def step(self, state: int, action: str) -> tuple[int, float, bool]:
        return state + 1, float(action == "B"), state + 1 >= self.horizon

    def forfeit(self, state: int) -> tuple[int, bool]:
        return state + 1, state + 1 >= self.horizon


def rollouts(weights: Weights, episodes: int = 16, **options: Any) -> Rollouts:
    return Rollouts(Press(), graphs.act(), Policy(weights, free=True), episodes, **options)


def test_reward_rises_to_one_where_the_right_action_is_fixed() -> None:
    weights = tiny()
    settings = RLFT(updates=60, rate=1e-2, beta=0.01, warmup=0.0)
    curve = rlft(weights.model, rollouts(weights), settings).curve
    first, last = curve[0], curve[-1]
    assert first["valid"] < 0.5 and first["optimal"] < 0.3
    assert last["valid"] == 1 and last["optimal"] > 0.9 and last["earned"] > 0.9


def test_reading_on_gives_what_reading_anew_gives() -> None:
    from akrasia.interventions.training.reading import read_on

    model, rng = tiny().model, np.random.default_rng(0)
    rows = [rng.integers(2, len(LETTERS), size=n).tolist() for n in (9, 12, 15)]
    read = None
    with torch.inference_mode():
        for turn in range(6):
            read = read_on(model, read, rows)
            alone = torch.stack([model(input_ids=torch.tensor([r])).logits[0, -1] for r in rows])
            assert torch.allclose(read.logits, alone, atol=1e-5)
            longer = [r[: len(r) - turn % 3] + rng.integers(2, len(LETTERS), size=turn + 1).tolist() for r in rows]
            rows = [longer[i] for i in (2, 0, 1)] if turn % 2 else [*longer[:2], rows[0][:5] + longer[2][5:]]
    assert read is not None and read.width > max(map(len, rows))  # something was read on
