"""Decision protocols: winners worked out by hand, properties of every protocol, and ballots read from hostile texts."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from akrasia.agents.ballots import Ballot, read_approved, read_ballot, read_confidence, read_points, read_ranking
from akrasia.agents.base import Agent
from akrasia.agents.protocols import PROTOCOLS, VoteCount, Votes, count_votes, protocol
from akrasia.agents.voter import Voter
from akrasia.cli import program
from akrasia.errors import BadOption, UnknownName
from akrasia.interventions import parse
from akrasia.records import Draw, Situation, Turn

ABC = ("A", "B", "C")
SITUATION = Situation(task="t", step=0, horizon=1, instruction="Pick.", actions=ABC)


def choices(said: str) -> list[Ballot]:
    """One ballot a letter; "-" abstains."""
    return [Ballot(None if c == "-" else c) for c in said]


def ranks(*said: str) -> list[Ballot]:
    """ "2 AB" is two ballots A > B."""
    profile = (s.split() for s in said)
    return [Ballot(r[0], tuple(r)) for n, r in profile for _ in range(int(n))]


def won(rule: str, ballots: Sequence[Ballot], **options: Any) -> str | None:
    return count_votes(rule, ballots, **options).winner


# 55 voters (after Malkevitch): four rules, four winners.
# plurality: A 18, B 12, C 10, D 9, E 6.
# irv: E goes (B 16, C 12), D goes (C 21), B goes (C 37 of 55): C.
# borda, 4 to 0 points: A 18*4 = 72; B 12*4 + 10*3 + 9 + 4*3 + 2 = 101; C 18 + 12 + 10*4 + 9*3 + 4 + 2*3 = 107;
#   D 18*3 + 12*2 + 10 + 9*4 + 4*2 + 2*2 = 136; E 18*2 + 12*3 + 10*2 + 9*2 + 4*4 + 2*4 = 134: D.
# condorcet: E beats A 37:18, B 33:22, C 36:19, D 28:27.
CLASSIC = ranks("18 ADECB", "12 BEDCA", "10 CBEDA", "9 DCEBA", "4 EBDCA", "2 ECDBA")
# Tennessee: 42 M N C K, 26 N C K M, 15 C K N M, 17 K C N M.
# plurality M 42. irv: C goes (K 32), N 26 goes (K 58): K. condorcet: N beats M 58:42, C 68:32, K 68:32.
# borda, 3 to 0: M 126, N 42*2 + 26*3 + 15 + 17 = 194, C 42 + 52 + 45 + 34 = 173, K 26 + 30 + 51 = 107: N.
TENNESSEE = ranks("42 MNCK", "26 NCKM", "15 CKNM", "17 KCNM")


@pytest.mark.parametrize(
    ("rule", "ballots", "winner"),
    [
        ("plurality", CLASSIC, "A"),
        ("irv", CLASSIC, "C"),
        ("borda", CLASSIC, "D"),
        ("condorcet", CLASSIC, "E"),
        ("plurality", TENNESSEE, "M"),
        ("irv", TENNESSEE, "K"),
        ("borda", TENNESSEE, "N"),
        ("condorcet", TENNESSEE, "N"),
        ("plurality", choices("-BAA"), "A"),
        ("majority", choices("AAB"), "A"),  # 2 of 3
        ("majority", choices("AABB"), None),  # 2 of 4 is not more than half
        ("majority", choices("AAB--"), "A"),  # 2 of the 3 that were cast
        ("majority", choices("AABC"), None),
        ("unanimity", choices("AAA"), "A"),
        ("unanimity", choices("AAB"), None),
        ("unanimity", choices("AA-"), None),  # who abstains does not consent
        ("supermajority", choices("AAB"), "A"),  # 2 of 3 is 2/3
        ("supermajority", choices("AAB-"), None),  # 2 of 4
        ("supermajority", choices("AAAB"), "A"),  # 3 of 4
        ("last", choices("AAB-"), "B"),
        ("last", choices("-AC"), "C"),
    ],
)
def test_the_winner_is_the_one_worked_out_by_hand(rule: str, ballots: list[Ballot], winner: str | None) -> None:
    assert won(rule, ballots) == winner


def test_borda_scores_of_the_classic_profile() -> None:
    assert count_votes("borda", CLASSIC).scores == {"A": 72, "D": 136, "E": 134, "C": 107, "B": 101}
    assert count_votes("irv", CLASSIC).scores == {"A": 18, "B": 16, "C": 37, "D": 9, "E": 6}


def test_confidence_weighs_a_vote() -> None:
    # B 0.9 against A 0.4 + 0.4 = 0.8.
    assert (
        won(
            "confidence_weighted",
            [Ballot("A", confidence=0.4), Ballot("A", confidence=0.4), Ballot("B", confidence=0.9)],
        )
        == "B"
    )
    # A without a confidence weighs 0.5, less than 0.6 and more than 0.4.
    assert won("confidence_weighted", [Ballot("A"), Ballot("B", confidence=0.6)]) == "B"
    assert won("confidence_weighted", [Ballot("B", confidence=0.4), Ballot("A")]) == "A"
    # 0.1 + 0.2 ties with 0.3, which floats would not see.
    tied = [Ballot("A", confidence=0.3), Ballot("B", confidence=0.1), Ballot("B", confidence=0.2)]
    assert won("confidence_weighted", tied) == "A" and won("confidence_weighted", tied, ties="none") is None


def test_approval_counts_every_approval() -> None:
    # A 2, B 3, C 1: everybody's compromise wins although nobody chose it first.
    assert (
        won(
            "approval",
            [Ballot("A", approved=("A", "B")), Ballot("A", approved=("A", "B")), Ballot("C", approved=("C", "B"))],
        )
        == "B"
    )
    # A choice only approves of itself: A 2, B 1.
    assert won("approval", [Ballot("B", approved=("B", "A")), Ballot("A")]) == "A"


def test_cumulative_points_have_one_total_per_ballot() -> None:
    # A 0.9; B 0.1 + 1: the second ballot's 1 point is as much as the first one's 100.
    assert won("cumulative", [Ballot("A", points={"A": 90, "B": 10}), Ballot("B", points={"B": 1})]) == "B"
    # A 0.6 + 0, B 0.4 + 0.5, C 0.5.
    two = [Ballot("A", points={"A": 6, "B": 4}), Ballot("B", points={"B": 5, "C": 5})]
    assert count_votes("cumulative", two).scores == {"A": 0.6, "B": 0.9, "C": 0.5}
    # No points, or none but zeros: all to the choice.
    assert won("cumulative", [Ballot("A", points={"B": 0}), Ballot("A"), Ballot("B")]) == "A"


def test_borda_shares_what_a_truncated_ballot_leaves() -> None:
    # Three candidates. A alone: A 2, B and C (1 + 0) / 2 each. B > C: B 2, C 1, A 0. Sum: A 2, B 2.5, C 1.5.
    assert count_votes("borda", ranks("1 A", "1 BC")).scores == {"A": 2, "B": 2.5, "C": 1.5}
    # A ballot with a choice only ranks that one.
    assert count_votes("borda", [Ballot("A"), Ballot(None, ("B", "C"))]).scores == {"A": 2, "B": 2.5, "C": 1.5}


def test_irv_lets_exhausted_ballots_go() -> None:
    # A 4, B 3, C 2 (C alone): C goes, its ballots are exhausted; A has 4 of 7.
    assert won("irv", ranks("4 A", "3 BA", "2 C")) == "A"
    # A 4, B 3, C 2 (C > B): C goes, B has 5 of 9.
    assert won("irv", ranks("4 A", "3 BA", "2 CB")) == "B"


def test_irv_ties_among_the_last() -> None:
    # A 2, B 1, C 1. "first": C (seen last) goes, its vote to B: 2:2, then B (seen last) goes: A.
    profile = ranks("2 AB", "1 BC", "1 CB")
    first = count_votes("irv", profile)
    assert first.winner == "A" and "B and C tied as last" in first.why and "C went" in first.why
    # "none": B and C go together, A is left.
    assert won("irv", profile, ties="none") == "A"
    # Nobody would be left: undecided.
    assert won("irv", ranks("1 AB", "1 BA"), ties="none") is None
    # "random" asks `pick` who goes: B goes, C has 2:2, A goes: C.
    order = iter(("B", "A"))
    assert won("irv", profile, ties="random", pick=lambda tied: next(order)) == "C"


def test_condorcet_falls_back_on_copeland() -> None:
    # The paradox: A > B > C > A, every one wins once.
    paradox = ranks("1 ABC", "1 BCA", "1 CAB")
    found = count_votes("condorcet", paradox)
    assert found.winner == "A" and "none beats" in found.why and found.scores == {"A": 1, "B": 1, "C": 1}
    assert won("condorcet", paradox, ties="none") is None
    # Truncated: B > A once, A and C alone: A-B 1:1, A-C 2:1, B-C 1:1. Copeland A 1.5, B 1, C 0.5.
    assert count_votes("condorcet", ranks("1 BA", "1 A", "1 C")).winner == "A"


def test_tie_rules() -> None:
    tied = choices("BAAB")
    assert won("plurality", tied) == "B"
    assert won("plurality", tied, ties="none") is None
    assert (
        won("plurality", tied, ties="random", pick=max) == "B"
        and won("plurality", tied, ties="random", pick=min) == "A"
    )
    assert won("borda", ranks("1 BA", "1 AB")) == "B"
    assert won("plurality", [Ballot(None, ("C",)), *choices("AC")]) == "A"  # in the order of what the rule reads


COUNTED = [name for name in PROTOCOLS if PROTOCOLS.make(name).count is not None]


@pytest.mark.parametrize("rule", COUNTED)
def test_without_a_vote_there_is_no_winner(rule: str) -> None:
    assert won(rule, []) is None and won(rule, choices("--")) is None


def test_what_is_not_a_protocol_is_refused() -> None:
    with pytest.raises(UnknownName, match="plurality"):
        count_votes("plurallity", choices("A"))
    with pytest.raises(UnknownName):
        count_votes("plurality", choices("A"), ties="last")
    for level in (0.5, 1.1, float("nan"), True, "2/3"):
        with pytest.raises(BadOption, match="level"):
            count_votes("supermajority", choices("A"), level=level)  # type: ignore[arg-type]
    with pytest.raises(BadOption, match="random"):
        count_votes("plurality", choices("AB"), ties="random")


def test_a_level_near_one_half_still_needs_more_than_half() -> None:
    assert won("supermajority", choices("AB"), level=0.5 + 1e-12) is None


labels = st.sampled_from("ABCD")


@st.composite
def any_ballot(draw: Any) -> Ballot:
    some = st.lists(labels, unique=True).map(tuple)
    points = st.dictionaries(labels, st.integers(0, 10))
    return Ballot(draw(st.none() | labels), draw(some), draw(some), draw(points), draw(st.none() | st.floats(0, 1)))


profiles = st.lists(any_ballot(), max_size=7)
rules = st.sampled_from(COUNTED)


@given(st.sampled_from(sorted({*COUNTED} - {"first", "last"})), profiles, st.randoms(use_true_random=False))
def test_voters_are_alike(rule: str, ballots: list[Ballot], random: Any) -> None:
    other = random.sample(ballots, len(ballots))
    one, two = (count_votes(rule, b, ties="none") for b in (ballots, other))
    assert (one.winner, one.scores) == (two.winner, two.scores)
    if one.winner is not None and rule != "irv":  # irv may tie on its way to one winner
        assert won(rule, other) == one.winner


@given(rules, profiles, st.sampled_from(["first", "none", "random"]))
def test_a_winner_stands_on_a_ballot(rule: str, ballots: list[Ballot], ties: str) -> None:
    found = count_votes(rule, ballots, ties=ties, pick=min)
    assert found.winner is None or any(found.winner in b.labels for b in ballots)
    assert set(found.scores) == {c for b in ballots for c in b.labels}


@given(rules, st.integers(1, 6), st.sampled_from(["first", "none", "random"]), st.floats(0.51, 1))
def test_what_all_choose_wins(rule: str, n: int, ties: str, level: float) -> None:
    assert won(rule, choices("A" * n), ties=ties, level=level, pick=max) == "A"


@given(st.lists(st.permutations("ABCD"), min_size=1, max_size=9))
def test_who_beats_every_other_one_wins_under_condorcet(rankings: list[list[str]]) -> None:
    def beats(a: str, b: str) -> bool:
        return 2 * sum(r.index(a) < r.index(b) for r in rankings) > len(rankings)

    best = [a for a in "ABCD" if all(beats(a, b) for b in "ABCD" if b != a)]
    if best:
        assert won("condorcet", [Ballot(r[0], tuple(r)) for r in rankings], ties="none") == best[0]


RBG = ("Red", "Blue", "Green")


@pytest.mark.parametrize(
    ("text", "value", "status"),
    [
        ("RANKING=Red > Blue > Green", RBG, "ok"),
        ("I think.\n**RANKING=** *green* > **Red**", ("Green", "Red"), "ok"),
        ("ranking: Red, Blue", ("Red", "Blue"), "ok"),
        ("RANKING=<Red > Blue>", ("Red", "Blue"), "ok"),
        ("RANKING=Red > Blue\nRANKING=Blue > Red", ("Blue", "Red"), "ok"),
        ("RANKING=Red RANKING=Blue > Red CONFIDENCE=70", ("Blue", "Red"), "ok"),
        ("RANKING=Red (it is best) > Blue.", ("Red", "Blue"), "ok"),
        ("RANKING=", (), "unparsable"),
        ("RANKING=\nRed > Blue", (), "unparsable"),
        ("RANKING=Red > Blue\nRANKING=", (), "unparsable"),
        ("Red > Blue", (), "unparsable"),
        ("", (), "unparsable"),
        ("XRANKING=Red", (), "unparsable"),
        ("RANKING=Red > Mauve", (), "illegal"),
        ("RANKING=Redder > Blue", (), "illegal"),
        ("RANKING=Red > Blue > Red", (), "illegal"),
        ("RANKING=Red > > Blue", (), "illegal"),
        ("RANKING=Red or Blue > Green", (), "illegal"),
        ("RANKING=Red = Blue > Green", (), "illegal"),
    ],
)
def test_rankings(text: str, value: tuple[str, ...], status: str) -> None:
    assert read_ranking(text, RBG) == (value, status)


def test_a_ranking_of_letters_is_not_found_in_words() -> None:
    assert read_ranking("RANKING=A > B > C", ABC) == (ABC, "ok")
    assert read_ranking("RANKING=Apple > Banana", ABC) == ((), "illegal")
    assert read_ranking("RANKING=a new one > B", ABC) == ((), "illegal")
    assert read_ranking("RANKING=A > B > C", ()) == ((), "illegal")


@pytest.mark.parametrize(
    ("text", "value", "status"),
    [
        ("APPROVE=Red, Green", ("Red", "Green"), "ok"),
        ("APPROVE=[Red, Green and Blue].", ("Red", "Green", "Blue"), "ok"),
        ("APPROVE=Red\nAPPROVE=Blue", ("Blue",), "ok"),
        ("APPROVE=Red, Red", (), "illegal"),
        ("APPROVE=Red, Mauve", (), "illegal"),
        ("APPROVE=none", (), "illegal"),
        ("APPROVE=", (), "unparsable"),
        ("I approve of Red", (), "unparsable"),
    ],
)
def test_approvals(text: str, value: tuple[str, ...], status: str) -> None:
    assert read_approved(text, RBG) == (value, status)


@pytest.mark.parametrize(
    ("text", "value", "status"),
    [
        ("POINTS=Red:5, Blue:3", {"Red": 5, "Blue": 3}, "ok"),
        ("**POINTS=** Red = 2.5 points; **Blue**: 0", {"Red": 2.5, "Blue": 0}, "ok"),
        ("POINTS={Red: 6, Blue: 4}.", {"Red": 6, "Blue": 4}, "ok"),
        ("POINTS=Red:5 Blue:3 ACTION=Red", {"Red": 5, "Blue": 3}, "ok"),
        ("POINTS=Red:5\nPOINTS=Blue:1", {"Blue": 1}, "ok"),
        ("POINTS=Red:-5, Blue:3", {}, "illegal"),
        ("POINTS=Red:\N{MINUS SIGN}5", {}, "illegal"),
        ("POINTS=Red:5, Red:3", {}, "illegal"),
        ("POINTS=Red:5, Mauve:3", {}, "illegal"),
        ("POINTS=Red:" + "9" * 400, {}, "illegal"),
        ("POINTS=Red:many", {}, "unparsable"),
        ("POINTS=Red:5/10", {}, "unparsable"),
        ("POINTS=Red", {}, "unparsable"),
        ("POINTS=", {}, "unparsable"),
        ("no points", {}, "unparsable"),
    ],
)
def test_points(text: str, value: dict[str, float], status: str) -> None:
    assert read_points(text, RBG) == (value, status)


@pytest.mark.parametrize(
    ("said", "value", "status"),
    [
        ("80", 0.8, "ok"),
        ("80 %", 0.8, "ok"),
        ("80%.", 0.8, "ok"),
        ("80/100", 0.8, "ok"),
        ("0.8", 0.8, "ok"),
        (".8", 0.8, "ok"),
        ("0.8 %", 0.008, "ok"),
        ("1", 0.01, "ok"),  # asked for 0 to 100, so a bare 1 is a percent
        ("1.0", 1.0, "ok"),
        ("100", 1.0, "ok"),
        ("0", 0.0, "ok"),
        ("**75**", 0.75, "ok"),
        ("10\nCONFIDENCE=90", 0.9, "ok"),
        ("101", None, "illegal"),
        ("-5", None, "illegal"),
        ("8/10", None, "unparsable"),
        ("80-90", None, "unparsable"),
        ("high", None, "unparsable"),
        ("N", None, "unparsable"),
        ("", None, "unparsable"),
        ("\n80", None, "unparsable"),
    ],
)
def test_confidence(said: str, value: float | None, status: str) -> None:
    found = read_confidence(f"Sure.\nCONFIDENCE={said}")
    assert found == (pytest.approx(value), status)


@given(st.text(st.sampled_from("RANKIGPOVETSCFD=:,> 0123456789.-%ABC()*\n")))
def test_no_reader_invents_a_label(text: str) -> None:
    for marker in ("RANKING=", "APPROVE=", "POINTS=", "CONFIDENCE="):
        said = marker + text
        for reader in (read_ranking, read_approved, read_points):
            value, status = reader(said, ABC)
            assert bool(value) == (status == "ok") and set(value) <= set(ABC)
            assert all(v in text for v in map(str, value))
        sure, status = read_confidence(said)
        assert (sure is not None) == (status == "ok") and (sure is None or 0 <= sure <= 1)


def turn(action: str | None = None, stated: str = "", text: str = "", acts: bool = True, **more: Any) -> Turn:
    status: Any = ("ok" if action else "unparsable") if acts else "absent"
    return Turn("a", "r", text=text, stated=tuple(stated), stated_status="ok" if stated else "absent", action=action,
                status=status, **more)  # fmt: skip


def conclude(turns: list[Turn], draw: Draw | None = None, **options: Any) -> Turn:
    return Voter().conclude(Agent("voter", options=options), SITUATION, tuple(turns), *([draw] if draw else []))


def test_a_ballot_of_a_turn() -> None:
    said = "RANKING=B > A\nAPPROVE=A, B\nPOINTS=A:1\nCONFIDENCE=60"
    assert read_ballot(turn("A", "B", said), ABC) == Ballot("A", ("B", "A"), ("A", "B"), {"A": 1.0}, 0.6)
    assert read_ballot(turn("A", "B", said, confidence=0.2), ABC).confidence == 0.2
    assert read_ballot(turn(None, "B"), ABC).choice is None  # asked to act, unreadable: abstains
    assert read_ballot(turn(None, "BA", acts=False), ABC).choice == "B"
    assert read_ballot(turn("A", text="RANKING=Z > A"), ABC).ranked == ("A",)  # a spoilt ranking leaves the position


def test_the_default_vote_is_todays() -> None:
    vote = conclude([turn("A", "BC"), turn(None, "B"), turn("B", "C")])
    assert (vote.text, vote.action, vote.status, vote.stated) == ("votes: A, -, B", "A", "ok", ("B", "C"))


def test_a_majority_that_fails_is_undecided_unless_told_otherwise() -> None:
    turns = [turn("A", "A"), turn("B", "A")]
    vote = conclude(turns, rule="majority")
    assert (vote.action, vote.status, vote.stated, vote.stated_status) == (None, "undecided", ("A",), "ok")
    assert vote.text == "majority: A 1, B 1; ballots A, B; not more than half of the ballots cast: undecided"
    fallen = conclude(turns, rule="majority", otherwise="plurality")
    assert (fallen.action, fallen.status) == ("A", "ok") and "plurality" in fallen.text
    with pytest.raises(UnknownName):
        conclude(turns, rule="majority", otherwise="pluralitty")
    with pytest.raises(UnknownName):
        conclude(turns, rule="majorty")


def test_a_vote_in_which_all_abstain_keeps_its_outcome() -> None:
    vote = conclude([turn(None), turn(None)], rule="unanimity")
    assert (vote.action, vote.status, vote.stated_status) == (None, "unparsable", "absent")


def test_ballots_decide_the_action_and_leave_the_recommendation() -> None:
    # borda over A, B, C: A > B > C gives 2 1 0, B > C > A twice 0 4 2: A 2, B 5, C 2.
    said = "RANKING=B > C > A"
    vote = conclude([turn("A", "A", "RANKING=A > B > C"), turn("A", "A", said), turn("A", "A", said)], rule="borda")
    assert (vote.action, vote.stated) == ("B", ("A",))
    assert vote.text.startswith("borda: A 2, B 5, C 2; ballots A > B > C, B > C > A, B > C > A; ")


def test_ballots_decide_the_recommendation_where_nobody_acts() -> None:
    said = [turn(None, "A", f"APPROVE={a}", acts=False) for a in ("A, B", "B", "B, C")]
    vote = conclude(said, rule="approval")
    assert (vote.action, vote.status, vote.stated, vote.stated_status) == (None, "absent", ("B",), "ok")


def test_ties_at_random_fall_alike_on_both_sides_and_by_the_draw() -> None:
    turns = [turn("A", "B"), turn("B", "A")]
    seen = set()
    for step in range(30):
        vote = conclude(turns, Draw(3, step), ties="random")
        again = conclude(turns[::-1], Draw(3, step), ties="random")
        assert vote.stated == (vote.action,) == (again.action,)
        seen.add(vote.action)
    assert seen == {"A", "B"}
    undecided = conclude(turns, ties="none")
    assert (undecided.action, undecided.status, undecided.stated_status) == (None, "undecided", "undecided")
    assert undecided.text.startswith("votes: A, B; ")


def test_the_last_vote_keeps_its_rationale_and_its_whole_recommendation() -> None:
    turns = [turn("A", "A", rationale="one"), turn("A", "BC", rationale="two"), turn(None, "", rationale="three")]
    vote = conclude(turns, rule="last")
    assert (vote.action, vote.stated, vote.rationale) == ("A", ("B", "C"), "two")


def test_a_protocol_of_ones_own_is_usable_by_name_wherever_one_is_named(tmp_path: Path) -> None:
    @protocol("fewest", ballot="approval")
    def fewest(votes: Votes) -> VoteCount:
        """Fewest approvals."""
        approved = [label for ballot in votes.ballots for label in ballot.approvals]
        scores = {label: float(approved.count(label)) for label in votes.candidates}
        return VoteCount(min(scores, key=scores.__getitem__), scores, "fewest approvals")

    try:
        ballots = [Ballot("A", approved=("A", "B")), Ballot("A", approved=("A",))]
        assert won("fewest", ballots) == "B" and PROTOCOLS.about("fewest") == "Fewest approvals."
        plan = parse("society(protocol='fewest')")
        assert plan.node("debater1.ballot").agent.options["ballot"] == "approval"
        assert plan.node("vote").agent.options["rule"] == "fewest"
        assert parse("reason_act | debate(protocol='fewest')").calls == 9
        with pytest.raises(UnknownName, match="counts positions"):  # copies of a plan are asked for no ballot
            parse("reason_act | self_consistency(3, protocol='fewest')")
        settings = tmp_path / "run.toml"
        settings.write_text(
            'name = "r"\ntask = "bandit"\nmodel = "simulated"\nepisodes = 1\n'
            """variants = ["reason_act", "society(agents=2, rounds=1, protocol='fewest')"]\n"""
        )
        ran = CliRunner().invoke(program(), ["run", str(settings), "--out", str(tmp_path / "run")])
        assert ran.exit_code == 0, ran.output
        shown = CliRunner().invoke(program(), ["graphs", "show", "society(protocol='fewest')"])
        assert shown.exit_code == 0 and "vote (decision)" in shown.output
    finally:
        PROTOCOLS._factories.pop("fewest")


def test_a_judge_counts_no_votes() -> None:
    with pytest.raises(BadOption, match="counts no votes"):
        count_votes("judge", choices("AB"))
    assert parse("society(protocol='judge')").node("judge").agent.role == "judge"
