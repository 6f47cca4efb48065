"""The contextual bandit in the MovieLens shape: a new user at every step, and one of K movies to recommend.

A user is described in words (age, gender, occupation, location) and by one number per movie, the user's preference
(Schmied et al. 2025, A1; BanditBench). The reward is the user's rating: the movie's average rating, which the agent is
not told, plus that preference, plus Gaussian noise. So a correct reasoner has to learn the movies from earlier users.

Invariants: the user at step t is a function of (seed, t), and the noise a function of (seed, t, movie), whatever was
recommended before. The situation holds everything that the rule needs: earlier users' preferences are its columns
"preference 0", "preference 1", ..., and part of its text where the history is shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from ..errors import BadOption
from ..options import MOST_STEPS, one_of, real, whole
from ..records import Oracle, Quantity, Situation, Transition
from ..rng import named_rng
from .base import FieldOptions, action_index, named_task
from .movielens import MOVIES, Ratings, generate_ratings, load_movielens
from .rules import ARM_VIEWS, RATING_MIDDLE, TRUTH, arm_oracle, arm_summary, linucb_values

ORACLES = ("linucb", TRUTH)


@dataclass(frozen=True, slots=True)
class ContextualState:
    """A point of an episode: the movies on offer (as columns of the ratings), what happened, turns passed."""

    seed: int
    movies: tuple[int, ...]
    labels: tuple[str, ...]
    history: tuple[Transition, ...] = ()
    turn: int = 0


@dataclass(frozen=True)
class Contextual(FieldOptions):
    """A contextual bandit; see the module's docstring. Build it with `contextual(...)`, which checks its options."""

    arms: int = 10
    horizon: int = 50
    rank: int = 5
    users: int = 1000
    noise: float = 0.5
    rule: str = "linucb"
    alpha: float = 1.0
    ridge: float = 1.0
    view: str = "history"
    data: str | None = None
    name = "contextual"

    @cached_property
    def ratings(self) -> Ratings:
        """Users, movies and true ratings."""
        size = max(MOVIES, self.arms)
        return (
            generate_ratings(self.rank, self.users, size)
            if self.data is None
            else load_movielens(self.data, self.rank, size)
        )

    def item(self, seed: int) -> str:
        return str(seed)

    def start(self, seed: int) -> ContextualState:
        titles = self.ratings.titles
        drawn = named_rng(seed, "contextual", "movies").permutation(len(titles))[: self.arms]
        return ContextualState(seed, tuple(int(j) for j in drawn), tuple(titles[j] for j in drawn))

    def situation(self, state: ContextualState) -> Situation:
        now, index = self._preference(state, state.turn), self._index(state)
        pulls, means = arm_summary(state.labels, state.history)
        past = [Quantity(f"preference {t.step}", self._preference(state, t.step)) for t in state.history]
        return Situation(
            task=self.name,
            step=state.turn,
            horizon=self.horizon,
            instruction=(
                f"You face {self.arms} movies: {', '.join(state.labels)}. At every step another user comes and you "
                "recommend one movie. The user's rating, on a scale of about 1 to 5, is your reward: the movie's own "
                "fixed average, which you do not know, plus this user's preference for the movie, plus noise. There "
                f"are {self.horizon} users in all and you want the highest total reward."
            ),
            rule=self._words if index else "",
            observation=self._observation(state, now, past),
            history=state.history,
            actions=state.labels,
            noun="movie",
            quantities=(
                Quantity("pulls", pulls),
                Quantity("mean", means),
                *([Quantity("index", index)] if index else []),
                Quantity("preference", now),
                *past,
            ),
            shows=ARM_VIEWS[self.view],
            question="Which movie do you recommend to this user?",
        )

    def oracle(self, state: ContextualState) -> Oracle:
        return arm_oracle(state.labels, state.history, self._index(state), self.true_ratings(state), self.rule)

    def step(self, state: ContextualState, action: str) -> tuple[ContextualState, float, bool]:
        arm = action_index(action, state.labels)
        if state.turn >= self.horizon:
            raise BadOption("the episode is over", f"all {self.horizon} steps were taken")
        noise = named_rng(state.seed, "contextual", "noise", state.turn, state.movies[arm]).standard_normal()
        reward = round(self.true_ratings(state)[arm] + self.noise * float(noise), 2)
        line = Transition(state.turn, action, reward)
        after = replace(state, history=(*state.history, line), turn=state.turn + 1)
        return after, reward, after.turn >= self.horizon

    def forfeit(self, state: ContextualState) -> tuple[ContextualState, bool]:
        after = replace(state, turn=state.turn + 1)
        return after, after.turn >= self.horizon

    def user(self, seed: int, step: int) -> int:
        """The user at a step, as a row of the ratings."""
        return int(named_rng(seed, "contextual", "user", step).integers(len(self.ratings.people)))

    def true_ratings(self, state: ContextualState) -> tuple[float, ...]:
        """Expected reward of each movie on offer for the user of this turn."""
        base = self.ratings.base
        now = self._preference(state, state.turn)
        return tuple(round(float(base[j]) + p, 2) for j, p in zip(state.movies, now, strict=True))

    def _preference(self, state: ContextualState, step: int) -> tuple[float, ...]:
        row = self.ratings.taste[self.user(state.seed, step)]
        return tuple(float(row[j]) for j in state.movies)

    def _index(self, state: ContextualState) -> tuple[float, ...] | None:
        if self.rule == TRUTH:
            return None
        arm = {a: i for i, a in enumerate(state.labels)}
        past = [(i := arm[t.action], self._preference(state, t.step)[i], t.reward) for t in state.history]
        return linucb_values(self._preference(state, state.turn), past, self.alpha, self.ridge)

    @property
    def _words(self) -> str:
        return (
            "At every step recommend the movie with the highest value of LinUCB, theta . x + "
            f"{self.alpha:g} * sqrt(x' A^-1 x). Here x = (1, this user's preference for the movie); over the earlier "
            f"users who were given that movie, A = {self.ridge:g} * I + the sum of x x', and theta = A^-1 b with b = "
            f"the sum of (rating - {RATING_MIDDLE:g}) * x."
        )

    def _observation(self, state: ContextualState, now: tuple[float, ...], past: Sequence[Quantity]) -> str:
        user = self.ratings.people[self.user(state.seed, state.turn)]
        preferences = ", ".join(f"{a} {p:.2f}" for a, p in zip(state.labels, now, strict=True))
        lines = [f"The user now: {user}.", f"This user's preference for each movie: {preferences}."]
        if past and "history" in ARM_VIEWS[self.view]:
            lines.append("Earlier users' preferences, movies in the same order:")
            for t, column in zip(state.history, past, strict=True):
                lines.append(f"Step={t.step} {' '.join(f'{p:.2f}' for p in column.values if p is not None)}")
        return "\n".join(lines)


