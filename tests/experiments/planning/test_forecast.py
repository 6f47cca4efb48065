"""What a run will cost, against its plans, real tokens and sums by hand."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda
from rich.console import Console

import akrasia as ak
from akrasia.commands.plan import show_plan
from akrasia.errors import BadOption
from akrasia.experiments.config import assemble, load_settings
from akrasia.experiments.planning.forecast import Forecast, estimate_tokens, forecast_run
from akrasia.experiments.runner import Experiment
from akrasia.experiments.variant import Variant
from akrasia.graphs import GRAPHS
from akrasia.graphs.adapters import MessagesAdapter
from akrasia.interventions import INTERVENTIONS
from akrasia.models import Price, Scripted
from akrasia.records import Draw, Request, Response, Usage

ROOT = Path(__file__).parents[3]
FULL = ROOT / "examples" / "full_ablation.toml"
PRICE = Price(0.15e-6, 0.60e-6)
TASK = {"name": "bandit", "arms": 4, "horizon": 4, "labels": "letters"}


def planned(*variants: str | Variant, price: Price | None = PRICE, task: Any = None, **options: Any) -> Experiment:
    model = Scripted(lambda request, draw: "never asked", price=price)
    settings = {"task": task or TASK, "model": model, "variants": variants, "episodes": 3, **options}
    return assemble(settings)


def shown(experiment: Experiment, forecast: Forecast | None = None) -> str:
    out = StringIO()
    console = Console(file=out, width=100, highlight=False, markup=False)
    show_plan(experiment, forecast or forecast_run(experiment), console)
    return out.getvalue()


@pytest.fixture(scope="module")
def full() -> Forecast:
    """Of the example that holds every graph and intervention."""
    return forecast_run(assemble(load_settings(FULL, ["episodes=2"])), probes=1)


def test_every_graph_and_intervention_plays_the_calls_of_its_plan(full: Forecast) -> None:
    assert len(full.rows) > 45
    for row in full.rows:
        assert row.alone is not None and row.added is not None and row.calls is not None
        assert row.fewest_calls is not None and row.calls >= row.fewest_calls
        assert row.alone.calls == (row.fewest_calls if row.variant == "use-tools" else row.calls)
        assert row.added.calls <= row.alone.calls
    early = {r.variant for r in full.rows if r.fewest_calls != r.calls}
    assert {"society-ring", "liang", "mallm-refinement"} <= early


def test_full_ablation_names_every_graph_and_intervention() -> None:
    used = set(re.findall(r"\w+", "\n".join(load_settings(FULL)["variants"].values())))
    ours = {*ak.graphs.__all__} & {*GRAPHS.names()} | {*ak.interventions.__all__} & {*INTERVENTIONS.names()}
    assert len(ours) > 40 and not ours - used - {
        "effort",
        "external",
    }  # its model takes no effort; one brings its graph


def test_sharing_is_that_of_the_plans() -> None:
    experiment = planned(
        "reason_then_act",
        "reason_then_act | re_evaluate",
        "reason_then_act | critique",
        "reason_then_act | swap_recommendation",
        "reason_then_act | self_consistency(n=3)",
        "reason_then_act | placebo",
        "reason_then_act | execute_stated",
    )
    seen: set[str] = set()
    for variant, row in zip(experiment.variants, forecast_run(experiment).rows, strict=True):
        assert isinstance(variant.plan, ak.graphs.Plan) and row.added is not None
        asked = variant.plan.asks()
        assert row.added.calls == len(asked - seen), variant.name
        seen |= asked
    assert forecast_run(planned("act", "act | temperature", design="rollout")).shared.calls == 2 * 12


def test_prompt_tokens_are_those_of_a_real_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run with answers of the assumed length, its prompts counted by a real tokenizer."""
    tiktoken, litellm = pytest.importorskip("tiktoken"), importlib.util.find_spec("litellm")
    if litellm is None or litellm.origin is None:
        pytest.skip("litellm, which brings a vocabulary, is not installed")
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(Path(litellm.origin).parent / "litellm_core_utils" / "tokenizers"))
    encoding = tiktoken.get_encoding("cl100k_base")

    def count(text: str) -> int:
        return len(encoding.encode(text))

    def script(request: Request, draw: Draw) -> Response:
        asked = request.messages[-1].content
        acts, names = "ACTION=" in asked, "BEST=" in asked.rpartition(" with ")[2]
        label = "ABCD"[(draw.step + draw.sample) % 4]
        said = [f"{draw.sample} {len(asked)}" + " so on" * 76] if names else []
        said += [f"BEST={label}"] * names + [f"ACTION={label}"] * acts
        text = "\n".join(said)
        prompt = 3 + sum(4 + count(m.content) for m in request.messages)
        return Response(text, usage=Usage(prompt, count(text)))

    variants = ["reason_act", "reason_act | re_evaluate", "reason_then_act | critique", "society(agents=2)"]
    settings: dict[str, Any] = {"task": {**TASK, "horizon": 8}, "variants": variants, "episodes": 2, "name": "real"}
    result = ak.run(**settings, model=Scripted(script, price=PRICE), out=tmp_path / "real")
    assert result.outcome is not None
    forecast = ak.forecast(**settings, model=Scripted(script, price=PRICE), out=tmp_path / "none")
    assert not (tmp_path / "none").exists()
    assert forecast.alone.calls == result.outcome.run_usage.asked
    assert forecast.shared.calls == pytest.approx(result.outcome.run_usage.made, rel=0.05)
    run_usage = result.outcome.run_usage
    assert forecast.shared.prompt_tokens == pytest.approx(run_usage.usage.prompt_tokens, rel=0.1)
    assert forecast.shared.completion_tokens == pytest.approx(run_usage.usage.completion_tokens, rel=0.1)
    assert forecast.shared.dollars == pytest.approx(run_usage.dollars, rel=0.1)
    assert forecast.at_most.dollars is not None and forecast.at_most.dollars >= run_usage.dollars


