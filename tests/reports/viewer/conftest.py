"""Runs for the viewer's tests: one of the simulated agent, and one whose model writes what would act on a page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import akrasia as ak
from akrasia.commands.view import viewed_runs
from akrasia.models import Scripted
from akrasia.models.providers.simulated import Planted, Simulated
from akrasia.records import Draw, Request, Response
from akrasia.reports.viewer.viewed_run import ViewedRun

pytest.importorskip("starlette", reason="the extra viewer is not installed")

TASK = ak.tasks.bandit(arms=3, horizon=2, head_start=1, labels=["Red", "Blue", "Green"])
SCRIPT = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
HOSTILE = f"{SCRIPT}\n</div></main>\x1b[31mred\x1b[0m \u202egnal\u202c {{{{ 7 * 7 }}}}\nBEST=Blue\nACTION=Green"
LONG = "long " * 200_000 + "\nBEST=Blue\nACTION=Blue"


def hostile(request: Request, draw: Draw) -> Response:
    asked = request.messages[-1].content
    if "Comment on this" in asked:
        return Response(f"שלום {SCRIPT}\nBEST=Green", reasoning=f"a thought {SCRIPT}")
    if draw.episode == 1:
        return Response(LONG)
    return Response(HOSTILE, reasoning="hidden zebra", probs=None)


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("viewer") / "sim"
    ak.run(
        task={"name": "bandit", "arms": 4, "horizon": 4},
        model=Simulated(Planted(parse_failure=0.1)),
        variants=["reason_act", "reason_act | critique", "reason_act | placebo", "act"],
        episodes=8,
        out=out,
    )
    return out


@pytest.fixture(scope="session")
def hostile_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("viewer") / "hostile"
    variants = {"base": "reason_act", f"evil {SCRIPT}": "reason_act | critique"}
    ak.run(task=TASK, model=Scripted(hostile, f"m{SCRIPT}"), variants=variants, episodes=2, trials=2, out=out)
    return out


@pytest.fixture(scope="session")
def viewed() -> Callable[..., list[ViewedRun]]:
    def view(*folders: Path) -> list[ViewedRun]:
        runs = viewed_runs(folders)
        for run in runs:
            run.wait()
        return runs

    return view
