"""The viewer's server: its pages say what is in the ledger, texts of models stay texts, and strangers get nothing."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlencode

import pytest
from typer.testing import CliRunner

import akrasia as ak
from akrasia.cli import app
from akrasia.commands.view import viewed_runs
from akrasia.ledger import Ledger, read_ledger
from akrasia.models import Scripted
from akrasia.models.base import FAILED
from akrasia.records import Draw, Request, Response
from akrasia.reports.viewer.viewed_run import ViewedRun

pytest.importorskip("starlette", reason="the extra viewer is not installed")
from starlette.testclient import TestClient  # noqa: E402

from akrasia.reports.viewer.app import viewer_app  # noqa: E402

View = Callable[..., list[ViewedRun]]
VOID = {"meta", "link", "input", "br", "wbr", "img", "path", "line", "rect", "circle"}


class Page(HTMLParser):
    """Text, tags and attributes of a page whose elements are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.said: list[str] = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(k, v or "") for k, v in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, tag

    def handle_data(self, data: str) -> None:
        self.said.append(data)

    @property
    def text(self) -> str:
        return "".join(self.said)


def client(runs: list[ViewedRun], labels: bool = True, host: str = "127.0.0.1") -> TestClient:
    return TestClient(viewer_app(runs, host, labels), base_url="http://127.0.0.1:8642")


@pytest.fixture(scope="module")
def asked(viewed: View, simulated: Path) -> Iterator[TestClient]:
    """A viewer that is only read from."""
    with client(viewed(simulated)) as one:
        yield one


def page(asked: TestClient, address: str) -> Page:
    answer = asked.get(address)
    assert answer.status_code == 200, answer.text
    return Page(answer.text)


def codes(asked: TestClient, **query: str) -> list[str]:
    """The situations of a list, over all of its pages."""
    found: list[str] = []
    for number in range(1, 99):
        text = asked.get(f"/sim/steps?{urlencode({**query, 'page': number})}").text
        here = re.findall(r'<th scope="row"><a href="step-([^"?]+)', text)
        found += here
        if not here:
            return found
    raise AssertionError("too many pages")


@pytest.mark.parametrize("show", ["gap", "mirror", "improved", "worsened", "unparsable", "disagree"])
def test_a_filter_lists_what_the_ledger_holds(asked: TestClient, simulated: Path, show: str) -> None:
    with read_ledger(simulated) as ledger:
        records = list(ledger.records())
    base = {(r.episode, r.step): r for r in records if r.variant == "reason_act"}

    def meant(r: ak.Record) -> bool:
        d, best, b = r.decision, set(r.oracle.optimal), base[r.episode, r.step]
        states, knows, does = d.stated_status != "absent", bool(set(d.stated) & best), d.done in best
        knows = knows and not (set(d.stated) >= set(r.actions) and not set(r.actions) <= best)
        b_does = b.decision.done in best
        unread = {"unparsable", "illegal", "truncated", "error", "refused"}
        return {
            "gap": states and knows and not does,
            "mirror": states and not knows and does,
            "improved": does and not b_does,
            "worsened": b_does and not does,
            "unparsable": d.status in unread or d.stated_status in unread,
            "disagree": len({o.decision.done for o in records if (o.episode, o.step) == (r.episode, r.step)}) > 1,
        }[show]

    expected = sorted({(r.episode, r.step) for r in records if meant(r)})
    listed = [tuple(map(int, code.split("-")[1:])) for code in codes(asked, show=show)]
    assert listed == expected and (listed or show == "mirror")


def test_one_that_a_critic_flipped_is_found_by_its_turns(asked: TestClient, simulated: Path) -> None:
    with read_ledger(simulated) as ledger:
        records = [r for r in ledger.records() if r.variant == "reason_act | critique"]
    flipped = [(r.episode, r.step) for r in records if r.decision.turns[0].position != r.decision.turns[-1].position]
    listed = [tuple(map(int, code.split("-")[1:])) for code in codes(asked, show="critic")]
    assert listed == sorted(flipped) and listed


def test_a_situation_shows_all_variants_and_where_they_part(asked: TestClient, simulated: Path) -> None:
    code = codes(asked, show="gap")[0]
    text = asked.get(f"/sim/step-{code}?show=gap").text
    shown = Page(text)
    assert text.count('<article class="column') == 4
    for words in (
        "reason_act | critique",
        "control: placebo",
        "1 turn as in the baseline: reason_act",
        "nobody was asked",
    ):
        assert words in shown.text
    assert "first divergence: the baseline has decided; 2 turns more" in shown.text
    assert "knows and does not do" in shown.text
    assert re.search(r'<mark class="stated">BEST=\w+</mark>', text) and re.search(
        r'<mark class="done">ACTION=\w+', text
    )


