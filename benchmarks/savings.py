"""Model calls per paired comparison in the fork design, over those of a naive run: `make bench-savings`.

A naive comparison of a variant with the baseline runs both alone. The fork design plays the baseline once, lets every
variant decide the same situations, and asks for what they share once. Both are counted in real runs of a simulated
agent, from the ledger: the answers that were paid for, and what every record says its decision would have cost alone.

    naive per comparison   (calls of the baseline alone + calls of the variant alone), mean over the variants
    ours per comparison    calls made / number of variants beside the baseline
    alone                  every variant once by itself, the baseline too: the cost of a run without any sharing

"by plan" counts one decision from the plans alone. In a run more is shared, where two answers that were drawn apart
read alike and so the next prompt is the same: often with the simulated agent's few words, rarely with a real model.
Ends with exit code 1 where a ratio per comparison is above one half.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

import akrasia as ak
from akrasia.experiments import assemble, load_settings

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
GOAL = 0.5


def settings_of(name: str, episodes: int) -> dict[str, Any]:
    """An example's experiment, played by the simulated agent."""
    settings = load_settings(EXAMPLES / name)
    for key in ("models", "model", "budget"):
        settings.pop(key, None)
    return settings | {"model": "simulated", "episodes": episodes}


def main() -> int:
    good = True
    print(f"{'':<34}{'calls':>7}{'alone':>7}{'calls/':>8} | {'per comparison':^24}")
    print(f"{'experiment':<20}{'counted':<14}{'made':>7}{'':>7}{'alone':>8} | {'ours':>8}{'naive':>8}{'ratio':>8}")
    for name, episodes in (("organism.toml", 18), ("full_ablation.toml", 5)):
        settings = settings_of(name, episodes)
        settings.pop("leader", None)  # of several models; here is one
        plans = [v.plan for v in assemble(settings).variants]
        asked = set().union(*(p.asks() for p in plans))
        with tempfile.TemporaryDirectory() as folder:
            result = ak.run(**settings, out=folder)
            assert result.outcome is not None and result.outcome.stopped is None and result.outcome.missing == 0
            costs, first = result.costs, next(iter(result.experiment["variants"]))
        base = next(paid.calls for (_, _, variant), paid in costs.alone.items() if variant == first)
        for how, made, alone, baseline in (
            ("by plan", len(asked), sum(p.calls or 0 for p in plans), plans[0].calls or 0),
            ("in the run", costs.paid.calls, costs.naive.calls, base),
        ):
            compared = len(plans) - 1
            ours, naive = made / compared, (compared * baseline + alone - baseline) / compared
            good = good and ours / naive <= GOAL
            print(
                f"{name:<20}{how:<14}{made:>7}{alone:>7}{made / alone:>8.2f} | "
                f"{ours:>8.1f}{naive:>8.1f}{ours / naive:>8.2f}"
            )
    print(f"Goal: at most {GOAL} of the naive calls per paired comparison: {'met' if good else 'MISSED'}.")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
