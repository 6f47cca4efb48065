"""The bandit is a pure function of its seed, and its oracle says what UCB says."""

from dataclasses import replace
from itertools import permutations
from math import inf, isclose, log, sqrt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import akrasia as ak
from akrasia.agents import read_action, read_stated
from akrasia.agents.rendering import render_situation
from akrasia.errors import BadOption, UnknownName, UsageError
from akrasia.records import ARM_RULES, Transition, decode, digest, encode
from akrasia.records import Situation as Seen
from akrasia.tasks import PLAYERS, RULES, TASKS, bandit, run_player
from akrasia.tasks.bandit import Bandit, BanditState
from akrasia.tasks.rules import ORACLES, best_labels
from akrasia.tasks.scenarios import SCENARIOS

SEED = st.integers(0, 2**40)
ARMS = st.integers(2, 20)
PULLS = st.lists(st.integers(0, 99), max_size=15)


def pulled(task: Bandit, state: BanditState, pulls: list[int]) -> tuple[BanditState, list[tuple[str, float]]]:
    """Take the arms in turn, beyond the horizon if need be."""
    paid = []
    endless = replace(task, horizon=10_000)
    for n in pulls:
        action = state.labels[n % task.arms]
        state, reward, _ = endless.step(state, action)
        paid.append((action, reward))
    return state, paid


@given(SEED, ARMS, PULLS, PULLS)
def test_a_forked_state_plays_on_identically(seed: int, arms: int, before: list[int], after: list[int]) -> None:
    task = bandit(arms=arms)
    state, _ = pulled(task, task.start(seed), before)
    kept = encode(state)
    first, second = pulled(task, state, after), pulled(task, state, after)
    assert first == second
    assert encode(state) == kept
    assert hash(state) == hash(decode(BanditState, kept))
    assert task.situation(state) == task.situation(decode(BanditState, kept))
    assert task.start(seed) == bandit(arms=arms).start(seed)


