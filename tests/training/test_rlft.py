"""The learning loop at toy size: a tiny random model with a character tokenizer, through the real gateway."""

import asyncio
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from akrasia import errors, graphs
from akrasia.models import Scripted, key_of
from akrasia.records import Draw, Message, Oracle, Request, Response, Sampling, Situation
from akrasia.training.rollouts import RolloutBatch, Rollouts, TurnSample

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from akrasia.training.batches import TokenSequence, logits_at_positions, pack_samples  # noqa: E402
from akrasia.training.objective import policy_loss, target_log_probs  # noqa: E402
from akrasia.training.policy import Policy  # noqa: E402
from akrasia.training.rlft import RLFTConfig, RLFTResult, train_policy  # noqa: E402
from akrasia.training.weights import Weights, add_lora, attach_adapter, save_adapter  # noqa: E402

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
    return Rollouts(Press(), graphs.act(), Policy(weights, unconstrained=True), episodes, **options)


def test_reward_rises_to_one_where_the_right_action_is_fixed() -> None:
    weights = tiny()
    settings = RLFTConfig(updates=60, learning_rate=1e-2, beta=0.01, warmup=0.0)
    curve = train_policy(weights.model, rollouts(weights), settings).curve
    first, last = curve[0], curve[-1]
    assert first["valid"] < 0.5 and first["optimal"] < 0.3
    assert last["valid"] == 1 and last["optimal"] > 0.9 and last["earned"] > 0.9


@pytest.mark.parametrize("bonus", [0.0, 0.3])
def test_the_gradient_agrees_with_finite_differences_on_a_policy_of_two_tokens(bonus: float) -> None:
    rng = np.random.default_rng(0)
    tokens = 12
    seen = torch.tensor(rng.normal(size=(tokens, 3)))  # what the policy sees before each token
    targets = torch.tensor(rng.integers(2, size=tokens))
    gain = torch.tensor(rng.normal(size=tokens))
    theta = torch.tensor(rng.normal(size=(3, 2)), requires_grad=True)
    reference = target_log_probs(seen @ torch.tensor(rng.normal(size=(3, 2))), targets)
    # Far enough from where it was sampled for some ratios to be clipped, none of them at the very edge.
    old = target_log_probs((seen @ theta).detach(), targets) + torch.tensor(rng.normal(0, 0.5, size=tokens))

    def loss(parameters: Any) -> Any:
        return policy_loss(
            seen @ parameters, targets, gain, old, reference, clip=0.2, beta=0.05, bonus=bonus
        ).loss.mean()  # fmt: skip

    loss(theta).backward()
    assert 0 < policy_loss(seen @ theta, targets, gain, old, reference).clipped.sum() < tokens
    for i in range(3):
        for j in range(2):
            step = torch.zeros(3, 2, dtype=torch.float64)
            step[i, j] = 1e-6
            slope = (loss(theta.detach() + step) - loss(theta.detach() - step)) / 2e-6
            assert theta.grad[i, j].item() == pytest.approx(slope.item(), rel=1e-5, abs=1e-8)


def test_the_first_step_is_the_policy_gradient() -> None:
    """At ratio 1 the gradient of the objective is that of -A log p."""
    logits = torch.randn(5, 2, dtype=torch.float64, requires_grad=True)
    targets, gain = torch.tensor([0, 1, 1, 0, 1]), torch.randn(5, dtype=torch.float64)
    (found,) = torch.autograd.grad(policy_loss(logits, targets, gain, beta=0).loss.sum(), logits)
    (expected,) = torch.autograd.grad(-(gain * torch.log_softmax(logits, -1)[range(5), targets]).sum(), logits)
    assert torch.allclose(found, expected)