def test_the_situations_of_a_filter_follow_one_another(asked: TestClient) -> None:
    listed = codes(asked, show="gap")
    code, walked = listed[0], [listed[0]]
    while after := re.search(r'rel="next" href="step-([^"?]+)', asked.get(f"/sim/step-{code}?show=gap").text):
        code = after[1]
        walked.append(code)
    assert walked == listed


def test_search_finds_what_agents_said_thought_and_were_asked(viewed: View, hostile_run: Path) -> None:
    with client(viewed(hostile_run)) as asked:
        for words, hits in (("שלום", 4), ("ZEBRA", 2), ("hidden zebra", 2), ("Pressing a button", 4), ("decision", 0)):
            text = asked.get(f"/hostile/steps?{urlencode({'q': words})}").text
            assert f"{hits} situation{'s' * (hits != 1)}" in text, words
        code = re.findall(r'<th scope="row"><a href="(step-[^"?]+)', asked.get("/hostile/steps?q=zebra").text)[0]
        assert '<mark class="hit">zebra</mark>' in asked.get(f"/hostile/{code}?q=zebra").text


def test_what_a_model_wrote_is_text_on_every_page(viewed: View, hostile_run: Path) -> None:
    with client(viewed(hostile_run)) as asked:
        listed = re.findall(r'href="(step-[^"?]+)', asked.get("/hostile/steps").text)
        for address in ["", "scorecard", "steps", "label", *dict.fromkeys(listed)]:
            answer = asked.get(f"/hostile/{address}")
            assert answer.status_code == 200
            whole = address == "scorecard" or Page(answer.text)
            tags = re.findall(r"<(script|img|iframe)\b[^>]*", answer.text)
            assert [t for t in tags if t != "script"] == [] and len(tags) == (0 if whole is True else 1), address
            assert not re.search(r"<[^>]*\son\w+\s*=", re.sub(r'"[^"]*"', '""', answer.text)), address
            assert "\x1b" not in answer.text and "\u202e" not in answer.text
            assert "49" not in re.findall(r"gnal.{0,40}", answer.text)
            assert len(answer.content) < 400_000
        text = asked.get(f"/hostile/{listed[0]}").text
        assert "␛" in text and "&lt;U+202E&gt;" in text and "{{ 7 * 7 }}" in text


def test_a_line_of_a_megabyte_is_cut_on_the_page_and_whole_at_its_own_address(viewed: View, hostile_run: Path) -> None:
    with client(viewed(hostile_run)) as asked:
        listed = re.findall(r'href="(step-[^"?]+-1-[01])', asked.get("/hostile/steps").text)
        text = asked.get(f"/hostile/{listed[0]}").text
        assert "characters are left out here" in text and "ACTION=Blue" in text
        whole = asked.get(f"/hostile/{re.search(r'text-[0-9a-f]+', text)[0]}")  # type: ignore[index]
        assert whole.headers["content-type"].startswith("text/plain") and whole.text.count("long ") >= 200_000


def test_every_answer_forbids_foreign_scripts_and_frames(asked: TestClient) -> None:
    for address in ("/", "/sim/", "/sim/steps", "/static/viewer.js", "/nowhere", "/sim/report"):
        headers = asked.get(address).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff" and "unsafe-eval" not in policy
        if address != "/sim/report":
            assert "unsafe" not in policy


@pytest.mark.parametrize("named", ["evil.example", "evil.example:8642", "127.0.0.1.evil.example", "", "localhost.evil"])
def test_a_foreign_name_that_points_here_is_refused(asked: TestClient, named: str) -> None:
    assert asked.get("/sim/", headers={"host": named}).status_code == 421


@pytest.mark.parametrize("named", ["localhost:8642", "127.0.0.1:1", "[::1]:8642", "LOCALHOST", "192.168.1.4:80"])
def test_its_own_names_and_numbers_are_let_in(asked: TestClient, named: str) -> None:
    assert asked.get("/sim/", headers={"host": named}).status_code == 200


