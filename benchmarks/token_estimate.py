"""How far the token estimate of `akrasia plan` is from a real tokenizer, prompt by prompt.

    python benchmarks/token_estimate.py

Every prompt of every task and graph that the forecast would play is counted twice: by the forecast
(`akrasia.experiments.planning`) and by cl100k_base, the tokenizer that litellm carries with it, so that nothing is
fetched. Printed per task and over all: the error of the sum, and the median and the largest error of a single
request, in percent of the real count.
"""

from __future__ import annotations

from statistics import median

from litellm.litellm_core_utils.default_encoding import encoding

from akrasia.experiments.config import assemble
from akrasia.experiments.planning.forecast import estimate_tokens, forecast_requests

TASKS = (
    {"name": "bandit"},
    {"name": "bandit", "labels": "letters", "view": "summary"},
    {"name": "contextual"},
    {"name": "tictactoe"},
    {"name": "aiw"},
    {"name": "potemkin"},
)
GRAPHS = ("reason_act", "reason_then_act", "reason_act | critique", "society", "act")


def main() -> None:
    """Print the table."""
    errors: list[float] = []
    guessed = counted = 0
    for task in TASKS:
        try:
            experiment = assemble({"task": dict(task), "model": "openai/gpt-4o-mini", "variants": list(GRAPHS)})
        except Exception as error:  # a task that is not installed
            print(f"{task}: {error}")
            continue
        texts = ["\n".join(m.content for m in request.messages) for request in forecast_requests(experiment)]
        pairs = [(estimate_tokens(t), len(encoding.encode(t, disallowed_special=()))) for t in texts]
        here = [100 * (g - c) / c for g, c in pairs]
        print(f"{task}: {_line(pairs, here)}")
        errors += here
        guessed, counted = guessed + sum(g for g, _ in pairs), counted + sum(c for _, c in pairs)
    print(f"all: {_line([(guessed, counted)], errors)}")


def _line(pairs: list[tuple[int, int]], errors: list[float]) -> str:
    total = 100 * (sum(g for g, _ in pairs) / sum(c for _, c in pairs) - 1)
    return (
        f"{len(errors)} requests; sum {total:+.1f} %, median {median(map(abs, errors)):.1f} %, "
        f"largest {max(errors, key=abs):+.1f} %"
    )


if __name__ == "__main__":
    main()
