"""A run that ended early is resumed to the same bytes, and pays for no answer twice."""

import asyncio
import contextlib
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import akrasia as ak
from akrasia.api import execute
from akrasia.errors import BudgetSpent, OfflineMiss, ProviderDown, RunFolderError, Unavailable
from akrasia.experiments import assemble, play_experiment
from akrasia.experiments.executors import LocalExecutor
from akrasia.ledger import Ledger, read_ledger
from akrasia.ledger.file import FILE
from akrasia.models import Planted, Scripted, Simulated
from akrasia.models.base import FAILED
from akrasia.models.providers.openai_format import UNCOUNTED
from akrasia.models.retry import ATTEMPTS
from akrasia.records import Draw, Request, Response

VARIANTS = [
    "reason_act", "reason_act | critique", "reason_then_act", "reason_act | self_consistency(3)",
    "reason_act | placebo",
]  # fmt: skip
PLANTED = Planted(parse_failure=0.05)
SETTINGS: dict[str, Any] = {"variants": VARIANTS, "episodes": 4, "concurrency": 4}
TASK = {"name": "bandit", "arms": 6, "horizon": 5, "head_start": 2}
SHORT = {**TASK, "horizon": 3}


class Counting(Simulated):
    """Remembers what it was asked; the identity of its answers is the simulated agent's."""

    def __init__(self, planted: Planted) -> None:
        super().__init__(planted)
        object.__setattr__(self, "asked", [])

    async def generate(self, request: Request, draw: Draw, key: str) -> Response:
        self.asked.append(key)  # type: ignore[attr-defined]
        return await super().generate(request, draw, key)


def run(out: Path, **changes: Any) -> tuple[ak.Result, list[str]]:
    """A run in this process, and the keys that were really asked for."""
    model = Counting(PLANTED)
    result = ak.run(task=SHORT, model=model, out=out, **{**SETTINGS, **changes})
    return result, model.asked  # type: ignore[attr-defined]


def stored(folder: Path) -> list[bytes]:
    with read_ledger(folder) as reader:
        return list(reader.raw_records())


def keys(folder: Path) -> set[str]:
    """The committed keys; none while there is no ledger yet."""
    try:
        connection = sqlite3.connect(f"file:{folder / FILE}?mode=ro", uri=True)
    except sqlite3.OperationalError:
        return set()
    try:
        return {k for (k,) in connection.execute("SELECT key FROM responses")}
    except sqlite3.OperationalError:
        return set()
    finally:
        connection.close()


def whole(folder: Path) -> bool:
    """Whether every situation that is stored is stored for every variant."""
    table = ak.open_run(folder).records
    sizes = table.group_by("task", "model", "episode", "step").agg(pl.col("variant").n_unique())["variant"]
    return set(sizes) <= {len(VARIANTS)}


@pytest.fixture(scope="module", params=["fork", "rollout"])
def uninterrupted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    folder = tmp_path_factory.mktemp("whole") / request.param
    run(folder, design=request.param)
    return request.param, folder


def test_the_same_call_again_asks_nothing_and_changes_nothing(uninterrupted: tuple[str, Path], tmp_path: Path) -> None:
    design, reference = uninterrupted
    shutil.copytree(reference, tmp_path / "run")
    result, asked = run(tmp_path / "run", design=design)
    assert asked == []
    assert result.outcome is not None and result.outcome.run_usage.asked == result.outcome.missing == 0
    assert stored(tmp_path / "run") == stored(reference)


