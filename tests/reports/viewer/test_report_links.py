"""Numbers of the report that count steps lead to those steps: to as many as they say, in the viewer and in a bundle."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs

import pytest

import akrasia as ak
from akrasia.models.providers.simulated import Planted, Simulated
from akrasia.reports.viewer.bundle import write_bundle
from akrasia.reports.viewer.listing import Query, list_situations
from akrasia.reports.viewer.viewed_run import ViewedRun

pytest.importorskip("starlette", reason="the extra viewer is not installed")
from starlette.testclient import TestClient  # noqa: E402

from akrasia.reports.viewer.app import viewer_app  # noqa: E402

View = Callable[..., list[ViewedRun]]
VARIANTS = ["reason_act", "reason_act | critique", "reason_act | placebo", "act"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("links") / "run"
    model = Simulated(Planted(parse_failure=0.15))
    ak.run(task={"name": "bandit", "arms": 4, "horizon": 3}, model=model, variants=VARIANTS, episodes=6, out=out)
    return out


def test_every_count_leads_to_as_many_steps(run: Path, viewed: View) -> None:
    (one,) = viewed(run)
    page = TestClient(viewer_app([one]), base_url="http://127.0.0.1").get("/run/report").text
    found = re.findall(r'<a href="steps\?([^"]+)">([^<]+)</a>', page)
    asked = {"knows": 18, "gap": 18, "does": 18}
    kinds = set()
    for address, number in found:
        values = {k: v[0] for k, v in parse_qs(address.replace("&amp;", "&")).items()}
        show = values.get("show", "all")
        listed = list_situations(one.state(), Query(show, values["variant"], values["group"])).marked.height
        kinds.add(show)
        if number[0] in "+\N{MINUS SIGN}":  # of the chart of flips
            assert {"+": "improved", "\N{MINUS SIGN}": "worsened"}[number[0]] == show
            assert float(number[1:]) == pytest.approx(listed / 18, abs=0.006) and listed > 0, (address, number)
        elif show in asked and number.startswith(".") or number == "1.00":
            assert float(number) == pytest.approx(listed / 18, abs=0.006), (address, number)
        else:
            assert int(number) == listed > 0, (address, number)
    assert {"all", "gap", "knows", "does", "improved", "knows-greedy", "action-ok", "untried"} <= kinds
    assert "This file stands alone" not in page


def test_every_box_of_the_strip_leads_to_its_situation(run: Path, viewed: View) -> None:
    client = TestClient(viewer_app(viewed(run)), base_url="http://127.0.0.1")
    strips = re.findall(r'<svg class="strip".*?</svg>', client.get("/run/report").text)
    boxes = [re.findall(r'<a href="(step-[^"]+)" tabindex="-1" aria-label="(\d+)\.(\d+): ', s) for s in strips]
    assert [len(found) for found in boxes] == [18] * len(VARIANTS)
    for address, episode, step in boxes[0]:
        assert address.endswith(f"-{episode}-{step}")
    answer = client.get(f"/run/{boxes[0][-1][0]}")
    assert answer.status_code == 200 and "episode 5" in answer.text and "step 2" in answer.text


def test_in_a_bundle_every_count_leads_to_a_list_of_that_variant(run: Path, viewed: View, tmp_path: Path) -> None:
    write_bundle(viewed(run), tmp_path / "web")
    page = (tmp_path / "web" / "run" / "report.html").read_text()
    found = re.findall(r'<a href="(steps-[^"]+)">(\d+)</a>', page)
    assert len(found) > 30
    for address, number in found:
        text = (tmp_path / "web" / "run" / address).read_text()
        told = re.search(r"([\d,]+) steps? of variants", text) or re.search(r"([\d,]+) situations?\b", text)
        assert told is not None and told[1] == number, address


def test_a_report_alone_leads_the_gap_to_its_own_list_and_says_how_to_see_the_rest(run: Path, tmp_path: Path) -> None:
    page = ak.open_run(run).report(tmp_path / "report.html").read_text()
    assert "akrasia view RUN" in page and "steps?" not in page
    own = set(re.findall(r'href="#(gaps-[^"]+)"', page))
    assert len(own) == 1 and f'id="{own.pop()}"' in page
