"""How often intervals, tests, sequences and plans keep their word: simulated experiments with a planted truth.

    make calibration          all rows; writes docs/calibration.md
    python benchmarks/calibration.py --share 0.02      a quick look, writes nothing

Exits with 1 if a row misses what it claims. Every row is seeded by its own name, so the table does not depend on how
many processes made it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import Pool
from pathlib import Path

import numpy as np

from akrasia.benchmarks.calibration_items import ITEM_WORLDS, REPEATS, ItemWorld, item_clusters
from akrasia.benchmarks.calibration_levels import LEVEL_WORLDS, LevelWorld, told_apart
from akrasia.benchmarks.calibration_metrics import METRIC_WORLDS, MetricWorld, recovered
from akrasia.benchmarks.calibration_race import RACES, RaceWorld, raced
from akrasia.benchmarks.calibration_trials import DRAWS, TRIAL_ITEMS, TRIAL_WORLDS, TrialWorld, repeated_draws
from akrasia.benchmarks.calibration_world import (
    COMMON,
    FEW,
    ITEMS,
    NAMES,
    OFTEN,
    PLACEBO,
    QUIET,
    RARE,
    SEED,
    TIED,
    UNREAD,
    World,
    batches,
)
from akrasia.evals import inference as inf
from akrasia.evals.inference.sequences import capital
from akrasia.rng import named_rng

PAGE = Path(__file__).parents[1] / "docs" / "calibration.md"
MARKS = ("<!-- made by make calibration -->", "<!-- end -->")
SIZES = (12, 20, 40, 100)


@dataclass(frozen=True)
class Row:
    """One line of the table. `least` and `most` are what is claimed; both None where nothing is."""

    section: str
    what: str
    replicates: int
    measured: float
    least: float | None = None
    most: float | None = None

    @property
    def kept(self) -> bool:
        return (self.least is None or self.measured >= self.least) and (self.most is None or self.measured <= self.most)

    @property
    def claim(self) -> str:
        if self.least is None and self.most is None:
            return "not claimed"
        if self.least is None:
            return f"at most {100 * self.most:.1f}"
        return (
            f"at least {100 * self.least:.1f}"
            if self.most is None
            else f"{100 * self.least:.1f} to {100 * self.most:.1f}"
        )


# What is measured


def shares(world: World, quantity: str, episodes: int, interval: inf.Interval, replicates: int) -> list[Row]:
    """Coverage of the interval of a share."""
    truth, held, rarer = world.truth(quantity), 0, 0.0
    for arm, _ in batches(world, episodes, replicates, quantity, interval):
        for i, (num, den) in enumerate(zip(*arm.sums(quantity), strict=True)):
            estimate = inf.estimate(num, den, f"{quantity}{i}", interval=interval)
            held += estimate.low <= truth <= estimate.high
            rarer += min(num.sum(), den.sum() - num.sum()) / replicates
    what = f"{quantity} = {truth:.3f}, {NAMES[world]}, {episodes} episodes"
    return [
        Row(f"{interval} interval of a share", what, replicates, held / replicates, 0.93, 0.97 if rarer >= 10 else None)
    ]


def differences(world: World, quantity: str, episodes: int, interval: inf.Interval, replicates: int) -> list[Row]:
    """Coverage of the interval of a paired difference and, under a placebo, the error of its test."""
    truth = world.truth(quantity, second=True) - world.truth(quantity)
    held, false, differing = 0, 0, 0.0
    for base, arm in batches(world, episodes, replicates, quantity, interval):
        steps = zip(base.counts(quantity), arm.counts(quantity), strict=True)
        differing += np.logical_or(*(x != y for x, y in steps)).sum() / replicates
        for i, (na, da, nb, db) in enumerate(zip(*arm.sums(quantity), *base.sums(quantity), strict=True)):
            contrast = inf.contrast((na, da), (nb, db), quantity, f"{i}", "base", interval)
            held += contrast.difference.low <= truth <= contrast.difference.high
            false += contrast.p <= 0.05
    what = f"{quantity} {truth:+.3f}, {NAMES[world]}, {episodes} episodes"
    claim = (0.93, 0.97 if differing >= 10 else None)
    if interval == "bootstrap" and (episodes < 40 or differing < 30):
        claim = (None, None)
    rows = [Row(f"{interval} interval of a paired difference", what, replicates, held / replicates, *claim)]
    if world.shift == 0:
        rows.append(Row("sign-flip test, error at 0.05", what, replicates, false / replicates, None, 0.055))
    return rows


def items(episodes: int, replicates: int) -> list[Row]:
    """Error of McNemar's test over independent items."""
    false = 0
    for base, arm in batches(ITEMS, episodes, replicates, "items"):
        for na, da, nb, db in zip(*arm.sums("doing"), *base.sums("doing"), strict=True):
            false += inf.contrast((na, da), (nb, db), "doing", "v", "base").p_mcnemar <= 0.05
    what = f"doing, {NAMES[ITEMS]}, {episodes} items"
    return [Row("exact McNemar test, error at 0.05", what, replicates, false / replicates, None, 0.055)]