@pytest.mark.parametrize("calls", [1, 17, 50])
def test_a_spent_budget_leaves_complete_pairs_and_a_higher_one_completes_them(
    uninterrupted: tuple[str, Path], tmp_path: Path, calls: int
) -> None:
    design, reference = uninterrupted
    result, asked = run(tmp_path / "run", design=design, budget={"calls": calls})
    assert result.outcome is not None and isinstance(result.outcome.stopped, BudgetSpent)
    assert "resume" in str(result.outcome.stopped)
    assert len(asked) == len(keys(tmp_path / "run")) == calls
    if stored(tmp_path / "run"):
        assert whole(tmp_path / "run")
    again, asked_again = run(tmp_path / "run", design=design, budget={"calls": calls})
    assert asked_again == []
    assert again.outcome is not None and isinstance(again.outcome.stopped, BudgetSpent)
    end, rest = run(tmp_path / "run", design=design, budget={"calls": 10_000}, concurrency=2)
    assert end.outcome is not None and end.outcome.stopped is None
    assert not set(rest) & set(asked)
    assert stored(tmp_path / "run") == stored(reference)


def test_a_budget_in_dollars_is_kept_over_sessions(tmp_path: Path) -> None:
    model = Scripted(lambda r, d: "ACTION=Red", price=ak.models.Price(1e-6, 1e-6))
    for limit in (0.01, 0.02):
        result = ak.run(
            task=TASK, model=model, variants=["act"], episodes=50, budget={"dollars": limit}, out=tmp_path / "run"
        )
        assert result.outcome is not None and isinstance(result.outcome.stopped, BudgetSpent)
        ledger = Ledger(tmp_path / "run")
        assert 0.9 * limit < (ledger.paid().dollars or 0.0) <= limit
        ledger.close()


def test_what_no_answer_tells_of_counts_against_the_budget_of_later_sessions(tmp_path: Path) -> None:
    """Attempts whose answer was lost, calls that were given up, and answers whose tokens nobody counted."""
    asked: list[Draw] = []
    bounds: list[int] = []  # of the tokens of each attempt

    def answer(request: Request, draw: Draw) -> Response | Exception:
        asked.append(draw)
        bounds.append(sum(len(m.content.encode()) + 16 for m in request.messages) + request.sampling.max_tokens)
        if draw.episode % 2:
            return Unavailable("timed out", fault="timeout", lost=True)
        return Response("ACTION=Red", reported=dict(UNCOUNTED))

    async def no_pause(seconds: float) -> None:
        return None

    price = ak.models.Price(1e-6, 1e-6)
    settings = {
        "task": TASK,
        "model": Scripted(answer, price=price),
        "variants": ["act"],
        "episodes": 50,
        "concurrency": 1,
    }
    experiment = assemble({**settings, "budget": {"dollars": 0.03}})
    sessions = []
    for _ in range(3):
        executor = LocalExecutor(experiment, sleep=no_pause)
        result = asyncio.run(execute(experiment, tmp_path / "run", resume=True, executor=executor))
        assert result.outcome is not None and isinstance(result.outcome.stopped, BudgetSpent)
        sessions.append(len(asked))
    assert sessions[0] > 10 and len({draw.episode % 2 for draw in asked}) == 2
    assert sessions == [sessions[0]] * 3
    with read_ledger(tmp_path / "run") as reader:
        spent = reader.spent()
    assert 0.8 * 0.03 < spent.dollars <= 0.03 and spent.tokens == sum(bounds)
    ended = [d for d in set(asked) if not d.episode % 2 or asked.count(d) == ATTEMPTS]
    assert spent.calls == len(ended) and any(d.episode % 2 for d in ended)


def test_offline_replay_makes_no_call_and_fails_loudly_on_a_miss(
    uninterrupted: tuple[str, Path], tmp_path: Path
) -> None:
    design, reference = uninterrupted
    folder = tmp_path / "run"
    shutil.copytree(reference, folder)
    result, asked = run(folder, design=design, offline=True)
    assert asked == [] and result.outcome is not None and result.outcome.stopped is None
    assert stored(folder) == stored(reference)
    connection = sqlite3.connect(folder / FILE)
    gone = connection.execute("SELECT key, episode, step, sample FROM responses ORDER BY key LIMIT 1").fetchone()
    connection.execute("DELETE FROM responses WHERE key = ?", gone[:1])
    connection.commit()
    connection.close()
    result, asked = run(folder, design=design, offline=True)
    assert asked == [] and result.outcome is not None
    stopped = result.outcome.stopped
    assert isinstance(stopped, OfflineMiss)
    assert f"episode {gone[1]}, step {gone[2]}, sample {gone[3]}" in str(stopped)
    assert stored(folder) == stored(reference)
    result, asked = run(folder, design=design)  # its records are complete: what is gone is not needed
    assert asked == [] and stored(folder) == stored(reference)


