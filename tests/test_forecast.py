"""What a run takes, told before: calls, tokens and dollars, against plans, real tokens and hand-computed sums."""

from __future__ import annotations

import re
import subprocess
import sys
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

import akrasia as ak
from akrasia.commands.plan import show_plan
from akrasia.errors import BadOption
from akrasia.experiments.config import assemble, load
from akrasia.experiments.planning.forecast import forecast, tokens
from akrasia.experiments.runner import Experiment
from akrasia.experiments.variant import Variant
from akrasia.graphs import GRAPHS
from akrasia.interventions import INTERVENTIONS
from akrasia.models import Price, Scripted
from akrasia.records import Draw, Request, Response, Usage

ROOT = Path(__file__).parents[1]
FULL = ROOT / "examples" / "full_ablation.toml"
PRICE = Price(0.15e-6, 0.60e-6)
TASK = {"name": "bandit", "arms": 4, "horizon": 4, "labels": "letters"}


def planned(*variants: str, price: Price | None = PRICE, task: Any = None, **options: Any) -> Experiment:
    model = Scripted(lambda request, draw: "never asked", price=price)
    settings = {"task": task or TASK, "model": model, "variants": variants, "episodes": 3, **options}
    return assemble(settings)


def shown(experiment: Experiment, width: int = 100) -> str:
    out = StringIO()
    show_plan(experiment, Console(file=out, width=width, highlight=False, markup=False))
    return out.getvalue()


def test_every_graph_and_intervention_plays_the_calls_of_its_plan() -> None:
    told = forecast(assemble(load(FULL, ["episodes=2"])), probes=2)
    assert len(told.rows) > 45
    for row in told.rows:
        assert row.alone is not None and row.new is not None and row.calls is not None and row.fewest is not None
        assert row.alone.calls == row.calls >= row.fewest
        assert row.new.calls <= row.alone.calls
    early = {r.variant for r in told.rows if r.fewest != r.calls}
    assert {"society-ring", "liang", "mallm-refinement"} <= early


def test_full_ablation_names_every_graph_and_intervention() -> None:
    used = set(re.findall(r"\w+", "\n".join(load(FULL)["variants"].values())))
    ours = {*ak.graphs.__all__} & {*GRAPHS.names()} | {*ak.interventions.__all__} & {*INTERVENTIONS.names()}
    assert len(ours) > 40 and not ours - used


def test_sharing_is_that_of_the_plans() -> None:
    experiment = planned(
        "reason_then_act", "reason_then_act | re_evaluate", "reason_then_act | critique",
        "reason_then_act | swap_recommendation",
        "reason_then_act | self_consistency(n=3)", "reason_then_act | placebo", "reason_then_act | execute_stated",
    )  # fmt: skip
    seen: set[str] = set()
    for variant, row in zip(experiment.variants, forecast(experiment).rows, strict=True):
        assert isinstance(variant.plan, ak.graphs.Plan) and row.new is not None
        asked = variant.plan.asks()
        assert row.new.calls == len(asked - seen), variant.name
        seen |= asked
    assert forecast(planned("act", "act | temperature", design="rollout")).shared.calls == 2 * 12


def test_prompt_tokens_are_those_of_a_real_run(tmp_path: Path) -> None:
    """A run with answers of the assumed length, its prompts counted by a real tokenizer."""
    default_encoding = pytest.importorskip("litellm.litellm_core_utils.default_encoding")

    def count(text: str) -> int:
        return len(default_encoding.encoding.encode(text))

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
    settings: dict[str, Any] = {"task": {**TASK, "horizon": 8}, "variants": variants, "episodes": 4, "name": "real"}
    result = ak.run(**settings, model=Scripted(script, price=PRICE), out=tmp_path / "real")
    assert result.outcome is not None
    told = ak.forecast(**settings, model=Scripted(script, price=PRICE), out=tmp_path / "none")
    assert not (tmp_path / "none").exists()
    assert told.alone.calls == result.outcome.run_usage.asked
    assert told.shared.calls == pytest.approx(result.outcome.run_usage.made, rel=0.05)
    run_usage = result.outcome.run_usage
    assert told.shared.prompt_tokens == pytest.approx(run_usage.usage.prompt_tokens, rel=0.1)
    assert told.shared.completion_tokens == pytest.approx(run_usage.usage.completion_tokens, rel=0.1)
    assert told.shared.dollars == pytest.approx(run_usage.dollars, rel=0.1)
    assert told.most.dollars is not None and told.most.dollars >= run_usage.dollars


