"""Makes docs/gallery.md: what published outputs of large models show, imported and compared.

    python benchmarks/gallery.py FOLDER [--out docs/gallery.md]

FOLDER holds what `SETS` names, each below its own folder; what is absent keeps its command and has no figures. Nothing
is
downloaded: the page says from which repository and commit each set is.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from akrasia.evals.scorecard import Arm, Scorecard
from akrasia.importers import import_run
from akrasia.result import Result, open_run

LEAST = 1e-9  # below it a p is not worth its digits
HEAD = """# A gallery of real models

What published outputs of large models show when they are imported and compared: no key, no call, no model of ours. This
page is made by `python benchmarks/gallery.py FOLDER`, over files that their authors published. Each is named with its
repository and commit; none is part of this package. Every run here opens in `akrasia report`, `akrasia view` and
`akrasia show` like any other. How imports work: [importing](importing.md).

Doing is the share of right answers, with its 95 % interval over items. A p is that of the paired sign-flip test.
"""


@dataclass(frozen=True)
class PublishedSet:
    """One set of published outputs.

    Attributes:
        kind: the importer; path: below the folder; origin: repository, commit and path; licence: of the data.
        pairs: arms that are compared; draws: the numbers of draws that are shown, for sets with trials.
        shown: arms in the table, all by default; metrics: beside doing.
        says: what to read from it; not_shown: what it does not show.
    """

    title: str
    kind: str
    path: str
    origin: str
    licence: str
    says: str
    not_shown: str
    pairs: Sequence[tuple[str, str]] = ()
    draws: Sequence[int] = ()
    shown: Sequence[str] = ()
    metrics: Sequence[str] = ()
    options: dict[str, Any] = field(default_factory=dict)
    by_item: bool = False

    @property
    def command(self) -> str:
        """The import as a reader writes it."""
        names = {"rule": "--rule {}"}
        options = " ".join(names.get(k, f"--option {k}={{}}").format(v) for k, v in self.options.items())
        name = Path(self.path).name
        return " ".join(filter(None, [f"akrasia import {self.kind} {name}", options, f"--out runs/{self.kind}"]))


SETS = (
    PublishedSet(
        "Where pairing decides: GSM8K, a small model with a verifier against a large one without",
        "gsm8k",
        "gsm8k/example_model_solutions.jsonl",
        "openai/grade-school-math @ 3101c7d, grade_school_math/data/example_model_solutions.jsonl",
        "MIT",
        "The 6B model with a verifier is right 57 questions more often than the 175B model without one. Unpaired, two "
        "samples of 1,319 would leave that near the edge; paired on the same questions it is plain.",
        "Nothing about other models or other questions: the items are one test set, and each arm answered once. The "
        "verifier picks among many samples, so the arms do not cost the same; what they cost is not in the file.",
        pairs=(
            ("175b_finetuning", "6b_verification"),
            ("6b_finetuning", "6b_verification"),
            ("175b_finetuning", "175b_verification"),
        ),
    ),
    PublishedSet(
        "An intervention against equal retries: Reflexion on ALFWorld",
        "reflexion",
        "reflexion",
        "noahshinn/reflexion @ 218cf0e, alfworld_runs/root",
        "MIT",
        "After as many trials, Reflexion has solved more tasks than plain retry. The first trial is the same in both.",
        "How an agent would do that must decide by itself when to stop: only tasks that *failed* are tried again, in "
        "both arms, so an oracle decides. Both are marked for it, and neither is a fair competitor of an arm that is "
        "told nothing.",
        pairs=(("retry after 1", "reflexion after 1"), ("retry after 7", "reflexion after 7")),
        shown=("retry after 1", "retry after 7", "reflexion after 1", "reflexion after 7", "reflexion after 15"),
    ),
    PublishedSet(
        "Self-consistency against its ceiling: the Game of 24",
        "game24",
        "game24",
        "princeton-nlp/tree-of-thought-llm @ ab40034, logs/game24",
        "MIT",
        "The plurality of n samples barely moves with n, while the share of puzzles that some sample solves (which "
        "choosing the best of n could reach) rises to a third and a half: the votes, not the samples, are short.",
        "The tree search was run once for each puzzle and costs many times a sample; its success counts any of the "
        "five candidates that it ended with, so it is itself a best of five. It has one trial: `compare` pairs it with "
        "one sample of each puzzle, and only with --shared.",
        draws=(1, 2, 5, 10, 20, 50, 100),
    ),
    PublishedSet(
        "Reliability: tau-bench airline, four trials a task",
        "tau-bench",
        "tau-bench/gpt-4o-airline.json",
        "sierra-research/tau-bench @ 59a200c, historical_trajectories/gpt-4o-airline.json",
        "MIT",
        "pass^k falls from .42 to .20: fewer than half of the tasks that one trial solves are solved by all four. The "
        "table equals the one that its authors published; the intervals, over 50 tasks, are new.",
        "What the model knew: most of its calls of tools have no text beside them, so there is no rationale to read.",
        draws=(1, 2, 3, 4),
    ),
    PublishedSet(
        "One story, four variations: base models on Alice in Wonderland",
        "aiw",
        "aiw/base_models.json",
        "LAION-AI/AIW @ 4d5d079, collected_responses/AIW_base_models.json",
        "Apache-2.0",
        "The same problem with other numbers is solved often or never: spread is the best variation less the worst.",
        "A rate over variations at large: there are four, and they are what is asked about, not a sample. The rule "
        "that reads an answer moves the rates (69 right under the first, 73 under the last).",
        metrics=("spread", "worst_item"),
        options={"rule": "first"},
    ),
    PublishedSet(
        "The same, of a model that corrects itself: Reflection-70B",
        "aiw",
        "aiw/reflection_70b.json",
        "LAION-AI/AIW @ 4d5d079, collected_responses/Reflection-70B",
        "Apache-2.0",
        "Eight prompts of 100 responses each lie between 7 % and 48 %.",
        "That reflection helps: there is no arm without it.",
        metrics=("spread", "worst_item"),
        options={"rule": "last"},
        by_item=True,
    ),
    PublishedSet(
        "Definitions against uses: Potemkin understanding of seven models",
        "potemkin",
        "potemkin/BenchmarkDataset",
        "MarinaMancoridis/PotemkinBenchmark, BenchmarkDataset",
        "none stated: read it where you have it",
        "Knowing is the right definition of a concept, doing its right use: the gap is what the benchmark is about. "
        "`potemkin_classify` and its like are the rates of Table 1.",
        "How the authors' intervals were made: they count every use as independent, these are over concepts.",
        metrics=("knowing", "gap", "potemkin_classify", "potemkin_generate", "potemkin_edit"),
    ),
)


def section(one: PublishedSet, folder: Path, runs: Path) -> list[str]:
    """One set of the page."""
    lines = [f"## {one.title}", "", f"From {one.origin}; licence: {one.licence}.", ""]
    commands = [one.command, *(f'akrasia compare runs/{one.kind} "{a}" "{b}"' for a, b in one.pairs)]
    lines += ["```", *commands, "```", ""]
    if not (folder / one.path).exists():
        return [*lines, "These files were not at hand when this page was made, so there are no figures here.", ""]
    out = runs / f"{one.kind}-{SETS.index(one)}"
    import_run(one.kind, folder / one.path, out, **one.options)
    run = open_run(out)
    card = run.score()
    arms = [a for a in card.arms if a.variant in (one.shown or [a.variant])]
    lines += [*_rates(arms, one), *_draws(arms, one), *_items(arms, one), *_sentences(run, one), ""]
    return [*lines, one.says, "", f"*Not shown*: {one.not_shown}", "", *_told(card), ""]


def _rates(arms: Sequence[Arm], one: PublishedSet) -> list[str]:
    names = ("doing", *one.metrics)
    head = ["arm", "items", "answers", *names]
    rows = [
        [f"`{a.variant}`{' [oracle]' if a.leaks else ''}", str(a.items), f"{a.steps:,}", *(_rate(a, n) for n in names)]
        for a in arms
    ]
    return _table(head, rows)


def _draws(arms: Sequence[Arm], one: PublishedSet) -> list[str]:
    rows = [
        [
            f"`{arm.variant}`",
            str(n),
            *(_share(arm.breakdowns["trials"][str(n)].get(c)) for c in ("pass_at", "pass_hat", "vote")),
        ]
        for arm in arms
        if "trials" in arm.breakdowns
        for n in one.draws
    ]
    return ["", *_table(["arm", "n draws", "some right", "all right", "plurality right"], rows)] if rows else []


def _items(arms: Sequence[Arm], one: PublishedSet) -> list[str]:
    if not one.by_item:
        return []
    rows = [[f"{name[:60]}...", _share(e["accuracy"])] for arm in arms for name, e in arm.breakdowns["item"].items()]
    return ["", *_table(["variation", "right"], rows)]


def _sentences(run: Result, one: PublishedSet) -> list[str]:
    lines: list[str] = []
    for a, b in one.pairs:
        (found,) = run.compare(a, b)
        doing = next(line for line in found.lines if line.metric == "doing")
        p, flips = doing.contrast.p, found.flips
        assert p is not None and flips is not None
        size = f"p = {p:.2g}" if p > LEAST else f"p < {LEAST:g}"
        words = f"{flips.wrong_to_right} items are gained and {flips.right_to_wrong} lost, {size}"
        lines += ["", f"- `{a}` -> `{b}`: {words}. {found.sentence}"]
    return lines


def _told(card: Scorecard) -> list[str]:
    assert card.imported is not None
    notes = [f"- {note}" for note in card.imported.notes]
    absent = f"- not in the source: {', '.join(card.imported.absent)}"
    return ["What the import noted:", "", *notes, absent]


def _rate(arm: Arm, name: str) -> str:
    return _share(arm.metrics[name])


def _share(estimate: Any) -> str:
    if estimate is None or estimate.value is None:
        return "-"
    ends = "" if estimate.low is None else f" [{estimate.low:.3f}, {estimate.high:.3f}]"
    return f"{estimate.value:.3f}{ends}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}", *(f"| {' | '.join(row)} |" for row in rows)]


def main() -> None:
    """Make the page."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "docs" / "gallery.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as runs:
        lines = [line for one in SETS for line in section(one, options.folder, Path(runs))]
    options.out.write_text("\n".join([HEAD, *lines]).rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
