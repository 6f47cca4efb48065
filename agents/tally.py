"""Decision protocols: who wins a set of ballots, as pure functions.

Invariant: a winner stands on some ballot, or there is none. Scores are added up exactly, so no tie is made or broken by
rounding, and every rule but `first` and `last` treats the ballots alike: their order matters through a tie rule alone.

Candidates are the labels named on any ballot, in first-seen order (what the rule itself reads comes first). Ties:
"first" takes the candidate seen first, "none" leaves the vote undecided, "random" leaves it to `pick`.

A ballot that names nothing abstains. Abstentions do not count in the half of `majority`, which is one of the ballots
cast, but they do in `unanimity` and `supermajority`, which ask for the consent of everybody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ..errors import BadOption
from ..options import one_of, real
from .ballots import Ballot, exact

__all__ = ["RULES", "TIES", "VoteCount", "check_rule", "tally"]

TIES = ("first", "none", "random")
UNSURE = 0.5  # the weight of a ballot that gives no confidence


@dataclass(frozen=True)
class VoteCount:
    """The outcome of a vote. `winner` is None where it is undecided; `why` says how it came about."""

    winner: str | None
    scores: dict[str, float]
    why: str


@dataclass(frozen=True)
class Count:
    """What a rule works on."""

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


def check_rule(rule: Any, ties: Any, level: Any) -> None:
    """Refuse what no vote can be counted by.

    Raises:
        UnknownName: there is no such rule, or no such tie rule.
        BadOption: the level is out of its range.
    """
    one_of("voting rule", rule, RULES)
    one_of("tie rule", ties, TIES)
    real("the level", level, most=1, above=0.5)


def tally(
    rule: str,
    ballots: Sequence[Ballot],
    *,
    ties: str = "first",
    level: float = 2 / 3,
    pick: Callable[[Sequence[str]], str] | None = None,
) -> VoteCount:
    """Count the ballots by a rule of `RULES`.

    Args:
        ties: "first", "none" or "random".
        level: the share that `supermajority` asks for, more than 0.5.
        pick: chooses among those that tie, for "random".

    Raises:
        UnknownName: there is no such rule, or no such tie rule.
        BadOption: the level is out of its range, or ties are random and there is no `pick`.
    """
    check_rule(rule, ties, level)
    if ties == "random" and pick is None:
        raise BadOption("ties are broken at random", "there is nothing to draw with", "Give `pick`.")
    reads, method = RULES[rule]
    named = [*(c for b in ballots for c in reads(b)), *(c for b in ballots for c in b.names)]
    if not any(reads(b) for b in ballots):
        return VoteCount(None, dict.fromkeys(named, 0.0), "nobody voted: undecided")
    return method(Count(ballots, tuple(dict.fromkeys(named)), ties, level, pick))


def _choice(ballot: Ballot) -> tuple[str, ...]:
    return () if ballot.choice is None else (ballot.choice,)


def _floats(scores: dict[str, Fraction]) -> dict[str, float]:
    return {c: float(s) for c, s in scores.items()}


def _sums(count: Count, given: Iterable[tuple[str, Fraction]]) -> dict[str, Fraction]:
    scores = dict.fromkeys(count.candidates, Fraction())
    for candidate, score in given:
        scores[candidate] += score
    return scores


def _votes(count: Count) -> dict[str, Fraction]:
    return _sums(count, ((c, Fraction(1)) for b in count.ballots for c in _choice(b)))


def _plurality(count: Count) -> VoteCount:
    """Most choices."""
    return count.top(_votes(count), "most votes")


def _first(count: Count) -> VoteCount:
    """The choice of the first ballot, abstention or not: no vote either, what a placebo of more samples comes to."""
    choices = _choice(count.ballots[0])
    return VoteCount(choices[0] if choices else None, _floats(_votes(count)), "the first vote")


def _last(count: Count) -> VoteCount:
    """The choice of the last ballot that has one: not a vote, what trying again comes to."""
    return VoteCount([c for b in count.ballots for c in _choice(b)][-1], _floats(_votes(count)), "the last vote")


def _weighted(count: Count) -> VoteCount:
    """Highest sum of confidences; a ballot without one weighs `UNSURE`."""
    weights = ((c, exact(UNSURE if b.confidence is None else b.confidence)) for b in count.ballots for c in _choice(b))
    return count.top(_sums(count, weights), "highest sum of confidences")


def _approval(count: Count) -> VoteCount:
    """Most approvals."""
    approvals = ((c, Fraction(1)) for b in count.ballots for c in dict.fromkeys(b.approves))
    return count.top(_sums(count, approvals), "most approvals")


def _cumulative(count: Count) -> VoteCount:
    """Most points; every ballot has one point to split."""
    return count.top(_sums(count, (s for b in count.ballots for s in b.shares.items())), "most points")


def _borda(count: Count) -> VoteCount:
    """Of m candidates the first of a ballot gets m - 1 points, the next m - 2; the unranked share what is left alike.

    So k unranked ones get (k - 1) / 2 each, and every ballot gives the same total.
    """
    given: list[tuple[str, Fraction]] = []
    for ranking in (b.ranks for b in count.ballots if b.ranks):
        left = [c for c in count.candidates if c not in ranking]
        given += [(c, Fraction(len(count.candidates) - 1 - place)) for place, c in enumerate(ranking)]
        given += [(c, Fraction(len(left) - 1, 2)) for c in left]
    return count.top(_sums(count, given), "highest Borda score")


def _irv(count: Count) -> VoteCount:
    """Instant run-off: the last one goes until one has more than half of the ballots that still name someone.

    Those whom no ballot names first go together. Of several that tie as last, "first" removes the one that was seen
    last, "random" the one that `pick` names, "none" all of them, unless nobody would be left. A candidate's score is
    its votes in the last round it was in.
    """
    standing, said = list(count.candidates), ""
    scores = dict.fromkeys(count.candidates, 0.0)
    for turn in range(1, len(standing) + 1):
        firsts = [next((c for c in b.ranks if c in standing), None) for b in count.ballots]
        votes = {c: firsts.count(c) for c in standing}
        scores |= {c: float(n) for c, n in votes.items()}
        ahead = next((c for c in standing if 2 * votes[c] > sum(votes.values())), None)
        if ahead is not None:
            return VoteCount(ahead, scores, f"more than half in round {turn}{said}")
        least = min(votes.values())
        out = [c for c in standing if votes[c] == least]
        if len(out) > 1 and least > 0:
            if count.ties == "none" and len(out) == len(standing):
                return VoteCount(None, scores, f"{' and '.join(out)} tie in round {turn}: undecided{said}")
            said += f"; {' and '.join(out)} tied as last in round {turn}"
            if count.ties != "none":
                out = [count.pick(out) if count.ties == "random" and count.pick else out[-1]]
                said += f", {out[0]} went"
        standing = [c for c in standing if c not in out]
    raise AssertionError("a sole candidate has more than half")  # those without votes never go with one that has some


def _condorcet(count: Count) -> VoteCount:
    """Who beats every other one in pairs; without such a one the highest Copeland score (wins, and ties by half).

    A ballot prefers those it ranks to those it does not, and says nothing on two that it does not rank.
    """
    rankings = [b.ranks for b in count.ballots]
    places = [{c: i for i, c in reversed(list(enumerate(r)))} for r in rankings]
    none = len(count.candidates)

    def beats(a: str, b: str) -> int:
        return sum((p.get(a, none) < p.get(b, none)) - (p.get(b, none) < p.get(a, none)) for p in places)

    margins = {a: [beats(a, b) for b in count.candidates if b != a] for a in count.candidates}
    scores = {a: sum((Fraction((m > 0) * 2 + (m == 0), 2) for m in row), Fraction()) for a, row in margins.items()}
    winner = next((a for a, row in margins.items() if all(m > 0 for m in row)), None)
    if winner is not None:
        return VoteCount(winner, _floats(scores), "beats every other one in pairs")
    return count.top(scores, "none beats every other one in pairs; highest Copeland score")


def _consensus(count: Count, enough: Callable[[Fraction], bool], asked: str) -> VoteCount:
    votes = _votes(count)
    winner = next((c for c, n in votes.items() if enough(n)), None)
    return VoteCount(winner, _floats(votes), asked if winner is not None else f"not {asked}: undecided")


def _majority(count: Count) -> VoteCount:
    """More than half of the ballots cast."""
    cast = sum(1 for b in count.ballots if b.names)
    return _consensus(count, lambda n: 2 * n > cast, "more than half of the ballots cast")


def _unanimity(count: Count) -> VoteCount:
    """Everybody, those who abstain included."""
    return _consensus(count, lambda n: n == len(count.ballots), "everybody")


def _supermajority(count: Count) -> VoteCount:
    """At least the share `level` of everybody, those who abstain included."""
    everybody = len(count.ballots)

    def enough(n: Fraction) -> bool:
        return n >= count.level * everybody - 1e-9 and 2 * n > everybody  # 2/3 of three is two, whatever the rounding

    return _consensus(count, enough, f"at least {count.level:.3g} of everybody")


Reader = Callable[[Ballot], tuple[str, ...]]
Method = Callable[[Count], VoteCount]

RULES: dict[str, tuple[Reader, Method]] = {
    "plurality": (_choice, _plurality),
    "majority": (_choice, _majority),
    "confidence_weighted": (_choice, _weighted),
    "approval": (lambda b: b.approves, _approval),
    "cumulative": (lambda b: tuple(b.shares), _cumulative),
    "borda": (lambda b: b.ranks, _borda),
    "irv": (lambda b: b.ranks, _irv),
    "condorcet": (lambda b: b.ranks, _condorcet),
    "unanimity": (_choice, _unanimity),
    "supermajority": (_choice, _supermajority),
    "first": (_choice, _first),
    "last": (_choice, _last),
}
"""The rules by name: what a rule reads of a ballot, and how it counts."""