def test_offline_without_a_run_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="replay offline"):
        run(tmp_path / "run", offline=True)
    assert not (tmp_path / "run").exists()


def test_a_folder_of_another_experiment_is_refused_with_what_differs(
    uninterrupted: tuple[str, Path], tmp_path: Path
) -> None:
    design, reference = uninterrupted
    shutil.copytree(reference, tmp_path / "run")
    for change, said in (
        ({"seed": 1}, "seed"),
        ({"variants": ["act", *VARIANTS]}, "baseline"),
        ({"design": "rollout" if design == "fork" else "fork"}, "design"),
    ):
        with pytest.raises(RunFolderError, match=said):
            run(tmp_path / "run", **{"design": design, **change})
    assert stored(tmp_path / "run") == stored(reference)


def test_a_run_is_extended_by_variants_and_episodes(uninterrupted: tuple[str, Path], tmp_path: Path) -> None:
    design, reference = uninterrupted
    run(tmp_path / "run", design=design, variants=VARIANTS[:2], episodes=2, concurrency=1)
    few = keys(tmp_path / "run")
    _, asked = run(tmp_path / "run", design=design)
    assert not few & set(asked)
    assert stored(tmp_path / "run") == stored(reference)


def test_a_provider_that_fails_stops_the_run_and_is_asked_again_later(tmp_path: Path) -> None:
    """What failed in passing is not kept: the resumed run has the answers, and no trace of the failure."""
    broken = {"now": True}

    def model(request: Request, draw: Draw) -> str | Exception:
        if broken["now"] and draw.episode >= 1:
            return Unavailable("503 from a broken provider")
        return "ACTION=Red"

    def go() -> ak.Result:
        experiment = assemble(
            {"task": TASK, "model": Scripted(model), "variants": ["act", "act | placebo"], "episodes": 20}
        )

        async def nap(_: float) -> None:
            return None

        async def work() -> Any:
            ledger = Ledger(tmp_path)
            try:
                return await play_experiment(experiment, ledger, LocalExecutor(experiment, sleep=nap))
            finally:
                ledger.close()

        return ak.Result(tmp_path, asyncio.run(work()))

    first = go()
    assert first.outcome is not None and isinstance(first.outcome.stopped, ProviderDown)
    broken["now"] = False
    second = go()
    assert second.outcome is not None and second.outcome.stopped is None
    assert "error" not in set(second.records["status"])
    assert second.records.height == 2 * 20 * 5


def test_a_run_inside_a_running_event_loop_works(tmp_path: Path) -> None:
    """As in a notebook."""

    async def notebook() -> int:
        return run(tmp_path / "run", episodes=1)[0].records.height

    assert asyncio.run(notebook()) == 3 * len(VARIANTS)


def test_without_a_folder_other_variants_go_to_one_of_their_own(tmp_path: Path) -> None:
    """What was asked for is what is scored: nothing of an earlier call stands among it."""
    made: list[tuple[Path, int, int]] = []
    with contextlib.chdir(tmp_path):
        for variant, episodes in (("critique", 2), ("re_evaluate", 2), ("critique", 3)):
            variants = ["reason_act", f"reason_act | {variant}"]
            result = ak.run(task=TASK, model="simulated", variants=variants, episodes=episodes)
            assert result.outcome is not None
            arms = {a.variant for a in result.score(["gap"]).arms}
            made.append((result.folder, len(arms), result.outcome.run_usage.made))
    first, second, again = made
    assert [first[1], second[1], again[1]] == [2, 2, 2]
    assert first[0] == again[0] != second[0] and again[2] < first[2]