@given(SEED, ARMS, st.lists(st.integers(0, 99), min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_kth_reward_of_an_arm_ignores_all_else(seed: int, arms: int, pulls: list[int], random: Any) -> None:
    """Any interleaving of the same pulls, with steps forfeited in between, pays each arm the same sequence."""
    task = bandit(arms=arms)
    shuffled = random.sample(pulls, len(pulls))
    _, one = pulled(task, task.start(seed), pulls)
    state, other = task.start(seed), []
    for n in shuffled:
        if random.random() < 0.5:
            state, _ = task.forfeit(state)
        state, paid = pulled(task, state, [n])
        other += paid
    for label in state.labels:
        assert [r for a, r in one if a == label] == [r for a, r in other if a == label]


def test_rewards_are_normal_around_the_arms_mean() -> None:
    task = bandit(arms=2, sigma=3.0)
    noise = []
    for seed in range(400):
        state = task.start(seed)
        _, paid = pulled(task, state, [0, 0])
        noise += [(r - state.means[0]) / 3.0 for _, r in paid]
    mean = sum(noise) / len(noise)
    assert abs(mean) < 0.12
    assert abs(sum((z - mean) ** 2 for z in noise) / len(noise) - 1) < 0.16
    first, second = noise[::2], noise[1::2]
    assert abs(sum(a * b for a, b in zip(first, second, strict=True)) / len(first)) < 0.16


def test_means_fill_the_unit_interval_and_labels_do_not_lean() -> None:
    """A preference for a word must not be a preference for an arm: every label lands on every place."""
    task = bandit(arms=5)
    states = [task.start(s) for s in range(2000)]
    means = [m for s in states for m in s.means]
    assert 0 <= min(means) < 0.01
    assert 0.99 < max(means) <= 1
    firsts = [s.labels[0] for s in states]
    assert len(set(firsts)) == 20
    assert max(firsts.count(a) for a in set(firsts)) < 160
    assert all(len(set(s.labels)) == 5 for s in states)


@given(SEED, PULLS)
def test_a_forfeit_adds_no_history_and_shows_only_as_a_turn(seed: int, pulls: list[int]) -> None:
    task = bandit()
    state, _ = pulled(task, task.start(seed), pulls)
    after, _ = task.forfeit(state)
    assert after.history == state.history
    assert after.turn == state.turn + 1
    assert task.oracle(after) == task.oracle(state)
    before, now = task.situation(state), task.situation(after)
    assert replace(now, step=before.step) == before


def test_an_episode_of_forfeits_ends_on_time() -> None:
    task = bandit(horizon=3, head_start=2)
    state, over, turns = task.start(0), False, 0
    while not over:
        state, over = task.forfeit(state)
        turns += 1
    assert turns == 3
    with pytest.raises(BadOption, match="over"):
        task.step(state, state.labels[0])


@given(SEED, ARMS, PULLS)
def test_oracle_equals_brute_force(seed: int, arms: int, pulls: list[int]) -> None:
    task = bandit(arms=arms)
    state, paid = pulled(task, task.start(seed), pulls)
    seen = {a: [r for b, r in paid if b == a] for a in state.labels}
    index = {a: sum(r) / len(r) + sqrt(2 * log(len(paid)) / len(r)) if r else inf for a, r in seen.items()}
    oracle = task.oracle(state)
    for a, value in oracle.values.items():
        assert (value is None) == (index[a] == inf)
        assert value is None or isclose(value, index[a], abs_tol=1e-12)
    top = max(index.values())
    tried = {a: v for a, v in index.items() if v < inf}
    assert set(oracle.optimal) == {a for a, v in index.items() if v == top}
    assert set(oracle.greedy) == {a for a, v in tried.items() if v == max(tried.values())}
    assert set(oracle.untried) == {a for a, v in index.items() if v == inf}
    assert oracle.regret == {a: max(state.means) - m for a, m in zip(state.labels, state.means, strict=True)}
    assert oracle.forfeit == max(state.means)
    assert oracle.optimal
    if not oracle.untried:
        assert oracle.greedy == oracle.optimal


def test_a_hand_worked_oracle() -> None:
    """Red 1.0 twice, Blue 0.9 once, Green never: UCB(Red) = 1 + sqrt(ln 3), UCB(Blue) = 0.9 + sqrt(2 ln 3)."""
    task = bandit(arms=3)
    lines = (Transition(0, "Red", 1.0), Transition(1, "Blue", 0.9), Transition(2, "Red", 1.0))
    state = BanditState(0, ("Red", "Blue", "Green"), (0.2, 0.7, 0.4), lines, 3)
    oracle = task.oracle(state)
    assert oracle.optimal == ("Green",)
    assert oracle.greedy == ("Blue",)
    assert oracle.values == {
        "Red": pytest.approx(1 + sqrt(log(3))), "Blue": pytest.approx(0.9 + sqrt(2 * log(3))), "Green": None,
    }  # fmt: skip
    assert oracle.regret == {"Red": pytest.approx(0.5), "Blue": 0.0, "Green": pytest.approx(0.3)}
    assert replace(task, rule="greedy").oracle(state).greedy == ("Red",)
    assert replace(task, rule="ucb_sqrt").oracle(state).values["Red"] == pytest.approx(1 + sqrt(1 / 2))


def test_ties_are_sets() -> None:
    task = bandit(arms=4)
    alike = tuple(Transition(i, a, 0.5) for i, a in enumerate(("Red", "Blue")))
    state = BanditState(0, ("Red", "Blue", "Green", "Pink"), (0.1, 0.2, 0.3, 0.4), alike, 2)
    assert task.oracle(state).optimal == ("Green", "Pink")
    assert task.oracle(state).greedy == ("Red", "Blue")
    assert best_labels(("a", "b", "c"), (1.0, 2.0, 2.0)) == ("b", "c")
    assert best_labels((), ()) == ()
    assert task.oracle(task.start(3)).greedy == ()
    assert len(task.oracle(task.start(3)).optimal) == 4


@pytest.mark.parametrize("rule", sorted(RULES))
def test_the_agent_is_told_the_rule_it_is_judged_by(rule: str) -> None:
    task = bandit(rule=rule)
    assert RULES[rule].words.format(noun="button") in render_situation(task.situation(task.start(0)))
    assert task.oracle(task.start(0)).rule == rule


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *(("arms", v) for v in (1, 0, -3, 2.5, "5", None, True)),
        *(("horizon", v) for v in (0, -1, 1.5, "10", True, None)),
        *(("sigma", v) for v in (-0.1, float("nan"), inf, "1", None, True)),
        *(("labels", v) for v in ("colors", "", None, 3, ["Red"], [], list("abcdA"), ["a", "b", "c", "d", 5])),
        *(
            ("labels", list("abcd") + [v])
            for v in ("", " e", "e.", "The e", "e\nf", "*e*", "<e>", "e;f", "e|f", "()", "BEST=e", "A")
        ),
        *(("scenario", v) for v in ("button", "", None, 1)),
        *(("rewards", v) for v in ("normal", None, True)),
        *(("gap", v) for v in (0, -0.1, 1.1, float("nan"), "0.2", None, True)),
        *(("rule", v) for v in ("ucb2", None, ["ucb"])),
        *(("view", v) for v in ("summry", None, 1)),
        *(("head_start", v) for v in (-1, 1.0, True, "2")),
    ],
)
def test_bad_options_are_refused_by_name_with_a_remedy(option: str, value: Any) -> None:
    with pytest.raises(UsageError) as refused:
        bandit(**{option: value})
    assert option in str(refused.value)
    assert refused.value.remedy


