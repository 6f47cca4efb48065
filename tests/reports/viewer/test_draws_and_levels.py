"""The draws of a decision side by side, and the levels at a step: by the numbers of the scorecard, and as text."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

import akrasia as ak
from akrasia.cli import program
from akrasia.models import Scripted
from akrasia.models.base import FAILED
from akrasia.models.providers.simulated import Planted, Simulated
from akrasia.records import Draw, Request, Response
from akrasia.reports.viewer.bundle import write_bundle
from akrasia.reports.viewer.filters import FILTERS
from akrasia.reports.viewer.listing import Query, list_situations
from akrasia.reports.viewer.viewed_run import ViewedRun

pytest.importorskip("starlette", reason="the extra viewer is not installed")
from starlette.testclient import TestClient  # noqa: E402

from akrasia.reports.viewer.app import viewer_app  # noqa: E402

View = Callable[..., list[ViewedRun]]
SCRIPT = "<script>document.title='owned'</script>"
TASK = {"name": "bandit", "arms": 4, "horizon": 2, "head_start": 2}


def client(runs: list[ViewedRun]) -> TestClient:
    return TestClient(viewer_app(runs), base_url="http://127.0.0.1")


def addresses(page: str) -> list[str]:
    return re.findall(r'<th scope="row"><a href="(step-[^"?]+)', page)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("drawn") / "run"
    model = Simulated(Planted(parse_failure=0.1, values=0.8, slips=0.3))
    ak.run(task=TASK, model=model, variants=["reason_act", "reason_act | critique"], episodes=8, trials=3, out=out)
    return out


def test_every_draw_stands_in_its_column_with_its_own_address(viewed: View, drawn: Path) -> None:
    records = ak.open_run(drawn).records
    with client(viewed(drawn)) as asked:
        address = addresses(asked.get("/run/steps").text)[0]
        page = asked.get(f"/run/{address}").text
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids)) and sum(bool(re.fullmatch(r"v-\w+-t[0-2]", i)) for i in ids) == 6
    assert set(re.findall(r'class="cell [^"]*" href="#([^"]+)"', page)) <= set(ids)
    right = records.filter((pl.col("episode") == 0) & (pl.col("step") == records["step"].min()))["right_draws"]
    assert re.findall(r"(\d) of 3 draws right", page) == [str(round(r * 3)) for r in right]
    assert page.count('class="trial"') == 6 and "2 of 3" in page


def test_the_filter_of_draws_that_disagree_finds_them_and_no_other(viewed: View, drawn: Path, tmp_path: Path) -> None:
    result = ak.open_run(drawn)
    (run,) = viewed(drawn)
    differ = {(v, e, s) for v, e, s, alike in result.trials.select("variant", "episode", "step", "actions").rows()
              if len(set(alike)) > 1}  # fmt: skip
    found = list_situations(run.state(), Query("trials")).marked
    assert {(v, e, s) for v, _, _, e, s in found.rows()} == differ and 0 < len(differ) < result.trials.height
    write_bundle([run], tmp_path / "web")
    listed = (tmp_path / "web" / "run" / "steps-trials.html").read_text()
    assert len(re.findall(r'<th scope="row"><a href="step-', listed)) == len({(e, s) for _, e, s in differ})


def test_a_draw_that_failed_disagrees_with_none_and_one_without_an_action_does(tmp_path: Path, viewed: View) -> None:
    def model(request: Request, draw: Draw) -> str | Response:
        if draw.sample == 1 and draw.episode == 0:
            return Response("", "error", FAILED, error="the server is gone")
        return "neither" if draw.sample == 1 else f"{SCRIPT}\nBEST=Red\nACTION=Red"

    task = {"name": "bandit", "arms": 2, "horizon": 1, "labels": ["Red", "Blue"]}
    out = ak.run(task=task, model=Scripted(model), variants=["reason_act"], episodes=2, trials=2, keep_going=True,
                 out=tmp_path / "run")  # fmt: skip
    assert dict(out.records.select("episode", "draws_differ").rows()) == {0: False, 1: True}
    with client(viewed(tmp_path / "run")) as asked:
        address = addresses(asked.get("/run/steps").text)[0]
        page = asked.get(f"/run/{address}").text
    assert SCRIPT not in page and "&lt;script&gt;" in page and "the server is gone" in page


def test_hundreds_of_draws_are_counted_and_the_first_are_shown(tmp_path: Path, viewed: View) -> None:
    ak.run(task=TASK | {"horizon": 1}, model="simulated", variants=["reason_act"], episodes=1, trials=120,
           out=tmp_path / "run")  # fmt: skip
    with client(viewed(tmp_path / "run")) as asked:
        page = asked.get(f"/run/{addresses(asked.get('/run/steps').text)[0]}").text
    left = re.search(r"Without their texts: ([^.]+)\.", page)
    assert page.count('class="trial"') == 12 and left is not None
    assert sum(map(int, re.findall(r"(\d+) ×", left[1]))) == 108


def test_draws_of_an_item_that_were_imported_lead_to_one_another(tmp_path: Path, viewed: View) -> None:
    rows = ["item,trial,variant,response,answer", "1,0,a,ACTION=4,4", "1,1,a,ACTION=5,4", "2,0,a,ACTION=4,4",
            "2,1,a,ACTION=4,4"]  # fmt: skip
    (tmp_path / "q.csv").write_text("\n".join(rows) + "\n")
    call = ["import", "table", str(tmp_path / "q.csv"), "--out", str(tmp_path / "run"), "--yes"]
    done = CliRunner().invoke(program(), call)
    assert done.exit_code == 0, done.output
    (run,) = viewed(tmp_path / "run")
    assert set(list_situations(run.state(), Query("trials")).marked.join(
        run.state().steps, on=["variant", "episode", "step"]
    )["item"]) == {"1"}  # fmt: skip
    with client([run]) as asked:
        page = asked.get(f"/run/{addresses(asked.get('/run/steps').text)[0]}").text
    assert len(re.findall(r'<a href="step-[^"]+"', page.partition('class="siblings"')[2].partition("</nav>")[0])) == 2


def marks(page: str, column: int) -> list[tuple[str, str]]:
    """(classes, text) of the levels of one column's first draw."""
    part = page.split('<ol class="levels"')[column + 1].partition("</ol>")[0]
    found = re.findall(r'<li class="([^"]*)"[^>]*>(.*?)</li>', part, re.DOTALL)
    return [(css, " ".join(re.sub(r"<[^>]+>", " ", text).split())) for css, text in found]