def test_dollars_of_a_tiny_plan_by_hand() -> None:
    experiment = planned("reason_act", task={**TASK, "horizon": 1}, episodes=3)
    forecast = forecast_run(experiment, answer_tokens=100)
    (row,) = forecast.rows
    assert row.alone is not None and row.alone_at_most is not None
    assert 98 <= row.alone.completion_tokens <= 102 and row.alone_at_most.completion_tokens == 512
    prompt = row.alone.prompt_tokens
    assert forecast.alone.dollars == pytest.approx(3 * (prompt * 0.15 + row.alone.completion_tokens * 0.60) / 1e6)
    assert forecast.at_most.dollars == pytest.approx(3 * (prompt * 0.15 + 512 * 0.60) / 1e6)
    assert forecast_run(experiment, answer_tokens=300).alone.dollars > (forecast.alone.dollars or 0)  # type: ignore[operator]


def test_bounds_and_sharing_are_ordered(full: Forecast) -> None:
    shared, alone, most = full.shared.dollars, full.alone.dollars, full.at_most.dollars
    assert shared is not None and alone is not None and most is not None
    assert 0 < shared < alone and shared < most
    for row in full.rows:
        assert row.added is not None and row.added_at_most is not None
        assert (row.added.dollars or 0) <= (row.added_at_most.dollars or 0)


def test_an_unknown_price_is_a_question_mark_and_free_is_nothing() -> None:
    unpriced = shown(planned("reason_act", price=None))
    assert "about $?" in unpriced and "price = { prompt = 0.15, completion = 0.60 }" in unpriced.replace("\n", " ")
    assert forecast_run(planned("reason_act", price=None)).shared.dollars is None
    free = shown(planned("reason_act", price=Price()))
    assert "about $0, at most $0" in free and "?" not in free