def test_packing_changes_no_log_probability() -> None:
    model, play = tiny().model, Characters()

    def sample(prompt: str, completion: str, gain: float) -> TurnSample:
        return TurnSample(play(prompt)["input_ids"], play(completion)["input_ids"], gain)

    samples = [
        sample("Step=0 ", "A", 1.0), sample("Step=0 A 0.5 Step=1 ", "B", 2.0), sample("Step=0 ", "A", 3.0),
        sample("Step=0 ", "B 1", 4.0), sample("Step=0 A 0.5 Step=1 B ", "C", 5.0),
    ]  # fmt: skip
    rows = pack_samples(samples)
    assert len(rows) == 2
    alone = [
        TokenSequence(s.prompt + s.completion, list(range(len(s.prompt) - 1, len(s.prompt + s.completion) - 1)))
        for s in samples
    ]
    gains = [s.advantage for s in samples for _ in s.completion]
    with torch.no_grad():
        packed = target_log_probs(*logits_at_positions(model, rows)).tolist()
        each = target_log_probs(*logits_at_positions(model, alone)).tolist()
    found = sorted(zip([a for r in rows for a in r.advantages], packed, strict=True))
    assert found == [(g, pytest.approx(p, abs=1e-5)) for g, p in sorted(zip(gains, each, strict=True))]


def trained(folder: Path | None, weights: Weights, resume: bool = False, stop: int = 0) -> RLFTResult:
    """Six updates of two optimiser steps with dropout; the process kills itself during the update `stop`."""
    settings = RLFTConfig(updates=6, epochs=2, learning_rate=3e-3, checkpoint_every=2)
    play = rollouts(weights, episodes=4)

    def played(update: int) -> RolloutBatch:
        batch = play(update)
        if update == stop:
            os.kill(os.getpid(), signal.SIGKILL)
        return batch

    return train_policy(weights.model, played, settings, folder=folder, resume=resume)


def learner() -> Weights:
    weights = tiny(1)
    weights.model = add_lora(weights.model, rank=2, dropout=0.1)
    return weights


def test_a_training_that_was_killed_and_resumed_ends_with_the_same_weights(tmp_path: Path) -> None:
    whole, resumed = learner(), learner()
    curve = trained(None, whole).curve
    killed = subprocess.run([sys.executable, __file__, str(tmp_path), "6"], stderr=subprocess.PIPE)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    again = trained(tmp_path, resumed, resume=True)
    assert again.resumed_at == 4
    assert again.curve == curve
    for name, parameter in whole.model.named_parameters():
        assert torch.equal(parameter, resumed.model.get_parameter(name)), name
    assert (tmp_path / "curve.jsonl").read_text().count("\n") == 6
    with pytest.raises(errors.RunFolderError, match="holds a training already"):
        trained(tmp_path, learner())
    with pytest.raises(errors.RunFolderError, match="it differs in: learning_rate, seed"):
        other = learner()
        train_policy(
            other.model,
            rollouts(other),
            RLFTConfig(6, epochs=2, learning_rate=1e-3, seed=2),
            folder=tmp_path,
            resume=True,
        )
    with pytest.raises(errors.RunFolderError, match="the weights that it began from"):
        trained(tmp_path, tiny(2), resume=True)


@pytest.mark.parametrize(
    ("advantage", "message"),
    [
        (float("nan"), "the loss is nan in update 3"),
        (1e39, "in update 3"),
        (None, "memory ran out in update 3"),
    ],
)
def test_a_loss_that_is_no_number_or_no_memory_keeps_the_last_checkpoint(
    advantage: float | None, message: str, tmp_path: Path
) -> None:
    weights = tiny()
    play = rollouts(weights, episodes=4)

    def played(update: int) -> RolloutBatch:
        batch = play(update)
        if update < 3:
            return batch
        if advantage is None:
            raise torch.OutOfMemoryError("no more")
        sample = batch.samples[0]
        return RolloutBatch((TurnSample(sample.prompt, sample.completion, advantage),), batch.metrics)

    kept: dict[str, Any] = {}

    def keep_weights(_: Any) -> None:
        kept.update({n: p.detach().clone() for n, p in weights.model.named_parameters()})

    with pytest.raises(errors.TrainingFailed, match=message) as failed:
        train_policy(weights.model, played, RLFTConfig(updates=4), folder=tmp_path, on_update=keep_weights)
    assert "holds update 2" in str(failed.value)
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert state["update"] == 2
    for name, parameter in weights.model.named_parameters():
        assert torch.equal(parameter, kept[name]) and torch.equal(parameter, state["weights"][name])