@pytest.mark.parametrize("place", ["conclusion", "action", "reading"])
def test_the_filters_of_losses_are_the_metrics(viewed: View, drawn: Path, place: str) -> None:
    card = ak.open_run(drawn).score([f"lost_in_{place}"])
    (run,) = viewed(drawn)
    state = run.state()
    for arm in card.arms:
        steps = state.steps.filter(pl.col("variant") == arm.variant)
        listed = list_situations(state, Query(f"lost-{place}", arm.variant)).marked.height
        known = steps["implies"].drop_nulls().len()
        assert arm.metrics[f"lost_in_{place}"].value == pytest.approx(listed / known)
        assert steps.filter(FILTERS[f"lost-{place}"].where).height == listed


def test_the_levels_of_a_step_say_where_it_was_lost(viewed: View, drawn: Path) -> None:
    (run,) = viewed(drawn)
    steps = run.state().steps.filter(pl.col("variant") == "reason_act")
    with client([run]) as asked:
        for lost, name in (("conclusion", "stated"), ("action", "done")):
            row = steps.filter(pl.col("lost_at") == lost).row(0, named=True)
            (code,) = run.state().groups
            found = marks(asked.get(f"/run/step-{code}-{row['episode']}-{row['step']}").text, 0)
            assert [text.split()[0] for _, text in found] == ["encoded", "implied", "stated", "done"]
            assert [text.split()[0] for css, text in found if "lost" in css] == [name]
            assert found[0][0] == "unknown" and found[1] == ("right", f"implied {row['implied']} ✓ optimal")


def test_what_judges_found_implied_stands_at_the_step_and_in_the_filter(tmp_path: Path, viewed: View) -> None:
    def agent(request: Request, draw: Draw) -> str:
        shown = re.search(r"You face \d+ \w+: ([^.\n]+)\.", request.messages[-1].content)
        first, second = [] if shown is None else [s.strip() for s in shown[1].split(",")][:2]
        return f"{first} has paid more often, episode {draw.episode}.\nBEST={second}\nACTION={second}"

    def judge(request: Request, draw: Draw) -> str:
        found = re.search(r"^(.+) has paid more often", request.messages[-1].content, re.MULTILINE)
        return f'{{"action": "{found[1] if found else "?"}"}}'

    result = ak.run(task=TASK | {"horizon": 1}, model=Scripted(agent, "agent"), variants=["reason_act"], episodes=12,
                    out=tmp_path / "run")  # fmt: skip
    (run,) = viewed(result.folder)
    assert run.state().steps["implied"].null_count() == 12
    result.judge(Scripted(judge, "judge"), implied=True)
    (run,) = viewed(result.folder)
    state = run.state()
    assert state.steps["m_judged"].all()
    (arm,) = result.score().arms
    assert arm.judged_implied is not None
    listed = list_situations(state, Query("lost-conclusion")).marked
    assert listed.height == round((arm.judged_implied.metrics["lost_in_conclusion"].value or 0) * 12) > 0
    with client([run]) as asked:
        page = asked.get(f"/run/{addresses(asked.get('/run/steps?show=lost-conclusion').text)[0]}").text
    assert "judges read it so" in page and marks(page, 0)[2][0] == "wrong lost"


def test_where_nobody_says_what_is_right_no_mark_says_it(tmp_path: Path, viewed: View) -> None:
    ak.run(task="dilemmas", model="simulated", variants=["reason_act"], episodes=2, out=tmp_path / "run")
    with client(viewed(tmp_path / "run")) as asked:
        page = asked.get(f"/run/{addresses(asked.get('/run/steps').text)[0]}").text
    assert "does not know" not in page and "✗" not in page
