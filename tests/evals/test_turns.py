"""Transcripts as a table, and what is measured on it: flips, influence, latency, what a run really paid."""

from pathlib import Path
from typing import Any

import networkx as nx
import polars as pl
import pytest
from scipy import stats

import akrasia as ak
from akrasia.errors import NotMeasured, UnknownName
from akrasia.evals import METRICS, Estimate, frame
from akrasia.evals.metrics import table_read
from akrasia.evals.metrics.change import flips_by
from akrasia.evals.metrics.cost import paid_by_variant, with_latency
from akrasia.evals.metrics.influence import CENTRALITIES, debate_edges, persuasion_by_edge
from akrasia.evals.turns import TURNS, turns
from akrasia.ledger import read_ledger
from akrasia.models import Planted, Simulated
from akrasia.records import Decision, Oracle, Record, Turn, Usage, encode
from akrasia.tasks import bandit

ACTIONS = ("good", "bad", "worse")


def said(name: str, position: str | None, sample: int, *reads: str, role: str = "debater", **more: Any) -> Turn:
    return Turn(
        name,
        role,
        sample=sample,
        action=position,
        status="ok" if position else "unparsable",
        key=more.pop("key", f"{name}-key"),
        reads=reads,
        usage=Usage(10, 2),
        **more,
    )


def record(*transcript: Turn, episode: int = 0, variant: str = "debate", **more: Any) -> Record:
    oracle = Oracle(("good",), (), {a: 0.0 for a in ACTIONS}, {a: 0.0 for a in ACTIONS}, 1.0, (), "ucb")
    decision = Decision("", (), "absent", transcript[-1].action, "ok", turns=transcript)
    return Record(
        "t",
        "m",
        variant,
        "fork",
        episode,
        0,
        "s",
        ACTIONS,
        oracle,
        decision,
        0.0,
        0.0,
        len(transcript),
        Usage(),
        0.0,
        item=str(episode),
        **more,
    )


def star(first: str, second: str, third: str, *then: str | None) -> tuple[Turn, ...]:
    """Three debaters; the second and third read the first, the first reads the second; then all vote."""
    return (
        said("d1", first, 0),
        said("d2", second, 1),
        said("d3", third, 2),
        said("d1.discuss", then[0], 0, "d1", "d2"),
        said("d2.discuss", then[1], 1, "d2", "d1"),
        said("d3.discuss", then[2], 2, "d3", "d1"),
        said("vote", then[0], 0, "d1.discuss", "d2.discuss", "d3.discuss", role="voter", key=""),
    )


ONE = star("good", "bad", "worse", "good", "good", "worse")
TWO = star("good", "bad", "bad", "bad", "bad", "good")
THREE = star("bad", "bad", None, "bad", "bad", "bad")  # type: ignore[arg-type]
TABLE = turns([record(t, *rest, episode=i) for i, (t, *rest) in enumerate((ONE, TWO, THREE))])


def value(name: str, table: pl.DataFrame = TABLE, **options: Any) -> float:
    found: Estimate = METRICS.make(name, **options)(table)
    assert found.value is not None, found.why
    return found.value


def test_a_speaker_keeps_its_name_through_its_rounds() -> None:
    one = TABLE.filter(pl.col("episode") == 0)
    assert one["speaker"].to_list() == ["d1", "d2", "d3", "d1", "d2", "d3", "vote"]
    assert one["round"].to_list() == [0, 0, 0, 1, 1, 1, 0]
    assert one["before"].to_list() == [None, None, None, "good", "bad", "worse", None]
    assert one["right"].to_list() == [True, False, False, True, True, False, True]
    assert one["asked"].to_list() == [True] * 6 + [False]
    assert dict(TABLE.schema) == TURNS


def test_values_bytes_and_batches_give_one_table() -> None:
    records = [record(*ONE, episode=i) for i in range(5)]
    assert turns(records).equals(turns(encode(r) for r in records))
    assert turns([]).height == 0 and dict(turns([]).schema) == TURNS
    text = turns([record(*ONE, tags={"answer": "text"})])
    assert text["right"].null_count() == text.height
    with pytest.raises(NotMeasured, match="texts"):
        flips_by(text, "round")