def test_a_misspelt_option_value_names_its_neighbour() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'colours'"):
        bandit(labels="colors")
    with pytest.raises(UnknownName, match="Did you mean 'head_start'"):
        TASKS.make("bandit", headstart=2)
    with pytest.raises(UnknownName, match="Did you mean 'buttons'"):
        bandit(scenario="button")
    with pytest.raises(UnknownName, match="Did you mean 'truth'"):
        bandit(rule="thruth")
    with pytest.raises(BadOption, match="'Red' and 'RED' collide"):
        bandit(arms=2, labels=["Red", "RED"])
    with pytest.raises(BadOption, match="index"):
        bandit(rule="truth", view="index")
    assert bandit(arms=26, labels="letters").arms == 26


@given(ARMS, st.floats(0, 9), st.integers(1, 9), st.sampled_from(sorted(RULES)), st.integers(0, 4))
def test_options_rebuild_the_task(arms: int, sigma: float, horizon: int, rule: str, head: int) -> None:
    task = bandit(arms=arms, sigma=sigma, horizon=horizon, rule=rule, view="both", head_start=head)
    assert TASKS.make(task.name, **task.options) == task
    assert isinstance(task, ak.tasks.Task)


@given(SEED, ARMS, st.integers(0, 6))
def test_a_head_start_is_played_before_the_first_decision(seed: int, arms: int, head: int) -> None:
    task = bandit(arms=arms, horizon=4, head_start=head)
    seen = task.situation(task.start(seed))
    assert len(seen.history) == seen.step == head
    assert (seen.horizon, seen.step + 4) == (head + 4, seen.horizon)
    bare = bandit(arms=arms, horizon=4).start(seed)
    _, paid = pulled(task, bare, [bare.labels.index(t.action) for t in seen.history])
    assert paid == [(t.action, t.reward) for t in seen.history]
    assert sum(1 for _ in run_player(task, PLAYERS["uniform"], seed)) == 4


def test_an_illegal_action_is_refused_with_the_legal_ones() -> None:
    task = bandit(arms=2)
    state = task.start(0)
    with pytest.raises(BadOption, match=state.labels[1]):
        task.step(state, "Sesame")


