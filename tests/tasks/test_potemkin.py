"""Every verifier accepts what is an instance and nothing else, every question can be answered, and the gap is found."""

from dataclasses import replace
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import akrasia as ak
from akrasia.errors import BadOption, NotMeasured, UnknownName
from akrasia.evals import METRICS, frame
from akrasia.models import Scripted
from akrasia.records import Draw, Request, decode, digest, encode
from akrasia.rng import named_rng
from akrasia.tasks import TASKS, Graded, Task
from akrasia.tasks.potemkin import CONCEPTS, USES, potemkin, potemkin_incoherence
from akrasia.tasks.potemkin.concepts_text import syllables
from akrasia.tasks.potemkin.task import PotemkinState

SEED = st.integers(0, 2**40)
NAMES = sorted(CONCEPTS)
NAME = st.sampled_from(NAMES)

# name -> (instances, non-instances); every text of the two is in the form, unless it is in MALFORMED.
CASES: dict[str, tuple[list[str], list[str]]] = {
    "strictly_dominant": (
        ["3,0 | 1,0\n2,9 | 0,9", "(0,0) (0,0)\n(1,0) (1,0)"],
        ["3,0 | 1,0\n2,9 | 1,9", "3,0 | 0,0\n2,0 | 1,0", "1,5 | 1,0\n1,6 | 1,1"],
    ),
    "weakly_dominant": (
        ["3,0 | 1,0\n2,9 | 1,9", "3,0 | 1,0\n2,9 | 0,9"],
        ["1,0 | 1,0\n1,9 | 1,9", "3,0 | 0,0\n2,0 | 1,0", "2,0 | 2,0\n2,0 | 2,0\n1,0 | 1,0"],
    ),
    "nash_equilibrium": (
        ["3,3 | 0,5\n5,0 | 1,1\nprofile: row 2, column 2", "2,1 | 0,0\n0,0 | 1,2\nProfile: 1, 1"],
        ["3,3 | 0,5\n5,0 | 1,1\nprofile: row 1, column 1", "2,1 | 0,0\n0,0 | 1,2\nprofile: row 1, column 2"],
    ),
    "best_response": (
        ["3,3 | 0,5\n5,0 | 1,1\nprofile: row 2, column 1", "1,0 | 0,0\n1,0 | 9,9\nprofile: row 1, column 1"],
        ["3,3 | 0,5\n5,0 | 1,1\nprofile: row 1, column 1", "1,9 | 0,0\n2,0 | 0,0\nprofile: row 1, column 1"],
    ),
    "pareto_optimal": (
        ["3,3 | 0,5\n5,0 | 1,1\nprofile: row 1, column 1", "3,3 | 0,5\n5,0 | 1,1\nprofile: row 1, column 2"],
        ["3,3 | 0,5\n5,0 | 1,1\nprofile: row 2, column 2", "3,3 | 3,4\n0,0 | 0,0\nprofile: row 1, column 1"],
    ),
    "zero_sum": (["1,-1 | 0,0\n-4,4 | 2,-2"], ["1,-1 | 0,0\n-4,4 | 2,-1", "1,4 | 2,3\n3,2 | 4,1"]),
    "symmetric": (
        ["3,3 | 0,5\n5,0 | 1,1", "1,1 | 2,3 | 4,5\n3,2 | 6,6 | 7,8\n5,4 | 8,7 | 9,9"],
        ["3,3 | 5,5\n0,0 | 1,1", "3,3 | 0,5\n5,0 | 1,2", "3,3 | 0,5 | 1,1\n5,0 | 1,1 | 2,2"],
    ),
    "coordination": (
        ["2,1 | 0,0\n0,0 | 1,2", "9,9 | 0,8\n8,0 | 7,7"],
        ["2,1 | 0,1\n0,0 | 1,2", "1,-1 | -1,1\n-1,1 | 1,-1", "2,2 | 0,0 | 0,0\n0,0 | 2,2 | 0,0"],
    ),
    "prisoners_dilemma": (
        ["3,3 | 0,5\n5,0 | 1,1", "-1,-1 | -9,0\n0,-9 | -6,-6"],
        ["1,1 | 5,0\n0,5 | 3,3", "5,5 | 0,3\n3,0 | 1,1", "3,3 | 1,5\n5,1 | 1,1", "3,4 | 0,5\n5,0 | 1,1"],
    ),
    "iterated_dominance": (
        ["3,3 | 0,5\n5,0 | 1,1", "1,0 | 1,2 | 0,1\n0,3 | 0,1 | 2,0"],
        ["2,1 | 0,0\n0,0 | 1,2", "1,-1 | -1,1\n-1,1 | 1,-1", "1,1 | 1,1\n0,0 | 0,0"],
    ),
    "acrostic": (
        ["sun\nsalt water\nunder the moon\nnight", "Sky\n Some, words\nKeep\nYour peace."],
        ["sun\nsalt water\nafter the moon\nnight", "sun\nsalt\nunder", "sun moon\nsalt\nunder\nnight"],
    ),
    "palindrome": (["Was it a car or a cat I saw?", "level", "abba"], ["was it a bar", "ab", "abca"]),
    "anaphora": (
        ["We sing here\nWe dance there\nWe rest now", "**Rain falls**\nRain rises\nRain, again"],
        ["we sing\nwe dance\nyou rest", "we sing\nwe dance", "sing we\ndance we\nrest we"],
    ),
    "epistrophe": (
        ["sing with me\ndance with me\nrest with me."],
        ["sing with me\ndance with you\nrest with me", "we sing\nwe dance\nwe rest"],
    ),
    "alliteration": (
        ["Bright birds bring bells", "seven silver ships sail"], ["bright birds sing bells", "big birds bow"],
    ),
    "haiku": (
        ["autumn river stone\nthe silent morning carries\nbirds over the hill", "the moved maple tree\n"
         "silent copper lantern light\nthe long road at dusk"],
        ["autumn river\nthe silent morning carries\nbirds over the hill",
         "the silent morning carries\nautumn river stone\nthe silent morning carries",
         "autumn river stone\nthe silent morning carries\nbirds over the hill\nand on"],
    ),
    "lipogram": (["A lamp, a dark room, old rugs"], ["a lamp, the dark room, old rugs", "dark rooms"]),
    "pangram": (
        ["The quick brown fox jumps over the lazy dog", "Pack my box with five dozen liquor jugs."],
        ["The quick brown fox jumped over the lazy dog", "abcdef"],
    ),
    "anadiplosis": (
        ["we lost the key\nkey of the door\ndoor of the house"],
        ["we lost the key\nkey of the door\nhouse with a door", "we lost the key\nkey of the door"],
    ),
    "alternate_endings": (
        ["a red moon\nthe wide sea\nrain\nan idea", "Moon,\nsea;\nrain,\nidea."],
        ["moon\nrain\nsea\nidea", "moon\nsea\nsea\nrain", "moon\nrain\nsun\nspoon", "moon\nsea\nrain"],
    ),
    "rhopalic": (["I am the king today", "an old road winds"], ["I am the kings today", "the king", "king the am"]),
    "prime": (["2", "97", " 7919. "], ["1", "0", "91", "561"]),
    "abundant": (["12", "945", "**20**"], ["6", "28", "8", "13", "1"]),
    "triangular": (["1", "10", "5050"], ["2", "9", "5051"]),
    "arithmetic_progression": (["2, 5, 8, 11", "(9,7,5,3)"], ["2, 4, 8, 16", "3, 3, 3, 3", "1, 2, 3", "1, 2, 3, 5"]),
    "geometric_progression": (
        ["3, 6, 12, 24", "16, -8, 4, -2"], ["1, 2, 3, 4", "5, 5, 5, 5", "1, 2, 4, 9", "2, -2, 2, -2"],
    ),
    "pairwise_coprime": (["4, 9, 25", "8, 15, 77"], ["6, 10, 15", "4, 9", "1, 4, 9", "4, 9, 21"]),
    "superincreasing": (["1, 2, 4, 8", "3, 5, 9, 100"], ["1, 2, 3, 4", "0, 1, 2, 4", "1, 2, 4", "1, 2, 4, 7"]),
    "pairwise_disjoint": (["{1, 2} {3}", "{1},{2},{3}"], ["{1, 2} {2, 3}", "{1} {}", "{1, 2} {2, 3} {4}"]),
    "partition": (
        ["{1, 2, 3} {1} {2, 3}", "{4,5}\n{5}\n{4}"],
        ["{1, 2, 3} {1} {2}", "{1, 2, 3} {1, 2} {2, 3}", "{1, 2} {1, 2}", "{1, 2} {1} {2} {}", "{1, 2} {1} {2, 3}"],
    ),
    "chain": (["{} {1} {1, 2}", "{3} {3, 4} {3, 4, 5, 6}"], ["{1} {1, 2}", "{1} {1} {1, 2}", "{1} {2} {1, 2}"]),
    "antichain": (
        ["{1} {2} {3}", "{1, 2} {2, 3} {1, 3}"], ["{1} {1, 2} {3}", "{1, 2} {1, 2} {3}", "{1} {2}", "{} {1} {2}"],
    ),
    "tree": (["1-2, 2-3, 2-4", "7-5"], ["1-2, 2-3, 3-1", "1-2, 3-4", "1-2, 2-3, 1-3, 3-4"]),
    "bipartite": (["1-2, 2-3, 3-4, 4-1", "1-2\n3-4"], ["1-2, 2-3, 3-1", "1-2, 2-3, 3-4, 4-5, 5-1"]),
    "cycle": (["1-2, 2-3, 3-1", "4-9, 9-2, 2-8, 8-4"], ["1-2, 2-3, 3-4", "1-2, 2-3, 3-1, 4-5, 5-6, 6-4", "1-2"]),
    "eulerian": (["1-2, 2-3, 3-1", "1-2, 2-3, 3-1, 1-4, 4-5, 5-1"], ["1-2, 2-3", "1-2, 2-3, 3-1, 4-5, 5-6, 6-4"]),
    "matching": (["1-2, 3-4", "1-9, 3-4, 5-7"], ["1-2, 2-3", "1-2", "1-2, 3-4, 4-5"]),
    "complete_graph": (
        ["1-2, 2-3, 3-1", "1-2, 1-3, 1-4, 2-3, 2-4, 3-4"], ["1-2, 2-3", "1-2, 1-3, 1-4, 2-3, 2-4", "1-2"],
    ),
}  # fmt: skip

