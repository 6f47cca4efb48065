"""Reference players do what their names say, one at a time and in batches, and are ordered as theory has them."""

from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from akrasia.errors import BadOption, NotMeasured, UnknownName
from akrasia.records import digest
from akrasia.rng import named_rng
from akrasia.tasks import PLAYERS, bandit, contextual, players_for, regrets, run_player
from akrasia.tasks.batch import BATCHED
from akrasia.tasks.players import epsilon_greedy_player, posterior, thompson_player

SEED = st.integers(0, 2**40)
KINDS: list[dict[str, Any]] = [{"sigma": 0.3}, {"rewards": "bernoulli", "gap": 0.6}]


@pytest.mark.parametrize("kind", KINDS)
def test_those_who_learn_lose_less_than_chance(kind: dict[str, Any]) -> None:
    task = bandit(arms=5, horizon=40, **kind)
    lost = {}
    for name, player in players_for(task).items():
        steps = [s for seed in range(12) for s in run_player(task, player, seed)]
        lost[name] = sum(oracle.regret[action] for _, oracle, action, _ in steps) / len(steps)
        if name == "ucb":
            assert all(action in oracle.optimal for _, oracle, action, _ in steps)
            assert {s.step for s, oracle, _, _ in steps if oracle.untried} == set(range(5))
        if name == "greedy":
            assert all(not oracle.greedy or len(oracle.untried) == 4 or "rewards" in kind for _, oracle, _, _ in steps)
    assert lost["ucb"] < lost["uniform"]
    assert lost["thompson"] < lost["uniform"]