def test_dollars_of_a_tiny_plan_by_hand() -> None:
    experiment = planned("reason_act", task={**TASK, "horizon": 1}, episodes=3)
    told = forecast(experiment, answer_tokens=100)
    (row,) = told.rows
    assert row.alone is not None and row.alone_most is not None
    assert 98 <= row.alone.completion_tokens <= 102 and row.alone_most.completion_tokens == 512
    prompt = row.alone.prompt_tokens
    assert told.alone.dollars == pytest.approx(3 * (prompt * 0.15 + row.alone.completion_tokens * 0.60) / 1e6)
    assert told.most.dollars == pytest.approx(3 * (prompt * 0.15 + 512 * 0.60) / 1e6)
    assert forecast(experiment, answer_tokens=300).alone.dollars > (told.alone.dollars or 0)  # type: ignore[operator]


def test_bounds_and_sharing_are_ordered() -> None:
    told = forecast(assemble(load(FULL, ["episodes=2"])), probes=1)
    shared, alone, most = told.shared.dollars, told.alone.dollars, told.most.dollars
    assert shared is not None and alone is not None and most is not None
    assert 0 < shared < alone and shared < most
    for row in told.rows:
        assert row.new is not None and row.new_most is not None
        assert (row.new.dollars or 0) <= (row.new_most.dollars or 0)


def test_an_unknown_price_is_a_question_mark_and_free_is_nothing() -> None:
    unpriced = shown(planned("reason_act", price=None))
    assert "about $?" in unpriced and "price = { prompt = 0.15, completion = 0.60 }" in unpriced.replace("\n", " ")
    assert forecast(planned("reason_act", price=None)).shared.dollars is None
    free = shown(planned("reason_act", price=Price()))
    assert "about $0, at most $0" in free and "?" not in free


def test_a_plan_that_is_not_ours_is_not_played() -> None:
    experiment = planned("reason_act", "act")
    unknown = dict.fromkeys(("calls", "fewest_calls", "depth"))
    brought: Any = SimpleNamespace(**unknown, name="brought", view=lambda situation, draw=None: situation)
    object.__setattr__(experiment, "variants", (*experiment.variants, Variant("brought", brought)))
    told = forecast(experiment)
    assert told.unknown == ("brought",) and told.rows[-1].alone is None and told.shared.calls == 24
    said = shown(experiment)
    assert re.search(r"brought +\? +\? +\?", said) and "?: brought" in said


@pytest.mark.parametrize(
    "task", ["contextual", "tictactoe", "aiw", "potemkin", {"name": "bandit", "head_start": 3}], ids=str
)
def test_every_kind_of_task_can_be_forecast(task: Any) -> None:
    task = task if isinstance(task, dict) else {"name": task}
    told = forecast(planned("reason_act", "reason_then_act", task=task), probes=3)
    assert [r.alone and r.alone.calls for r in told.rows] == [1, 2]
    assert (told.shared.dollars or 0) > 0


def test_later_steps_cost_more_where_the_history_grows() -> None:
    short, long = (forecast(planned("reason_act", task={**TASK, "horizon": h})).rows[0] for h in (2, 40))
    assert short.alone is not None and long.alone is not None
    assert long.alone.prompt_tokens > short.alone.prompt_tokens + 100


def test_forty_variants_are_readable_in_a_hundred_columns() -> None:
    chain = "reason_then_act | summarise_history | critique(rounds=2) | self_consistency(n=%d)"
    names = {f"a very long name number {n} | {chain % n}": chain % n for n in range(1, 41)}
    experiment = assemble({"task": TASK, "model": "openai/gpt-4o-mini", "variants": names, "episodes": 1000})
    object.__setattr__(
        experiment, "models", (ak.experiments.ModelSet({"default": Scripted(lambda r, d: "", price=PRICE)}),)
    )
    said = shown(experiment)
    assert max(map(len, said.splitlines()[:-12])) <= 100
    rows = [line.split() for line in said.splitlines() if re.search(r"\d\.\d\d +\d", line)]
    assert len(rows) == 40 and "…" not in said
    told = forecast(experiment)
    for cells, row in zip(rows, told.rows, strict=True):
        assert row.alone is not None and cells[-3] == f"{(row.alone * row.decisions).dollars:,.2f}"


def test_nothing_heavy_and_no_network(tmp_path: Path) -> None:
    code = (
        "import socket, sys\n"
        "def refuse(*a, **k): raise AssertionError('network')\n"
        "socket.socket.connect = refuse\n"
        "from akrasia.cli import app\n"
        f"try:\n    app(['plan', {str(FULL)!r}, '--set', 'episodes=1', '--answer-tokens', '80'])\n"
        "except SystemExit as end:\n    assert not end.code\n"
        "print(sorted({'litellm', 'openai', 'xllamacpp'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith("[]") and "80 tokens an answer" in done.stdout.replace("\n", " ")
    assert list(tmp_path.iterdir()) == []


def test_arguments_below_one_are_refused() -> None:
    for wrong in ({"probes": 0}, {"answer_tokens": 0}):
        with pytest.raises(BadOption, match="at least 1"):
            forecast(planned("act"), **wrong)


def test_tokens_count_what_tokenizers_count() -> None:
    assert tokens("You face 5 buttons: A, B.") == 10
    assert tokens("0.53 12345") == 3 + 3
