"""The importer of the published Potemkin tree, on trees made here in its layout; no text of the benchmark is used.

The published tree has no licence and is not part of this repository. Where you have it, set AKRASIA_POTEMKIN_TREE to
its folder and the last test compares the run with the published figures.
"""

import csv
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from akrasia.errors import BadOption
from akrasia.evals.scorecard import Arm
from akrasia.importers.potemkin import CONCEPTS, MODELS
from akrasia.result import Result

Importing = Callable[..., Result]

LABELS = ("Task", "Domain", "Model", "Concept", "File", "Correct")
CLASSIFY = ("Concept", "Model", "Example", "Attempt", "Inference", "Model Label", "True Label", "Correct")
IDS = {short: full for full, short in MODELS.items()}
Rows = list[tuple[str, ...]]


class Tree:
    """A tree in the published layout; answers are made up."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.define: Rows = []
        self.psych: Rows = []
        self.other: Rows = []
        self.labels: dict[str, Rows] = {"generate": [], "edit": []}

    def answer(self, use: str, concept: str, model: str, name: str, content: Any) -> None:
        path = self.root / use / "inferences" / concept / model / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")

    def labelled(self, use: str, concept: str, model: str, name: str, correct: str) -> None:
        """A label of the authors', with its answer's file: JSON in .txt."""
        self.labels[use].append((use.title(), "some domain", model, concept, name, correct))
        self.answer(use, concept, model, name, {"concept": concept, "inferences": "made up"})

    def write(self) -> Path:
        self._csv("define/define_labels.csv", LABELS, self.define)
        self._csv("classify/psych_classify_with_cot.csv", CLASSIFY, self.psych)
        self._csv("classify/literature_and_game_theory_classify_with_cot.csv", CLASSIFY, self.other)
        for use, rows in self.labels.items():
            self._csv(f"{use}/author_labels_{use}.csv", LABELS, rows)
        return self.root

    def _csv(self, name: str, header: tuple[str, ...], rows: Rows) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([header, *rows])


def defined(model: str, concept: str, correct: str = "yes") -> tuple[str, ...]:
    return ("Define", "some domain", model, concept, "0.txt", correct)


def classified(model: str, concept: str, said: str, true: str, correct: str, text: str = "it is") -> tuple[str, ...]:
    return (concept, IDS.get(model, model), "an example\nof two lines, with a comma", "0", text, said, true, correct)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Every trap of the published files, with few enough rows to count by hand."""
    t = Tree(tmp_path / "BenchmarkDataset")
    blank = ("",) * len(LABELS)
    t.define = [
        defined("GPT-4o", "Haiku"),
        defined(" GPT-4o ", "Paradox", " Yes "),
        defined("GPT-4o", "Analogy", "no"),
        blank,  # row 5
        defined("GPT-4o", "Zero-Sum Game"),
        defined("Qwen2-VL", "Zero-Sum Game", "no"),
        defined("Qwen2-VL", "Haiku"),
        defined("GPT-4o", "Sunk Cost Fallacy"),
        defined("GPT-4o", "Demanding Bias"),  # cut from the final set
        defined("Mistral-Instruct", "Haiku"),
        defined("GPT-4.5", "Haiku"),  # not among the seven
        defined("GPT-4o", "Synesis", "perhaps"),  # row 13
    ]
    t.psych = [
        classified("GPT-4o", "Sunk Cost Fallacy", "yes", "yes", "1.0"),
        classified("GPT-4o", "Sunk Cost Fallacy", "yes", " no", "0.0"),  # the leading blank
        classified("GPT-4o", "Demanding Bias", "no", "no", "1.0"),
        classified("mistralai/Mistral-7B-Instruct-v0.2", "Sunk Cost Fallacy", "no", "no", "1.0"),
        classified("GPT-4o", "Sunk Cost Fallacy", "", "no", "", text=""),  # row 6: it never answered
    ]
    t.other = [
        classified("GPT-4o", "Haiku", "no", " no", "1"),
        classified("GPT-4o", "Haiku", "no", "no", "1.0"),
        classified("GPT-4o", "Analogy", "no", "yes", "0"),  # not defined right
        classified("Qwen2-VL", "Haiku", "no", "yes", "0"),
        classified("GPT-4o", "Haiku", "yes", "no", "1.0"),  # row 6: contradicts itself
        classified("GPT-4o", "Haiku", "yes", "no", "often"),  # row 7
        ("Haiku", "gpt-4o", "cut off"),  # row 8
    ]
    t.labelled("generate", "Haiku", "GPT-4o", "0.txt", "yes")
    t.labelled("generate", "Paradox", "GPT-4o", "0.txt", "no")
    t.labelled("generate", "Analogy", "GPT-4o", "0.txt", "yes")  # not defined right
    t.labelled("generate", "Sunk Cost Fallacy", "GPT-4o", "0.txt", "TRUE")
    t.labelled("generate", "Haiku", "Qwen2-VL", "0.txt", "1")
    t.labelled("generate", "Zero-Sum Game", "GPT-4o", "label.txt", "yes")  # games have no labels of the authors'
    (t.root / "generate/inferences/Zero-Sum Game/GPT-4o/label.txt").unlink()
    t.labels["generate"] += [
        ("Generate", "", "GPT-4o", "Haiku", "9.txt", "yes"),  # row 8: the file is missing
        blank,
    ]
    t.answer("generate", "Zero-Sum Game", "GPT-4o", "0.txt", {"correct": [False, "true but for one cell"]})
    t.answer("generate", "Zero-Sum Game", "GPT-4o", "1.txt", {"correct": [True, "fine"]})
    t.answer("generate", "Zero-Sum Game", "Qwen2-VL", "0.txt", {"correct": [True, "fine"]})  # not defined right
    t.answer("generate", "Zero-Sum Game", "Mistral-Instruct", "0.txt", {"correct": [True, "fine"]})
    t.labelled("edit", "Haiku", "GPT-4o", "0_1.txt", "yes")
    t.labelled("edit", "Haiku", "GPT-4o", "0_2.txt", "almost")  # row 3
    t.labelled("edit", "Haiku", "GPT-4o", "0_3.txt", "yes")  # row 4: its file is no JSON
    t.answer("edit", "Haiku", "GPT-4o", "0_3.txt", '{"concept": "Haiku", "infer')
    t.answer("edit", "Haiku", "GPT-4o", "9_9.txt", {"inferences": "an answer that nobody labelled"})
    t.answer("edit", "Zero-Sum Game", "GPT-4o", "0_0.txt", {"correct": True, "message": ""})
    t.answer("edit", "Zero-Sum Game", "GPT-4o", "0_1.txt", {"correct": False, "message": ""})
    t.answer("edit", "Zero-Sum Game", "GPT-4o", "0_2.txt", {"correct": "N/A"})
    t.answer("edit", "Zero-Sum Game", "GPT-4o", "0_3.txt", "not json")
    t.answer("edit", "Zero-Sum Game", "GPT-4o", ".DS_Store", "left by a file manager")
    return t