@pytest.mark.parametrize("labels", ["colours", "letters"])
@pytest.mark.parametrize("arms", range(2, 21))
def test_examples_are_solved_distinct_and_of_other_episodes(arms: int, labels: str) -> None:
    """Distinct solutions: a model that copies the last example's answer must not look as if it knew."""
    task = bandit(arms=arms, labels=labels)
    seen = task.situation(task.start(7))
    assert len({e.action for e in seen.examples}) == len(seen.examples) == min(6, arms)
    for example in seen.examples:
        index = example.situation.quantity("index")
        assert index is not None
        assert example.action in best_labels(example.situation.actions, index.values)
        assert example.situation.examples == ()
    assert seen.examples == task.situation(task.start(8)).examples


def test_examples_hold_nothing_of_the_present_episode() -> None:
    task = bandit(arms=5, head_start=5)
    state = task.start(11)
    rewards = {t.reward for t in state.history}
    for example in task.situation(state).examples:
        assert example.situation.history[:5] != state.history
        assert [(t.action, t.reward) for t in example.situation.history] != [
            (t.action, t.reward) for t in state.history
        ]
        shared = rewards & {t.reward for t in example.situation.history}
        assert len(shared) < len(rewards)
    elsewhere = task.situation(task.start(12))
    assert elsewhere.examples == task.situation(state).examples


def test_examples_show_full_and_partly_tried_histories() -> None:
    """Both kinds of step occur: else an untried winner could be told by the example's form."""
    task = bandit(arms=5)
    left = [bool(len(set(e.situation.actions) - {t.action for t in e.situation.history})) for e in
            task.situation(task.start(0)).examples]  # fmt: skip
    assert set(left) == {True, False}


@given(
    SEED, ARMS, PULLS, st.sampled_from(["colours", "letters"]), st.sampled_from(["history", "summary", "both", "index"])
)
def test_a_situation_renders_what_its_view_shows(
    seed: int, arms: int, pulls: list[int], labels: str, view: str
) -> None:
    task = bandit(arms=arms, labels=labels, view=view)
    state, paid = pulled(task, task.start(seed), pulls)
    text = render_situation(task.situation(state))
    for n, (action, reward) in enumerate(paid):
        line = f"Step={n} Action={action} Reward={reward:.2f}"
        assert (line in text) == (view != "summary")
    assert ("infinite |" in text or "| infinite" in text) == (view == "index" and len({a for a, _ in paid}) < arms)
    assert ("times taken" in text) == (view != "history")
    assert not any(f"{m:.6f}" in text for m in state.means)


@given(SEED, ARMS, st.sampled_from(["colours", "letters"]), st.integers(0, 99))
def test_labels_survive_from_prompt_to_parser(seed: int, arms: int, labels: str, n: int) -> None:
    seen = bandit(arms=arms, labels=labels).situation(bandit(arms=arms, labels=labels).start(seed))
    label = seen.actions[n % arms]
    assert label in render_situation(seen)
    assert read_action(f"ACTION={label}", seen.actions) == (label, "ok")
    assert read_stated(f"I think the best {seen.noun} now is {label}.", seen.actions) == ((label,), "ok")
    assert read_stated(f"BEST={label}\nACTION={label}", seen.actions) == ((label,), "ok")


@given(SEED, PULLS)
def test_a_situation_is_named_by_its_content(seed: int, pulls: list[int]) -> None:
    task = bandit()
    state, _ = pulled(task, task.start(seed), pulls)
    seen = task.situation(state)
    assert decode(Seen, encode(seen)) == seen
    more, _ = pulled(task, state, [0])
    assert digest(task.situation(more)) != digest(seen)


def test_two_orders_of_the_same_pulls_reach_the_same_summary() -> None:
    task = bandit(arms=3, sigma=1.0)
    summaries = set()
    for order in permutations([0, 1, 2, 0]):
        state, _ = pulled(task, task.start(5), list(order))
        pulls, mean = (task.situation(state).quantity(n) for n in ("pulls", "mean"))
        assert pulls and mean
        summaries.add((pulls.values, tuple(round(m, 9) for m in mean.values if m is not None)))
    assert len(summaries) == 1