def families(episodes: int, real: int, replicates: int, variants: int = 6) -> list[Row]:
    """Errors over a family of variants against one baseline, of which the first `real` do close the gap."""
    wrong, share = 0, 0.0
    shifts = (COMMON.shift,) * real + (0.0,) * (variants - real)
    for base, *arms in batches(COMMON, episodes, replicates, "family", real, shifts=shifts):
        sums = [arm.sums("gap") for arm in arms]
        nb, db = base.sums("gap")
        for i in range(len(nb)):
            family = [
                inf.contrast((num[i], den[i]), (nb[i], db[i]), "gap", f"{v}", "base")
                for v, (num, den) in enumerate(sums)
            ]
            wrong += any(c.p_holm <= 0.05 for c in inf.holm(family)[real:])
            rejected = [v for v, c in enumerate(inf.benjamini_hochberg(family)) if c.p_bh <= 0.05]
            share += sum(v >= real for v in rejected) / max(len(rejected), 1)
    what = f"gap, {variants} variants of which {real} help, {episodes} episodes"
    rows = [Row("family-wise error after Holm at 0.05", what, replicates, wrong / replicates, None, 0.055)]
    if real:
        rows.append(
            Row(
                "false discovery rate after Benjamini-Hochberg at 0.05",
                what,
                replicates,
                share / replicates,
                None,
                0.055,
            )
        )
    return rows


def unread(episodes: int, replicates: int) -> list[Row]:
    """Whether bounds hold what would have been measured, where right answers get lost more often than wrong ones."""
    whole = replace(UNREAD, lost=(0.0, 0.0))
    truth = whole.truth("doing")
    change = whole.truth("doing", second=True) - truth
    held = inside = ignored = 0
    for base, arm in batches(UNREAD, episodes, replicates, "unread"):
        lost = [(x.lost & x.here).sum(-1).astype(float) for x in (base, arm)]
        (nb, db), (na, da) = base.sums("doing"), arm.sums("doing")
        for i in range(len(nb)):
            b, a = (nb[i], db[i], lost[0][i]), (na[i], da[i], lost[1][i])
            bounds_of_doing = inf.bounds(b, f"{i}")
            held += bounds_of_doing.low.low <= truth <= bounds_of_doing.high.high
            bounds_of_change = inf.difference_bounds(a, b, "doing", f"{i}", "base")
            inside += bounds_of_change.low.low <= change <= bounds_of_change.high.high
            plain = inf.estimate(nb[i], db[i] - lost[0][i], f"{i}")
            ignored += plain.low <= truth <= plain.high
    what = f"doing, 30 % of the right and 5 % of the wrong answers unread, {episodes} episodes"
    return [
        Row("bounds of a share with their intervals", what, replicates, held / replicates, 0.93),
        Row("bounds of a paired difference with their intervals", what, replicates, inside / replicates, 0.93),
        Row(
            "interval of a share that leaves unread answers out, for comparison", what, replicates, ignored / replicates
        ),
    ]


