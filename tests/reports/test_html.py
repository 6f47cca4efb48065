"""The HTML report shows every variant and number, says what was not measured, loads nothing, and is replaced whole."""

import json
import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

import akrasia
from akrasia.cli import program
from akrasia.errors import RunFolderError
from akrasia.evals.inference import Estimate
from akrasia.evals.scorecard import Scorecard
from akrasia.models.providers.simulated import Planted, Simulated
from akrasia.reports import svg
from akrasia.reports.html import TEMPLATES, render_report, write_report
from akrasia.reports.page_charts import RunSteps
from akrasia.reports.text import p_text, rate_text, share_text

HOSTILE = "<script>alert(1)</script>"
VOID = {"meta", "br", "wbr", "path", "line", "circle"}


class Page(HTMLParser):
    """Visible text, tags and attributes; every element that is opened is closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.said: list[str] = []
        self.scripts: list[str] = []
        self.feed(text)
        assert not self.open
        assert self.scripts == [(TEMPLATES / "report.js").read_text(encoding="utf-8")]  # none but the report's own

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(k, v or "") for k, v in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(k, v or "") for k, v in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)
        elif self.open and self.open[-1] != "style":
            self.said.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.said))


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> akrasia.Result:
    return akrasia.run(
        task={"name": "bandit", "arms": 4, "horizon": 4},
        model=Simulated(Planted(parse_failure=0.1)),
        variants={"base": "reason_act", HOSTILE: "reason_act | critique", "fake": "reason_act | placebo", "act": "act"},
        episodes=6,
        out=tmp_path_factory.mktemp("report") / "run",
    )


@pytest.fixture(scope="module")
def card(result: akrasia.Result) -> Scorecard:
    return result.score()


@pytest.fixture(scope="module")
def page(result: akrasia.Result, card: Scorecard) -> Page:
    return Page(render_report(card, result.experiment))


def with_metric(card: Scorecard, variant: str, name: str, estimate: Estimate) -> Scorecard:
    arms = (replace(a, metrics={**a.metrics, name: estimate}) if a.variant == variant else a for a in card.arms)
    return replace(card, arms=tuple(arms))


def test_every_variant_and_number_is_shown(card: Scorecard, page: Page) -> None:
    assert "planted: knowing 0.87" in page.text and "bandit (arms 4" in page.text
    for arm in card.arms:
        assert arm.variant in page.text
        for name in ("knowing", "doing", "gap", "say_do"):
            if arm.metrics[name].value is not None:
                assert str(share_text(arm.metrics[name])) in page.text
        for line, cells in arm.table.counts.items():
            assert not sum(cells.values()) or rate_text(arm.table.joint(line, "greedy") or 0) in page.text
        contrast = card.contrast(arm, "gap", "base")
        assert contrast is None or contrast.p_holm is None or p_text(contrast.p_holm) in page.text
    for warning in card.warnings:
        assert warning in page.text
    assert "no legal action" in page.text and "unparsable" in page.text
    assert "akrasia show RUN EPISODE STEP" in page.text


def test_hostile_names_are_text(card: Scorecard, page: Page) -> None:
    named = replace(card, arms=tuple(replace(a, task=HOSTILE, model='"><img src=x>') for a in card.arms))
    hostile = Page(render_report(named, {"name": HOSTILE, "models": [], "variants": {}}))
    assert "img" not in hostile.tags
    assert HOSTILE in hostile.text


def test_nothing_is_loaded_from_elsewhere(result: akrasia.Result, card: Scorecard, page: Page) -> None:
    assert not page.tags & {"link", "img", "iframe", "object"}
    assert not {"src", "srcset"} & {name for name, _ in page.attributes}
    assert not re.search(r"https?://|@import|url\(", render_report(card, result.experiment))


def test_its_own_script_is_known_by_its_hash(page: Page) -> None:
    (policy,) = [v for k, v in page.attributes if k == "content" and "default-src" in v]
    proof = b64encode(sha256(page.scripts[0].encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{proof}'"


def test_every_link_leads_to_a_place_in_the_file(result: akrasia.Result, card: Scorecard) -> None:
    page = Page(render_report(card, result.experiment, RunSteps(result.folder, result.records)))
    ids = [v for k, v in page.attributes if k == "id"]
    links = [v for k, v in page.attributes if k == "href"]
    assert len(ids) == len(set(ids)) and links
    assert {link.removeprefix("#") for link in links} <= set(ids)


def test_steps_with_a_gap_stand_in_the_file_with_all_texts(result: akrasia.Result, card: Scorecard) -> None:
    page = Page(render_report(card, result.experiment, RunSteps(result.folder, result.records)))
    gaps = result.records.filter(pl.col("asked") & pl.col("knows") & ~pl.col("does"))
    places = gaps.select("episode", "step").unique().sort("episode", "step").rows()
    listed = [v for k, v in page.attributes if k == "id" and v.startswith("gap-") and v.count("-") == 3]
    assert [tuple(map(int, v.split("-")[2:])) for v in listed] == places[:12]
    assert f"{len(places)} situations with at least one such step" in page.text
    assert "knows and does not do" in page.text and "ACTION=" in page.text
    assert "Where it knew and did not do" not in Page(render_report(card, result.experiment)).text


def test_what_was_not_measured_is_said(card: Scorecard, page: Page) -> None:
    assert "not measured: no rationale was asked for" in page.text
    assert "not measured: no action was read off token probabilities" in page.text
    assert not re.search(r"\b(nan|None|inf)\b", page.text)
    few = Page(render_report(replace(card, arms=tuple(replace(a, metrics={}) for a in card.arms)), {}))
    assert "not measured: not among the metrics that were asked for" in few.text


def test_encoded_names_the_arm_it_comes_from(card: Scorecard) -> None:
    told = with_metric(card, "act", "encoded", Estimate(0.41, 0.3, 0.5, 24, 6))
    assert "encoded from" not in Page(render_report(told, {})).text
    beside = replace(told, arms=tuple(replace(a, encoded_from="act" if a.baseline else "") for a in told.arms))
    text = Page(render_report(beside, {})).text
    assert text.count("encoded from act, on the same prompt .41 [.30, .50]") == 1
    assert "no variant shows token probabilities on the same prompt" in text


def test_one_episode_has_no_interval(card: Scorecard) -> None:
    one = Estimate(0.25, n=4, clusters=1, why="one episode says nothing about spread")
    text = Page(render_report(with_metric(card, "base", "gap", one), {})).text
    assert ".25 [unknown] one episode says nothing about spread" in text


def test_tasks_and_models_are_kept_apart(card: Scorecard) -> None:
    other = tuple(replace(a, model="other") for a in card.arms)
    found = tuple((t, "other", c) for t, _, c in card.contrasts)
    both = replace(card, arms=card.arms + other, contrasts=card.contrasts + found)
    text = Page(render_report(both, {})).text
    assert "simulated:parse_failure=0.1 on bandit" in text and "other on bandit" in text


def test_the_same_scorecard_gives_the_same_bytes(tmp_path: Path, result: akrasia.Result, card: Scorecard) -> None:
    run = RunSteps(result.folder, result.records)
    one, two = (write_report(card, result.experiment, tmp_path / n, run).read_bytes() for n in ("a.html", "b.html"))
    assert one == two and len(one) < 300_000


def test_a_failed_write_keeps_what_was_there(tmp_path: Path, card: Scorecard) -> None:
    """A folder stands where the report would be written."""
    path = tmp_path / "report.html"
    path.mkdir()
    (path / "old").write_text("old")
    with pytest.raises(RunFolderError, match="cannot be written"):
        write_report(card, {}, path)
    assert (path / "old").read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_made_is_a_usage_error(tmp_path: Path, card: Scorecard) -> None:
    (tmp_path / "file").write_text("stands where a folder would be made")
    with pytest.raises(RunFolderError, match="cannot be written"):
        write_report(card, {}, tmp_path / "file" / "report.html")


@pytest.mark.parametrize("high", [0.0, 0.03, 0.2, 0.35, 0.61, 0.95, 1.0])
def test_the_scale_holds_what_it_shows(high: float) -> None:
    top = svg.reach([Estimate(high / 2, 0.0, high), Estimate(None)])
    drawn = str(svg.whisker(Estimate(high / 2, 0.0, high), "variant", high / 2, top, "a label"))
    places = [float(x) for x in re.findall(r'x[12]?="([\d.]+)%"', drawn + str(svg.axis(top)))]
    assert places and all(0 <= x <= 100 for x in places)


def test_an_unmeasured_estimate_has_no_mark() -> None:
    assert "mark" not in svg.whisker(Estimate(None, why="x"), "variant", None, 1.0, "gap")
    assert "fill" not in svg.bar(None, Estimate(None), None, "encoded", "encoded")


def test_verdicts_come_first_and_are_the_scorecard_s_own(card: Scorecard, page: Page) -> None:
    assert card.verdicts
    for verdict in card.verdicts:
        assert verdict.sentence in page.text
    assert page.text.index("Verdicts") < page.text.index("Gap closed against cost") < page.text.index("The gap per")
    assert page.attributes.count(("class", "plane")) == 2  # the figure and its drawing
    assert "What holds after looking" not in page.text and "What judges add" not in page.text


def test_looks_and_judges_have_sections_of_their_own(tmp_path: Path) -> None:
    result = akrasia.run(
        task={"name": "bandit", "arms": 4, "horizon": 2, "head_start": 2},
        model=Simulated(Planted(parse_failure=0.2)),
        variants=["reason_act", "reason_act | re_evaluate"],
        episodes=12,
        until="gap +- 0.01",
        out=tmp_path / "run",
    )
    result.judge("simulated:knowing=0.5")
    stored = json.loads(CliRunner().invoke(program(), ["score", str(result.folder), "--json"]).stdout)
    assert stored["looks"]["at"] == [10, 12]
    text = Page(render_report(result.score(), result.experiment)).text
    assert "Looked at for 'gap +- 0.01' after 10, 12 episodes, and not stopped by any." in text
    assert "What judges add" in text and "Cohen’s kappa" in text.replace("'", "’")
    assert "its anytime-valid interval excludes 0" in text