BONUS = {
    "ucb": lambda n, t: sqrt(2 * log(t) / n),
    "ucb_sqrt": lambda n, t: sqrt(1 / n),
    "ucb_bench": lambda n, t: sqrt(0.5 * log(t) / n),
    "greedy": lambda n, t: 0.0,
}
WORDS = st.fixed_dictionaries({
    "scenario": st.sampled_from(sorted(SCENARIOS)),
    "rewards": st.sampled_from(["gaussian", "bernoulli"]),
    "arms": st.integers(2, 40),
})  # fmt: skip


@given(SEED, WORDS, st.sampled_from(ORACLES), PULLS)
def test_every_oracle_equals_brute_force(seed: int, words: dict[str, Any], rule: str, pulls: list[int]) -> None:
    task = bandit(**words, rule=rule)
    state, paid = pulled(task, task.start(seed), pulls)
    seen = {a: [r for b, r in paid if b == a] for a in state.labels}
    mean = {a: sum(r) / len(r) for a, r in seen.items() if r}
    if rule == "truth":
        values = dict(zip(state.labels, state.means, strict=True))
        tried = mean
    else:
        tried = {a: m + BONUS[rule](len(seen[a]), len(paid)) for a, m in mean.items()}
        values = {a: tried.get(a, inf) for a in seen}
    oracle = task.oracle(state)
    assert set(oracle.untried) == seen.keys() - mean.keys()
    assert set(oracle.optimal) == {a for a, v in values.items() if v == max(values.values())}
    assert set(oracle.greedy) == {a for a, v in tried.items() if v == max(tried.values())}
    assert {a: inf if v is None else v for a, v in oracle.values.items()} == pytest.approx(values)
    assert oracle.rule == rule


@given(SEED, WORDS, PULLS)
def test_no_rule_is_told_under_truth(seed: int, words: dict[str, Any], pulls: list[int]) -> None:
    """The text is that of any other rule without the rule, and holds nothing that only the oracle knows."""
    task, told = bandit(**words, rule="truth", view="both"), bandit(**words, rule="ucb", view="both")
    state, _ = pulled(task, task.start(seed), pulls)
    seen, other = task.situation(state), told.situation(state)
    assert seen.rule == "" and seen.examples == ()
    assert seen.quantity("index") is None
    assert render_situation(seen) == render_situation(replace(other, rule=""))
    shuffled = replace(state, means=tuple(reversed(state.means)))
    assert task.situation(shuffled) == seen


@given(SEED, st.integers(2, 30), st.floats(0.01, 1), PULLS)
def test_one_bernoulli_arm_is_better_by_the_gap(seed: int, arms: int, gap: float, pulls: list[int]) -> None:
    task = bandit(arms=arms, rewards="bernoulli", gap=gap)
    state, paid = pulled(task, task.start(seed), pulls)
    ordered = sorted(state.means)
    assert ordered[-1] == 0.5 + gap / 2
    assert set(ordered[:-1]) == {0.5 - gap / 2}
    assert {r for _, r in paid} <= {0.0, 1.0}
    assert max(task.oracle(state).regret.values()) == pytest.approx(gap)


def test_bernoulli_arms_pay_as_often_as_their_mean_and_win_anywhere() -> None:
    task = bandit(arms=4, rewards="bernoulli", gap=0.5)
    states = [task.start(seed) for seed in range(300)]
    winners = [s.means.index(max(s.means)) for s in states]
    assert all(50 < winners.count(arm) < 100 for arm in range(4))
    for wins, chance in ((True, 0.75), (False, 0.25)):
        paid = [r for s, w in zip(states, winners, strict=True)
                for _, r in pulled(task, s, [w if wins else w + 1] * 5)[1]]  # fmt: skip
        assert abs(sum(paid) / len(paid) - chance) < 0.05


def test_records_know_every_rule_of_a_bandit() -> None:
    """What a table of records says of arms tried goes by the name of the rule, without loading the tasks."""
    assert set(ARM_RULES) == set(ORACLES)
