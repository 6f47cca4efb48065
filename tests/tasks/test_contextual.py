"""The contextual bandit: pairing of users and noise, its oracles, and the reader of MovieLens files."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from akrasia.agents import read_action, read_stated
from akrasia.agents.rendering import render_situation
from akrasia.errors import BadOption, UnknownName, UsageError
from akrasia.records import decode, encode
from akrasia.tasks import TASKS, Contextual, Task, contextual, players_for, run_player
from akrasia.tasks.contextual import ContextualState
from akrasia.tasks.movielens import generate_ratings, load_movielens

SEED = st.integers(0, 2**40)
ARMS = st.sampled_from([2, 5, 10, 20, 30])
PULLS = st.lists(st.integers(0, 99), max_size=12)


def small(arms: int = 5, **options: object) -> Contextual:
    return contextual(arms=arms, users=40, **options)  # type: ignore[arg-type]


def recommended(task: Contextual, state: ContextualState, pulls: list[int]) -> tuple[ContextualState, list[float]]:
    """Take the movies in turn; a negative number passes the turn."""
    paid = []
    for n in pulls:
        if n < 0:
            state, _ = task.forfeit(state)
        else:
            state, reward, _ = task.step(state, state.labels[n % task.arms])
            paid.append(reward)
    return state, paid


@given(SEED, ARMS, PULLS, PULLS)
def test_a_forked_state_plays_on_identically(seed: int, arms: int, before: list[int], after: list[int]) -> None:
    task = small(arms)
    state, _ = recommended(task, task.start(seed), before)
    kept = encode(state)
    first, second = recommended(task, state, after), recommended(task, decode(ContextualState, kept), after)
    assert first == second
    assert encode(state) == kept
    assert hash(state) == hash(decode(ContextualState, kept))
    assert task.start(seed) == small(arms).start(seed)


@given(SEED, st.lists(st.integers(0, 4), min_size=1, max_size=8), st.lists(st.integers(-1, 4), min_size=1, max_size=8))
def test_users_and_noise_do_not_depend_on_what_was_done(seed: int, one: list[int], other: list[int]) -> None:
    task = small()
    first, second = task.start(seed), task.start(seed)
    for a, b in zip(one, other, strict=False):
        assert task.situation(first).quantity("preference") == task.situation(second).quantity("preference")
        assert task.true_ratings(first) == task.true_ratings(second)
        label = first.labels[a]
        assert task.step(first, label)[1] == task.step(second, label)[1]
        first, _ = recommended(task, first, [a])
        second, _ = recommended(task, second, [b])


def test_noise_is_normal_around_the_true_rating() -> None:
    noise = []
    for seed in range(300):
        task = small(noise=0.7)
        state = task.start(seed)
        true = task.true_ratings(state)
        noise += [(task.step(state, a)[1] - r) / 0.7 for a, r in zip(state.labels, true, strict=True)]
    assert abs(np.mean(noise)) < 0.1
    assert abs(np.std(noise) - 1) < 0.08
    exact = small(noise=0.0)
    state = exact.start(1)
    assert [exact.step(state, a)[1] for a in state.labels] == pytest.approx(exact.true_ratings(state))


@given(SEED, ARMS, PULLS, st.floats(0, 3), st.floats(0.1, 5))
@settings(deadline=None)
def test_linucb_equals_linear_algebra_on_what_is_seen(
    seed: int, arms: int, pulls: list[int], alpha: float, ridge: float
) -> None:
    task = small(arms, alpha=alpha, ridge=ridge)
    state, paid = recommended(task, task.start(seed), pulls)
    seen, oracle = task.situation(state), task.oracle(state)
    now = seen.quantity("preference")
    assert now
    values = {}
    for i, label in enumerate(seen.actions):
        a, b = ridge * np.eye(2), np.zeros(2)
        for line in seen.history:
            if line.action == label:
                column = seen.quantity(f"preference {line.step}")
                assert column
                x = np.array([1.0, column.values[i]])
                a, b = a + np.outer(x, x), b + (line.reward - 3.0) * x
        x = np.array([1.0, now.values[i]])
        values[label] = float(np.linalg.solve(a, b) @ x + alpha * np.sqrt(x @ np.linalg.solve(a, x)))
    assert oracle.values == pytest.approx(values, abs=1e-9)
    tried = {line.action for line in seen.history}
    assert set(oracle.untried) == set(seen.actions) - tried
    assert all(values[a] == pytest.approx(max(values.values())) for a in oracle.optimal)
    assert all(values[a] == pytest.approx(max(values[b] for b in tried)) for a in oracle.greedy)
    assert bool(oracle.greedy) == bool(tried)
    true = dict(zip(state.labels, task.true_ratings(state), strict=True))
    assert oracle.regret == pytest.approx({a: max(true.values()) - r for a, r in true.items()})


@given(SEED, ARMS, PULLS)
def test_truth_is_the_best_true_rating_and_is_told_to_nobody(seed: int, arms: int, pulls: list[int]) -> None:
    task = small(arms, rule="truth", view="both")
    state, paid = recommended(task, task.start(seed), pulls)
    seen, oracle = task.situation(state), task.oracle(state)
    true = dict(zip(state.labels, task.true_ratings(state), strict=True))
    assert set(oracle.optimal) == {a for a, r in true.items() if r == max(true.values())}
    means: dict[str, list[float]] = {}
    for line in state.history:
        means.setdefault(line.action, []).append(line.reward)
    best = {a: sum(r) / len(r) for a, r in means.items()}
    assert set(oracle.greedy) == {a for a, m in best.items() if m == max(best.values())}
    assert seen.rule == "" and seen.quantity("index") is None
    assert render_situation(seen) == render_situation(replace(small(arms, view="both").situation(state), rule=""))


@given(SEED, ARMS)
def test_the_text_gives_the_user_and_every_preference(seed: int, arms: int) -> None:
    task = small(arms, view="both")
    state, _ = recommended(task, task.start(seed), [0, -1, 1])
    seen = task.situation(state)
    text = render_situation(seen)
    person = task.ratings.people[task.user(seed, 3)]
    assert person in text and "age" in person and "occupation" in person and "from" in person
    now, then = seen.quantity("preference"), seen.quantity("preference 2")
    assert now and then and seen.quantity("preference 1") is None
    for label, p in zip(seen.actions, now.values, strict=True):
        assert f"{label} {p:.2f}" in text
    assert "Step=2 " + " ".join(f"{p:.2f}" for p in then.values) in text
    assert "Earlier users" not in render_situation(replace(task, view="summary").situation(state))
    for label in seen.actions:
        assert read_action(f"ACTION={label}", seen.actions) == (label, "ok")
        assert read_stated(f"The best movie now is {label}.", seen.actions) == ((label,), "ok")


@given(st.integers(1, 6), st.integers(2, 30), st.integers(2, 90))
@settings(deadline=None, max_examples=20)
def test_made_up_tastes_have_their_rank_and_do_not_move(rank: int, users: int, size: int) -> None:
    here, more = generate_ratings(rank, users, size), generate_ratings(rank, users + 5, size + 5)
    assert np.array_equal(here.taste, more.taste[:users, :size])
    assert np.array_equal(here.base, more.base[:size])
    assert here.people == more.people[:users]
    assert len({t.casefold() for t in here.titles}) == size
    left = np.linalg.svd(here.taste, compute_uv=False)[rank:]
    assert all(left < 0.02 * max(users, size) ** 0.5)  # rounding to two decimals is all that is left


def test_linucb_learns() -> None:
    task = contextual(arms=10, horizon=50)
    lost = {
        name: np.mean([sum(o.regret[a] for _, o, a, _ in run_player(task, player, seed)) for seed in range(3)])
        for name, player in players_for(task).items()
    }
    assert lost["linucb"] < 0.5 * min(lost["uniform"], lost["greedy"])
    for _, oracle, action, _ in run_player(task, players_for(task)["linucb"], 3):
        assert action in oracle.optimal


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *(("arms", v) for v in (1, 0, 2.0, "5", True)),
        *(("horizon", v) for v in (0, -1, None)),
        *(("rank", v) for v in (0, 1.5)),
        *(("users", v) for v in (0, "all")),
        *(("noise", v) for v in (-1, float("nan"), None)),
        *(("alpha", v) for v in (-0.1, float("inf"))),
        *(("ridge", v) for v in (0, -1)),
        *(("rule", v) for v in ("ucb", None)),
        *(("view", v) for v in ("raw", 3)),
        ("data", 3),
    ],
)
def test_bad_options_are_refused_by_name_with_a_remedy(option: str, value: object) -> None:
    with pytest.raises(UsageError) as refused:
        contextual(**{option: value})  # type: ignore[arg-type]
    assert option in str(refused.value)
    assert refused.value.remedy


def test_a_contextual_bandit_is_a_task() -> None:
    task = contextual(arms=30, horizon=2, users=7, rule="truth", view="summary")
    assert isinstance(task, Task)
    assert TASKS.make(task.name, **task.options) == task
    with pytest.raises(UnknownName, match="linucb"):
        contextual(rule="linucbb")
    with pytest.raises(BadOption, match="index"):
        contextual(rule="truth", view="index")
    state, _ = recommended(task, task.start(0), [0, -1])
    with pytest.raises(BadOption, match="over"):
        task.step(state, state.labels[0])
    with pytest.raises(BadOption, match="legal"):
        task.step(task.start(0), "Casablanca")


TITLES = (
    "Toy Story (1995)", "Shawshank Redemption, The (1994)", "Schindler's List (1993)", "Sabrina (1954)",
    "Sabrina (1995)", "Am\xe9lie (2001)", "Good, The Bad and The Ugly, The (1966)", "Star Wars: Episode IV (1977)",
)  # fmt: skip
LABELS = {
    "Toy Story", "Shawshank Redemption", "Schindlers List", "Sabrina 1954", "Sabrina 1995", "Am\xe9lie",
    "Good Bad and The Ugly", "Star Wars Episode IV",
}  # fmt: skip


def write(folder: Path, layout: str, encoding: str = "latin-1", titles: tuple[str, ...] = TITLES) -> np.ndarray:
    """A MovieLens folder with 12 users and 8 movies; returns the full table of ratings, of rank 2 around the means."""
    rng = np.random.default_rng(4)
    table = np.clip(np.round(3 + rng.normal(size=(12, 1)) * rng.normal(size=(1, 8))), 1, 5)
    rows = [(u + 1, m + 1, int(table[u, m]), 881250949) for u in range(12) for m in range(8)]
    if layout == "100k":
        data = {
            "u.data": ["\t".join(map(str, r)) for r in rows],
            "u.item": [f"{m}|{t}|01-Jan-1995||http://x|0|1" for m, t in enumerate(titles, 1)],
            "u.user": [f"{u}|{20 + u}|{'MF'[u % 2]}|librarian|{u % 10}2139" for u in range(1, 13)],
        }
    else:
        data = {
            "ratings.dat": ["::".join(map(str, r)) for r in rows],
            "movies.dat": [f"{m}::{t}::Drama|War" for m, t in enumerate(titles, 1)],
            "users.dat": [f"{u}::{'MF'[u % 2]}::25::12::{u % 10}2139-1234" for u in range(1, 13)],
        }
    for name, lines in data.items():
        (folder / name).write_bytes(("\n".join(lines) + "\n").encode(encoding))
    return table


@pytest.mark.parametrize("layout", ["100k", "1m"])
def test_movielens_files_are_read_as_they_are(tmp_path: Path, layout: str) -> None:
    table = write(tmp_path, layout)
    full = load_movielens(tmp_path, rank=8)
    assert set(full.titles) == LABELS
    assert full.skipped == ()
    assert np.allclose(full.base + full.taste, table, atol=0.011)  # nothing is missing, so full rank restores it
    assert len(full.people) == 12
    assert "female" in full.people[0] and "New York" in full.people[0]
    assert ("programmer" if layout == "1m" else "librarian") in full.people[0]
    assert ("25-34" if layout == "1m" else "age 21") in full.people[0]
    low = load_movielens(tmp_path, rank=1)
    u, s, vt = np.linalg.svd(table - table.mean(axis=0))
    assert np.allclose(low.taste, s[0] * np.outer(u[:, 0], vt[0]), atol=0.006)


@pytest.mark.parametrize("layout", ["100k", "1m"])
@pytest.mark.parametrize("encoding", ["latin-1", "utf-8", "utf-8-sig"])
def test_titles_are_read_in_either_encoding(tmp_path: Path, layout: str, encoding: str) -> None:
    titles = (*TITLES[:5], "Am\xe9lie (2001)", "Le\xf3n \xc9t\xe9 (1994)", "\xc3 propos (1930)")
    write(tmp_path, layout, encoding, titles)
    assert {"Am\xe9lie", "Le\xf3n \xc9t\xe9", "\xc3 propos"} < set(load_movielens(tmp_path, rank=2).titles)


def test_titles_that_begin_with_other_titles_are_told_apart(tmp_path: Path) -> None:
    titles = (
        "Alien (1979)", "Alien 3 (1992)", "Aliens (1986)", "Toy Story (1995)", "Toy Story 2 (1999)",
        "Star Wars (1977)", "Alien: Resurrection (1997)", "Bad Boys (1995)",
    )  # fmt: skip
    write(tmp_path, "100k", titles=titles)
    labels = load_movielens(tmp_path, rank=2).titles
    assert set(labels) == {
        "Alien", "Alien 3", "Aliens", "Toy Story", "Toy Story 2", "Star Wars", "Alien Resurrection", "Bad Boys",
    }  # fmt: skip
    for label in labels:
        assert read_action(f"ACTION={label}", labels) == (label, "ok")
        assert read_action(f"Alien is good.\nACTION={label}", labels) == (label, "ok")


@pytest.mark.parametrize("layout", ["100k", "1m"])
def test_a_task_on_movielens_files_plays(tmp_path: Path, layout: str) -> None:
    write(tmp_path, layout)
    task = contextual(arms=5, horizon=4, rank=2, data=str(tmp_path))
    seen = task.situation(task.start(0))
    assert set(seen.actions) < LABELS
    for label in seen.actions:
        assert read_action(f"ACTION={label}", seen.actions) == (label, "ok")
        assert read_stated(f"The best movie now is {label}.", seen.actions) == ((label,), "ok")
    assert len(list(run_player(task, players_for(task)["linucb"], 0))) == 4
    assert TASKS.make("contextual", **task.options) == task
    with pytest.raises(BadOption, match="arms is 9"):
        contextual(arms=9, rank=2, data=str(tmp_path))
    with pytest.raises(BadOption, match="rank is 9"):
        contextual(arms=5, rank=9, data=str(tmp_path))


@pytest.mark.parametrize("layout", ["100k", "1m"])
def test_malformed_rows_are_counted_with_file_and_row(tmp_path: Path, layout: str) -> None:
    write(tmp_path, layout)
    ratings, movies, users = ("u.data", "u.item", "u.user") if layout == "100k" else (
        "ratings.dat", "movies.dat", "users.dat")  # fmt: skip
    gap = "\t" if layout == "100k" else "::"
    bad = ["1", gap.join("99 1 3 0".split()), gap.join("1 99 3 0".split()), gap.join("1 1 9 0".split()),
           gap.join("1 1 nan 0".split()), gap.join("1 1 good 0".split()), ""]  # fmt: skip
    clean = load_movielens(tmp_path, rank=2)
    with (tmp_path / ratings).open("a") as file:
        file.write("\n".join(bad) + "\n")
    with (tmp_path / movies).open("a") as file:
        file.write("seven\n")
    with (tmp_path / users).open("a") as file:
        file.write("|".join("13 x Q none 00000".split()) if layout == "100k" else "13::F::25::77::00000")
    with pytest.warns(UserWarning, match="8 malformed rows"):
        read = load_movielens(tmp_path, rank=2)
    assert np.array_equal(read.taste, clean.taste)
    assert [s.split(":")[0] for s in read.skipped] == [
        f"{movies} row 9", f"{users} row 13", *(f"{ratings} row {97 + i}" for i in range(6)),
    ]  # fmt: skip
    assert "no user '99'" in read.skipped[3]


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadOption, match=r"neither u\.data nor ratings\.dat"):
        contextual(data=str(tmp_path))
    write(tmp_path, "1m")
    (tmp_path / "users.dat").unlink()
    with pytest.raises(BadOption, match=r"users\.dat is missing"):
        contextual(data=str(tmp_path))
    (tmp_path / "users.dat").write_text("nonsense\n")
    with pytest.raises(BadOption, match=r"ratings\.dat holds no usable row: the first is users\.dat row 1"):
        contextual(data=str(tmp_path))
