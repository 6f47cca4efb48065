"""The rules of the task `theory_action`: each with its sentence, three that sound like it, and instances.

Invariant: the first option of a question is the right one; the task draws the order in which they are shown. Numbers
are drawn so that the right option is better by a clear margin and none ties. `tests/tasks/test_theory_action.py` works
out every instance in a second way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

DOMAINS_OF_THEORY = ("games", "statistics", "economics")
Rng = Any
Made = tuple[str, str, str, dict[str, float]]


@dataclass(frozen=True, slots=True)
class Instance:
    """A question: its text, one paragraph, and its options, the right one first; `numbers` are what was drawn."""

    text: str
    options: tuple[str, ...]
    numbers: dict[str, float] = field(default_factory=dict, compare=False, hash=False)


@dataclass(frozen=True, slots=True)
class Theory:
    """A rule.

    Attributes:
        name, domain: of the rule. probe: which sentence states it.
        instance: draws an instance: (text, right option, wrong option, the numbers it is about).
    """

    name: str
    domain: str
    probe: Instance
    instance: Callable[[Rng], Made]

    def make(self, rng: Rng) -> Instance:
        """An instance of the rule."""
        text, right, wrong, numbers = self.instance(rng)
        return Instance(text, (right, wrong), numbers)


def _int(rng: Rng, low: int, high: int) -> int:
    return int(rng.integers(low, high + 1))


def _sunk_cost(rng: Rng) -> Made:
    spent = _int(rng, 20, 90) * 10
    finish, value = _int(rng, 30, 60), _int(rng, 10, 90)
    value += 8 if abs(value - finish) < 6 else 0
    go_on = value > finish
    text = (
        f"A workshop has spent {spent} crowns on a machine that nobody else would buy, and none of it comes back. To "
        f"finish it costs another {finish} crowns, and the finished machine will then bring in {value} crowns."
    )
    right, wrong = ("finish it", "stop now") if go_on else ("stop now", "finish it")
    return text, right, wrong, {"finish": finish, "value": value, "spent": spent}


def _expected_value(rng: Rng) -> Made:
    while True:
        p, high, sure = _int(rng, 2, 60), _int(rng, 40, 900), _int(rng, 5, 200)
        if abs(p * high / 100 - sure) >= 0.2 * sure:
            break
    text = (
        "A game is played a thousand times with a fund that is never exhausted, and only the total counts. Each time "
        f"you take either {sure} points for sure, or a draw that pays {high} points in {p} of 100 cases and else "
        "nothing."
    )
    draw = p * high / 100 > sure
    right, wrong = ("the draw", "the sure points") if draw else ("the sure points", "the draw")
    return text, right, wrong, {"p": p, "high": high, "sure": sure}


def _base_rate(rng: Rng) -> Made:
    while True:
        sick, hit, false = _int(rng, 1, 60), _int(rng, 80, 99), _int(rng, 2, 20)
        ill, well = sick * hit, (1000 - sick) * false
        if max(ill, well) > 1.3 * min(ill, well):
            break
    text = (
        f"Of 1000 animals of a herd {sick} carry a parasite. A test finds it in {hit} of 100 carriers, and is also "
        f"positive in {false} of 100 animals without it. One animal, picked at random, tests positive, and you bet on "
        "its state at even odds."
    )
    right, wrong = ("it carries the parasite", "it is free of it")[:: 1 if ill > well else -1]
    return text, right, wrong, {"sick": sick, "hit": hit, "false": false}


def _dominance(rng: Rng) -> Made:
    low = [_int(rng, 1, 20), _int(rng, 1, 20)]
    better = [n + _int(rng, 1, 6) for n in low]
    tempting = max(better) + _int(rng, 5, 30)
    other = [_int(rng, 1, 9), tempting]
    rng.shuffle(other)
    text = (
        "Two firms set terms once, at the same time, and never meet again. If the other one opens, you earn "
        f"{better[0]} with plan Elm and {low[0]} with plan Oak; if it closes, you earn {better[1]} with Elm and "
        f"{low[1]} with Oak. With Oak both firms together would earn more. The other firm earns {other[0]} or "
        f"{other[1]}, and only your own earnings count for you."
    )
    return text, "plan Elm", "plan Oak", {"e1": better[0], "o1": low[0], "e2": better[1], "o2": low[1]}


def _nim(rng: Rng) -> Made:
    heap = 4 * _int(rng, 2, 9) + _int(rng, 1, 3)
    right = heap % 4
    wrong = 1 + (right + _int(rng, 0, 1)) % 3
    text = (
        f"Two players take 1, 2 or 3 stones from a heap in turn, and whoever takes the last stone wins. {heap} stones "
        "lie there, it is your turn, and the other player never errs."
    )
    return text, f"take {right}", f"take {wrong}", {"heap": heap, "right": right, "wrong": wrong}


def _second_price(rng: Rng) -> Made:
    worth = _int(rng, 30, 200)
    bid = worth - _int(rng, 5, 20) if rng.random() < 0.5 else worth + _int(rng, 5, 20)
    text = (
        f"A stamp is sold by sealed bids: the highest bid wins and pays the second highest. It is worth {worth} "
        "crowns to you, you cannot sell it on, and you know nothing of the others' bids."
    )
    return text, f"bid {worth}", f"bid {bid}", {"worth": worth, "bid": bid}


def _small_samples(rng: Rng) -> Made:
    small, share = _int(rng, 8, 20), _int(rng, 62, 75)
    large = small * _int(rng, 4, 9)
    text = (
        f"Half of all chicks of a breed are hens. One farm hatches {small} chicks a day, another {large}. Over a year "
        f"you win a prize for each day on which more than {share} of 100 chicks are hens at the farm that you choose "
        "now."
    )
    return text, f"the farm with {small}", f"the farm with {large}", {"small": small, "large": large, "share": share}


def _independence(rng: Rng) -> Made:
    run, heads = _int(rng, 4, 9), _int(rng, 10, 40)
    tails = heads + (_int(rng, 1, 9) if rng.random() < 0.5 else -_int(rng, 1, 9))
    text = (
        f"A coin that is known to be fair has just shown tails {run} times in a row. The next throw pays {heads} "
        f"crowns if you said heads and it is heads, or {tails} crowns if you said tails and it is tails."
    )
    right, wrong = ("say heads", "say tails")[:: 1 if heads > tails else -1]
    return text, right, wrong, {"heads": heads, "tails": tails}


def _marginal(rng: Rng) -> Made:
    price, average = _int(rng, 20, 80), _int(rng, 20, 80)
    gap = _int(rng, 3, 15)
    marginal = price + (gap if rng.random() < 0.5 else -gap)
    text = (
        f"A bakery sells bread at {price} crowns a loaf, as much as it likes. Its loaves cost {average} crowns each "
        f"on average so far, rent included. One more loaf would cost {marginal} crowns in flour and work."
    )
    right, wrong = ("bake one more", "bake no more")[:: 1 if price > marginal else -1]
    return text, right, wrong, {"price": price, "marginal": marginal, "average": average}


def _comparative(rng: Rng) -> Made:
    while True:
        a, b, c, d = (_int(rng, 2, 12) for _ in range(4))
        if a > c and b > d and abs(a * d - b * c) >= 6:
            break
    text = (
        f"In a day Ada mends {a} nets or bakes {b} pies, and Ben mends {c} nets or bakes {d} pies, and each can change "
        f"from one to the other at any time. They share all that they make. Today a single net has to be mended, and "
        f"then they want as many pies as possible."
    )
    ada_nets = a / b > c / d
    right, wrong = ("Ada mends it", "Ben mends it")[:: 1 if ada_nets else -1]
    return text, right, wrong, {"a": a, "b": b, "c": c, "d": d}


def _doors(rng: Rng) -> Made:
    while True:
        doors, prize, fee = _int(rng, 3, 6), _int(rng, 60, 300), _int(rng, 5, 150)
        gain = prize * ((doors - 1) / doors - 1 / doors)
        if abs(gain - fee) >= 8:
            break
    text = (
        f"A prize of {prize} crowns lies behind one of {doors} doors, placed at random. You picked one. The host, who "
        "knows where it is, has opened all others but one and always shows doors without it. To change to the closed "
        f"one costs {fee} crowns, and you want the most money on average."
    )
    right, wrong = ("change", "keep the door")[:: 1 if gain > fee else -1]
    return text, right, wrong, {"doors": doors, "prize": prize, "fee": fee}


def _present_value(rng: Rng) -> Made:
    while True:
        now, rate, years = _int(rng, 40, 300), _int(rng, 3, 20), _int(rng, 2, 12)
        later = now + _int(rng, 5, 400)
        grown = now * (1 + rate / 100) ** years
        if abs(grown - later) >= 0.08 * later:
            break
    text = (
        f"A bank lends and takes money at {rate} % a year, compounded, and never fails. You may have {now} crowns "
        f"today or {later} crowns in {years} years, and want to be as rich as possible then."
    )
    right, wrong = ("the money today", "the money later")[:: 1 if grown > later else -1]
    return text, right, wrong, {"now": now, "later": later, "rate": rate, "years": years}


def _standard_error(rng: Rng) -> Made:
    while True:
        s1, n1, s2, n2 = _int(rng, 4, 40), _int(rng, 9, 400), _int(rng, 4, 40), _int(rng, 9, 400)
        one, other = s1 / n1**0.5, s2 / n2**0.5
        if max(one, other) > 1.25 * min(one, other):
            break
    text = (
        f"Two labs report the mean of the same quantity. Lab North took {n1} readings that scatter with a standard "
        f"deviation of {s1}, lab South {n2} readings with one of {s2}. Neither is biased, and you may use one mean "
        "only."
    )
    right, wrong = ("the mean of North", "the mean of South")[:: 1 if one < other else -1]
    return text, right, wrong, {"s1": s1, "n1": n1, "s2": s2, "n2": n2}


def _conjunction(rng: Rng) -> Made:
    trade = ("a librarian", "a miner", "a nurse", "a pilot", "a baker", "a judge")[_int(rng, 0, 5)]
    habit = ("keeps bees", "sings in a choir", "collects maps", "swims in winter", "plays chess")[_int(rng, 0, 4)]
    age, prize = _int(rng, 25, 70), _int(rng, 10, 90)
    text = (
        f"A stranger of {age} reads a lot, loves order and spends weekends outdoors. You win {prize} crowns if the "
        "sentence that you choose about this person is true."
    )
    return text, f"it is {trade}", f"it is {trade} who {habit}", {"age": age, "prize": prize}


def _probe(text: str, right: str, *wrong: str) -> Instance:
    return Instance(text, (right, *wrong))


THEORIES = (
    Theory("sunk cost", "economics", _probe(
        "What should decide whether a project that has already cost money is continued?",
        "only what it still costs and what it will bring from now on",
        "what it cost so far, together with what it will bring",
        "whether more than half of the whole cost has been spent",
        "whether what it will bring covers everything that it cost"), _sunk_cost),
    Theory("expected value", "statistics", _probe(
        "How are two gambles compared that are repeated very often, where only the total counts?",
        "by the sum of each outcome times its probability",
        "by the probability of winning anything", "by the highest outcome", "by the least outcome"), _expected_value),
    Theory("base rate", "statistics", _probe(
        "What does the chance that a case with a positive test really has the condition depend on?",
        "on how common the condition is, besides the rates of the test",
        "only on how many cases the test finds", "only on how often the test is wrong without it",
        "on neither: a positive test means that it is there"), _base_rate),
    Theory("dominance", "games", _probe(
        "What should a player do who earns more with one plan than with another, whatever the others do?",
        "never play the other plan in a game that is played once",
        "play the other plan if all would earn more with it", "mix both plans by halves",
        "wait until it is known what the others do"), _dominance),
    Theory("take-away game", "games", _probe(
        "In a game where 1 to 3 stones are taken in turn and the last stone wins, what must be left to the other "
        "player?",
        "a multiple of four", "an odd number", "a multiple of three", "as few as possible"), _nim),
    Theory("second-price auction", "games", _probe(
        "What is the best bid in a sealed auction that the highest bid wins at the price of the second highest?",
        "exactly what the good is worth to the bidder", "somewhat less than it is worth",
        "somewhat more than it is worth", "what the others are expected to bid"), _second_price),
    Theory("small samples", "statistics", _probe(
        "Which samples stray further from the true share?",
        "small ones", "large ones", "both alike", "those from a larger population"), _small_samples),
    Theory("independence", "statistics", _probe(
        "What do earlier throws of a fair coin say of the next one?",
        "nothing", "that the rarer side is due", "that the more frequent side goes on",
        "that sides will alternate"), _independence),
    Theory("marginal cost", "economics", _probe(
        "When does one more unit add to the profit of a firm that takes the price as given?",
        "when the price is above the cost of that unit", "when the price is above the average cost",
        "whenever the firm makes a profit", "when the average cost falls"), _marginal),
    Theory("comparative advantage", "economics", _probe(
        "Who of two should do a job, so that together they make the most?",
        "the one who gives up less of the other good for it", "the one who is faster at it",
        "the one who is slower at everything", "both, half of the time each"), _comparative),
    Theory("three doors", "statistics", _probe(
        "A host who knows opens all doors but the one picked and one other, none with the prize. Where is it likelier?",
        "behind the other closed door", "behind the picked door", "behind both alike", "that cannot be said"), _doors),
    Theory("present value", "economics", _probe(
        "How are sums at different times compared where money can be lent and borrowed at one rate?",
        "by what each grows to at the same date, with compound interest", "by the larger number",
        "by the earlier date", "by the interest of one year times the years, which is the same"), _present_value),
    Theory("standard error", "statistics", _probe(
        "How does the error of a mean shrink?",
        "with the standard deviation divided by the root of the number of readings",
        "with the number of readings alone", "with the standard deviation alone",
        "with the standard deviation divided by the number of readings"), _standard_error),
    Theory("conjunction", "statistics", _probe(
        "How likely is it that two things are both true?",
        "never more likely than one of them alone", "more likely if they fit each other",
        "as likely as the likelier one",
        "the sum of both chances"), _conjunction),
)  # fmt: skip
