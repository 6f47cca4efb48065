"""A clone from end to end, on a model of a few thousand weights: it learns what the expert does, and becomes a file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

import akrasia as ak
from akrasia.errors import BadOption, UnknownName
from akrasia.training.cloning import demonstrations, prompt_completion_pairs

torch = pytest.importorskip("torch")
pytest.importorskip("peft")
pytest.importorskip("gguf")

# peft still asks for a name that transformers is about to drop
pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")

TASK = {"name": "bandit", "arms": 3, "horizon": 4, "labels": ["A", "B", "C"]}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama of two layers with a token a byte, as a transformers folder."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: i for i, token in enumerate(["<end>", *alphabet])}
    core = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    core.pre_tokenizer, core.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    folder = tmp_path_factory.mktemp("tiny") / "model"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        LlamaForCausalLM(
            LlamaConfig(
                vocab_size=len(vocabulary), hidden_size=32, intermediate_size=64, num_hidden_layers=2,
                num_attention_heads=2, num_key_value_heads=1, max_position_embeddings=1024, bos_token_id=0,
                eos_token_id=0, initializer_range=0.3,
            )
        ).save_pretrained(folder)  # fmt: skip
    PreTrainedTokenizerFast(tokenizer_object=core, eos_token="<end>", pad_token="<end>").save_pretrained(folder)
    return folder


def test_a_clone_learns_and_becomes_an_adapter(tiny: Path, tmp_path: Path) -> None:
    heard: list[Any] = []
    made = ak.training.clone(
        tmp_path / "clone.gguf",
        TASK,
        "ucb",
        plan="reason_then_act",
        episodes=10,
        updates=40,
        batch=8,
        learning_rate=2e-2,
        base=str(tiny),
        on_start=heard.append,
        on_update=heard.append,
    )
    assert heard[0] == "80 rows from 40 steps; 40 updates of 8 pairs" and heard[-1].update == 40
    assert made.training.last_loss < made.training.first_loss - 0.5
    from gguf import GGUFReader

    names = [t.name for t in GGUFReader(made.adapter).tensors]
    assert len(names) == 2 * 7 * 2 and "blk.1.ffn_up.weight.lora_b" in names


def test_the_same_seed_gives_the_same_clone(tiny: Path, tmp_path: Path) -> None:
    files = [tmp_path / f"{name}.gguf" for name in ("one", "two")]
    for file in files:
        (tmp_path / file.stem).mkdir()
        ak.training.clone(tmp_path / file.stem / "x.gguf", TASK, plan="act", episodes=4, updates=3, base=str(tiny))
    one, two = ((tmp_path / file.stem / "x.gguf").read_bytes() for file in files)
    assert one == two


def test_what_cannot_be_cloned_is_said_before_anything_is_trained(tiny: Path, tmp_path: Path) -> None:
    for options, error, said in (
        ({"expert": "ucbb"}, UnknownName, "ucb"),
        ({"out": tmp_path / "clone.bin"}, BadOption, "gguf"),
        ({"expert": "uniform", "plan": "reason_act"}, BadOption, "does not recommend"),
        ({"updates": 0}, BadOption, "updates"),
    ):
        with pytest.raises(error, match=said):
            ak.training.clone(**{"out": tmp_path / "clone.gguf", "task": TASK, "base": str(tiny), **options})  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_a_chat_needs_the_template_of_its_model(tiny: Path) -> None:
    from transformers import AutoTokenizer

    rows = demonstrations(ak.tasks.bandit(arms=3, horizon=2), "ucb", 1, style="chat").rows
    tokenizer = AutoTokenizer.from_pretrained(str(tiny))
    with pytest.raises(BadOption, match="template"):
        prompt_completion_pairs(rows, tokenizer)  # type: ignore[arg-type]
    tokenizer.chat_template = (
        "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}<end>{% endfor %}"
        "{% if add_generation_prompt %}<assistant>{% endif %}"
    )
    pair = prompt_completion_pairs(rows, tokenizer)[0]  # type: ignore[arg-type]
    assert pair.prompt.endswith("<assistant>") and pair.completion.endswith("<end>") and "BEST=" in pair.completion
