"""A training as a user starts it: settings, folder, evaluations before and after; at toy size."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from akrasia import errors
from akrasia.cli import program
from akrasia.training.recipe import assemble_training

TASK = {"name": "bandit", "arms": 3, "horizon": 2, "labels": "letters"}


@pytest.mark.parametrize(
    ("settings", "error", "said"),
    [
        ({"epochs": 2}, errors.UnknownName, "no setting of a training named 'epochs'"),
        ({"rlft": {"learning_rte": 1e-3}}, errors.UnknownName, "Did you mean 'learning_rate'"),
        ({"rlft": {"learning_rate": 0}}, errors.BadOption, "learning_rate is 0"),
        ({"reward": {"bonus": float("nan")}}, errors.BadOption, "finite"),
        ({"base": "embeded"}, errors.MissingWeights, "no base 'embeded'"),
        ({"task": ["bandit", "frequency"]}, errors.BadOption, "2 tasks"),
        ({"plan": "reason_then_atc"}, errors.UsageError, "Did you mean"),
        ({"style": "bare"}, errors.BadOption, "prompt style"),
        ({"evaluate": {"plays": {"variants": ["akt"]}}}, errors.UsageError, "akt"),
        ({"evaluate": {"plays": {"model": "embedded"}}}, errors.BadOption, "names a model"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_loaded(settings: dict[str, Any], error: Any, said: str) -> None:
    with pytest.raises(error, match=said):
        assemble_training({"task": TASK, **settings})


def saved_model(folder: Path) -> None:
    """A random model of two layers with a tokenizer of characters, in transformers' format."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

    letters = "?\n ,.:=-0123456789ABCDEFTRSBacdeghinoprstuwx"
    vocabulary = {"</s>": 0, **{c: n + 1 for n, c in enumerate(dict.fromkeys(letters))}}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("[\\s\\S]"), "isolated")
    tokenizer.decoder = decoders.Fuse()
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="</s>", unk_token="?")
    fast.save_pretrained(folder)
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=len(vocabulary), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=512, tie_word_embeddings=True,
    )  # fmt: skip
    transformers.LlamaForCausalLM(config).save_pretrained(folder)


def test_a_training_leaves_a_model_a_card_and_runs_that_can_be_compared(tmp_path: Path) -> None:
    saved_model(tmp_path / "base")
    told = [f'base = "{tmp_path / "base"}"', 'plan = "act"', "episodes = 24", "[task]"]
    told += [f"{key} = {json.dumps(value)}" for key, value in TASK.items()]
    told += [
        "[rlft]",
        "updates = 2",
        "learning_rate = 1e-2",
        "[evaluate]",
        "every = 2",
        "[evaluate.plays]",
        "episodes = 12",
    ]
    (tmp_path / "train.toml").write_text("\n".join(told))
    asked = ["train", str(tmp_path / "train.toml"), "--out", str(tmp_path / "out")]
    shown = CliRunner().invoke(program(), asked, catch_exceptions=False)
    assert "parameters to train" in shown.output and "1 more take about" in shown.output
    card = json.loads((tmp_path / "out" / "card.json").read_text())
    assert card["recipe"]["rlft"]["updates"] == 2
    mass = card["evaluation"]["plays: act"]["mass"]
    assert mass["episodes"] == 12 and mass["before"] != mass["after"]
    lines = [json.loads(line) for line in (tmp_path / "out" / "curve.jsonl").read_text().splitlines()]
    assert [line["update"] for line in lines] == [1, 2] and "eval_plays.act.mass" in lines[1]
    # What was saved is what the training ended with.
    assert lines[1]["eval_plays.act.mass"] == pytest.approx(mass["after"][0], abs=1e-4)
    with pytest.raises(errors.RunFolderError, match="holds a training already"):
        CliRunner().invoke(program(), asked, catch_exceptions=False)
    with pytest.raises(errors.RunFolderError, match="it differs in: plan"):
        CliRunner().invoke(program(), [*asked, "--resume", "--plan", "reason_act"], catch_exceptions=False)
    again = CliRunner().invoke(program(), [*asked, "--resume"], catch_exceptions=False)
    assert again.exit_code == 0 and "[2/2]" not in again.output
