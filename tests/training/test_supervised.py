"""Fine-tuning: packing, the loss, LoRA, adapters as files. Needs the extra `train`; a tiny random model does."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from akrasia.errors import BadOption, MissingWeights, TrainingFailed
from akrasia.models.providers.lora import is_adapter, read_adapter
from akrasia.training.packing import hidden_states, pack_sequences
from akrasia.training.supervised import SFTConfig, SFTProgress, TrainingPair, completion_loss, fine_tune, tokenize_pair
from akrasia.training.weights import Weights, add_lora, load_weights, save_adapter

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytest.importorskip("peft")

LETTERS = "abcdefghijklmnopqrstuvwxyz =\n"


class Letters:
    """A tokenizer of single letters."""

    def __call__(self, text: str, **_: Any) -> dict[str, list[int]]:
        return {"input_ids": [LETTERS.index(c) for c in text]}


def tiny(seed: int = 0) -> Weights:
    torch.manual_seed(seed)
    config = transformers.LlamaConfig(
        vocab_size=len(LETTERS), hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=64, tie_word_embeddings=True,
    )  # fmt: skip
    model = transformers.LlamaForCausalLM(config).eval()
    with torch.no_grad():
        model.lm_head.weight.mul_(20)  # a frozen head as small as it is drawn can say nothing with certainty
    return Weights(model, Letters())


def test_packed_sequences_have_the_states_that_they_have_alone() -> None:
    model = tiny().model
    rng = np.random.default_rng(0)
    trunk = rng.integers(len(LETTERS), size=12).tolist()
    rows = [[*trunk[:n], *rng.integers(len(LETTERS), size=4).tolist()] for n in (3, 7, 7, 12, 0)]
    whole = pack_sequences(rows)
    assert len(whole) == 1 and sorted(whole[0].members) == [0, 1, 2, 3, 4]
    assert len(whole[0].tokens) < sum(map(len, rows)) - 12  # what is shared is there once
    for most in (512, 14):
        for pack in pack_sequences(rows, most):
            states = hidden_states(model, pack).detach()
            for row, path in zip(pack.members, pack.paths, strict=True):
                alone = model.model(input_ids=torch.tensor([rows[row]])).last_hidden_state[0]
                assert [int(pack.tokens[i]) for i in path] == rows[row]
                torch.testing.assert_close(states[list(path)], alone, atol=1e-5, rtol=1e-5)
    assert sorted(i for pack in pack_sequences(rows, 14) for i in pack.members) == [0, 1, 2, 3, 4]


def test_the_loss_is_that_of_the_completions_alone() -> None:
    weights = tiny()
    pairs = [TrainingPair("ab", "cd"), TrainingPair("abc", "e"), TrainingPair("x", "yzy")]
    coded = [tokenize_pair(weights.tokenizer, p) for p in pairs]
    (pack,) = pack_sequences([[*p, *c] for p, c in coded])
    total, count = 0.0, 0
    for prompt, completion in coded:
        logits = weights.model(torch.tensor([[*prompt, *completion]])).logits[0].log_softmax(-1)
        for i, token in enumerate(completion):
            total -= float(logits[len(prompt) + i - 1, token].detach())
            count += 1
    loss = completion_loss(weights.model, pack, [coded[i] for i in pack.members])
    assert float(loss.detach()) == pytest.approx(total / count, abs=1e-5)


@pytest.mark.parametrize("lora", [True, False])
def test_a_small_model_learns_its_pairs_and_the_same_seed_learns_the_same(lora: bool) -> None:
    pairs = [TrainingPair(f"{a}{b}=", b) for a in "abcd" for b in "klmn"]
    ends = []
    for _ in range(2):
        weights = tiny()
        if lora:
            weights.model = add_lora(weights.model, rank=8, alpha=16, seed=1)
            frozen = {n: p.clone() for n, p in weights.model.named_parameters() if not p.requires_grad}
        seen: list[SFTProgress] = []
        done = fine_tune(weights, pairs, SFTConfig(100, 8, 1e-2, seed=3), seen.append)
        assert done.last_loss < 0.5 * done.first_loss and [p.update for p in seen] == list(range(1, 101))
        if lora:
            assert all(torch.equal(p, frozen[n]) for n, p in weights.model.named_parameters() if not p.requires_grad)
        ends.append({n: p.detach().clone() for n, p in weights.model.named_parameters() if p.requires_grad})
    assert ends[0].keys() == ends[1].keys() and all(torch.equal(ends[0][n], ends[1][n]) for n in ends[0])


def test_lora_above_a_block_leaves_what_is_below_alone() -> None:
    model = add_lora(tiny().model, rank=2, first_layer=1)
    trained = [n for n, p in model.named_parameters() if p.requires_grad]
    assert trained and all(".layers.1." in n for n in trained)


def test_a_loss_that_is_no_number_stops_before_the_weights_are_spoilt() -> None:
    weights = tiny()
    with torch.no_grad():
        weights.model.model.norm.weight[0] = math.inf
    before = {n: p.detach().clone() for n, p in weights.model.named_parameters()}
    with pytest.raises(TrainingFailed, match="update 1 is nan"):
        fine_tune(weights, [TrainingPair("ab", "c")], SFTConfig(3, 1))
    assert all(torch.equal(p, before[n]) for n, p in weights.model.named_parameters())
    with pytest.raises(BadOption, match="nothing to train on"):
        fine_tune(weights, [], SFTConfig(3, 1))
    with pytest.raises(BadOption, match="is empty"):
        fine_tune(weights, [TrainingPair("ab", "")], SFTConfig(3, 1))
    with pytest.raises(BadOption, match="learning_rate"):
        SFTConfig(3, learning_rate=0)


def test_an_adapter_file_tells_what_it_is_and_is_written_whole(tmp_path: Path) -> None:
    model = add_lora(tiny().model, rank=4, alpha=8)
    path = tmp_path / "new" / "adapter.gguf"
    save_adapter(model, path, name="small", sha256="ab12", note="a note")
    said = read_adapter(path)
    assert (said.name, said.base, said.style, said.note) == ("small", "ab12", "tuned", "a note")
    assert is_adapter(path) and [p.name for p in path.parent.iterdir()] == ["adapter.gguf"]
    (tmp_path / "text.gguf").write_text("no weights")
    assert not is_adapter(tmp_path / "text.gguf")
    with pytest.raises(MissingWeights, match="is no LoRA adapter"):
        read_adapter(tmp_path / "text.gguf")
    with pytest.raises(MissingWeights, match="there is no file"):
        load_weights(str(tmp_path / "nothing.gguf"))
    with pytest.raises(MissingWeights, match="cannot be read as weights"):
        load_weights(str(tmp_path / "text.gguf"))


@pytest.mark.embedded
@pytest.mark.slow
async def test_llama_cpp_says_with_an_adapter_what_torch_says(tmp_path: Path) -> None:
    from akrasia.models.providers.embedded import Embedded

    weights = load_weights()
    model = add_lora(weights.model, rank=4, seed=1)
    torch.manual_seed(2)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.copy_(0.06 * torch.randn_like(parameter))
    path = tmp_path / "drawn.gguf"
    save_adapter(model, path, name="drawn", sha256=weights.sha256)
    text = "Buttons: A, B\nStep=0 Action=A Reward=0.42\nStep=1 Action="
    ids = weights.tokenizer(text, return_tensors="pt")
    here = model(**ids).logits[0, -1].log_softmax(-1).detach()
    backend = Embedded(str(path), slots=2, threads=1)
    assert backend.info.label == "embedded:drawn" and backend.info.style == "tuned" and backend.info.probs
    await backend.open()
    try:
        answer = backend._server.handle_completions({"prompt": text, "max_tokens": 1, "temperature": 0, "logprobs": 8})
    finally:
        await backend.close()
    there = answer["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
    assert answer["usage"]["prompt_tokens"] == ids["input_ids"].shape[1]
    with torch.no_grad(), model.disable_adapter():
        base = model(**ids).logits[0, -1].log_softmax(-1)
    apart, without = (max(abs(float(said[t["id"]]) - t["logprob"]) for t in there) for said in (here, base))
    assert apart < 0.35  # weights in 8 bits, the LoRA in 16
    assert without > 3 * apart  # and it is the adapter that says so
