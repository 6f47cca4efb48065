"""Decision protocols: how the winner of a set of ballots is decided, as pure functions in one registry.

Invariant: a winner stands on some ballot, or there is none. Scores are added up exactly, so no tie is made or broken by
rounding, and every protocol but `first` and `last` treats the ballots alike: their order matters through ties alone.

Candidates are the labels named on any ballot, in first-seen order (what the protocol itself reads comes first). Ties:
"first" takes the candidate seen first, "none" leaves the vote undecided, "random" leaves it to `pick`.

A ballot that names nothing abstains. Abstentions do not count in the half of `majority`, which is one of the ballots
cast, but they do in `unanimity` and `supermajority`, which ask for the consent of everybody.

A protocol of your own is a function `(votes) -> VoteCount` decorated with `@protocol(...)`; other packages register it
through the entry-point group `akrasia.protocols`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

from ..errors import BadOption
from ..options import one_of, real
from ..registry import Registry
from .ballots import BALLOTS, Ballot, BallotKind, exact

TIES = ("first", "none", "random")
UNSURE = 0.5  # the weight of a ballot that gives no confidence


@dataclass(frozen=True)
class VoteCount:
    """The outcome of a vote. `winner` is None where it is undecided; `why` says how it came about."""

    winner: str | None
    scores: dict[str, float]
    why: str


@dataclass(frozen=True)
class Votes:
    """What a protocol counts.

    Attributes:
        candidates: every label on a ballot, in first-seen order.
        ties: "first", "none" or "random".
        level: the share that `supermajority` asks for.
        pick: chooses among those that tie, for "random".
    """

    ballots: Sequence[Ballot]
    candidates: tuple[str, ...]
    ties: str
    level: float
    pick: Callable[[Sequence[str]], str] | None

    def top(self, scores: dict[str, Fraction], why: str) -> VoteCount:
        """The candidate with the highest score, by the tie rule if there are several."""
        best = max(scores.values())
        return self.among([c for c in self.candidates if scores[c] == best], _floats(scores), why)

    def among(self, tied: list[str], scores: dict[str, float], why: str) -> VoteCount:
        """One of those on top."""
        if len(tied) == 1:
            return VoteCount(tied[0], scores, why)
        why += f", {' and '.join(tied)} tie"
        if self.ties == "none":
            return VoteCount(None, scores, f"{why}: undecided")
        winner = self.pick(tied) if self.ties == "random" and self.pick else tied[0]
        return VoteCount(winner, scores, f"{why}: {'at random' if self.ties == 'random' else 'the first'}")


Count = Callable[[Votes], VoteCount]
Consensus = Literal["", "everybody", "level"]


@dataclass(frozen=True)
class DecisionProtocol:
    """How a group decides.

    Attributes:
        name: its registered name.
        count: counts the ballots; None where an agent decides.
        ballot: the kind of ballot that agents are asked for, a name of `BALLOTS`; "" takes their positions.
        consensus: whose agreement decides, and so ends a discussion early: "everybody", a share of at least the
            "level" that the vote is given, or "" where no agreement does.
        confidence: whether agents are asked how sure they are.
        role: the role of the agent that decides.
    """

    name: str
    count: Count | None
    ballot: str = ""
    consensus: Consensus = ""
    confidence: bool = False
    role: str = "voter"

    @property
    def kind(self) -> BallotKind:
        """The kind of ballot that it reads."""
        return BALLOTS[self.ballot]

    def agreement(self, level: float) -> float | None:
        """The share of agents whose agreement ends a discussion early; None: none does."""
        return {"everybody": 1.0, "level": level}.get(self.consensus)

    def show(self, ballot: Ballot) -> str:
        """What it reads of a ballot, as text."""
        if self.confidence and ballot.choice and ballot.confidence is not None:
            return f"{ballot.choice} ({ballot.confidence:.0%})"
        return self.kind.show(ballot) or "-"


PROTOCOLS: Registry[DecisionProtocol] = Registry("decision protocol", "akrasia.protocols")


def protocol(
    name: str,
    *,
    ballot: str = "",
    consensus: Consensus = "",
    confidence: bool = False,
) -> Callable[[Count], Count]:
    """Register a function that counts votes as a decision protocol.

    Args:
        name: how experiments name it.
        ballot: "ranking", "approval", "points", or "" for the position of each agent.
        consensus: whose agreement ends a discussion early: "everybody", "level" (a share), or nobody's.
        confidence: whether agents are asked how sure they are.
    """
    one_of("ballot", ballot, BALLOTS)

    def register(count: Count) -> Count:
        def make() -> DecisionProtocol:
            return DecisionProtocol(name, count, ballot, consensus, confidence)

        make.__doc__, make.__module__, make.__qualname__ = count.__doc__, count.__module__, count.__qualname__
        PROTOCOLS.register(name, make)
        return count

    return register


def protocol_named(name: Any) -> DecisionProtocol:
    """The protocol of that name.

    Raises:
        UnknownName: there is none.
    """
    return PROTOCOLS.make(one_of(PROTOCOLS.kind, name, PROTOCOLS))


def check_ties(ties: Any, level: Any) -> None:
    """Refuse a tie rule and a level that no vote can be counted with.

    Raises:
        UnknownName: there is no such tie rule.
        BadOption: the level is out of its range.
    """
    one_of("tie rule", ties, TIES)
    real("the level", level, most=1, above=0.5)


def count_votes(
    protocol: str,
    ballots: Sequence[Ballot],
    *,
    ties: str = "first",
    level: float = 2 / 3,
    pick: Callable[[Sequence[str]], str] | None = None,
) -> VoteCount:
    """Count the ballots by a protocol.

    Args:
        ties: "first", "none" or "random".
        level: the share that `supermajority` asks for, more than 0.5.
        pick: chooses among those that tie, for "random".

    Raises:
        UnknownName: there is no such protocol, or no such tie rule.
        BadOption: the protocol counts nothing, the level is out of its range, or ties are random without `pick`.
    """
    chosen = protocol_named(protocol)
    check_ties(ties, level)
    if chosen.count is None:
        raise BadOption(f"{protocol!r} counts no votes", f"the {chosen.role} decides", "Use another protocol.")
    if ties == "random" and pick is None:
        raise BadOption("ties are broken at random", "there is nothing to draw with", "Give `pick`.")
    supported = [chosen.kind.supports(b) for b in ballots]
    named = [*(c for labels in supported for c in labels), *(c for b in ballots for c in b.labels)]
    if not any(supported):
        return VoteCount(None, dict.fromkeys(named, 0.0), "nobody voted: undecided")
    return chosen.count(Votes(ballots, tuple(dict.fromkeys(named)), ties, level, pick))


def _choice(ballot: Ballot) -> tuple[str, ...]:
    return () if ballot.choice is None else (ballot.choice,)


def _floats(scores: dict[str, Fraction]) -> dict[str, float]:
    return {c: float(s) for c, s in scores.items()}


def _sums(votes: Votes, parts: Iterable[tuple[str, Fraction]]) -> dict[str, Fraction]:
    scores = dict.fromkeys(votes.candidates, Fraction())
    for candidate, score in parts:
        scores[candidate] += score
    return scores


def _choices(votes: Votes) -> dict[str, Fraction]:
    return _sums(votes, ((c, Fraction(1)) for b in votes.ballots for c in _choice(b)))


@protocol("plurality")
def _plurality(votes: Votes) -> VoteCount:
    """Most choices."""
    return votes.top(_choices(votes), "most votes")


@protocol("first")
def _first(votes: Votes) -> VoteCount:
    """The choice of the first ballot, abstention or not: the placebo of more samples, and no vote."""
    choices = _choice(votes.ballots[0])
    return VoteCount(choices[0] if choices else None, _floats(_choices(votes)), "the first vote")


@protocol("last")
def _last(votes: Votes) -> VoteCount:
    """The choice of the last ballot that has one: what trying again comes to, and no vote."""
    return VoteCount([c for b in votes.ballots for c in _choice(b)][-1], _floats(_choices(votes)), "the last vote")


@protocol("confidence_weighted", confidence=True)
def _confidence_weighted(votes: Votes) -> VoteCount:
    """Highest sum of confidences; a ballot without one weighs `UNSURE`."""
    weights = ((c, exact(UNSURE if b.confidence is None else b.confidence)) for b in votes.ballots for c in _choice(b))
    return votes.top(_sums(votes, weights), "highest sum of confidences")


@protocol("approval", ballot="approval")
def _approval(votes: Votes) -> VoteCount:
    """Most approvals."""
    approvals = ((c, Fraction(1)) for b in votes.ballots for c in dict.fromkeys(b.approvals))
    return votes.top(_sums(votes, approvals), "most approvals")


@protocol("cumulative", ballot="points")
def _cumulative(votes: Votes) -> VoteCount:
    """Most points; every ballot has one point to split."""
    return votes.top(_sums(votes, (s for b in votes.ballots for s in b.shares.items())), "most points")


@protocol("borda", ballot="ranking")
def _borda(votes: Votes) -> VoteCount:
    """Of m candidates the first of a ballot gets m - 1 points, the next m - 2; the unranked share what is left alike.

    So k unranked ones get (k - 1) / 2 each, and every ballot gives the same total.
    """
    points: list[tuple[str, Fraction]] = []
    for ranking in (b.ranked for b in votes.ballots if b.ranked):
        left = [c for c in votes.candidates if c not in ranking]
        points += [(c, Fraction(len(votes.candidates) - 1 - place)) for place, c in enumerate(ranking)]
        points += [(c, Fraction(len(left) - 1, 2)) for c in left]
    return votes.top(_sums(votes, points), "highest Borda score")


@protocol("irv", ballot="ranking")
def _irv(votes: Votes) -> VoteCount:
    """Instant run-off: the last one goes until one has more than half of the ballots that still name someone.

    Those whom no ballot names first go together. Of several that tie as last, "first" removes the one that was seen
    last, "random" the one that `pick` names, "none" all of them, unless nobody would be left. A candidate's score is
    its votes in the last round it was in.
    """
    standing, history = list(votes.candidates), ""
    scores = dict.fromkeys(votes.candidates, 0.0)
    for turn in range(1, len(standing) + 1):
        firsts = [next((c for c in b.ranked if c in standing), None) for b in votes.ballots]
        counts = {c: firsts.count(c) for c in standing}
        scores |= {c: float(n) for c, n in counts.items()}
        ahead = next((c for c in standing if 2 * counts[c] > sum(counts.values())), None)
        if ahead is not None:
            return VoteCount(ahead, scores, f"more than half in round {turn}{history}")
        least = min(counts.values())
        out = [c for c in standing if counts[c] == least]
        if len(out) > 1 and least > 0:
            if votes.ties == "none" and len(out) == len(standing):
                return VoteCount(None, scores, f"{' and '.join(out)} tie in round {turn}: undecided{history}")
            history += f"; {' and '.join(out)} tied as last in round {turn}"
            if votes.ties != "none":
                out = [votes.pick(out) if votes.ties == "random" and votes.pick else out[-1]]
                history += f", {out[0]} went"
        standing = [c for c in standing if c not in out]
    raise AssertionError("a sole candidate has more than half")  # those without votes never go with one that has some


@protocol("condorcet", ballot="ranking")
def _condorcet(votes: Votes) -> VoteCount:
    """Who beats every other one in pairs; without such a one the highest Copeland score (wins, and ties by half).

    A ballot prefers those it ranks to those it does not, and says nothing on two that it does not rank.
    """
    rankings = [b.ranked for b in votes.ballots]
    places = [{c: i for i, c in reversed(list(enumerate(r)))} for r in rankings]
    none = len(votes.candidates)

    def beats(a: str, b: str) -> int:
        return sum((p.get(a, none) < p.get(b, none)) - (p.get(b, none) < p.get(a, none)) for p in places)

    margins = {a: [beats(a, b) for b in votes.candidates if b != a] for a in votes.candidates}
    scores = {a: sum((Fraction((m > 0) * 2 + (m == 0), 2) for m in row), Fraction()) for a, row in margins.items()}
    winner = next((a for a, row in margins.items() if all(m > 0 for m in row)), None)
    if winner is not None:
        return VoteCount(winner, _floats(scores), "beats every other one in pairs")
    return votes.top(scores, "none beats every other one in pairs; highest Copeland score")


def _consensus(votes: Votes, enough: Callable[[Fraction], bool], threshold: str) -> VoteCount:
    scores = _choices(votes)
    winner = next((c for c, n in scores.items() if enough(n)), None)
    return VoteCount(winner, _floats(scores), threshold if winner is not None else f"not {threshold}: undecided")


@protocol("majority")
def _majority(votes: Votes) -> VoteCount:
    """More than half of the ballots cast."""
    cast = sum(1 for b in votes.ballots if b.labels)
    return _consensus(votes, lambda n: 2 * n > cast, "more than half of the ballots cast")


@protocol("unanimity", consensus="everybody")
def _unanimity(votes: Votes) -> VoteCount:
    """Everybody, those who abstain included."""
    return _consensus(votes, lambda n: n == len(votes.ballots), "everybody")


@protocol("supermajority", consensus="level")
def _supermajority(votes: Votes) -> VoteCount:
    """At least the share `level` of everybody, those who abstain included."""
    everybody = len(votes.ballots)

    def enough(n: Fraction) -> bool:
        return n >= votes.level * everybody - 1e-9 and 2 * n > everybody  # 2/3 of three is two, whatever the rounding

    return _consensus(votes, enough, f"at least {votes.level:.3g} of everybody")


def _judge() -> DecisionProtocol:
    """A judge that reads the discussion decides; no votes are counted."""
    return DecisionProtocol("judge", None, role="judge")


PROTOCOLS.register("judge", _judge)
