"""The voter: counts positions, asks no model.

A turn's position is the action it takes, or the first action it recommends if it was not asked to act: an answer whose
action cannot be read abstains, whatever it recommends. The action and the recommendation are counted apart, since a
group may recommend one thing and do another. Ties go to the position that was taken first in the plan's order, which
for a group that contains the baseline is the baseline's. The outcome of a vote in which all abstain is that of the
first turn that was asked to act.

Other protocols are those of `tally`; a vote without a winner is `undecided`. Where somebody was asked to act, ballots
(rankings, approvals, points) decide the action, and the recommendation is counted over the first ones recommended: a
ballot never enters both, or it would close the gap that is measured. Where nobody was, ballots decide the
recommendation. Ties at random fall alike on both sides, since each label's lot is drawn by its name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from ..errors import UnknownName
from ..records import Draw, Situation, Status, Turn, Usage
from ..rng import named_rng
from .ballots import Ballot, ballot_of
from .base import AGENTS, Agent, need
from .tally import VoteCount, check_rule, tally

__all__ = ["Voter", "plurality"]

OTHERWISE = ("undecided", "plurality")
_UNNAMED = Draw(0, 0, 0)


def plurality(positions: list[str | None]) -> str | None:
    """The most frequent position, the earliest among ties; None if there is none."""
    counts = Counter(p for p in positions if p is not None)
    return max(counts, key=counts.__getitem__) if counts else None  # max and Counter keep first-seen order


class Voter:
    """Role "voter". Options: `rule`, `ties`, `level` (see `tally`), `otherwise` ("undecided" | "plurality")."""

    name = "voter"

    def check(self, agent: Agent) -> None:
        given = agent.options
        check_rule(given.get("rule", "plurality"), given.get("ties", "first"), given.get("level", 2 / 3))
        if given.get("otherwise", "undecided") not in OTHERWISE:
            raise UnknownName.among("way out of an undecided vote", str(given["otherwise"]), OTHERWISE)

    def conclude(
        self, agent: Agent, situation: Situation, reads: tuple[Turn, ...], draw: Draw = _UNNAMED
    ) -> Turn:  # fmt: skip
        self.check(agent)
        need(reads, "voter")
        if agent.options.get("rule", "plurality") == "plurality" and agent.options.get("ties", "first") == "first":
            stated, done = _recommended(reads), None
            if any(t.status != "absent" for t in reads):
                done = plurality([t.position for t in reads])
            return _turn(reads, reads, _votes(reads), stated, done)
        return _counted(agent, situation, reads, draw)


def _counted(agent: Agent, situation: Situation, reads: tuple[Turn, ...], draw: Draw) -> Turn:
    rule, otherwise = str(agent.options.get("rule", "plurality")), agent.options.get("otherwise", "undecided")

    def pick(tied: Sequence[str]) -> str:
        return min(tied, key=lambda c: named_rng(draw.episode, "tie", draw.step, draw.sample, c).random())

    def elect(ballots: Sequence[Ballot]) -> VoteCount:
        by = [rule, "plurality"] if otherwise == "plurality" and rule != "plurality" else [rule]
        ties, level = str(agent.options.get("ties", "first")), agent.options.get("level", 2 / 3)
        first, *rest = (tally(r, ballots, ties=ties, level=level, pick=pick) for r in by)
        if first.winner is not None or not rest:
            return first
        return VoteCount(rest[0].winner, first.scores, f"{first.why}; plurality: {rest[0].why}")

    ballots = [ballot_of(t, situation.actions) for t in reads]
    acts = any(t.status != "absent" for t in reads)
    count = elect(ballots)
    opinions = [
        Ballot(t.stated[0] if t.stated else None, confidence=b.confidence) for t, b in zip(reads, ballots, strict=True)
    ]
    recommended = elect(opinions) if acts else count
    stated: tuple[str, ...] = (recommended.winner,) if recommended.winner is not None else ()
    if rule == "last":  # the whole recommendation of the one that stands
        stated = next((t.stated for t in reversed(reads) if t.stated), ())
    scores = ", ".join(f"{c} {s:.3g}" for c, s in count.scores.items()) or "-"
    text = f"{rule}: {scores}; ballots {', '.join(_show(rule, b) for b in ballots)}; {count.why}"
    if rule == "plurality":
        text = _votes(reads) + ("" if count.winner is not None else f"; {count.why}")
    order = reads[::-1] if rule == "last" else reads
    voted = any(b.names for b in ballots)
    unclear = any(t.stated for t in reads) or (voted and not acts)
    return _turn(reads, order, text, stated, count.winner if acts else None, voted, unclear)


def _turn(
    reads: tuple[Turn, ...], order: tuple[Turn, ...], text: str, stated: tuple[str, ...], done: str | None,
    undecided: bool = False, unclear: bool = False,
) -> Turn:  # fmt: skip
    """The turn of a vote; its rationale is of the first in `order` who holds what won.

    `undecided` and `unclear`: there were votes on the action, and on the recommendation.
    """
    actor = next((t for t in reads if t.status != "absent"), None)
    chosen = done or (stated[0] if stated else None)
    winner = next((t for t in order if chosen and chosen == t.position), None)
    winner = winner or next((t for t in order if chosen in t.stated), reads[0])
    failed: Status = "undecided" if undecided and actor else (actor or reads[0]).status
    unsaid: Status = "undecided" if unclear else reads[0].stated_status
    return replace(
        winner,
        text=text,
        rationale=winner.rationale,
        stated=stated,
        stated_status="ok" if stated else unsaid,
        action=done,
        status="ok" if done is not None else failed,
        usage=Usage(),
        cost=0.0,
        key="",
        answer=winner.last_words,
        probs=None,
        mass=None,
        skipped=False,
    )


def _votes(reads: tuple[Turn, ...]) -> str:
    return f"votes: {', '.join(t.position or '-' for t in reads)}"


def _show(rule: str, ballot: Ballot) -> str:
    """What a rule reads of a ballot, as text."""
    if rule in ("borda", "irv", "condorcet"):
        said = " > ".join(ballot.ranks)
    elif rule == "approval":
        said = " + ".join(ballot.approves)
    elif rule == "cumulative":
        said = " ".join(f"{c}:{float(s):.3g}" for c, s in ballot.shares.items())
    elif rule == "confidence_weighted" and ballot.choice and ballot.confidence is not None:
        said = f"{ballot.choice} ({ballot.confidence:.0%})"
    else:
        said = ballot.choice or ""
    return said or "-"


def _recommended(reads: tuple[Turn, ...]) -> tuple[str, ...]:
    """A group's recommendation: every member of a tied one has a vote; of those on top, what the first one names."""
    counts = Counter(label for t in reads for label in t.stated)
    top = max(counts.values(), default=0)
    first = next((t for t in reads if any(counts[label] == top for label in t.stated)), None)
    return tuple(label for label in first.stated if counts[label] == top) if first else ()


AGENTS.register("voter", Voter)