def test_regrets_of_a_large_sample_are_ordered() -> None:
    task = bandit(arms=10, sigma=0.3, horizon=50, rule="ucb_bench")
    lost = {name: regrets(task, name, range(2000)).sum(axis=1).mean() for name in BATCHED}
    assert max(lost["ucb"], lost["thompson"]) < lost["epsilon_greedy"] < lost["greedy"] < lost["uniform"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", BATCHED)
def test_a_batch_is_a_sample_of_what_play_does(kind: dict[str, Any], name: str) -> None:
    """Paired by episode, as both have the same true means: within 4.5 standard errors of no difference."""
    task = bandit(arms=4, horizon=12, **kind)
    seeds = range(150)
    batch = regrets(task, name, seeds)
    assert batch.shape == (150, 12)
    many = np.mean(
        [regrets(task, name, seeds) for task in (replace(task, view=v) for v in ("history", "both", "index"))], axis=0
    )
    player = players_for(task)[name]
    alone = np.array([[o.regret[a] for _, o, a, _ in run_player(task, player, seed)] for seed in seeds])
    apart = many.sum(axis=1) - alone.sum(axis=1)
    assert abs(apart.mean()) < 4.5 * apart.std(ddof=1) / len(apart) ** 0.5


@given(SEED, st.integers(2, 12), st.sampled_from(["ucb", "ucb_sqrt", "ucb_bench", "greedy"]))
@settings(deadline=None, max_examples=15)
def test_without_noise_a_batch_and_play_agree_to_the_digit(seed: int, arms: int, rule: str) -> None:
    """Once every arm was tried nothing is left to chance, except where rounded means tie."""
    task = bandit(arms=arms, sigma=0.0, horizon=arms + 10, rule=rule)
    means = sorted(task.means(seed))
    if min(b - a for a, b in zip(means, means[1:], strict=False)) < 0.02:
        return
    batch = regrets(task, "ucb", [seed])[0]
    alone = [o.regret[a] for _, o, a, _ in run_player(task, PLAYERS["ucb"], seed)]
    assert sorted(batch[:arms]) == pytest.approx(sorted(alone[:arms]))
    if rule == "greedy":
        assert batch[arms:] == pytest.approx(alone[arms:])


def test_a_batch_is_named_by_what_it_is() -> None:
    task = bandit(arms=3, horizon=5)
    assert (regrets(task, "thompson", [3, 4]) == regrets(task, "thompson", [3, 4])).all()
    with pytest.raises(UnknownName, match="thompson"):
        regrets(task, "tompson", [1])
    with pytest.raises(BadOption, match="seeds"):
        regrets(task, "ucb", [])


@given(st.lists(st.tuples(st.integers(0, 50), st.floats(-3, 3)), min_size=1, max_size=8), st.floats(0.05, 5))
def test_the_posterior_is_that_of_the_textbook(seen: list[tuple[int, float]], sigma: float) -> None:
    pulls = [n for n, _ in seen]
    sums = [n * m for n, m in seen]
    mean, sd = posterior(pulls, sums, sigma, 0.4, 0.2)
    for n, total, m, s in zip(pulls, sums, mean, sd, strict=True):
        precision = 1 / 0.2 + n / sigma**2
        assert s == pytest.approx(precision**-0.5)
        assert m == pytest.approx((0.4 / 0.2 + total / sigma**2) / precision)
    exact, certain = posterior([0, 2], [0.0, 1.0], 0.0)
    assert list(exact) == [0.5, 0.5]
    assert certain[1] == 0 < certain[0]


def test_epsilon_is_the_rate_of_exploring() -> None:
    task = bandit(arms=10, head_start=30)
    seen = task.situation(task.start(1))
    greedy = PLAYERS["greedy"](seen, named_rng(0, "test"))
    others = sum(epsilon_greedy_player(0.3)(seen, named_rng(n, "test")) != greedy for n in range(2000)) / 2000
    assert abs(others - 0.27) < 0.04
    assert all(epsilon_greedy_player(0.0)(seen, named_rng(n, "test")) == greedy for n in range(20))
    with pytest.raises(BadOption, match="epsilon"):
        epsilon_greedy_player(1.5)
    with pytest.raises(BadOption, match="prior_variance"):
        thompson_player(prior_variance=0)


def test_players_without_what_they_need_say_so() -> None:
    plain = bandit(head_start=5)
    with pytest.raises(NotMeasured, match="preference"):
        PLAYERS["linucb"](plain.situation(plain.start(0)), named_rng(0, "test"))
    with pytest.raises(NotMeasured, match="0 or 1"):
        PLAYERS["thompson_beta"](plain.situation(plain.start(0)), named_rng(0, "test"))


def test_ucb_needs_no_rule_to_be_told() -> None:
    """Under the truth there is no index to read: the player works out UCB1 itself."""
    told, silent = bandit(rule="ucb", horizon=20), bandit(rule="truth", horizon=20)
    for seed in range(5):
        first = [a for _, _, a, _ in run_player(told, PLAYERS["ucb"], seed)]
        assert first == [a for _, _, a, _ in run_player(silent, PLAYERS["ucb"], seed)]


def test_every_player_plays_what_it_is_listed_for() -> None:
    for task in (bandit(horizon=3), bandit(horizon=3, rewards="bernoulli"), contextual(arms=3, horizon=3, users=5)):
        for name, player in players_for(task).items():
            assert name in PLAYERS
            assert len(list(run_player(task, player, 0))) == 3


def without_own_names(value: Any) -> Any:
    """A value as JSON, without what no prompt is made of: which action is frequent, and the key to names (empty)."""
    if isinstance(value, dict):
        return {
            name: without_own_names(v) for name, v in value.items() if name != "frequent" and (name, v) != ("own", ())
        }
    return [without_own_names(v) for v in value] if isinstance(value, list | tuple) else value


DEMO = "2be75f6897a2b60c5bdc0353d62c58c9"


def test_the_demo_keeps_its_situations_rewards_and_draws() -> None:
    """Ledgers of the demo hold answers to these very prompts; a change here makes all of them worthless."""
    task = bandit(arms=5, sigma=1.0, head_start=4, horizon=2, labels="letters")
    seen = [
        [without_own_names(asdict(situation)), without_own_names(asdict(oracle)), action, reward]
        for seed in range(21)
        for name in ("ucb", "greedy", "uniform")
        for situation, oracle, action, reward in run_player(task, PLAYERS[name], seed)
    ]
    assert digest(seen) == DEMO
