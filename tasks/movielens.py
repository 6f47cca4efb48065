"""Users, movies and their ratings: generated here, or fitted to a local copy of MovieLens.

Invariants: a table of ratings is plain data and a pure function of its arguments (and of the files' content, where
files are read). A user's true rating of a movie is the movie's `base` plus the user's `taste`. `taste` has low rank and
two decimals, so the numbers in a prompt are exact. A rating is not cut to the scale of 1 to 5, which would make it
nonlinear. Nothing is downloaded: the data of GroupLens may not be redistributed.
"""

from __future__ import annotations

import re
import unicodedata
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from math import isfinite
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import BadOption
from ..rng import named_rng
from .scenarios import extend_labels

MOVIES = 60  # an episode draws its movies from these, or from the most rated ones of the data
FIRST = ("Silent", "Crimson", "Hidden", "Broken", "Golden", "Distant", "Frozen", "Lucky", "Paper", "Second")
SECOND = ("Harbour", "Orchard", "Signal", "Kingdom", "Station", "Summer")
SPREAD, TASTE = 0.5, 0.8  # standard deviations of base and taste, close to those of MovieLens

REGIONS = (
    "New England or New Jersey", "New York or Pennsylvania", "the Mid-Atlantic states", "the South-East",
    "the Great Lakes", "the Upper Midwest", "the Central states", "the South", "the Mountain West", "the Pacific coast",
)  # fmt: skip
JOBS = (
    "other", "educator", "artist", "administrator", "student", "customer service", "healthcare", "executive", "farmer",
    "homemaker", "school student", "lawyer", "programmer", "retired", "salesman", "scientist", "self-employed",
    "engineer", "craftsman", "none", "writer",
)  # fmt: skip
AGES = {"1": "under 18", "18": "18-24", "25": "25-34", "35": "35-44", "45": "45-49", "50": "50-55", "56": "56 or older"}
GENDERS = {"M": "male", "F": "female"}


@dataclass(frozen=True)
class Ratings:
    """The ratings of users for movies.

    Attributes:
        titles: labels of the M movies, usable as actions.
        people: N users in words: age, gender, occupation, location.
        base: (M,) average rating of a movie.
        taste: (N, M) what a user adds to it, of low rank.
        skipped: malformed rows, each with its file and row number.
    """

    titles: tuple[str, ...]
    people: tuple[str, ...]
    base: NDArray[np.float64]
    taste: NDArray[np.float64]
    skipped: tuple[str, ...] = ()


def describe_user(age: str, gender: str, job: str, zip_code: str) -> str:
    """A user in words; the first digit of a US zip code names the region."""
    where = REGIONS[int(zip_code[0])] if zip_code[:1].isdecimal() and zip_code.isascii() else "outside the US"
    return f"age {age}, {GENDERS[gender]}, occupation {job}, from {where} (zip code {zip_code})"


@lru_cache(maxsize=8)
def generate_ratings(rank: int, users: int, size: int = MOVIES) -> Ratings:
    """Generated users and movies with Gaussian factors; each has its own stream, so adding some changes no other."""
    liked = [named_rng("contextual", "movie", j).standard_normal(rank + 1) for j in range(size)]
    likes, people = [], []
    for i in range(users):
        rng = named_rng("contextual", "user", i)
        likes.append(rng.standard_normal(rank))
        age, gender, job = int(rng.integers(14, 76)), "FM"[rng.integers(2)], JOBS[rng.integers(1, len(JOBS))]
        people.append(describe_user(str(age), gender, job, f"{rng.integers(100_000):05d}"))
    movies = np.array(liked)
    return Ratings(
        extend_labels([f"{a} {b}" for b in SECOND for a in FIRST], size)[:size],
        tuple(people),
        np.round(3.2 + SPREAD * movies[:, 0], 2),
        np.round(TASTE * np.array(likes) @ movies[:, 1:].T / np.sqrt(rank), 2) + 0.0,
    )


def load_movielens(folder: str | Path, rank: int, size: int = MOVIES) -> Ratings:
    """Fit low-rank tastes to a user's own MovieLens files.

    The `size` most rated movies are kept; ratings minus the movie's mean, with 0 where there is none, are cut to
    `rank` by singular value decomposition, as BanditBench does (it does not subtract the mean).

    Args:
        folder: holds u.data, u.item and u.user (100K), or ratings.dat, movies.dat and users.dat (1M), in latin-1 or
            UTF-8.
        rank: number of factors, at most the number of users and of movies.
        size: how many movies to keep.

    Raises:
        BadOption: a file is missing, or holds no usable row, or the rank is too high.

    Warns:
        UserWarning: rows were skipped: how many, and where the first ones are.
    """
    files = _Files(Path(folder))
    counts = Counter(movie for _, movie in files.ratings)
    movies = sorted(counts, key=lambda m: (-counts[m], int(m)))[:size]
    column = {m: j for j, m in enumerate(movies)}
    users = sorted({u for u, m in files.ratings if m in column}, key=int)
    if not 1 <= rank <= min(len(users), len(movies)):
        raise BadOption(
            f"rank is {rank!r} for {len(users)} users and {len(movies)} movies", remedy="Use a lower rank, at least 1."
        )
    row = {u: i for i, u in enumerate(users)}
    table = np.full((len(users), len(movies)), np.nan)
    for (user, movie), rating in files.ratings.items():
        if movie in column:
            table[row[user], column[movie]] = rating
    base = np.asarray(np.nanmean(table, axis=0), dtype=float)
    u, s, vt = np.linalg.svd(np.nan_to_num(table - base), full_matrices=False)
    taste = np.round((u[:, :rank] * s[:rank]) @ vt[:rank], 2) + 0.0
    if files.skipped:
        warnings.warn(
            f"{len(files.skipped)} malformed rows of {folder} were skipped: {'; '.join(files.skipped[:3])}",
            UserWarning,
            stacklevel=2,
        )
    titles = _labels([files.movies[m] for m in movies])
    return Ratings(titles, tuple(files.users[u] for u in users), np.round(base, 2), taste, tuple(files.skipped))