def test_a_damaged_checkpoint_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(b"half a file")
    with pytest.raises(errors.RunFolderError, match="is not a checkpoint"):
        trained(tmp_path, learner(), resume=True)


BLIND = """
import sys
from importlib.machinery import ModuleSpec
class Blind:
    def find_spec(self, name, path=None, target=None):
        return ModuleSpec(name, self) if name == "torch" else None
    def create_module(self, spec):
        raise ImportError(spec.name)
    def exec_module(self, module):
        pass
sys.meta_path.insert(0, Blind())
import akrasia as ak
try:
    ak.training.train(out="never")
except ak.errors.MissingExtra as error:
    print(error)
"""


def test_without_torch_the_extra_is_named(tmp_path: Path) -> None:
    told = subprocess.run([sys.executable, "-c", BLIND], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert "'torch' is not installed" in told.stdout and "akrasia[train]" in told.stdout
    assert not list(tmp_path.iterdir())


CHOICES = Sampling(temperature=0.0, choices=("A", "B"))


def ask(policy: Policy, *requests: tuple[str, Sampling, int]) -> list[Response]:
    async def asked() -> list[Response]:
        await policy.open()
        try:
            pairs = [
                (Request(policy.info.id, (Message("user", text),), sampling, "completion"), Draw(number, 0))
                for text, sampling, number in requests
            ]
            return await asyncio.gather(*(policy.generate(r, d, key_of(r, d)) for r, d in pairs))
        finally:
            await policy.close()

    return asyncio.run(asked())


def next_token(weights: Weights, text: str) -> Any:
    ids = torch.tensor([weights.tokenizer(text)["input_ids"]])
    with torch.no_grad():
        return torch.softmax(weights.model(input_ids=ids).logits[0, -1].double(), -1)


def test_choices_are_read_off_the_probabilities_of_the_next_token() -> None:
    weights = tiny()
    (said,) = ask(Policy(weights), ("Step=0 Action=", CHOICES, 0))
    p = next_token(weights, "Step=0 Action=")[[LETTERS.index("A"), LETTERS.index("B")]]
    assert said.mass == pytest.approx(p.sum().item(), abs=1e-5)
    assert said.probs == {
        "A": pytest.approx((p[0] / p.sum()).item(), abs=1e-5), "B": pytest.approx((p[1] / p.sum()).item(), abs=1e-5),
    }  # fmt: skip
    assert said.text == max(said.probs, key=said.probs.__getitem__)


def test_a_label_of_several_tokens_has_the_product_of_its_tokens() -> None:
    weights = tiny()
    (said,) = ask(Policy(weights), ("Action=", Sampling(choices=("Red", "A")), 0))
    chain = 1.0
    for n, letter in enumerate("Red"):
        chain *= next_token(weights, "Action=" + "Red"[:n])[LETTERS.index(letter)].item()
    single = next_token(weights, "Action=")[LETTERS.index("A")].item()
    assert said.mass == pytest.approx(chain + single, abs=1e-5)


def test_an_answer_does_not_depend_on_who_shares_its_batch() -> None:
    weights, free = tiny(), Sampling(max_tokens=12)
    texts = [("A b c", free, 1), ("Step=0 Action=B", free, 2), ("Step", Sampling(max_tokens=12, stop=("a",)), 3)]
    together = ask(Policy(weights), *texts)
    alone = [ask(Policy(weights, batch=1), text)[0] for text in texts]
    assert together == alone
    assert len({r.text for r in together}) == 3 and "a" not in together[2].text


def test_a_free_policy_is_invalid_as_often_as_the_mass_says() -> None:
    """What rollouts punish happens with the probability that evaluation reports."""
    weights, n = tiny(), 2000
    with torch.no_grad():  # an untrained model puts too little on two letters of forty to see it
        weights.model.lm_head.weight[[LETTERS.index("A"), LETTERS.index("B")]] *= 8
    policy = Policy(weights, unconstrained=True, batch=500)
    said = ask(policy, *(("Action=", Sampling(choices=("A", "B")), number) for number in range(n)))
    (fixed,) = ask(Policy(weights), ("Action=", CHOICES, 0))
    assert fixed.mass is not None and fixed.probs is not None and 0.02 < fixed.mass < 0.98
    share = sum(r.text in ("A", "B") for r in said) / n
    assert share == pytest.approx(fixed.mass, abs=4 * (fixed.mass * (1 - fixed.mass) / n) ** 0.5)
    a = sum(r.text == "A" for r in said) / n
    assert a == pytest.approx(fixed.mass * fixed.probs["A"], abs=4 * (a * (1 - a) / n) ** 0.5 + 1e-9)
    assert len(policy.sampled) == n and {len(completion) for _, completion in policy.sampled.values()} == {1}


def test_only_the_turns_of_the_policy_are_trained() -> None:
    weights = tiny()
    critic = Scripted(lambda request, draw: "Look at B.", style="tuned")
    plan = graphs.reason_act_critic()
    play = Rollouts(Press(1), plan, Policy(weights, unconstrained=True), 2, others={"critic": critic})
    assert play.trained_nodes == {n.name for n in plan.nodes if n.agent.role != "critic"}
    batch = play(1)
    assert len(batch.samples) == 2 * 3
    texts = [Characters().decode(s.prompt + s.completion) for s in batch.samples]
    assert all("Buttons: A, B" in text.replace("?", "u") or "uttons: A, B" in text for text in texts)
    with pytest.raises(errors.BadOption, match="no agent"):
        Rollouts(Press(), graphs.act(), Policy(weights, unconstrained=True), 2, others={"actor": critic})
    with pytest.raises(errors.BadOption, match="restricted to legal actions"):
        Rollouts(Press(), graphs.act(), Policy(weights), 2)


def test_an_adapter_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    pytest.importorskip("gguf")
    saved, loaded = learner(), tiny(1)
    with torch.no_grad():
        for parameter in saved.model.parameters():
            if parameter.requires_grad:
                parameter.copy_(torch.randn_like(parameter).half().float())
    save_adapter(saved.model, tmp_path / "a.gguf", name="a", sha256="")
    model = attach_adapter(loaded.model, tmp_path / "a.gguf")
    for name, parameter in saved.model.named_parameters():
        assert torch.equal(parameter, model.get_parameter(name)), name


def test_a_cached_prefix_gives_the_logits_of_a_fresh_pass() -> None:
    from akrasia.training.prefix_cache import forward_with_cache

    model, rng = tiny().model, np.random.default_rng(0)
    sequences = [rng.integers(2, len(LETTERS), size=n).tolist() for n in (9, 12, 15)]
    cache = None
    with torch.inference_mode():
        for turn in range(6):
            cache = forward_with_cache(model, cache, sequences)
            alone = torch.stack([model(input_ids=torch.tensor([s])).logits[0, -1] for s in sequences])
            assert torch.allclose(cache.next_token_logits, alone, atol=1e-5)
            longer = [s[: len(s) - turn % 3] + rng.integers(2, len(LETTERS), size=turn + 1).tolist() for s in sequences]
            sequences = [longer[i] for i in (2, 0, 1)] if turn % 2 else [*longer[:2], sequences[0][:5] + longer[2][5:]]
    assert cache is not None and cache.width > max(map(len, sequences))  # something was reused


if __name__ == "__main__":
    trained(Path(sys.argv[1]), learner(), stop=int(sys.argv[2]))