@pytest.mark.parametrize(
    "address",
    [
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/..%2f..%2fhtml.py",
        "/../../etc/passwd",
        "/%2e%2e/",
        "/sim/..%2f..%2fetc%2fpasswd",
        "/sim/text-..%2f..%2fledger.sqlite",
        "/sim/step-..%2f..%2fx",
        "/sim/ledger.sqlite",
        "/sim/step-e4ce2c6a-99999999999999999999-0",
        "/other/",
    ],
)
def test_no_address_reaches_a_file(asked: TestClient, address: str) -> None:
    answer = asked.get(address)
    assert answer.status_code == 404 and "Traceback" not in answer.text and "root:" not in answer.text


@pytest.mark.parametrize(
    "query", ["show=nonsense", "page=0", "page=-1", "page=x", "variant=none", "group=none", "page=9e9"]
)
def test_a_wrong_address_is_told_in_a_sentence(asked: TestClient, query: str) -> None:
    answer = asked.get(f"/sim/steps?{query}")
    assert answer.status_code == 404 and "That is not here" in answer.text


def test_a_page_behind_the_last_says_so(asked: TestClient) -> None:
    assert "There is no page 99" in asked.get("/sim/steps?page=99").text


def test_nothing_but_labels_is_ever_written(viewed: View, simulated: Path, tmp_path: Path) -> None:
    run = tmp_path / "sim"
    shutil.copytree(simulated, run)
    before = {p.name: p.read_bytes() for p in run.iterdir()}
    with client(viewed(run)) as asked:
        for address in ("/", "/sim/", "/sim/steps?q=Teal", "/sim/scorecard", "/sim/report", "/sim/label"):
            assert asked.get(address).status_code == 200
        assert asked.get(f"/sim/step-{codes(asked)[0]}").status_code == 200
        for method in ("put", "delete", "patch"):
            assert getattr(asked, method)("/sim/").status_code == 405
    assert {p.name: p.read_bytes() for p in run.iterdir() if p.name in before} == before
    assert {p.name for p in run.iterdir()} - before.keys() <= {"ledger.sqlite-shm", "ledger.sqlite-wal"}


def test_a_run_that_goes_on_is_seen_to_grow(viewed: View, simulated: Path, tmp_path: Path) -> None:
    run = tmp_path / "live"
    with read_ledger(simulated) as ledger:
        records = list(ledger.records())
    growing = Ledger(run)
    growing.begin_session()
    import asyncio

    asyncio.run(growing.record([r for r in records if r.episode < 2]))
    (shown,) = viewed_one = viewed(run)
    with client(viewed_one) as asked:
        first = asked.get("/live/state").json()
        assert first["live"] and first["rows"] == 4 * 4 * 2
        assert 'id="live"' in asked.get("/live/").text
        asyncio.run(growing.record([r for r in records if r.episode == 2]))
        for _ in range(200):
            now = asked.get("/live/state").json()
            if now["version"] != first["version"] and now["rows"] > first["rows"]:
                break
            import time

            time.sleep(0.05)
        assert now["rows"] == 4 * 4 * 3
    growing.close()
    assert shown.state().live


def test_two_runs_stand_side_by_side(viewed: View, simulated: Path, hostile_run: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    shutil.copytree(simulated, again)
    with client(viewed(simulated, again, hostile_run)) as asked:
        code = codes(asked)[0]
        text = asked.get(f"/sim/step-{code}?with=again").text
        assert text.count('<article class="column') == 8 and text.count('<span class="tag">again</span>') >= 4
        assert "the same transcript as reason_act" in Page(text).text
        assert asked.get(f"/sim/step-{code}?with=nothing").status_code == 404
        assert asked.get(f"/sim/step-{code}?with=hostile").text.count('<article class="column') == 4


def token_of(text: str) -> str:
    return re.search(r'name="akrasia-token" content="([^"]+)"', text)[1]  # type: ignore[index]


def test_a_label_needs_the_page_s_token_and_is_scored(viewed: View, simulated: Path, tmp_path: Path) -> None:
    run = tmp_path / "sim"
    shutil.copytree(simulated, run)
    with read_ledger(run) as ledger:
        records = [r for r in ledger.records() if r.decision.stated_status == "ok" and r.variant == "reason_act"]
    with client(viewed(run)) as asked:
        token = token_of(asked.get("/sim/label").text)
        for n, r in enumerate(records[:6]):
            body = {
                "step": [r.task, r.model, r.variant, r.episode, r.step],
                "action": r.decision.stated[0],
                "blind": True,
            }
            assert asked.post("/sim/labels", json=body).status_code == 403
            assert (
                asked.post("/sim/labels", json=body, headers={"x-akrasia-token": "x" * len(token)}).status_code == 403
            )
            wrong = {**body, "action": "Nothing"}
            assert asked.post("/sim/labels", json=wrong, headers={"x-akrasia-token": token}).status_code == 400
            assert asked.post("/sim/labels", json=body, headers={"x-akrasia-token": token}).status_code == 200, n
        for body in (b"", b"[]", b'{"step": 1}', b"\xff", b"x" * 30_000):
            assert asked.post("/sim/labels", content=body, headers={"x-akrasia-token": token}).status_code in (400, 413)
        said = Page(asked.get("/sim/").text).text
        texts = len({(r.decision.rationale, r.actions) for r in records[:6]})
        assert (
            f"{texts} texts, {texts} of them blind" in said
            and "parser: 1.00" in said
            and "nobody judged this run" in said
        )


def test_a_viewer_that_is_read_only_takes_no_label(viewed: View, simulated: Path) -> None:
    with client(viewed(simulated), labels=False) as asked:
        assert "akrasia-token" not in asked.get("/sim/").text
        assert asked.post("/sim/labels", json={}, headers={"x-akrasia-token": ""}).status_code == 403


def test_a_run_that_cannot_be_read_does_not_hide_the_others(viewed: View, simulated: Path, tmp_path: Path) -> None:
    shutil.copytree(simulated, tmp_path / "good")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "ledger.sqlite").write_bytes(b"no database at all, and long enough to be looked at" * 99)
    Ledger(tmp_path / "empty").close()
    runs = viewed_runs([tmp_path])
    with client(runs) as asked:
        listed = Page(asked.get("/").text).text
        assert "is damaged or is not a ledger" in listed and "good" in listed
        assert asked.get("/bad/").status_code == 404 and asked.get("/good/").status_code == 200
        assert asked.get("/empty/").status_code == 200
        assert "No step is like that" in asked.get("/empty/steps").text