def test_a_folder_refuses_another_plan_under_the_same_name(tmp_path: Path) -> None:
    base = ak.graphs.reason_act()
    given: dict[str, Any] = {"task": TASK, "model": "simulated", "episodes": 1, "out": tmp_path / "run"}
    ak.run(variants={"base": base, "mine": base | ak.critique()}, **given)
    with pytest.raises(RunFolderError, match="holds a variant 'mine' with another plan"):
        ak.run(variants={"base": base, "mine": base | ak.self_consistency(5)}, **given)
    with pytest.raises(RunFolderError, match="differs in: baseline"):
        ak.run(variants={"other name": base}, **given)


def test_fresh_and_offline_together_remove_nothing(tmp_path: Path) -> None:
    result, _ = run(tmp_path / "run", episodes=1)
    before = (tmp_path / "run" / FILE).read_bytes()
    experiment = assemble({"task": TASK, "model": "simulated", "variants": ["reason_act"], "episodes": 1})
    with pytest.raises(RunFolderError, match="--resume --offline"):
        asyncio.run(execute(experiment, tmp_path / "run", fresh=True, offline=True))
    assert (tmp_path / "run" / FILE).read_bytes() == before and result.records.height == 3 * len(VARIANTS)


async def test_cancelling_a_run_stops_asking_and_what_was_answered_is_kept(tmp_path: Path) -> None:
    asked: list[str] = []
    enough = asyncio.Event()

    class Slow(Scripted):
        async def generate(self, request: Request, draw: Draw, key: str) -> Response:
            asked.append(key)
            if len(asked) == 20:
                enough.set()
            await asyncio.sleep(0)
            return Response("BEST=Red\nACTION=Red")

    model = Slow(lambda request, draw: "", max_concurrency=4)
    given: dict[str, Any] = {"task": TASK, "variants": ["reason_act"], "model": model, "out": tmp_path / "run"}
    running = asyncio.ensure_future(ak.arun(**given, episodes=400))
    await enough.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    before = list(asked)
    await asyncio.sleep(0.05)
    assert asked == before and 20 <= len(asked) < 400 and keys(tmp_path / "run") == set(asked)
    result = await ak.arun(**given, episodes=5)
    assert result.records.height == 5 * 5 and not set(before) & set(asked[len(before) :])


def test_an_answer_that_one_model_lacks_leaves_no_episode_of_another_unfinished(tmp_path: Path) -> None:
    """What a shared seed has in common is the situation, not the calls."""

    def frail(request: Request, draw: Draw) -> str | Response:
        lacks = Response("", "error", FAILED, error="the server is gone")
        return lacks if draw.episode == 1 else "BEST=Red\nACTION=Red"

    result = ak.run(
        task={"name": "bandit", "arms": 2, "horizon": 2},
        model=[Scripted(frail, "frail"), Scripted(lambda request, draw: "BEST=Red\nACTION=Red", "sound")],
        variants=["reason_act"],
        episodes=3,
        out=tmp_path / "run",
    )
    assert [(m.model, m.missing) for m in result.missing] == [("frail", 1)]


@pytest.mark.parametrize(("design", "unfinished"), [("fork", {"act": 1, "reason_act": 1}), ("rollout", {"act": 1})])
def test_a_variant_needs_its_own_answers_and_in_a_fork_those_of_whoever_plays(
    design: str, unfinished: dict[str, int], tmp_path: Path
) -> None:
    def frail(request: Request, draw: Draw) -> str | Response:
        act = "BEST=" not in request.messages[0].content
        lacks = Response("", "error", FAILED, error="the server is gone")
        return lacks if act and draw.episode == 1 else "BEST=Red\nACTION=Red"

    result = ak.run(
        task={"name": "bandit", "arms": 2, "horizon": 2},
        model=Scripted(frail),
        variants=["act", "reason_act"],
        design=design,
        episodes=3,
        out=tmp_path / "run",
    )
    assert {m.variant: m.missing for m in result.missing} == unfinished