def peeks(world: World, quantity: str, looks: int, replicates: int, difference: bool = False) -> list[Row]:
    """How many experiments ever exclude the truth when they look after every episode."""
    truth = world.truth(quantity)
    change = world.truth(quantity, second=True) - truth
    ever = 0
    for base, arm in batches(world, looks, replicates, "peeks", quantity, int(difference)):
        for nb, db, na in zip(*base.sums(quantity), arm.sums(quantity)[0], strict=True):
            if difference:  # what a PairedSequence of matched arms is made of
                against = capital((na - nb + db) / 2, db, (1 + change) / 2, world.most)
            else:
                against = capital(nb, db, truth, world.most)
            ever += bool(np.max(against) >= 1 / (1 - inf.LEVEL))
    value = f"{change:+.3f}" if difference else f"= {truth:.3f}"
    section = (
        f"confidence sequence of a {'paired difference' if difference else 'share'}, ever wrong in {looks:,} looks"
    )
    return [Row(section, f"{quantity} {value}, {NAMES[world]}", replicates, ever / replicates, None, 0.05)]


def naive_peeks(looks: int, replicates: int, step: int = 10) -> list[Row]:
    """The same with an ordinary interval, looked at again and again from the 20th episode on."""
    truth, ever = COMMON.truth("gap"), 0
    for base, _ in batches(COMMON, looks, replicates, "naive"):
        for num, den in zip(*base.sums("gap"), strict=True):
            looked_at = (inf.estimate(num[:n], den[:n], "gap") for n in range(20, looks + 1, step))
            ever += any(not estimate.low <= truth <= estimate.high for estimate in looked_at)
    what = f"gap = {truth:.3f}, common, a look every {step} episodes"
    section = f"ordinary interval of a share, ever wrong in {looks:,} episodes, for comparison"
    return [Row(section, what, replicates, ever / replicates)]


def planned(
    steps: int, discordance: float, correlation: float, effect: float, target: float, family: int, replicates: int
) -> list[Row]:
    """Whether the test reaches the power that was planned from assumptions."""
    spread = inf.assumed_spread(steps, discordance, correlation, effect)
    episodes = inf.episodes_needed(effect, spread, target, family=family, steps=steps)
    expected = inf.power(effect, episodes, spread, family=family, steps=steps)
    own = np.sqrt(correlation * (discordance - effect**2))
    rejections = 0
    rng = named_rng(SEED, "calibration", "planned", steps, str((discordance, correlation, effect, target)), family)
    for _ in range(replicates):
        # In an episode the difference is effect + own or effect - own, which gives steps their intra-class correlation.
        mean = effect + own * rng.choice((-1.0, 1.0), (episodes, 1))
        u = rng.random((episodes, steps))
        up, down = u < (discordance + mean) / 2, u >= 1 - (discordance - mean) / 2
        base = np.where(up | down, down, rng.random(u.shape) < 0.5)
        arm = np.where(up | down, up, base)
        den = np.full(episodes, float(steps))
        p = inf.contrast((arm.sum(1).astype(float), den), (base.sum(1).astype(float), den), "doing", "v", "base").p
        rejections += p <= 0.05 / family
    what = (
        f"effect {effect:g}, {steps} steps, {100 * discordance:g} % differ, intra-class correlation {correlation:g}, "
        f"{family} comparison{'s' * (family > 1)}: {episodes} episodes for {100 * expected:.1f} %"
    )
    bounds = expected - 0.03, expected + 0.03
    return [Row("power planned from assumptions", what, replicates, rejections / replicates, *bounds)]