def rates(run: Result) -> dict[tuple[str, str], tuple[int, int]]:
    """(right, counted) of the uses of concepts that were defined right, by arm and use."""
    steps = run.records.filter(knows=True, asked=True)
    found: dict[tuple[str, str], tuple[int, int]] = {}
    for variant, question, does in steps.select("variant", "question", "does").rows():
        key = (variant, question.rpartition("/")[2])
        right, counted = found.get(key, (0, 0))
        found[key] = (right + does, counted + 1)
    return found


def test_every_trap_of_the_layout_by_hand_counted_rates(tree: Tree, imported: Importing) -> None:
    run = imported("potemkin", tree.write())
    assert run.imported is not None and "5 of 7 definitions are right" in run.imported.notes
    assert rates(run) == {
        ("GPT-4o", "classify"): (3, 4),  # psych 1 of 2, haiku 2 of 2
        ("Qwen2-VL", "classify"): (0, 1),
        ("GPT-4o", "generate"): (3, 5),  # haiku, sunk cost, one of two games; paradox wrong
        ("Qwen2-VL", "generate"): (1, 1),
        ("GPT-4o", "edit"): (2, 3),
    }
    arms = {arm.variant: arm.metrics for arm in run.score().arms}
    assert arms["Qwen2-VL"]["potemkin_classify"].value == 2, "worse than chance is above 1: not capped"
    pooled = imported("potemkin", tree.root, pooled="yes")
    (arm,) = pooled.score().arms
    assert arm.variant == "all models" and rates(pooled)["all models", "classify"] == (3, 5)
    assert arm.metrics["potemkin_classify"].value == pytest.approx(0.8)
    assert arm.metrics["potemkin_generate"].value == pytest.approx(1 / 3)
    assert rates(imported("potemkin", tree.root, domain="game"))["GPT-4o", "generate"] == (1, 2)


