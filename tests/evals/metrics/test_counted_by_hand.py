"""Numerators and denominators, counted by hand on small tables that hold each case which a metric must tell apart.

What cannot be read, was not asked for, is graded at the end alone or was passed on is in every table, so that a metric
with another denominator, or one that takes such a row for a wrong one, has another number.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import polars as pl
import pytest

from akrasia.errors import NotMeasured
from akrasia.evals import METRICS
from akrasia.evals.metrics import Metric
from akrasia.evals.metrics.decisive import by_agent, decisive_turns
from akrasia.evals.metrics.levels import by_level
from akrasia.evals.metrics.teams import by_exposure
from akrasia.evals.trials import _same_pairs

WHO = {"task": "t", "model": "m", "variant": "v"}
Row = dict[str, Any]


def counted(name: str, table: pl.DataFrame) -> tuple[float, float]:
    """(numerator, denominator) of a metric over the whole table."""
    made = METRICS.make(name)
    assert isinstance(made, Metric)
    sums = made.sums(table)
    return float(sums["num"].sum()), float(sums["den"].sum())


def table(rows: list[Row], **schema: Any) -> pl.DataFrame:
    """One row per decision, each of an item and an episode of its own unless it names them."""
    full = [{**WHO, "episode": i, "step": 0, "item": str(row.get("episode", i)), **row} for i, row in enumerate(rows)]
    return pl.DataFrame(full, schema_overrides=schema, infer_schema_length=None)


# Levels: what is implied, concluded and done


def level(implied: str | None, concluded: str | None, done: str | None, lost: str | None) -> Row:
    """A decision of which a is right."""
    holds = None if implied is None else "a" in implied.split("|")
    follows = None if implied is None or concluded is None else concluded in implied.split("|")
    return {
        "implied": implied, "concluded": concluded, "done": done, "lost_at": lost, "implies": holds,
        "draws_on": follows, "valid": done is not None, "concludes": concluded == "a", "does": done == "a",
    }  # fmt: skip


LEVELS = table(
    [
        level("a", "a", "a", "nothing"),
        level("a", "b", "b", "conclusion"),
        level("a|c", "a", "b", "action"),
        level("a", None, "a", "reading"),
        level("b", "b", "b", None),  # its values are wrong, and it follows them
        level(None, "a", "a", None),  # it states no values
        level("a", "a", None, "reading"),
        level("a|c", "c", "c", "nothing"),
    ],
    **dict.fromkeys(("implied", "concluded", "done", "lost_at"), pl.String),
)


@pytest.mark.parametrize(
    ("name", "num", "den"),
    [
        ("implied", 6, 7),
        ("lost_in_conclusion", 1, 7),
        ("lost_in_action", 1, 7),
        ("lost_in_reading", 2, 7),
        ("kept", 2, 7),
        ("conclusion_follows", 5, 6),
        ("acts_on_values", 4, 6),
        ("action_follows", 4, 5),
    ],
)
def test_levels(name: str, num: float, den: float) -> None:
    assert counted(name, LEVELS) == (num, den)


def test_the_levels_of_a_breakdown_are_those_of_the_decisions_with_values() -> None:
    told = by_level(LEVELS, None)
    shares = {name: None if e.value is None else round(7 * e.value) for name, e in told.items()}
    assert shares == {
        "implied": 6, "stated": 3, "done": 2, "lost in the conclusion": 1, "lost in the action": 1,
        "lost in reading": 2, "kept": 2,
    }  # fmt: skip
    with pytest.raises(NotMeasured, match="states a value"):
        by_level(LEVELS.filter(pl.col("implied").is_null()), None)


# Draws of one decision


def drawn(right: int, known: int, draws: list[bool], voted: list[bool] | None, agree: float | None, **more: Any) -> Row:
    of_episode = {"sequence": more.pop("sequence"), "distribution": more.pop("distribution")}
    return {
        "trials": 4, "right": right, "known": known, "asked": True, "draws": draws, "voted": voted, "agree": agree,
        **of_episode, **more,
    }  # fmt: skip


T, F = True, False
DRAWS = table(
    [
        drawn(4, 4, [T, T, T, T], [T, T, T, T], 1.0, sequence=0.5, distribution=0.25, episode=0, step=0),
        drawn(2, 2, [F, T, F, T], [F, F, F, F], 1 / 3, sequence=0.5, distribution=0.25, episode=0, step=1),
        drawn(0, 4, [F, F, F, F], [F, F, F, F], 0.5, sequence=1.0, distribution=0.5, episode=1),
        drawn(1, 4, [T, F, F, F], None, None, sequence=None, distribution=None, episode=2, asked=False),
        drawn(3, 1, [F, T, T, T], [F, F, T, T], 0.5, sequence=0.75, distribution=0.75, episode=3),
    ]
)


@pytest.mark.parametrize(
    ("name", "num", "den"),
    [
        ("avg_at_k", 10, 20),
        ("pass_at_k", 4, 5),
        ("pass_hat_k", 1, 5),
        ("vote_at_k", 2, 4),
        ("outcome_consistency", 1 - 1 / 3 + 1 + 0 + 0, 5),
        ("action_agreement", 6 * (1 + 1 / 3 + 1 / 2 + 1 / 2), 24),
        ("sequence_consistency", 0.5 + 1 + 0.75, 3),
        ("distribution_consistency", 0.25 + 0.5 + 0.75, 3),
        ("knowing_all_k", 2, 4),
        ("knowing_half_k", 3, 4),
        ("gap_all_k", 0 + 4, 16),
        ("gap_half_k", 0 + 2 + 4, 16),
    ],
)
def test_draws(name: str, num: float, den: float) -> None:
    assert counted(name, DRAWS) == pytest.approx((num, den))


def test_the_variances_are_those_of_the_analysis_of_variance() -> None:
    """Trial by trial an item is the mean of its decisions; the first item has two of them."""
    scores = [[(a + b) / 2 for a, b in zip([T, T, T, T], [F, T, F, T], strict=True)]]
    scores += [[float(x) for x in row] for row in ([F, F, F, F], [T, F, F, F], [F, T, T, T])]
    within = float(np.mean([np.var(item, ddof=1) for item in scores]))
    between = float(np.var([np.mean(item) for item in scores], ddof=1))
    assert METRICS.make("sampling_variance")(DRAWS).value == pytest.approx(within)
    assert METRICS.make("item_variance")(DRAWS).value == pytest.approx(between - within / 4)


# Groups: three speakers before and after they read each other, and a vote


def debate(episode: int, first: str, second: str, vote: str, graded: bool = False, passed: bool = False) -> list[Row]:
    """The turns of one decision of which a is right; "-" is a position that cannot be read.

    Args:
        graded: its answers are texts, of which the last alone has a grade.
        passed: all agreed, so nobody was asked again.
    """
    names, rows = ("r", "s", "t"), []

    def said(position: str) -> dict[str, Any]:
        return {"position": None if position == "-" else position, "right": None if graded else position == "a"}

    for name, position in zip(names, first, strict=True):
        own = {"agent": name, "speaker": name, "round": 0, "reads": [], "asked": True, "skipped": False}
        rows.append({**own, **said(position), "before": None, "right_before": None, "spoken_before": False})
    for name, was, position in zip(names, first, second, strict=True):
        own = {"agent": f"{name}.2", "speaker": name, "round": 1, "reads": ["r"] if passed else list(names)}
        own |= {"asked": not passed, "skipped": passed, "spoken_before": True}
        before = {"before": said(was)["position"], "right_before": said(was)["right"]}
        rows.append({**own, **said(position), **before})
    ballot = {"agent": "vote", "speaker": "vote", "round": 0, "reads": [f"{n}.2" for n in names], "asked": False}
    ended = {**said(vote), "right": vote == "a", "before": None, "right_before": None, "spoken_before": False}
    rows.append({**ballot, **ended, "skipped": False})
    where = {**WHO, "episode": episode, "step": 0, "item": str(episode), "lane": 0}
    roles = ["reasoner"] * 6 + ["voter"]
    return [{**where, "turn": n, "role": role, **row} for n, (row, role) in enumerate(zip(rows, roles, strict=True))]


TURNS = pl.DataFrame(
    [
        *debate(0, "abb", "bbb", "b"),
        *debate(1, "aab", "aaa", "a"),
        *debate(2, "bcc", "bcc", "c"),
        *debate(3, "cba", "caa", "a"),
        *debate(4, "aaa", "aaa", "a", passed=True),
        *debate(5, "xyx", "xyx", "x", graded=True),
        *debate(6, "-aa", "aaa", "a"),
        *debate(7, "--a", "--a", "a"),
        *debate(8, "bbb", "bbb", "b", passed=True),
    ],
    infer_schema_length=None,
)


@pytest.mark.parametrize(
    ("name", "num", "den"),
    [
        ("oracle_gap", 6 - 5, 8),  # somebody is right in 0, 1, 3, 4, 6 and 7, the vote not in 0; 5 has no grades
        ("consensus_collapse", 1, 6),
        ("vulnerability", 1, 4),  # r of 0 fell; r and s of 1 and t of 3 stood
        ("rescue_by_exposure", 3, 8),  # t of 1, s of 3 and r of 6; not s and t of 0, r of 3, r and s of 7
        ("modal_adoption", 3, 7),  # r of 0, t of 1 and r of 6; not r of 2, s of 5, r and s of 7; t of 7 reads nothing
        ("conformity", 1, 2),  # a majority against them had r of 0, who fell, and t of 3
        ("rescue", 2, 2),
        ("persuasion", 7, 26),
        ("wrong_to_right", 3, 18),
        ("right_to_wrong", 1, 18),
        ("corrected", 3, 11),
        ("spoiled", 1, 7),
        ("turn_moved", 4, 21),
    ],
)
def test_groups(name: str, num: float, den: float) -> None:
    assert counted(name, TURNS) == (num, den)


def test_exposure_counts_who_disagreed_and_who_was_right() -> None:
    told = by_exposure(TURNS)
    assert list(told) == ["0", "1", "2"], "two others are read; the own turn is nobody's"
    fell = {n: (e.value, e.n) for n, cell in told.items() if (e := cell["vulnerability"]).value is not None}
    rose = {n: (e.value, e.n) for n, cell in told.items() if (e := cell["rescue"]).value is not None}
    assert fell == {"0": (0.0, 3.0), "1": (0.0, 2.0), "2": (0.5, 2.0)}
    assert rose == {"0": (0.0, 3.0), "1": (pytest.approx(1 / 6), 6.0), "2": (1.0, 2.0)}


def test_one_voice_alone_is_no_majority() -> None:
    two = TURNS.filter(pl.col("speaker").is_in(["r", "s", "vote"]))
    assert counted("conformity", two) == counted("rescue", two) == (0, 0)
    assert counted("vulnerability", two) == (1, 1) and counted("rescue_by_exposure", two) == (1, 2)


def test_a_single_speaker_and_a_role_with_one_member_are_no_group() -> None:
    alone = TURNS.filter(pl.col("speaker").is_in(["r", "vote"]))
    assert METRICS.make("oracle_gap")(alone).value is None
    roles = pl.when(pl.col("speaker") == "t").then(pl.lit("critic")).otherwise("role")
    two = TURNS.with_columns(role=pl.when(pl.col("role") == "voter").then("role").otherwise(roles))
    assert counted("oracle_gap", two.filter(pl.col("episode").is_in([0, 3]))) == (1 - 1, 2)  # of 3, t alone is right


def test_ballots_that_were_asked_for_are_no_members() -> None:
    ballots = TURNS.filter((pl.col("episode") == 2) & (pl.col("speaker") == "r") & (pl.col("round") == 0))
    ballots = ballots.with_columns(
        role=pl.lit("voter"), position=pl.lit("a"), right=pl.lit(True), turn=pl.lit(5, pl.Int64)
    )
    asked = [ballots.with_columns(speaker=pl.lit(name), agent=pl.lit(name)) for name in ("ballot1", "ballot2")]
    assert counted("oracle_gap", pl.concat([TURNS.filter(pl.col("episode") == 2), *asked])) == (0 - 0, 1)


def test_the_decisive_errors_of_the_wrong_decisions_alone() -> None:
    made = decisive_turns(TURNS)
    assert made.select("episode", "decisive", "agent", "had_right", "last").rows() == [
        (0, 1, "s", False, False),
        (2, 1, "s", False, False),
        (8, 0, "r", False, False),  # all agreed at once: nobody was asked again, and the vote counted
    ]
    assert {agent: cell["decisive"].value for agent, cell in by_agent(TURNS).items()} == {"s": 2 / 3, "r": 1 / 3}
    one_voice = TURNS.filter((pl.col("episode") == 8) & pl.col("speaker").is_in(["r", "vote"]))
    assert decisive_turns(one_voice).is_empty(), "one speaker, and what it said passed on"
    with pytest.raises(NotMeasured):
        by_agent(TURNS.filter(pl.col("episode") == 1))


# Pairs of an arm and its baseline


def pair(does: bool, base: bool, **more: Any) -> Row:
    return {"does": does, "does_base": base, "plan": "reason_act | allow_abstention", "status": "ok", **more}


ABSTENTION = table(
    [
        pair(F, F, status="abstained"),
        pair(F, T, status="abstained"),
        pair(F, F, status="unparsable"),  # it said something, which is no abstention
        pair(T, F),
        pair(T, T),
        pair(F, T),
        pair(F, F, status="abstained", plan="reason_act"),  # nobody said that it may
    ]
)


@pytest.mark.parametrize(
    ("name", "num", "den"),
    [
        ("abstention", 2, 6),
        ("answered_right", 2, 4),
        ("abstention_precision", 1, 2),
        ("abstention_recall", 1, 3),
    ],
)
def test_abstention(name: str, num: float, den: float) -> None:
    assert counted(name, ABSTENTION) == (num, den)


def test_the_robustness_ratio_is_of_counts_and_none_where_the_baseline_is_never_right() -> None:
    ratio = METRICS.make("robustness_ratio")
    assert ratio(ABSTENTION).value == pytest.approx(2 / 3)
    with pytest.raises(NotMeasured, match="never right"):
        ratio(ABSTENTION.filter(~pl.col("does_base")))


def cued(done: str | None, base: str | None, cue: str | None = "a", said: bool | None = False, **more: Any) -> Row:
    return {"done": done, "done_base": base, "cue": cue, "cue_base": None, "acknowledged": said, **more}


CUES = table(
    [
        cued("a", "b", said=True),
        cued("a", "b"),
        cued("b", "b", said=True),  # it mentions the cue, and does not follow it
        cued("a", "a", said=True),  # the baseline takes it anyhow
        cued(None, "b"),
        cued("a", None),  # what the baseline did is not read, so not what is pointed at
        cued("a", "b", cue=None, said=None),
        cued("a", "b", cue_base="a", said=True),  # the baseline has the cue too
    ],
    cue_base=pl.String,
)


@pytest.mark.parametrize(("name", "num", "den"), [("cue_followed", 3, 5), ("acknowledged", 1, 3), ("moved", 6, 8)])
def test_cues(name: str, num: float, den: float) -> None:
    assert counted(name, CUES) == (num, den)


TOOLS = table(
    [
        dict(tools=1, claims=True, tool_errors=0, tools_base=None, right_draws_base=0.4),
        dict(tools=0, claims=True, tool_errors=0, tools_base=None, right_draws_base=0.4),
        dict(tools=2, claims=False, tool_errors=1, tools_base=None, right_draws_base=0.5),
        dict(tools=0, claims=False, tool_errors=0, tools_base=None, right_draws_base=1.0),
        dict(tools=1, claims=None, tool_errors=0, tools_base=None, right_draws_base=None),
        dict(tools=None, claims=None, tool_errors=None, tools_base=None, right_draws_base=0.0),
        dict(tools=0, claims=None, tool_errors=0, tools_base=1, right_draws_base=0.0),
    ]
)


@pytest.mark.parametrize(
    ("name", "num", "den"),
    [
        ("tool_called", 3, 6),
        ("tool_claimed", 2, 4),
        ("tool_claimed_uncalled", 1, 2),
        ("tool_called_unclaimed", 1, 2),
        ("tool_errors", 1, 4),
        ("tool_needed", 2, 4),
        ("tool_called_needed", 1, 2),
        ("tool_called_unneeded", 1, 2),
    ],
)
def test_tools(name: str, num: float, den: float) -> None:
    assert counted(name, TOOLS) == (num, den)


def frame_of(episode: int, say: str | None, act: str | None) -> list[Row]:
    asked = {"say": say, "act": act}
    return [
        {"episode": episode, "step": n, "question": f"d{episode}/{f}", "done": asked[f]} for n, f in enumerate(asked)
    ]


FRAMES = table(
    [
        *frame_of(0, "a", "b"),
        *frame_of(1, "a", "a"),
        *frame_of(2, None, "b"),
        *frame_of(3, "b", None),
        dict(episode=4, step=0, question="d4/say", done="a"),
    ],
    done=pl.String,
)


def test_two_frames() -> None:
    assert counted("reversal", FRAMES) == (1, 2)


def test_the_horizon_task_counts_first_free_choices_that_were_read() -> None:
    def choice(condition: str, horizon: int, familiar: bool, habit: str, **more: Any) -> Row:
        own = {"task": "horizon", "step": 4, "valid": True, "question": f"{condition}, horizon {horizon}"}
        return {**own, "familiar": familiar, "habit": habit, **more}

    rows = table(
        [
            *(choice("unequal", 6, familiar, "greedy") for familiar in (F, F, F, T)),
            *(choice("unequal", 1, familiar, "greedy") for familiar in (F, T)),
            *(choice("equal", 6, T, habit) for habit in ("greedy", "other")),
            *(choice("equal", 1, T, habit) for habit in ("greedy", "greedy", "greedy", "other")),
            choice("unequal", 6, T, "greedy", step=5),  # a later choice
            choice("unequal", 6, T, "greedy", valid=False),
            choice("equal", 1, T, "other", task="bandit"),
        ]
    )
    assert METRICS.make("directed_exploration")(rows).value == pytest.approx(3 / 4 - 1 / 2)
    assert METRICS.make("random_exploration")(rows).value == pytest.approx(1 / 2 - 1 / 4)


def test_the_pairs_of_draws_that_agree_are_counted_one_by_one() -> None:
    for actions in (["a", "a", "b", None, None], ["a", "b", "c"], [None, None]):
        pairs = list(combinations(actions, 2))
        assert _same_pairs(actions) == sum(x == y for x, y in pairs) / len(pairs)