def test_flips_by_hand() -> None:
    """Nine turns follow an earlier one: d2 is corrected in ONE, d1 spoiled and d3 corrected in TWO."""
    assert value("wrong_to_right") == pytest.approx(2 / 9)
    assert value("right_to_wrong") == pytest.approx(1 / 9)
    assert value("corrected") == pytest.approx(2 / 7)
    assert value("spoiled") == pytest.approx(1 / 2)
    assert value("turn_moved") == pytest.approx(4 / 9)  # d3 of THREE finds a position
    by_round = flips_by(TABLE, "round")
    assert list(by_round) == ["1"] and by_round["1"]["wrong_to_right"].n == 9
    by_speaker = flips_by(TABLE, "speaker")
    assert {s: e["right_to_wrong"].value for s, e in by_speaker.items()} == {"d1": 1 / 3, "d2": 0.0, "d3": 0.0}
    assert {s: e["wrong_to_right"].value for s, e in by_speaker.items()} == {"d1": 0.0, "d2": 1 / 3, "d3": 1 / 3}


def test_who_passed_on_what_all_agreed_on_has_not_held_its_ground() -> None:
    skipped = (said("d1", "bad", 0), said("d2", "bad", 1), said("d1.discuss", "bad", 0, "d1", skipped=True, key=""))
    for name in ("wrong_to_right", "turn_moved", "persuasion"):
        found = METRICS.make(name)(turns([record(*skipped)]))
        assert found.value is None and found.why


def test_influence_along_edges_by_hand() -> None:
    """d1 hears d2, the others hear d1. Disagreed: ONE d1<-d2, d2<-d1, d3<-d1; TWO the same; THREE d3<-d1."""
    edges = debate_edges(TABLE)
    assert edges.height == 9 and int(edges["exposed"].sum()) == 7
    found = {pair: (e.value, e.n) for pair, e in persuasion_by_edge(TABLE).items()}
    assert found == {("d1", "d2"): (0.5, 2.0), ("d1", "d3"): (pytest.approx(2 / 3), 3.0), ("d2", "d1"): (0.5, 2.0)}
    assert value("persuasion") == pytest.approx(4 / 7)
    for name in ("conformity", "rescue"):  # each hears one other: whoever that is, it is no majority
        alone = METRICS.make(name)(TABLE)
        assert alone.value is None and "majority" in alone.why
    assert set(edges.select("reader", "source").rows()) == {("d1", "d2"), ("d2", "d1"), ("d3", "d1")}


def test_conformity_and_rescue_ask_for_more_than_half_and_for_two_at_least() -> None:
    def among(*others: str, first: str = "good", then: str = "bad") -> pl.DataFrame:
        names = [f"o{i}" for i in range(len(others))]
        opened = [said(n, o, i + 1) for i, (n, o) in enumerate(zip(names, others, strict=True))]
        return turns([record(said("me", first, 0), *opened, said("me.discuss", then, 0, "me", *names))])

    assert value("conformity", among("bad", "worse", "good")) == 1.0
    assert value("conformity", among("bad", "worse")) == 1.0
    assert value("rescue", among("good", "good", "bad", first="bad", then="good")) == 1.0
    for none in (among("bad", "good"), among("bad"), among("bad", "good", "good")):
        found = METRICS.make("conformity")(none)
        assert found.value is None and "majority" in found.why
    for none in (among("good", first="bad", then="good"), among("good", "bad", first="bad", then="good")):
        assert METRICS.make("rescue")(none).value is None


def debate(folder: Path, *variants: str, episodes: int = 12) -> tuple[pl.DataFrame, pl.DataFrame, dict[str, float]]:
    """(frame, turns, seconds per key) of a real run."""
    ak.run(
        task=bandit(arms=6, horizon=2, head_start=3),
        model=Simulated(Planted()),
        variants=list(variants),
        episodes=episodes,
        out=folder,
    )
    ledger = read_ledger(folder)
    try:
        raw = list(ledger.raw_records())
        table = turns(raw)
        keys = table.filter("asked")["key"].unique()
        seconds = {k: answer.latency for k in keys if (answer := ledger.get(k)) is not None}
        cost = ledger.paid().calls
    finally:
        ledger.close()
    assert len(seconds) == cost
    return frame(raw), table, seconds


STAR = "society(agents=4, rounds=1, topology=[[0, 1], [0, 2], [0, 3], [1, 0], [1, 2], [2, 0]])"