def test_an_external_graph_is_not_played() -> None:
    brought = Variant.from_langgraph("brought", RunnableLambda(lambda state: state), MessagesAdapter())
    experiment = planned("reason_act", "act", brought)
    forecast = forecast_run(experiment)
    assert forecast.unknown == ("brought",) and forecast.rows[-1].alone is None and forecast.shared.calls == 24
    text = shown(experiment, forecast=forecast)
    assert re.search(r"brought +\? +\? +\?", text) and "?: brought" in text


@pytest.mark.parametrize(
    "task", ["contextual", "tictactoe", "aiw", "potemkin", {"name": "bandit", "head_start": 3}], ids=str
)
def test_every_kind_of_task_can_be_forecast(task: Any) -> None:
    task = task if isinstance(task, dict) else {"name": task}
    forecast = forecast_run(planned("reason_act", "reason_then_act", task=task), probes=3)
    assert [r.alone and r.alone.calls for r in forecast.rows] == [1, 2]
    assert (forecast.shared.dollars or 0) > 0


def test_later_steps_cost_more_where_the_history_grows() -> None:
    short, long = (forecast_run(planned("reason_act", task={**TASK, "horizon": h})).rows[0] for h in (2, 40))
    assert short.alone is not None and long.alone is not None
    assert long.alone.prompt_tokens > short.alone.prompt_tokens + 100


def test_forty_variants_are_readable_in_a_hundred_columns() -> None:
    chain = "reason_then_act | summarise_history | critique(rounds=2) | self_consistency(n=%d)"
    names = {f"a very long name number {n} | {chain % n}": chain % (n % 4 + 1) for n in range(1, 41)}
    model = Scripted(lambda request, draw: "never asked", price=PRICE)
    experiment = assemble({"task": {**TASK, "horizon": 1}, "model": model, "variants": names, "episodes": 1000})
    forecast = forecast_run(experiment, probes=1)
    text = shown(experiment, forecast=forecast)
    assert max(map(len, text.splitlines()[:-12])) <= 100
    rows = [line.split() for line in text.splitlines() if re.search(r"\d\.\d\d +\d", line)]
    assert len(rows) == 40 and "…" not in text
    for cells, row in zip(rows, forecast.rows, strict=True):
        assert row.alone is not None and cells[-3] == f"{(row.alone * row.decisions).dollars:,.2f}"


def test_nothing_heavy_and_no_network(tmp_path: Path) -> None:
    file, elsewhere = tmp_path / "e.toml", tmp_path / "elsewhere"
    elsewhere.mkdir()
    file.write_text(
        'task = "bandit"\nvariants = ["reason_act | critique"]\n[models.local]\nname = "embedded"\n[models.remote]\n'
        'name = "openai/gpt-4o-mini"\nprice = { prompt = 0.15, completion = 0.60 }\n'
    )
    code = (
        "import socket, sys\n"
        "def refuse(*a, **k): raise AssertionError('network')\n"
        "socket.socket.connect = refuse\n"
        "from akrasia.cli import app\n"
        f"try:\n    app(['plan', {str(file)!r}, '--set', 'episodes=1', '--answer-tokens', '80'])\n"
        "except SystemExit as end:\n    assert not end.code\n"
        "print(sorted({'litellm', 'openai', 'xllamacpp'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=elsewhere, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith("[]") and "80 tokens an answer" in " ".join(done.stdout.split())
    assert list(elsewhere.iterdir()) == []


def test_arguments_below_one_are_refused() -> None:
    for wrong in ({"probes": 0}, {"answer_tokens": 0}):
        with pytest.raises(BadOption, match="at least 1"):
            forecast_run(planned("act"), **wrong)


def test_tokens_count_what_tokenizers_count() -> None:
    assert estimate_tokens("You face 5 buttons: A, B.") == 10
    assert estimate_tokens("0.53 12345") == 3 + 3
