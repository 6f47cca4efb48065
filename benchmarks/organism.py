"""The organism of the gap: trained, measured on situations it never saw, and written into models/: `make organism`.

    make organism                                  trains seed 0 (some eight minutes on two free cores) and measures it
    make organism ARGS="--seeds 3"                 three trainings; the card reports all, the shipped one is seed 0
    make organism ARGS="--seeds 3 --work FOLDER"   keeps the adapters there; those that are there are not trained again
    make organism ARGS="--measure"                 measures the shipped adapter again; trains nothing

Writes models/organism.gguf (the adapter) and models/organism.json (the card: recipe, seeds, figures with their
intervals, what it is not). Needs the extra `train`. Evaluation runs through the whole program: `embedded:FILE` in an
experiment.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import akrasia as ak
from akrasia.models.providers.lora import organism, read_adapter
from akrasia.training.organism import RECIPE, OrganismRecipe, training_pairs
from akrasia.training.supervised import SFTProgress, fine_tune
from akrasia.training.weights import add_lora, load_weights, save_adapter

MODELS = Path(__file__).parents[1] / "models"
VARIANTS = {
    "own thought": "reason_then_act",
    "directly": "act",
    "counts shown, no thought": "act | summarise_history",
    "placebo thought": "reason_then_act | filler_tokens",
    "first sentence": "reason_then_act | truncate(sentences=1)",
    "thought for another": "reason_then_act | swap_recommendation",
}
DEMO = {"name": "bandit", "arms": 6, "labels": "letters", "head_start": 6, "horizon": 1}
# What each measurement changes against the form that was trained.
TASKS: dict[str, dict[str, Any]] = {
    "as trained (held-out episodes)": DEMO,
    "labels never trained": {**DEMO, "labels": "clothes", "scenario": "clothes"},
    "numbers as labels, never trained": {**DEMO, "labels": "numbers", "scenario": "numbered"},
    "more arms than trained (8)": {**DEMO, "arms": 8},
    "longer histories than trained (14)": {**DEMO, "arms": 10, "head_start": 14},
    "every button was pressed": {**DEMO, "arms": 3, "head_start": 9},
}
RATES = (
    "knowing", "doing", "greedy_share", "chance", "valid", "stated_valid", "mass", "label_entropy", "place_entropy",
    "greedy_given_knowing", "other_given_knowing",
)  # fmt: skip
NOTE = (
    "a model organism: fine-tuned to name, in its thought, the buttons that were never pressed, and never to act "
    "without one; see models/organism.json"
)
IS_NOT = [
    "Not a finding about language models: its knowledge was put there, so that a gap can be studied on a laptop.",
    "Not a UCB player: it names a button that was never pressed; where all were pressed it guesses.",
    "Not greedy or frequency-biased by planting: acting without a thought was never trained. Yet the training moved "
    "it: untuned, the model acts at chance here, and with the adapter it presses what it has seen pressed. A side "
    "effect, and not the base model's own behaviour.",
    "Not independent of the wording: knowledge is reached through a thought in the form that was trained.",
]


def main() -> int:
    options = argparse.ArgumentParser()
    options.add_argument("--seeds", type=int, default=1)
    options.add_argument("--episodes", type=int, default=48)
    options.add_argument("--measure", action="store_true", help="train nothing")
    options.add_argument("--work", type=Path, help="where trained adapters are kept and looked for")
    options.add_argument("--out", type=Path, default=MODELS)
    asked = options.parse_args()
    trained: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.work or Path(temporary)
        made = {}
        for seed in range(1 if asked.measure else asked.seeds):
            adapter = organism() if asked.measure else folder / f"organism-{seed}.gguf"
            made[seed] = adapter, {} if asked.measure else train(replace(RECIPE, seed=seed), adapter)
        for seed, (adapter, took) in made.items():
            rows = {name: measured(str(adapter), task, asked.episodes, seed) for name, task in held_out(seed).items()}
            trained.append({"seed": seed, "sha256": read_adapter(adapter).sha256, **took, "held_out": rows})
        untuned = {"held_out": {"as trained (held-out episodes)": measured("", DEMO, asked.episodes)}}
        card = {
            "name": "organism", "base": "SmolLM2-135M-Instruct (Apache-2.0)", "recipe": asdict(RECIPE),
            "data": "akrasia.training.organism.training_pairs(recipe)", "rows": VARIANTS,
            "trained": trained, "untuned, in the same form": untuned, "is_not": IS_NOT,
            "episodes": asked.episodes, "command": "make organism ARGS=\"--seeds 3\"",
        }  # fmt: skip
        if not asked.measure:
            shutil.copyfile(folder / "organism-0.gguf", asked.out / "organism.gguf")
        (asked.out / "organism.json").write_text(json.dumps(card, indent=1) + "\n")
    show(card)
    return 0


def held_out(seed: int) -> dict[str, dict[str, Any]]:
    """Everything for the seed that ships; for the others the form that was trained, to see how much seeds differ."""
    return TASKS if seed == 0 else {k: TASKS[k] for k in list(TASKS)[:1]}


def train(recipe: OrganismRecipe, path: Path) -> dict[str, Any]:
    """Train one organism into `path`, unless it is there; what it took."""
    kept = path.with_suffix(".json")
    if path.is_file() and kept.is_file():
        found: dict[str, Any] = json.loads(kept.read_text())
        return found
    weights = load_weights()
    weights.model = add_lora(
        weights.model, rank=recipe.rank, alpha=recipe.alpha, first_layer=recipe.first_layer, seed=recipe.seed
    )
    examples = training_pairs(recipe)
    print(f"seed {recipe.seed}: {len(examples)} examples, {recipe.updates} updates of {recipe.batch}", flush=True)

    def show_progress(at: SFTProgress) -> None:
        if at.update in (1, 3) or at.update % 10 == 0:
            left = at.seconds / at.update * (at.updates - at.update)
            print(f"  update {at.update}: loss {at.loss:.3f}, {at.seconds:.0f} s, {left:.0f} s to go", flush=True)

    began = time.monotonic()
    done = fine_tune(weights, examples, recipe.sft, show_progress)
    save_adapter(weights.model, path, name="organism", sha256=weights.sha256, note=NOTE)
    took = {"loss": [round(done.first_loss, 3), round(done.last_loss, 3)], "seconds": round(time.monotonic() - began)}
    kept.write_text(json.dumps(took))
    return took


def measured(adapter: str, task: dict[str, Any], episodes: int, seed: int = 0) -> dict[str, Any]:
    """Rates on situations of seeds that no training draws; all variants for what ships, in the form it was trained."""
    every = task == DEMO and seed == 0 and adapter
    variants = {k: v for k, v in VARIANTS.items() if every or k in ("own thought", "directly")}
    model = ak.models.resolve("embedded", **({"adapter": adapter} if adapter else {"style": "tuned"}))
    with tempfile.TemporaryDirectory() as folder:
        result = ak.run(
            task=task, model=model, variants=variants, episodes=episodes, seed=9,
            out=Path(folder) / "run",
        )  # fmt: skip
        found: dict[str, Any] = {}
        for arm in result.score(metrics=[*RATES]).arms:
            found[arm.variant] = {
                name: [None if x is None else round(x, 3) for x in (e.value, e.low, e.high)]
                for name, e in arm.metrics.items() if name in RATES and e.value is not None
            }  # fmt: skip
    return found


def show(card: dict[str, Any]) -> None:
    """The figures as text."""
    for one in [*card["trained"], {"seed": "untuned", **card["untuned, in the same form"]}]:
        for task, rows in one["held_out"].items():
            print(f"\n{one['seed']}: {task}")
            for variant, rates in rows.items():
                print(f"  {variant:26}" + "  ".join(f"{k} {v[0]:.2f} [{v[1]}, {v[2]}]" for k, v in rates.items()))


if __name__ == "__main__":
    sys.exit(main())