@pytest.mark.parametrize("centrality", CENTRALITIES)
def test_centrality_against_influence_is_networkx_and_scipys(tmp_path: Path, centrality: str) -> None:
    _, table, _ = debate(tmp_path / "run", STAR)
    edges = debate_edges(table)
    graph = nx.DiGraph(
        [
            ("debater2", "debater1"),
            ("debater3", "debater1"),
            ("debater4", "debater1"),
            ("debater1", "debater2"),
            ("debater3", "debater2"),
            ("debater1", "debater3"),
        ]
    )
    assert set(edges.select("reader", "source").rows()) == set(graph.edges)
    theirs = {
        "degree": nx.in_degree_centrality,
        "closeness": nx.closeness_centrality,
        "betweenness": nx.betweenness_centrality,
        "pagerank": nx.pagerank,
    }[centrality](graph)
    moved = {s: p.filter("adopted").height / p.height for (s,), p in edges.filter("exposed").group_by("source")}
    names = sorted(moved)
    rho = stats.spearmanr([theirs[s] for s in names], [moved[s] for s in names]).statistic
    assert value("centrality_influence", table, centrality=centrality) == pytest.approx(rho, abs=1e-9)


def test_where_all_are_equally_central_nothing_is_measured(tmp_path: Path) -> None:
    _, table, _ = debate(tmp_path / "run", "society", "reason_act", episodes=3)
    with pytest.raises(NotMeasured, match="equally central"):
        METRICS.make("centrality_influence")(table.filter(pl.col("variant") == "society"))
    alone = table.filter(pl.col("variant") == "reason_act")
    for name in (n for n in METRICS if table_read(METRICS.make(n)) == "turns"):
        try:
            assert METRICS.make(name)(alone).value is None
        except NotMeasured as error:
            assert str(error)
    with pytest.raises(UnknownName, match="degree"):
        METRICS.make("centrality_influence", centrality="degre")


def test_latency_is_the_longest_way_through_the_plan() -> None:
    """The openings take 3 (the slowest), the discussion 5, the vote nothing."""
    records = [record(*ONE), record(*TWO, episode=1)]
    first = {"d1-key": 1.0, "d2-key": 3.0, "d3-key": 2.0}
    seconds = first | {"d1.discuss-key": 5.0, "d2.discuss-key": 0.5, "d3.discuss-key": 4.0}
    timed = with_latency(frame(records), turns(records), seconds)
    assert timed["latency"].to_list() == [8.0, 8.0]
    assert METRICS.make("latency")(timed).value == 8.0
    missing = with_latency(frame(records), turns(records), {k: v for k, v in seconds.items() if k != "d1-key"})
    assert missing["latency"].to_list() == [None, None]
    assert "clock" in METRICS.make("latency")(frame(records)).why
    assert timed.columns == frame(records).columns


def test_agents_that_read_each_other_in_a_circle_speak_one_after_the_other() -> None:
    spoken = (
        said("start", "good", 0),
        said("a", "good", 1, "start", "b"),
        said("b", "good", 2, "a"),
        said("end", "good", 3, "b"),
    )
    seconds = {"start-key": 1.0, "a-key": 2.0, "b-key": 4.0, "end-key": 8.0}
    one = record(*spoken)
    assert with_latency(frame([one]), turns([one]), seconds)["latency"].to_list() == [15.0]


def test_a_real_run_is_timed_and_paid_for_once(tmp_path: Path) -> None:
    """The reasoner's answer is shared by two variants: its key is paid once."""
    table, spoken, seconds = debate(tmp_path / "run", "reason_act", "reason_act | re_evaluate", episodes=4)
    timed = with_latency(table, spoken, {k: 1.0 for k in seconds})
    assert sorted(set(timed["latency"].to_list())) == [1.0, 2.0]
    costs = paid_by_variant(spoken)
    assert costs["nominal_calls"].to_list() == [8, 16]
    assert costs["calls"].to_list() == pytest.approx([4.0, 12.0])
    assert float(costs["calls"].sum()) == pytest.approx(len(seconds))


def test_an_unknown_price_is_no_zero() -> None:
    known = [record(said("a", "good", 0, cost=0.5), variant=v) for v in ("x", "y")]
    costs = paid_by_variant(turns([*known, record(said("b", "good", 0, cost=None), variant="z")]))
    assert costs["dollars"].to_list() == [0.25, 0.25, None]
    assert costs["nominal_dollars"].to_list() == [0.5, 0.5, None]