@dataclass(frozen=True, slots=True)
class _Layout:
    """Files of ratings, movies and users, the separators of their fields, and the order of a user's fields."""

    ratings: tuple[str, str]
    movies: tuple[str, str]
    users: tuple[str, str]
    user: tuple[int, int, int]  # where age, gender and occupation stand


LAYOUTS = (
    _Layout(("u.data", "\t"), ("u.item", "|"), ("u.user", "|"), (1, 2, 3)),
    _Layout(("ratings.dat", "::"), ("movies.dat", "::"), ("users.dat", "::"), (2, 1, 3)),
)


@dataclass
class _Files:
    """The readable rows of a folder, and what is wrong with the others."""

    folder: Path
    movies: dict[str, str] = field(default_factory=dict)
    users: dict[str, str] = field(default_factory=dict)
    ratings: dict[tuple[str, str], float] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        layout = next((x for x in LAYOUTS if (self.folder / x.ratings[0]).is_file()), None)
        if layout is None:
            raise BadOption(
                f"{self.folder} holds neither u.data nor ratings.dat",
                remedy="Unpack MovieLens 100K or 1M (grouplens.org/datasets/movielens) and give its folder.",
            )
        for name in (layout.movies[0], layout.users[0]):
            if not (self.folder / name).is_file():
                raise BadOption(f"{self.folder / name} is missing", remedy="Unpack the whole archive.")
        self._read(layout.movies, self._movie, 3)
        self._read(layout.users, lambda fields: self._user(fields, layout), 5)
        self._read(layout.ratings, self._rating, 4)
        if not self.ratings:
            first = f"the first is {self.skipped[0]}" if self.skipped else "the file is empty"
            raise BadOption(f"{self.folder / layout.ratings[0]} holds no usable row", first, "Check the files.")

    def _read(self, file: tuple[str, str], take: Callable[[list[str]], str], fields: int) -> None:
        """Pass each row's fields to `take`, which returns what is wrong with them, or an empty text."""
        name, separator = file
        for number, line in _lines(self.folder / name):
            values = line.split(separator)
            wrong = take(values) if len(values) >= fields else f"{len(values)} fields instead of {fields}"
            if wrong:
                self.skipped.append(f"{name} row {number}: {wrong}")

    def _movie(self, fields: list[str]) -> str:
        if not (fields[0].isdecimal() and fields[0].isascii()) or not fields[1].strip():
            return f"{fields[0]!r} is not a movie with a title"
        self.movies[fields[0]] = fields[1]
        return ""

    def _user(self, fields: list[str], layout: _Layout) -> str:
        age, gender, job = (fields[i].strip() for i in layout.user)
        if not (fields[0].isdecimal() and fields[0].isascii()) or gender not in GENDERS or not age.isdecimal():
            return f"{fields[0]!r} is not a user with an age and a gender"
        coded = layout is LAYOUTS[1]
        if coded and not (job.isdecimal() and int(job) < len(JOBS)):
            return f"there is no occupation {job!r}"
        self.users[fields[0]] = describe_user(
            AGES.get(age, age) if coded else age, gender, JOBS[int(job)] if coded else job, fields[4].strip()
        )
        return ""

    def _rating(self, fields: list[str]) -> str:
        user, movie, text = fields[:3]
        if user not in self.users:
            return f"there is no user {user!r}"
        if movie not in self.movies:
            return f"there is no movie {movie!r}"
        try:
            rating = float(text)
        except ValueError:
            rating = float("nan")
        if not isfinite(rating) or not 1 <= rating <= 5:
            return f"{text!r} is not a rating from 1 to 5"
        self.ratings[user, movie] = rating
        return ""


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    # Not splitlines: latin-1 holds characters that Python takes for line breaks.
    for number, line in enumerate(_text(path).split("\n"), 1):
        if line.strip():
            yield number, line.rstrip("\r")


def _text(path: Path) -> str:
    """A file in UTF-8 or, as GroupLens gives them out, in latin-1, of which hardly any accented text is UTF-8 too."""
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _labels(titles: list[str]) -> tuple[str, ...]:
    """Titles as actions: no punctuation, no article in front, the year only where two would collide otherwise."""
    plain = [_plain(re.sub(r"\s*\(\d{4}\)\s*$", "", t)) for t in titles]
    counts = Counter(p.casefold() for p in plain)
    labels: dict[str, str] = {}
    for n, (title, short) in enumerate(zip(titles, plain, strict=True), 1):
        label = short if counts[short.casefold()] == 1 else _plain(title)
        while not label or label.casefold() in labels:
            label = f"{label}-{n}" if label else f"Movie {n}"
        labels[label.casefold()] = label
    return tuple(labels.values())


def _plain(title: str) -> str:
    text = unicodedata.normalize("NFC", title)
    text = re.sub(r",\s*(the|a|an)\b", "", text, flags=re.IGNORECASE)
    text = " ".join(re.sub(r"['’`]", "", re.sub(r"[^\w'’`&!?+-]|_", " ", text)).split())
    return re.sub(r"^(the\s+)+", "", text, flags=re.IGNORECASE)
