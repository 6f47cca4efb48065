"""The viewer in a real browser: a reader's way from the run to a label, keys, phone width, and hostile texts.

Needs the package playwright and a chromium; `make test-browser` installs the first.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import akrasia as ak
from akrasia.models.providers.simulated import Planted, Simulated

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: make test-browser")
pytest.importorskip("uvicorn", reason="the extra viewer is not installed")
LEVELS = ["encoded", "implied", "stated", "done"]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on this machine")]
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
COMMAND = [sys.executable, "-c", "from akrasia.cli import main; main()", "view"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        one = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield one
        one.close()


@pytest.fixture(scope="module")
def folder(simulated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy, since labels are kept in it."""
    return Path(shutil.copytree(simulated, tmp_path_factory.mktemp("browser") / "sim"))


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose decisions were drawn four times, and whose conclusions often slip."""
    model = Simulated(Planted(parse_failure=0.1, values=0.9, slips=0.4))
    out = tmp_path_factory.mktemp("browser") / "drawn"
    variants = ["reason_act", "reason_act | critique", "reason_act | placebo"]
    task = {"name": "bandit", "arms": 4, "horizon": 3, "head_start": 2}
    ak.run(task=task, model=model, variants=variants, episodes=6, trials=4, out=out)
    return out


@pytest.fixture(scope="module")
def address(folder: Path, hostile_run: Path, drawn: Path) -> Iterator[str]:
    viewer = subprocess.Popen(
        [*COMMAND, str(folder), str(hostile_run), str(drawn), "--port", "0"], stdout=subprocess.PIPE, text=True
    )
    assert viewer.stdout is not None
    found = re.search(r"http://\S+", viewer.stdout.readline())
    assert found is not None
    yield found[0]
    viewer.terminate()
    viewer.communicate()


@pytest.fixture(params=[("light", 1280), ("dark", 1280), ("light", 390)], ids=["light", "dark", "phone"])
def page(browser: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    scheme, width = request.param
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
    one = context.new_page()
    one.said = []
    one.on("pageerror", lambda error: one.said.append(str(error)))
    one.on("console", lambda told: one.said.append(told.text) if told.type == "error" else None)
    yield one
    assert one.said == []
    context.close()


def fits(page: Any) -> bool:
    page.wait_for_load_state("load")
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


def test_from_the_runs_to_a_step_where_a_variant_knew_and_did_not_do(page: Any, address: str) -> None:
    page.goto(address)
    page.get_by_role("link", name="sim", exact=True).click()
    assert fits(page)
    page.locator("#scorecard .forest").first.wait_for(timeout=120_000)
    page.get_by_role("link", name=re.compile("^knows, does not")).click()
    assert fits(page)
    page.locator(".matrix tbody th a").first.click()
    assert page.locator(".gapline").count() >= 1 and page.locator("mark.done").count() >= 1 and fits(page)
    first = page.url
    page.keyboard.press("j")
    page.wait_for_url(lambda url: url != first)
    assert "show=gap" in page.url
    page.keyboard.press("k")
    page.wait_for_url(first)
    shared = page.locator("details.shared").first
    assert shared.is_visible()
    page.keyboard.press("d")
    assert page.evaluate("document.body.classList.contains('differs')")
    assert page.locator(".turn[data-alike]:visible").count() == 0
    page.keyboard.press("d")
    page.keyboard.press("l")
    page.keyboard.press("l")
    assert page.locator(".column:target").count() == 1
    page.keyboard.press("?")
    assert page.locator("dialog[open]").count() == 1
    page.keyboard.press("Escape")
    page.keyboard.press("u")
    page.wait_for_url(re.compile(r"steps\?show=gap"))


def test_a_link_to_a_folded_turn_opens_it(page: Any, address: str) -> None:
    page.goto(f"{address}sim/steps")
    page.locator(".matrix tbody th a").first.click()
    turn = page.locator("details.shared .turn").first
    assert not turn.is_visible()
    page.goto(f"{page.url.partition('#')[0]}#{turn.get_attribute('id')}")
    turn.wait_for(state="visible")


def test_the_draws_of_a_decision_are_gone_through_by_keys_and_have_addresses(page: Any, address: str) -> None:
    page.goto(f"{address}drawn/steps?show=trials")
    assert page.get_by_role("link", name=re.compile("^trials disagree")).get_attribute("aria-current") == "true"
    page.locator(".matrix tbody th a").first.click()
    assert fits(page) and "owned" not in page.title() and page.locator("main img, main script").count() == 0
    assert page.locator(".column").count() == 3 and page.locator(".trial:visible").count() == 3
    shown = [page.locator(".trial:visible").nth(n).get_attribute("id") for n in range(3)]
    page.keyboard.press("n")
    after = [page.locator(".trial:visible").nth(n).get_attribute("id") for n in range(3)]
    assert [one.rpartition("-")[2] for one in shown + after] == ["t0"] * 3 + ["t1"] * 3
    assert page.locator("#draws b").inner_text() == "2"
    for _ in range(6):
        page.keyboard.press("n")
    assert page.locator("#draws b").inner_text() == "4"
    page.keyboard.press("p")
    tab = page.locator(".column").nth(1).locator(".draws a").first
    tab.click()
    page.locator(".column").nth(1).locator(".trial[id$='-t0']").wait_for(state="visible")  # the address changes first
    assert page.locator(".column").nth(1).locator(".trial:visible").get_attribute("id").endswith("-t0")
    assert page.locator(".column").first.locator(".trial:visible").get_attribute("id").endswith("-t2")
    assert page.locator("#draws b").inner_text() == "…"
    turn = page.locator(".column").first.locator(".trial").nth(3).locator(".turn").first.get_attribute("id")
    page.goto(f"{page.url.partition('#')[0]}#{turn}")
    page.locator(f"[id='{turn}']").wait_for(state="visible")
    assert page.locator(".column").first.locator(".trial:visible").get_attribute("id").endswith("-t3")


def test_a_loss_is_marked_where_it_was(page: Any, address: str) -> None:
    for show, name in (("lost-conclusion", "stated"), ("lost-action", "done")):
        page.goto(f"{address}drawn/steps?show={show}")
        page.locator(".matrix tbody th a").first.click()
        lost = page.locator(".trial:visible .levels .lost")
        assert lost.count() >= 1 and fits(page)
        assert name in {lost.nth(n).locator("span").first.inner_text().split()[0] for n in range(lost.count())}
        marks = page.locator(".trial:visible .levels").first.locator("li")
        assert [marks.nth(n).locator("span").first.inner_text().split()[0] for n in range(4)] == LEVELS


def test_a_number_of_the_report_leads_to_its_steps(page: Any, address: str) -> None:
    page.goto(f"{address}drawn/report")
    assert fits(page) and page.locator("figure svg.network, .net").count() >= 1
    page.locator("h3[id^=flips] ~ figure svg.flips").first.wait_for(state="visible")
    link = page.locator('table a[href*="show=worsened"]').first  # a count; a share stands in the chart above
    number = link.inner_text()
    link.click()
    page.wait_for_url(re.compile("show=worsened"))
    assert f"{number} step" in page.locator("#fresh p").first.inner_text()


def test_search_leads_to_marked_words(page: Any, address: str) -> None:
    page.goto(f"{address}hostile/")
    page.keyboard.press("/")
    page.keyboard.type("ZEBRA")
    page.keyboard.press("Enter")
    page.locator(".matrix tbody th a").first.click()
    assert page.locator(".column mark.hit").first.inner_text() == "zebra"


def test_no_text_of_a_model_runs(page: Any, address: str) -> None:
    page.goto(f"{address}hostile/steps")
    for n in range(page.locator(".matrix tbody th a").count()):
        page.goto(f"{address}hostile/steps")
        page.locator(".matrix tbody th a").nth(n).click()
        page.keyboard.press("o")
        assert "owned" not in page.title() and page.locator("main img, main script").count() == 0 and fits(page)


def test_labels_are_given_with_keys_and_counted(page: Any, address: str, folder: Path) -> None:
    page.goto(f"{address}sim/label")
    before = page.locator(".lede").inner_text()
    with page.expect_navigation():
        page.keyboard.press("1")
    page.wait_for_function("before => document.querySelector('.lede').innerText !== before", arg=before)
    assert (folder / "labels.jsonl").read_text().count("\n") >= 1
    page.goto(f"{address}sim/steps?show=gap")
    page.locator(".matrix tbody th a").first.click()
    page.locator("details.byhand summary").first.click()
    form = page.locator("details.byhand[open] form.label").first
    form.locator("input[name=note]").fill("it says so")
    form.get_by_role("button", name="Keep").click()
    page.wait_for_function(
        "() => [...document.querySelectorAll('form.label [role=status]')].some(s => s.innerText === 'kept')"
    )


def test_a_bundle_works_from_a_disk(page: Any, simulated: Path, tmp_path: Path) -> None:
    out = tmp_path / "web"
    subprocess.run([*COMMAND, str(simulated), "--bundle", str(out)], check=True, capture_output=True)
    page.goto((out / "index.html").as_uri())
    page.get_by_role("link", name="sim", exact=True).click()
    assert page.locator(".forest").count() >= 1
    page.locator("#search").fill("uncertainty")
    page.locator("#found li a").first.click()
    assert page.locator(".column").count() == 4