def test_what_cannot_be_imported_is_named_with_file_and_row(tree: Tree, imported: Importing) -> None:
    told = imported("potemkin", tree.write()).imported
    other = "classify/literature_and_game_theory_classify_with_cot.csv"
    assert told is not None
    assert {place for one in told.left_out for place in one.first} == {
        "define/define_labels.csv, row 13",
        "classify/psych_classify_with_cot.csv, row 6",
        f"{other}, row 6",
        f"{other}, row 7",
        f"{other}, row 8",
        "generate/author_labels_generate.csv, row 8",
        "edit/author_labels_edit.csv, row 3",
        "edit/author_labels_edit.csv, row 4",
        "edit/inferences/Zero-Sum Game/GPT-4o/0_2.txt",
        "edit/inferences/Zero-Sum Game/GPT-4o/0_3.txt",
    }
    assert "made up" not in str(told), "no answer is shown"


def test_a_folder_that_is_no_tree_is_refused(tmp_path: Path, imported: Importing) -> None:
    with pytest.raises(BadOption, match="define_labels"):
        imported("potemkin", tmp_path)
    (tmp_path / "define").mkdir()
    for table in ("", "Concept,Model,Correct\n", "Concept,Model,Correct\nno such,no such,yes\n"):
        (tmp_path / "define" / "define_labels.csv").write_text(table)
        with pytest.raises(BadOption, match="no definition in .* can be scored"):
            imported("potemkin", tmp_path)


def test_the_final_set_of_models_and_concepts() -> None:
    assert [len(c) for c in CONCEPTS.values()] == [12, 9, 11]
    assert len(MODELS) == 7 and "Mistral-Instruct" not in MODELS.values()


PUBLISHED = {"classify": (1332, 1831, 0.545), "generate": (130, 217, 0.401), "edit": (464, 775, 0.401)}


def published(arm: Arm) -> None:
    for use, (_, _, rate) in PUBLISHED.items():
        assert arm.metrics[f"potemkin_{use}"].value == pytest.approx(rate, abs=5e-4)


def test_the_published_arithmetic_from_the_published_counts(tmp_path: Path, imported: Importing) -> None:
    """1332 of 1831, 130 of 217 and 464 of 775, with 217 of 224 definitions, spread over models and concepts."""
    t = Tree(tmp_path / "tree")
    pairs = [(m, c) for c in (x for cs in CONCEPTS.values() for x in cs) for m in MODELS.values()]
    t.define = [defined(m, c, "yes" if i >= 7 else "no") for i, (m, c) in enumerate(pairs)]
    known, games = pairs[7:], CONCEPTS["game"]
    for i in range(PUBLISHED["classify"][1]):
        m, c = known[i % len(known)]
        t.other.append(classified(m, c, "yes", "yes" if i < 1332 else "no", "1.0" if i < 1332 else "0.0"))
    for use in ("generate", "edit"):
        right, scored, _ = PUBLISHED[use]
        for i in range(scored):
            m, c = known[i % len(known)]
            if c in games:
                t.answer(use, c, m, f"{i}.txt", {"correct": [i < right, ""] if use == "generate" else i < right})
            else:
                t.labelled(use, c, m, f"{i}.txt", "yes" if i < right else "no")
    for m, c in pairs[:7]:  # the wrong definitions' uses, all right, must not count
        t.other.append(classified(m, c, "yes", "yes", "1.0"))
        t.labelled("generate", c, m, "x.txt", "yes")
    run = imported("potemkin", t.write(), pooled="yes")
    (arm,) = run.score().arms
    published(arm)
    assert {use: rates(run)["all models", use] for use in PUBLISHED} == {
        use: (right, counted) for use, (right, counted, _) in PUBLISHED.items()
    }


@pytest.mark.skipif("AKRASIA_POTEMKIN_TREE" not in os.environ, reason="the published tree is not here")
def test_the_published_tree(imported: Importing) -> None:
    (arm,) = imported("potemkin", os.environ["AKRASIA_POTEMKIN_TREE"], pooled="yes").score().arms
    published(arm)