MALFORMED = {
    "zero_sum": [
        "", "zero", "1,-1", "1,-1 | 0,0", "1,-1 | 0,0\n2,-2", "one,two | 0,0\n1,1 | 2,2", "1.5,-1.5 | 0,0\n0,0 | 0,0",
    ],
    "nash_equilibrium": ["3,3 | 0,5\n5,0 | 1,1", "3,3 | 0,5\n5,0 | 1,1\nprofile: row 3, column 1"],
    "anaphora": ["", "we 1\nwe 2\nwe 3", "we = a\nwe = b\nwe = c"],
    "palindrome": ["", "12321", "?!"],
    "prime": ["", "seven", "7.0", "-7", "007", "7, 11", "2^5-1"],
    "arithmetic_progression": ["", "7", "1 2 3 4", "1, 2, 3, x", "1, 2, 3, ..."],
    "tree": ["", "1-1", "1-2, 2-1", "a-b", "1-2-3", "1>2"],
    "partition": ["", "{1}", "1, 2", "{a} {b}", "{1} {2} and {3}", "{1 {2}}"],
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_verifier_accepts_instances_and_rejects_others(name: str) -> None:
    concept = CONCEPTS[name]
    instances, others = CASES[name]
    for text in instances:
        assert concept.is_instance(text), text
        assert concept.is_instance(f"\n```text\n{text}\n```\n"), "a fenced answer is the same answer"
    for text in others:
        assert concept.form.parse(text) is not None, f"{text!r} should fail the concept, not the form"
        assert not concept.is_instance(text), text


@pytest.mark.parametrize("name", MALFORMED)
def test_a_text_out_of_form_is_no_instance(name: str) -> None:
    for text in MALFORMED[name]:
        assert CONCEPTS[name].form.parse(text) is None, text
        assert not CONCEPTS[name].is_instance(text)


@given(NAME, st.text(max_size=60) | st.text("0123456789,-| \n{}abe", max_size=60))
def test_a_verifier_survives_any_text(name: str, text: str) -> None:
    concept = CONCEPTS[name]
    value = concept.form.parse(text)
    assert concept.is_instance(text) is (value is not None and concept.test(value))
    if value is not None:
        assert concept.form.parse(concept.form.write(value)) == value


@settings(max_examples=100, deadline=None)
@given(NAME, SEED)
def test_generated_instances_pass_and_near_misses_fail_by_one_change(name: str, seed: int) -> None:
    concept = CONCEPTS[name]
    instance, near = concept.pair(named_rng(seed, "test"))
    assert concept.is_instance(instance)
    assert not concept.is_instance(near)
    one, other = concept.form.parse(instance), concept.form.parse(near)
    assert concept.form.distance(one, other) == concept.form.distance(other, one) == 1
    assert concept.form.distance(one, one) == 0
    assert concept.is_valid_edit(near, instance, True) and concept.is_valid_edit(instance, near, False)
    assert not concept.is_valid_edit(near, near, True) and not concept.is_valid_edit(instance, instance, False)
    assert not concept.is_valid_edit(near, instance, False)
    assert concept.is_instance(concept.instance(named_rng(seed, "test")))
    assert not concept.is_instance(concept.near_miss(named_rng(seed, "test")))


@settings(max_examples=100, deadline=None)
@given(NAME, SEED)
def test_demands_can_be_met_and_no_known_example_meets_them(name: str, seed: int) -> None:
    concept = CONCEPTS[name]
    constraints, hidden = concept.constraints(named_rng(seed, "test"))
    assert concept.satisfies(hidden, constraints)
    assert not any(concept.satisfies(text, constraints) and concept.form.parse(text) != concept.form.parse(hidden)
                   for text in CASES[name][1])  # fmt: skip


@pytest.mark.parametrize("name", CONCEPTS)
def test_examples_learned_by_heart_rarely_meet_the_demands(name: str) -> None:
    """Of 60 fixed pairs of demands and four other examples, all four meet the demands in at most three."""
    concept = CONCEPTS[name]
    met = 0
    for seed in range(60):
        constraints, _ = concept.constraints(named_rng(seed, "test"))
        learned = [concept.instance(named_rng(seed + 1000, "test", i)) for i in range(4)]
        met += all(concept.satisfies(text, constraints) for text in learned)
    assert met <= 3


def test_the_set_is_as_large_and_as_varied_as_promised() -> None:
    domains = [c.domain for c in CONCEPTS.values()]
    assert len(CONCEPTS) >= 24
    assert min(domains.count(d) for d in ("games", "text", "maths")) >= 8
    for concept in CONCEPTS.values():
        options = (concept.definition, *concept.wrong)
        assert len(set(options)) == len(options) >= 4
        assert all(o[0].isupper() and o.endswith(".") and o.count(". ") == 0 for o in options)


@pytest.mark.parametrize(
    ("word", "count"),
    [("stone", 1), ("river", 2), ("maple", 2), ("moved", 1), ("wanted", 2), ("umbrella", 3), ("quiet", 1), ("sky", 1),
     ("the", 1), ("autumn", 2), ("Table's", 2)],
)  # fmt: skip
def test_syllables_by_the_documented_heuristic(word: str, count: int) -> None:
    """Vowel groups: "quiet" has one, whatever the dictionary says; that is why the note is shown with the question."""
    assert syllables(word) == count


@pytest.mark.parametrize("name", [n for n in NAMES if CONCEPTS[n].robust])
def test_an_instance_that_edit_asks_to_spoil_survives_most_changes(name: str) -> None:
    concept, survived = CONCEPTS[name], 0
    for seed in range(200):
        rng = named_rng(seed, "test", name)
        survived += concept.test(concept.form.mutate(rng, concept.sample(rng)))
    assert survived > 90


def test_edits_are_counted_in_units() -> None:
    game, profiled = CONCEPTS["zero_sum"], CONCEPTS["nash_equilibrium"]
    assert game.is_valid_edit("1,-1 | 0,0\n-4,4 | 2,-1", "1,-1 | 0,0\n-4,4 | 2,-2", True)
    assert not game.is_valid_edit("1,-1 | 0,0\n-4,4 | 2,-1", "1,-1 | 0,0\n-4,4 | 0,0", True), "two payoffs changed"
    assert not game.is_valid_edit("1,-1 | 0,0\n-4,4 | 2,-1", "1,-1 | 0,0", True), "a row is gone"
    at_11, at_22 = (f"3,3 | 0,5\n5,0 | 1,1\nprofile: row {n}, column {n}" for n in (1, 2))
    assert not profiled.is_valid_edit(at_11, at_22, True), "moving the profile is no edit of a payoff"
    tree, chain = CONCEPTS["tree"], CONCEPTS["chain"]
    assert tree.is_valid_edit("1-2, 2-3, 3-1", "1-2, 2-3", True)
    assert not tree.is_valid_edit("1-2, 2-3, 3-1", "1-2", True)
    assert not chain.is_valid_edit("{1} {1, 2} {1, 2, 3} {}", "{1} {1, 2} {1, 2, 3}", True), "a whole set is gone"
    verse = CONCEPTS["anaphora"]
    assert verse.is_valid_edit("we sing\nwe dance\nyou rest", "We sing,\nwe dance,\nwe rest!", True)
    assert not verse.is_valid_edit("we sing\nwe dance\nyou rest", "we sing\nwe dance\nwe sleep", True)


@settings(max_examples=100, deadline=None)
@given(SEED, st.sampled_from(["potemkin", "potemkin_incoherence"]))
def test_every_question_can_be_answered_and_states_are_plain_data(seed: int, name: str) -> None:
    task: Any = TASKS.make(name)
    assert isinstance(task, Task) and isinstance(task, Graded)
    state, over = task.start(seed), False
    while not over:
        situation, oracle = task.situation(state), task.oracle(state)
        read_back = decode(PotemkinState, encode(state))
        assert state == read_back and hash(state) == hash(read_back)
        assert situation == task.situation(read_back)
        assert set(oracle.optimal) <= set(oracle.values) == set(oracle.regret)
        assert oracle.regret[oracle.optimal[0]] == 0 and oracle.forfeit == 1
        assert set(situation.actions or ("right", "wrong")) == set(oracle.values)
        answer = task.solution(state)
        assert task.grade(state, answer) in oracle.optimal
        for wrong in situation.actions or ("", "§ 5"):
            if wrong != answer:
                assert task.grade(state, wrong) in set(oracle.values) - set(oracle.optimal)
        if situation.actions:
            with pytest.raises(BadOption, match="not a legal action"):
                task.step(state, "perhaps")
        state, reward, over = task.step(state, answer)
        assert reward == 1
    with pytest.raises(BadOption, match="over"):
        task.situation(state)


@given(SEED)
def test_leaving_out_a_use_changes_no_other_question(seed: int) -> None:
    whole, part = potemkin(), potemkin(tasks=["edit"])
    first = whole.start(seed)
    last = PotemkinState(first.seed, first.concept, 3)
    alone = PotemkinState(first.seed, first.concept, 1)
    assert part.start(seed) == first
    assert whole.situation(first).observation == part.situation(first).observation
    assert whole.situation(last).observation == part.situation(alone).observation
    assert whole.solution(last) == part.solution(alone)


def test_options_round_trip_and_bad_ones_name_the_nearest() -> None:
    for made in (potemkin(), potemkin(["edit", "classify"], "games", ["zero_sum"]), potemkin_incoherence("maths")):
        again = TASKS.make(made.name, **made.options)
        assert again == made and hash(again) == hash(made) and digest(again.options) == digest(made.options)
    assert all(CONCEPTS[potemkin(domain="text").start(s).concept].domain == "text" for s in range(50))
    assert {potemkin().start(s).concept for s in range(600)} == set(CONCEPTS)
    with pytest.raises(UnknownName, match="zero_sum"):
        potemkin(concepts=["zero_sums"])
    with pytest.raises(UnknownName, match="classify"):
        potemkin(["clasify"])
    with pytest.raises(UnknownName, match="games"):
        potemkin(domain="game")
    for options in ({"tasks": []}, {"tasks": "edit"}, {"tasks": ["edit", "edit"]}, {"concepts": []},
                    {"concepts": ["tree", "tree"]}, {"domain": "games", "concepts": ["tree"]}):  # fmt: skip
        with pytest.raises(BadOption):
            potemkin(**options)  # type: ignore[arg-type]


def answers(task: Any, right: tuple[str, ...]) -> Scripted:
    """A model that answers the questions of these uses right, and all others wrong in the right form."""

    def script(request: Request, draw: Draw) -> str:
        state = task.start(draw.episode)
        last_answer = request.messages[0].content
        for turn, use in enumerate(task.uses):
            before = task.solution(replace(state, turn=turn - 1)) if use == "label" else ""
            here = replace(state, turn=turn, last_answer=before)
            situation = task.situation(here)
            if situation.question in last_answer and situation.observation in last_answer:
                solution = task.solution(here)
                others = [a for a in situation.actions if a != solution] or ["no idea"]
                answer = solution if use in right else others[0]
                return f"So it is.\nBEST={answer}\nACTION={answer}"
        raise AssertionError(last_answer)

    return Scripted(script, name="-".join(right) or "never")


def played(task: Any, right: tuple[str, ...], tmp_path: Any, episodes: int = 8) -> ak.Result:
    return ak.run(
        task=task,
        model=answers(task, right),
        variants=["reason_act"],
        episodes=episodes,
        out=tmp_path / ("-".join(right) or "none"),
    )


def test_a_model_that_defines_right_and_applies_wrong_is_all_gap(tmp_path: Any) -> None:
    result = played(potemkin(), ("define",), tmp_path)
    arm = result.score().arms[0]
    assert arm.metrics["gap"].value == 1 and arm.metrics["knowing"].value == 1 and arm.metrics["doing"].value == 0
    assert arm.metrics["potemkin_classify"].value == 2, "always wrong is worse than chance: not capped"
    assert arm.metrics["potemkin_generate"].value == arm.metrics["potemkin_edit"].value == 1
    assert arm.metrics["potemkin_rate"].value == pytest.approx(3 / 2.5)
    assert "potemkin_incoherence" in arm.metrics["incoherence"].why
    table = result.records
    chances = table.select(pl.col("question").str.extract(r"/(\w+)$"), "chance").unique().rows()
    assert dict(chances) == {"classify": 0.5, "generate": 0.0, "edit": 0.0}
    assert len(chances) == 3
    assert set(table.filter(pl.col("question").str.ends_with("/classify"))["done"]) <= {"yes", "no"}
    assert set(table.filter(pl.col("question").str.ends_with("/edit"))["done"]) == {"wrong"}


def test_a_model_that_does_all_right_has_no_gap_and_one_that_knows_nothing_has_no_rate(tmp_path: Any) -> None:
    perfect = played(potemkin(), ("define", *USES), tmp_path).score().arms[0].metrics
    assert perfect["gap"].value == perfect["potemkin_rate"].value == 0 and perfect["doing"].value == 1
    assert perfect["potemkin_edit"].high is not None and perfect["potemkin_edit"].high > 0
    ignorant = played(potemkin(), ("classify", "edit"), tmp_path).score().arms[0].metrics
    assert ignorant["knowing"].value == 0 and ignorant["mirror"].value == pytest.approx(2 / 3)
    assert ignorant["potemkin_rate"].value is None and "defined right" in ignorant["potemkin_rate"].why


def test_incoherence_is_disagreement_with_oneself_scaled_by_two(tmp_path: Any) -> None:
    coherent = played(potemkin_incoherence(), ("produce", "label"), tmp_path).score().arms[0].metrics
    assert coherent["incoherence"].value == 0
    assert "task potemkin" in coherent["potemkin_rate"].why
    torn = played(potemkin_incoherence(), ("produce",), tmp_path).score().arms[0].metrics
    assert torn["incoherence"].value == 2


def test_what_is_labelled_is_what_was_said_and_silence_is_not_labelled() -> None:
    task = potemkin_incoherence(concepts=["tree"])
    state = task.start(1)
    after, _, over = task.step(state, "whatever I say")
    assert not over and "whatever I say" in task.situation(after).observation
    assert task.forfeit(state)[1], "there is nothing to label"


def test_the_rates_are_not_measured_on_other_tasks() -> None:
    empty = frame([])
    for name in ("potemkin_rate", "potemkin_edit", "incoherence"):
        with pytest.raises(NotMeasured):
            METRICS.make(name)(empty)


@pytest.mark.parametrize("wrap", ["{}", "{}.", "```\n{}\n```", "~~~\n{}\n~~~", "---\n{}\n---", "**{}**"])
def test_a_right_text_is_right_however_it_is_wrapped(wrap: str) -> None:
    for concept in CONCEPTS.values():
        instance = concept.instance(named_rng("wrap", concept.name))
        assert concept.is_instance(wrap.format(instance)), (concept.name, instance)