def planned_from_pilot(world: World, quantity: str, episodes: int, replicates: int) -> list[Row]:
    """Whether the smallest detectable effect of a budget is detected as often as planned, the spread from a pilot."""
    [(base, arm)] = batches(world, 4000, 1, "pilot", quantity)
    one = [tuple(x[0] for x in side.sums(quantity)) for side in (arm, base)]
    spread = inf.pilot_spread(*one)
    matched = bool(np.all(one[0][1] == one[1][1]))
    steps = float(one[0][1].mean()) if matched else None
    effect = world.truth(quantity, second=True) - world.truth(quantity)
    expected, rejections = inf.power(effect, episodes, spread, steps=steps), 0
    for base, arm in batches(world, episodes, replicates, "planned", quantity):
        for na, da, nb, db in zip(*arm.sums(quantity), *base.sums(quantity), strict=True):
            rejections += inf.contrast((na, da), (nb, db), quantity, "v", "base").p <= 0.05
    what = f"{quantity} {effect:+.3f}, {NAMES[world]}, {episodes} episodes: planned {100 * expected:.1f} %"
    bounds = expected - 0.03, expected + 0.03
    return [Row("power planned from a pilot", what, replicates, rejections / replicates, *bounds)]


def repeated_items(world: ItemWorld, repeats: int, replicates: int) -> list[Row]:
    """Intervals and tests where every item is asked in several episodes."""
    measured = item_clusters(world, repeats, replicates, SEED)
    return [Row(section, what, replicates, share, least, most) for section, what, share, least, most in measured]


def trials_of_items(world: TrialWorld, count: int, k: int, replicates: int) -> list[Row]:
    """Intervals of what k draws of every decision tell."""
    measured = repeated_draws(world, count, k, replicates, SEED)
    return [Row(section, what, replicates, share, least, most) for section, what, share, least, most in measured]


def races(world: RaceWorld, replicates: int) -> list[Row]:
    """Whether a race keeps the best, and at which calls."""
    measured = raced(world, replicates, SEED)
    return [Row(section, what, replicates, share, least, most) for section, what, share, least, most in measured]


def levels(world: LevelWorld, replicates: int) -> list[Row]:
    """Whether planted losses between reasoning and action are told apart."""
    measured = told_apart(world, replicates, SEED)
    return [Row(section, what, replicates, share, least, most) for section, what, share, least, most in measured]


def measures(world: MetricWorld, replicates: int) -> list[Row]:
    """Intervals of measures of groups, abstention, cues, belief and robustness, through the whole program."""
    measured = recovered(world, replicates, SEED)
    return [Row(section, what, replicates, share, least, most) for section, what, share, least, most in measured]


Job = Callable[[], list[Row]]