def test_a_run_that_was_killed_is_not_called_live(viewed: View, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "killed")
    ledger.begin_session()
    ledger.close()
    assert viewed(tmp_path / "killed")[0].state().live
    long_ago = 1_600_000_000
    for path in (tmp_path / "killed").iterdir():
        os.utime(path, (long_ago, long_ago))
    (run,) = viewed(tmp_path / "killed")
    assert not run.state().live
    with client([run]) as asked:
        assert "it is still running, or was killed" in Page(asked.get("/killed/").text).text


def test_further_draws_of_a_decision_stand_in_its_column(viewed: View, tmp_path: Path) -> None:
    task = ak.tasks.bandit(arms=3, horizon=1)
    ak.run(task=task, model="simulated", variants=["reason_act"], episodes=1, trials=3, out=tmp_path / "run")
    with client(viewed(tmp_path / "run")) as asked:
        (code,) = re.findall(r'<th scope="row"><a href="(step-[^"?]+)', asked.get("/run/steps").text)
        assert "of 3 draws right" in asked.get(f"/run/{code}").text


def test_an_imported_run_shows_no_account_that_nobody_kept(viewed: View, tmp_path: Path) -> None:
    (tmp_path / "q.csv").write_text('item,variant,response,answer\n1,a,"so <b> ACTION=4",4\n1,b,"ACTION=7",4\n')
    done = CliRunner().invoke(
        app, ["import", "table", str(tmp_path / "q.csv"), "--out", str(tmp_path / "run"), "--yes"]
    )
    assert done.exit_code == 0, done.output
    with client(viewed(tmp_path / "run")) as asked:
        assert "imported as table" in Page(asked.get("/run/").text).text
        (code,) = re.findall(r'<th scope="row"><a href="(step-[^"?]+)', asked.get("/run/steps").text)
        text = Page(asked.get(f"/run/{code}").text).text
        assert "Right is 4" in text and "q.csv, row 2" in text and "model gives another answer" in text
        assert "tokens in" not in text.partition("q.csv, row 2")[0]


def test_of_a_step_that_failed_nothing_is_said_but_that(tmp_path: Path, viewed: View) -> None:
    def model(request: Request, draw: Draw) -> Response:
        return Response("", "error", FAILED, error="the server is gone")

    ak.run(
        task={"name": "bandit", "arms": 3}, model=Scripted(model), variants=["reason_act"], episodes=1,
        keep_going=True, out=tmp_path / "lost",
    )  # fmt: skip
    with client(viewed(tmp_path / "lost")) as asked:
        address = re.findall(r'href="(step-[^"?]+)', asked.get("/lost/steps").text)[0]
        text = asked.get(f"/lost/{address}").text
    assert "not read</span>: error" in text and ">failed</span>" in text
    assert "does not know</span>" not in text and "no legal action</span>" not in text