@named_task("contextual", "Schmied et al. 2025 (2504.16078); BanditBench")
def contextual(
    arms: int = 10,
    horizon: int = 50,
    rank: int = 5,
    users: int = 1000,
    noise: float = 0.5,
    rule: str = "linucb",
    alpha: float = 1.0,
    ridge: float = 1.0,
    view: str = "history",
    data: str | None = None,
) -> Contextual:
    """Contextual bandit in the MovieLens shape: recommend one of K movies to a new user at every step.

    Args:
        arms: number of movies on offer (published: 5, 10, 20, 30).
        horizon: decisions per episode, each with another user.
        rank: number of factors behind the preferences.
        users: how many made-up users there are; with `data` all of its users come.
        noise: standard deviation of a rating around its true value, in rating units.
        rule: "linucb", which the prompt states, or "truth": the best true rating, and the prompt only asks for the
            highest total reward.
        alpha: LinUCB's weight of uncertainty.
        ridge: LinUCB's regulariser.
        view: the agent's information: "history" (with earlier users' preferences), "summary", "both", or "index" (also
            the rule's values).
        data: folder of MovieLens 100K or 1M, unpacked; without it users and movies are made up.

    Raises:
        BadOption, UnknownName: an option is out of range or unknown, or the files cannot be read.
    """
    for option, value, known in (("rule", rule, ORACLES), ("view", view, ARM_VIEWS)):
        one_of(f"contextual {option} option", value, known)
    for option, number, least in (("arms", arms, 2), ("horizon", horizon, 1), ("rank", rank, 1), ("users", users, 1)):
        whole(option, number, least, MOST_STEPS)
    for option, size in (("noise", noise), ("alpha", alpha)):
        real(option, size, 0)
    real("ridge", ridge, 1e-6, 1e6)  # beyond these A cannot be inverted, or every value is 0
    if view == "index" and rule == TRUTH:
        raise BadOption("the view 'index' shows the values of a rule, and rule is 'truth'", remedy="Use 'both'.")
    if data is not None and not isinstance(data, str):
        raise BadOption(f"data is {data!r}", remedy="Give the folder of MovieLens as a string.")
    task = Contextual(arms, horizon, rank, users, float(noise), rule, float(alpha), float(ridge), view, data)
    if len(task.ratings.titles) < arms:
        raise BadOption(f"arms is {arms}", f"{data} rates {len(task.ratings.titles)} movies", "Use fewer.")
    return task
