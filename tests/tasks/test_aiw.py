"""Alice in Wonderland: formulas against every published prompt, redrawn numbers, and whole runs of scripted readers."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import akrasia as ak
from akrasia.agents.answers.parsing import read_answer, read_recommendation
from akrasia.errors import BadOption, UnknownName
from akrasia.graphs import reason_then_act
from akrasia.models import Scripted
from akrasia.records import Draw, Request
from akrasia.tasks import TASKS, aiw, conformance
from akrasia.tasks.aiw_texts import FAMILIES, WORDINGS, drawable_numbers
from akrasia.tasks.numbers import canonical_number

PROMPTS = Path(__file__).resolve().parents[3] / "shared" / "data" / "aiw" / "prompts.json"
WORDS = dict(zip("one two three four five six seven eight nine ten".split(), range(1, 11), strict=True)) | {"a": 1}
DIGIT = r"(\d+|one|two|three|four|five|six|seven|eight|a)"


@pytest.fixture(scope="module")
def prompts() -> dict[int, dict[str, Any]]:
    if not PROMPTS.exists():
        pytest.skip(f"{PROMPTS} is not here")
    return {row["id"]: row for row in json.loads(PROMPTS.read_text())}


def number(said: str) -> int:
    return WORDS[said] if said in WORDS else int(said)


def number_of(noun: str, text: str) -> int | None:
    """How many of something a story tells of: the last number that stands before it."""
    found = re.findall(rf"\b{DIGIT} (?:other |others |further )?{noun}", text)
    return number(found[-1]) if found else None


def asked_of(prompt: str) -> tuple[str, tuple[int, ...]] | None:
    """Which of our families a published prompt belongs to, and its numbers in our order; read off its words alone."""
    text = prompt.rpartition("<|start_header_id|>user<|end_header_id|>")[2]
    if text.count("Answer:") > 1 and "### Problem:" in text[20:]:
        text = text[text.rindex("### Problem:") :]  # few-shot prompts: the last problem is asked
    said = text.casefold().replace("his name is bob", "")
    if "cousins does alice's sister" in said and " male cousins" not in said:
        own = (number_of("sisters?", said.split(".")[0]), number_of("brothers?", said.split(".")[0]) or 0)
        mother, _, father = said.partition("alice's father")
        kids = number_of("(?:sons?|daughters?)", father)
        return "aiw_plus", (own[0] or 0, own[1], relatives(mother), relatives(father), kids or 0)
    if "matild" in said and "bob has" in said and "alice has" in said and "one of" not in said:
        alice, _, bob = said.partition("bob has")
        kind = "(?:colleagues?|friends?)"
        hers = [number_of(f"{sex} {kind}", alice) for sex in ("male", "female")]
        his = [number_of(f"{sex} {kind}", bob) for sex in ("female", "male")]
        return "circles", tuple(int(n or 0) for n in (*hers, *his))
    for kind in ("friend", "colleague"):
        if re.search(rf"how many female {kind}s does (?:alice's )?male {kind}(?: of alice)? have", said):
            other, same = number_of(f"males? {kind}", said), number_of(f"females? {kind}", said)
            same = same or number_of("females?", said)
            return (f"{kind}s", (other, same)) if other and same and "matilda" not in said else None
        if re.search(rf"how many male {kind}s does female {kind} of bob have", said):
            return f"{kind}s", (number_of(f"female {kind}", said) or 0, number_of(f"male {kind}", said) or 0)
    scientists = re.search(r"how many scientist colleagues does an? (software engineer|non-scientist) have", said)
    if scientists:
        story = said[: scientists.start()]
        return "colleagues", (number_of(scientists[1], story) or 0, number_of("scientist colleague", story) or 0)
    siblings = re.search(r"(?:alice|a girl) and (?:bob|a boy) are sister and brother\. (?:alice|the girl)", said)
    cross = re.search(r"alice (?:is female and )?has (\d+) brothers? and bob has", said)
    if siblings and not cross and said.count("how many") == 1:
        sisters, brothers = number_of("sisters?", said), number_of("brothers?", said)
        if re.search(r"how many brothers does (?:alice|bob's sister|the girl) have", said):
            return "ext", (sisters or 0, brothers or 0)
        if re.search(r"how many sisters does (?:bob|alice's brother|the boy) have", said):
            return "ext", (brothers or 0, sisters or 0)
        return None
    if not siblings and re.search(
        r"(?:bob is a brother of alice|also has a brother).*how many sisters does bob have", said
    ):
        return "aiw", (number_of("brothers?", said) or 0, number_of("sisters?", said) or 0)
    turned = re.search(r"how many (sister|brother)s(?: in total)? does (\S+?'s) (sister|brother) have", said)
    if turned and turned[1] != turned[3] and " are sisters" not in said:
        story = said[: turned.start()]
        if turned[2] in ("bob's", "boy's", "boys's") and turned[1] == "sister":
            return None
        same, other = number_of(f"{turned[1]}s?", story), number_of(f"{turned[3]}s?", story)
        girl = turned[2] not in ("bob's", "boy's", "boys's")
        return ("aiw", (other, same)) if same and other and girl == (turned[1] == "sister") else None
    return None


def relatives(text: str) -> int:
    """Nephews and nieces, told together or apart."""
    together = re.search(rf"{DIGIT} nephews and nieces", text)
    if together:
        return number(together[1])
    apart = re.search(rf"{DIGIT} nephews? and {DIGIT} nieces?", text)
    return number(apart[1]) + number(apart[2]) if apart else 0


def test_our_formulas_give_the_published_answer_to_every_prompt_of_the_families(
    prompts: dict[int, dict[str, Any]],
) -> None:
    counted: Counter[str] = Counter()
    wrong: dict[int, tuple[str, tuple[int, ...], str | None]] = {}
    for i, row in prompts.items():
        prompt = row["prompt"] if isinstance(row["prompt"], str) else row["prompt"][0]
        right, found = canonical_number(str(row["right_answer"])), asked_of(prompt)
        if right is None or found is None:
            continue
        counted[found[0]] += 1
        if str(FAMILIES[found[0]].problem.answer(found[1])) != right:
            wrong[i] = (*found, right)
    circles = ("circles", (3, 5, 2, 1), "7")  # 593 and 596 say 6 of the same story with the same numbers
    assert wrong == {594: circles, 595: circles, 772: ("aiw", (3, 9), "9")}
    assert counted == {"aiw": 269, "aiw_plus": 71, "circles": 62, "friends": 47, "ext": 46, "colleagues": 18}


def test_the_light_questions_give_the_published_answers(prompts: dict[int, dict[str, Any]]) -> None:
    kinds = {"siblings": range(277, 281), "family": range(271, 275), "girls": range(343, 347)}
    light = {question.name: question for question in FAMILIES["aiw"].light}
    for name, ids in kinds.items():
        for i in ids:
            said = prompts[i]["prompt"].casefold()
            numbers = (number_of("brothers?", said) or 0, number_of("sisters?", said) or 0)
            assert light[name].text.casefold() in said
            assert str(light[name].answer(numbers)) == prompts[i]["right_answer"], i


IDS = {
    ("aiw", "standard", False): (55, 56, 63, 69),
    ("aiw", "thinking", False): (57, 58, 64, 70),
    ("aiw", "restricted", False): (53, 54, 65, 71),
    ("aiw", "thinking_v2", False): (205, 206, 187, 188, 457, 458),
    ("aiw", "thinking_v2", True): (193, 197, 189, 190),
    ("ext", "thinking_v2", False): (264, 266, 268, 270, 455, 456),
    ("ext", "thinking_v2", True): (407, 408, 409, 410),
    ("friends", "thinking_v2", False): (577, 580, 581, 582, 583, 584),
    ("colleagues", "thinking_v2", False): (591,),
    ("circles", "thinking_v2", False): (637, 638, 639, 640, 641, 642),
    ("aiw_plus", "thinking_v2", False): (559, 560, 561, 562, 563, 564),
}


@pytest.mark.parametrize("key", IDS, ids=lambda key: "-".join(map(str, key)))
def test_published_variations_are_worded_and_answered_as_published(
    key: tuple[str, str, bool], prompts: dict[int, dict[str, Any]]
) -> None:
    problem, wording, female = key
    for variation, i in enumerate(IDS[key], 1):
        task = aiw(problem, variation, wording, female)
        state = at_the_end(task, 0)
        situation = task.situation(state)
        published = prompts[i]["prompt"].replace("3 female colleague in", "3 female colleagues in")  # 641 has a slip
        assert f"{situation.instruction} {situation.question}" == published
        assert task.oracle(state).optimal == (prompts[i]["right_answer"],)


def at_the_end(task: Any, seed: int) -> Any:
    """The state in which the problem itself is asked."""
    state = task.start(seed)
    while task.situation(state).step < task.situation(state).horizon - 1:
        state = task.forfeit(state)[0]
    return state


def test_an_episode_asks_what_is_known_and_then_the_problem() -> None:
    task = aiw(variation=3)
    state, over, seen = task.start(0), False, []
    while not over:
        situation, oracle = task.situation(state), task.oracle(state)
        seen.append((situation.probe, oracle.optimal, oracle.greedy))
        assert (situation.actions, situation.answer, situation.item) == ((), "number", "aiw variation 3 standard")
        state, reward, over = task.step(state, oracle.optimal[0])
        assert reward == 1.0
    assert seen == [
        ("light: siblings", ("5",), ()),
        ("light: family", ("1",), ()),
        ("light: girls", ("5",), ()),
        ("", ("5",), ("4",)),
    ]
    with pytest.raises(BadOption, match="over"):
        task.step(state, "5")


@pytest.mark.parametrize("problem", FAMILIES)
@pytest.mark.parametrize("numbers", ["published", "drawn"])
def test_every_problem_is_sound(problem: str, numbers: str) -> None:
    task = aiw(problem, numbers=numbers)
    conformance.check(task, range(6))
    assert TASKS.make("aiw", **json.loads(json.dumps(task.options))) == task


@given(seed=st.integers(0, 10**12), problem=st.sampled_from(sorted(FAMILIES)), variation=st.integers(1, 6))
def test_drawn_numbers_are_new_and_no_wrong_rule_is_right_by_accident(seed: int, problem: str, variation: int) -> None:
    family, task = FAMILIES[problem], aiw(problem, variation, numbers="drawn")
    numbers = task.start(seed).numbers
    right = family.problem.answer(numbers)
    assert min(numbers) >= 1 and right >= 1 and numbers not in family.published
    assert all(question.answer(numbers) >= 1 for question in family.light)
    assert right not in (family.shallow(numbers), *family.slips(numbers))
    told = task.situation(task.start(seed)).instruction
    assert Counter(map(int, re.findall(r"\d+", told))) >= Counter(numbers)
    for wording in WORDINGS:
        assert aiw(problem, variation, wording, numbers="drawn").start(seed).numbers == numbers


@given(seed=st.integers(0, 10**9))
def test_the_hard_question_is_right_in_a_counted_family(seed: int) -> None:
    brothers, sisters = aiw(numbers="drawn").start(seed).numbers
    people = ["Alice", *[f"girl {i}" for i in range(sisters)], *[f"boy {i}" for i in range(brothers)]]
    girls = [p for p in people if not p.startswith("boy")]
    asked = {q.name: q.answer((brothers, sisters)) for q in (*FAMILIES["aiw"].light, FAMILIES["aiw"].problem)}
    assert asked == {"siblings": len(people) - 1, "family": brothers, "girls": len(girls), "asked": len(girls)}


def test_circles_and_cousins_are_right_in_a_counted_world() -> None:
    for men, women, hers, his in drawable_numbers("circles")[::37]:
        around_alice = {"Alice", "Matilda"} | {f"a{i}" for i in range(women - 1)}
        around_bob = {"Matilda"} | {f"b{i}" for i in range(hers - 1)}
        known = (around_alice | around_bob) - {"Matilda"}
        assert FAMILIES["circles"].problem.answer((men, women, hers, his)) == len(known)
    for sisters, brothers, aunts, uncles, children in drawable_numbers("aiw_plus")[::37]:
        at_home = 1 + sisters + brothers
        cousins = (aunts - at_home) + (uncles - at_home) + children
        assert FAMILIES["aiw_plus"].problem.answer((sisters, brothers, aunts, uncles, children)) == cousins


def test_bad_options_and_answers_are_refused() -> None:
    with pytest.raises(UnknownName, match="friends"):
        aiw("friend")
    with pytest.raises(UnknownName, match="thinking"):
        aiw(wording="think")
    with pytest.raises(UnknownName, match="drawn"):
        aiw(numbers="draw")
    for wrong in (0, 7, True, "3", 2.0):
        with pytest.raises(BadOption, match="variation"):
            aiw(variation=wrong)  # type: ignore[arg-type]
    with pytest.raises(BadOption, match="female_boost"):
        aiw(female_boost="yes")  # type: ignore[arg-type]
    with pytest.raises(BadOption, match="no version"):
        aiw("circles", female_boost=True)
    task = aiw()
    for said in ("seven", "", "7 sisters", "nan"):
        with pytest.raises(BadOption, match="not a number"):
            task.step(task.start(0), said)
    assert task.step(at_the_end(task, 0), "007")[1:] == (1.0, True)


NUMBER = aiw().situation(aiw().start(0))


@pytest.mark.parametrize(
    ("said", "done"),
    [
        ("### Answer: 7", "7"),
        ("### Answer:\n\n**007**.", "7"),
        ("Answer: 3. No, answer: 7.0 sisters", "7"),
        ("ACTION=-2", "-2"),
        ("ACTION=\N{MINUS SIGN}2", "-2"),
        ("### Answer: $1,234.50", "1234.5"),
        ("### Answer: 3,5", "3.5"),  # a decimal comma, where it can part no thousands: never 35
        ("### Answer: 1e3", "1000"),
        ("### Answer: 9007199254740993", "9007199254740993"),
        ("### Answer: seven", "7"),
        ("Alice's brother has 7 sisters.", None),
        ("ACTION=\nBEST=7", None),  # an empty marker borrows nothing
    ],
)
def test_numbers_are_read_behind_the_last_marker(said: str, done: str | None) -> None:
    assert read_answer(said, NUMBER) == (done, "ok" if done else "unparsable")


def test_an_empty_recommendation_is_not_the_action_below_it() -> None:
    assert read_recommendation("BEST=6\nACTION=7", NUMBER) == (("6",), "ok")
    assert read_answer("BEST=6\nACTION=7", NUMBER) == ("7", "ok")


@given(
    st.one_of(st.integers(), st.decimals(allow_nan=False, allow_infinity=False, places=3)), st.sampled_from(["", "+"])
)
def test_canonical_numbers_are_exact_and_stay_as_they_are(value: Any, plus: str) -> None:
    from fractions import Fraction

    text = format(value, "f") if not isinstance(value, int) else str(value)
    found = canonical_number(text if text.startswith("-") else plus + text)
    assert found is not None and Fraction(found) == Fraction(text) and canonical_number(found) == found
    assert canonical_number(f"00{text}" if not text.startswith("-") else text) == found


@given(st.text(max_size=20))
def test_any_text_is_a_number_or_none(text: str) -> None:
    found = canonical_number(text)
    assert found is None or canonical_number(found) == found


def reader(solves: bool, counts: bool = True) -> Any:
    """A model that answers the easy questions (`counts`), and the hard one as it should or as who forgets Alice."""

    def script(request: Request, draw: Draw) -> str:
        shown = " ".join(m.content for m in request.messages)
        brothers = int(re.findall(r"(\d+) brothers?", shown)[0])
        sisters = int(re.findall(r"(\d+) sisters?", shown)[0])
        answers = {
            "How many siblings does Alice have?": brothers + sisters,
            "How many brothers does Alice's sister have?": brothers,
            "How many girls are there in total?": sisters + 1 if counts else sisters,
            "How many sisters does Alice's brother have?": sisters + solves,
        }
        (right,) = (n for question, n in answers.items() if question in shown)
        return f"So it is {right}.\nBEST={right}\nACTION={right}\n### Answer: {right}"

    return Scripted(script, f"reader-{solves}-{counts}")


def test_who_knows_the_facts_and_forgets_alice_has_a_gap_of_one(tmp_path: Path) -> None:
    base = reason_then_act()
    variants = {
        "base": base,
        "critic": base | ak.critique(),
        "votes": base | ak.self_consistency(n=3),
    }
    task = aiw(numbers="drawn")
    card = ak.run(task=task, model=reader(solves=False), variants=variants, episodes=12, out=tmp_path / "run").score()
    assert [arm.variant for arm in card.arms if arm.steps != 12] == []  # probes are no rows of their own
    for arm in card.arms:
        rates = {name: arm.metrics[name].value for name in ("knowing", "doing", "gap", "mirror", "valid")}
        assert rates == {"knowing": 1, "doing": 0, "gap": 1, "mirror": 0, "valid": 1}, arm.variant
        assert arm.table.conditional("knows", "greedy") == 1
        assert arm.metrics["regret"].value == 1


@pytest.mark.parametrize(
    ("solves", "counts", "expected"),
    [
        (True, True, {"knowing": 1, "doing": 1, "gap": 0, "mirror": 0, "regret": 0}),
        (True, False, {"knowing": 0, "doing": 1, "gap": 0, "mirror": 1, "regret": 0}),
        (False, False, {"knowing": 0, "doing": 0, "gap": 0, "mirror": 0, "regret": 1}),
    ],
)
def test_the_other_readers_fall_where_they_should(
    solves: bool, counts: bool, expected: dict[str, float], tmp_path: Path
) -> None:
    result = ak.run(
        task="aiw",
        model=reader(solves, counts),
        variants=["reason_act"],
        episodes=12,
        design="rollout",
        out=tmp_path / "run",
    )
    (arm,) = result.score().arms
    assert {name: arm.metrics[name].value for name in expected} == expected
    assert sorted(set(result.records["item"])) == [f"aiw variation {v} standard" for v in range(1, 7)]


def test_an_answer_without_a_number_knows_and_does_nothing(tmp_path: Path) -> None:
    silent = Scripted(lambda request, draw: "I would rather not say.", "silent")
    (arm,) = ak.run(task=aiw(), model=silent, variants=["reason_act"], episodes=6, out=tmp_path / "run").score().arms
    assert (arm.metrics["knowing"].value, arm.metrics["doing"].value, arm.metrics["valid"].value) == (0, 0, 0)
    assert arm.outcomes.actions == {"unparsable": 6}


@given(st.fractions(max_denominator=10**6))
def test_fractions_are_numbers_in_one_form(value: Any) -> None:
    found = canonical_number(f"{value.numerator}/{value.denominator}")
    assert found is not None and canonical_number(found) == found
    if "/" not in found:
        assert type(value)(found) == value
    assert canonical_number(f"{3 * value.numerator}/{3 * value.denominator}") == found
    assert read_answer(f"ACTION={value.numerator}/{value.denominator}", NUMBER) == (found, "ok")