def jobs(share: float = 1.0) -> list[Job]:
    """Every row of the table, with `share` of its replicates."""

    def of(replicates: int) -> int:
        return max(20, int(share * replicates))

    singles = [(COMMON, q) for q in ("knowing", "doing", "gap", "does if knows")]
    singles += [(RARE, "doing"), (OFTEN, "doing"), (OFTEN, "gap"), (TIED, "gap"), (TIED, "does if knows")]
    pairs = [(COMMON, q) for q in ("doing", "gap", "does if knows")]
    pairs += [(RARE, "doing"), (OFTEN, "gap"), (TIED, "gap"), (FEW, "doing"), (FEW, "does if knows")]
    nulls = [(PLACEBO, q) for q in ("doing", "gap", "does if knows")] + [(QUIET, "doing"), (QUIET, "does if knows")]
    made: list[Job] = []
    made += [partial(shares, w, q, n, "robust", of(4000)) for w, q in singles for n in SIZES]
    made += [partial(differences, w, q, n, "robust", of(4000)) for w, q in pairs for n in SIZES]
    made += [partial(differences, w, q, n, "robust", of(10_000)) for w, q in nulls for n in SIZES]
    made += [
        partial(shares, w, q, n, "bootstrap", of(2000)) for w, q in ((COMMON, "gap"), (RARE, "doing")) for n in SIZES
    ]
    made += [
        partial(differences, w, q, n, "bootstrap", of(2000))
        for w, q in ((COMMON, "gap"), (FEW, "doing"))
        for n in SIZES
    ]
    made += [partial(items, n, of(10_000)) for n in (40, 100, 400)]
    made += [partial(families, n, real, of(5000)) for n in (12, 40) for real in (0, 3)]
    made += [partial(unread, n, of(2000)) for n in (12, 40)]
    looks = [(COMMON, "gap"), (RARE, "doing"), (OFTEN, "doing"), (COMMON, "does if knows")]
    made += [partial(peeks, w, q, 1000, of(4000)) for w, q in looks]
    looks = [(PLACEBO, "gap"), (COMMON, "gap"), (FEW, "doing")]
    made += [partial(peeks, w, q, 1000, of(4000), difference=True) for w, q in looks]
    made += [partial(naive_peeks, 1000, of(400))]
    plans = [
        (4, 0.3, 0.0, 0.1, 0.8, 1),
        (6, 0.3, 0.1, 0.1, 0.8, 1),
        (8, 0.4, 0.1, 0.2, 0.9, 1),
        (1, 0.25, 0.0, 0.1, 0.8, 1),
        (6, 0.3, 0.1, 0.1, 0.8, 6),
        (10, 0.15, 0.05, 0.05, 0.8, 1),
    ]
    made += [partial(planned, *plan, of(4000)) for plan in plans]
    made += [
        partial(planned_from_pilot, w, q, n, of(4000))
        for w, q, n in ((COMMON, "gap", 30), (COMMON, "does if knows", 25), (RARE, "doing", 40))
    ]
    made += [partial(repeated_items, w, n, of(10_000 if w.shift == 0 else 4000)) for w in ITEM_WORLDS for n in REPEATS]
    made += [partial(trials_of_items, w, n, k, of(2000)) for w in TRIAL_WORLDS for n in TRIAL_ITEMS for k in DRAWS]
    made += [partial(races, w, of(2000)) for w in RACES]
    made += [partial(levels, w, of(2000)) for w in LEVEL_WORLDS]
    made += [partial(measures, w, of(2000)) for w in METRIC_WORLDS]
    return made


def table(rows: list[Row]) -> str:
    """The rows in Markdown, a table per section."""
    lines: list[str] = []
    for section in dict.fromkeys(row.section for row in rows):
        lines += [
            "",
            f"**{section[0].upper()}{section[1:]}**",
            "",
            "| planted | experiments | measured, % | claimed, % |",
        ]
        lines += ["| --- | ---: | ---: | ---: |"]
        for row in (r for r in rows if r.section == section):
            error = 100 * np.sqrt(row.measured * (1 - row.measured) / row.replicates)
            missed = "" if row.kept else " **missed**"
            lines.append(
                f"| {row.what} | {row.replicates:,} | {100 * row.measured:.1f} ± {error:.1f} | {row.claim}{missed} |"
            )
    return "\n".join(lines).strip()


def _run(job: Job) -> list[Row]:
    return job()


def main() -> int:
    """Simulate all rows, print or write the table, and say which rows missed their claim."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--share", type=float, default=1.0, help="share of the experiments to simulate")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--write", action="store_true", help=f"write the table into {PAGE.name}")
    arguments = parser.parse_args()
    with Pool(arguments.processes) as pool:
        rows = [row for some in pool.imap(_run, jobs(arguments.share)) for row in some]
    if arguments.write:
        head, _, rest = PAGE.read_text(encoding="utf-8").partition(MARKS[0])
        tail = rest.partition(MARKS[1])[2]
        PAGE.write_text(f"{head}{MARKS[0]}\n\n{table(rows)}\n\n{MARKS[1]}{tail}", encoding="utf-8")
    else:
        print(table(rows))
    missed = [row for row in rows if not row.kept]
    for row in missed:
        print(f"missed: {row.section}: {row.what}: {100 * row.measured:.1f} %, claimed {row.claim} %", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
